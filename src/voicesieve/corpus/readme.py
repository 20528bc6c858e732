"""The card in Markdown, with the Hugging Face hub's header where the format is read by it."""

from __future__ import annotations

import json
import re

from voicesieve.corpus.card_settings import CardSettings
from voicesieve.corpus.facts import CorpusFacts
from voicesieve.corpus.formats.protocol import Order
from voicesieve.corpus.json_lines import Row
from voicesieve.corpus.provenance import LIMITS, accuracy, how, plain, split_warnings

_HUB_LICENCE = re.compile(r"[a-z0-9]+([.-][a-z0-9]+)+")
"""The form of the hub's licence names, ``cc-by-4.0``; any other text goes into ``license_name``."""
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def readme(order: Order, facts: CorpusFacts, settings: CardSettings, description: str) -> str:
    """The card in Markdown."""
    parts = [
        _front_matter(order, facts, settings) if order.format.on_hub else "",
        f"# {plain(settings.name)}\n\n{plain(description, limit=2000)}\n",
        f"## Load it\n\n```\n{order.format.loading_line(order.options)}\n```\n",
        "## What is in it\n",
        _table("part", facts.table("split")) if order.options.split else "",
        *(f"**{warning}**\n" for warning in split_warnings(order.options, facts)),
        _table("language", facts.table("language")),
        "![hours by language](plots/language.svg)\n",
        _table("licence, as its source states it", facts.table("licence")),
        _table("basis for collecting", facts.table("rights_basis")),
        _table("channel", facts.table("channel")),
        "![length of segments](plots/length.svg) ![detector score](plots/score.svg)\n",
        _left_out(facts),
        "## How it was made\n\n" + "\n".join(f"- {sentence}" for sentence in how(order, facts)) + "\n",
        "## Columns\n\n" + COLUMNS,
        "## Accuracy and limits\n\n"
        + "".join(f"- {plain(line, limit=1000)}\n" for line in accuracy(facts, settings.accuracy))
        + "".join(f"- {limit}\n" for limit in LIMITS),
        "## Rights and takedown\n\n" + _rights(settings),
    ]
    return "\n".join(part for part in parts if part)


COLUMNS = """\
| column | meaning |
|---|---|
| `score` | the detector's calibrated probability of a child's voice |
| `snr_db` | estimated speech to noise in dB: louder half of the clip against the quietest twentieth of 30 s around it |
| `clipping` | share of samples in runs of three or more at the clip's own peak |
| `bandwidth_hz` | where the long-term spectrum falls 50 dB below its maximum |
| `loudness_lufs`, `peak_dbfs` | integrated loudness (ITU-R BS.1770-4, up to 8 kHz), highest sample |
| `nonspeech_share` | mean probability of music, noise or silence, by the detector |
| `overlap_share` | share of windows that fit a child and an adult alike |
| `sources` | every video that carries this sound, re-uploads included |
"""


def _front_matter(order: Order, facts: CorpusFacts, settings: CardSettings) -> str:
    """The hub's header; values are JSON, which is YAML too."""
    languages = sorted({name for name, _, _ in facts.table("language", 1000)} - {"und"})
    header: Row = {
        "pretty_name": settings.name,
        "license": settings.licence if _HUB_LICENCE.fullmatch(settings.licence) else "other",
        "language": [code.split("-")[0] for code in languages] or ["und"],
        "task_categories": ["automatic-speech-recognition", "audio-classification"],
        "size_categories": [next((name for most, name in SIZES if facts.items < most), "n>1M")],
        "tags": ["children", "speech"],
    }
    if header["license"] == "other":
        header["license_name"] = settings.licence or "mixed"
    items = {name: tally.items for name, tally in facts.by["split"].items()}
    header |= order.format.hub_header(order.options, items)
    return (
        "---\n" + "".join(f"{key}: {json.dumps(value, ensure_ascii=True)}\n" for key, value in header.items()) + "---\n"
    )


def _table(heading: str, rows: list[tuple[str, int, float]]) -> str:
    lines = [f"| {heading} | items | hours |", "|---|---|---|"]
    lines += [f"| {plain(name)} | {count:,} | {hours:.2f} |" for name, count, hours in rows]
    return "\n".join(lines) + "\n"


def _left_out(facts: CorpusFacts) -> str:
    if not facts.left_out:
        return ""
    reasons = ", ".join(f"{count:,} {name}" for name, count in sorted(facts.left_out.items()))
    return f"Left out: {reasons}.\n"


def _rights(settings: CardSettings) -> str:
    takedown = (
        f"To have a recording removed, write to {plain(settings.takedown)}. State its `video` or `url`."
        if settings.takedown
        else "**No takedown address is set** (`corpus.takedown`): set one before you pass this corpus on."
    )
    licence = f"The corpus as a whole: {plain(settings.licence)}. " if settings.licence else ""
    return (
        "This is speech of minors. Each item keeps the licence that its source states, and the basis on which it was "
        f"collected; `not stated` is not a permission. {licence}Do not try to find out who speaks, do "
        "not clone these voices, and delete what a later `REMOVED.csv` names.\n\n" + takedown + "\n"
    )
