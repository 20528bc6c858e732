"""The card of a corpus: what is in it, how it was made, what is known to be wrong with it, whom to write to.

``README.md`` for people (with the hub's header where the format is read by it), ``croissant.json`` for programs, and
plots as SVG. Everything remote in them is cleaned: titles and channels never become markup.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from voicesieve import __version__
from voicesieve.corpus.croissant import croissant
from voicesieve.corpus.facts import DURATION_BINS_S, CorpusFacts
from voicesieve.corpus.formats.huggingface import features, hub_split
from voicesieve.corpus.formats.items import Order
from voicesieve.corpus.loading import loading_line
from voicesieve.corpus.options import Audio, Unit
from voicesieve.corpus.plots import bars
from voicesieve.corpus.provenance import LIMITS, accuracy, how, plain, split_warnings
from voicesieve.files import SHARED_FILE, write_text

ON_THE_HUB = frozenset({"huggingface", "audiofolder", "webdataset"})
_HUB_LICENCE = re.compile(r"[a-z0-9]+([.-][a-z0-9]+)+")
"""What the hub's names of licences look like, ``cc-by-4.0``; any other text is given as a name of its own."""
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


@dataclass(frozen=True)
class CardSettings:
    """What the operator says of the corpus.

    ``accuracy``: what is measured of detectors, by name, revision and operating point as in `CorpusFacts.detectors`.
    """

    name: str = "children-speech"
    description: str = ""
    creator: str = ""
    url: str = ""
    licence: str = ""
    takedown: str = ""
    accuracy: Mapping[str, str] = field(default_factory=dict)


def write_card(order: Order, facts: CorpusFacts, settings: CardSettings) -> None:
    """Write the card into ``order.folder``, as the last of its files: it describes the others."""
    write_plots(order, facts)
    write_text(order.folder / "README.md", readme(order, facts, settings), mode=SHARED_FILE)
    described = croissant(order, facts, settings, description(order, facts, settings))
    write_text(
        order.folder / "croissant.json", json.dumps(described, ensure_ascii=False, indent=1) + "\n", mode=SHARED_FILE
    )


def description(order: Order, facts: CorpusFacts, settings: CardSettings) -> str:
    """One paragraph."""
    given = f"{settings.description.strip()} " if settings.description.strip() else ""
    what = "clips of child speech" if order.options.unit is Unit.CLIPS else "recordings with child speech"
    return (
        f"{given}{facts.items:,} {what} ({facts.child_s / 3600:.2f} hours of child speech) from {facts.recordings:,} "
        f"public recordings, found and cut by voicesieve {__version__}."
    )


def readme(order: Order, facts: CorpusFacts, settings: CardSettings) -> str:
    """The card in Markdown."""
    parts = [
        _front_matter(order, facts, settings) if order.options.format in ON_THE_HUB else "",
        f"# {plain(settings.name)}\n\n{plain(description(order, facts, settings), limit=2000)}\n",
        f"## Load it\n\n```\n{loading_line(order)}\n```\n",
        "## What is in it\n",
        _table("part", facts.table("split")) if order.options.split else "",
        *(f"**{warning}**\n" for warning in split_warnings(order.options, facts)),
        _table("language", facts.table("language")),
        "![hours by language](plots/language.svg)\n",
        _table("licence, as its source states it", facts.table("licence")),
        _table("ground for collecting", facts.table("rights_basis")),
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
    header: dict[str, Any] = {
        "pretty_name": settings.name,
        "license": settings.licence if _HUB_LICENCE.fullmatch(settings.licence) else "other",
        "language": [code.split("-")[0] for code in languages] or ["und"],
        "task_categories": ["automatic-speech-recognition", "audio-classification"],
        "size_categories": [next((name for most, name in SIZES if facts.items < most), "n>1M")],
        "tags": ["children", "speech"],
    }
    if header["license"] == "other":
        header["license_name"] = settings.licence or "mixed"
    if order.options.format == "huggingface":
        splits = [(hub_split(name), int(entry[0])) for name, entry in sorted(facts.by["split"].items())]
        header["configs"] = [
            {"config_name": "default", "data_files": [{"split": s, "path": f"data/{s}-*.parquet"} for s, _ in splits]}
        ]
        header["dataset_info"] = {
            "features": _hub_features(with_audio=order.options.audio is not Audio.NONE),
            "splits": [{"name": name, "num_examples": count} for name, count in splits],
        }
    return (
        "---\n" + "".join(f"{key}: {json.dumps(value, ensure_ascii=True)}\n" for key, value in header.items()) + "---\n"
    )


def _hub_features(*, with_audio: bool) -> list[dict[str, Any]]:
    """The columns as the hub's header lists them."""
    found: list[dict[str, Any]] = []
    for name, feature in features(with_audio=with_audio).items():
        if feature["_type"] == "Audio":
            found.append({"name": name, "dtype": {"audio": {"sampling_rate": 16000}}})
        elif feature["_type"] == "List":
            found.append({"name": name, "list": feature["feature"]["dtype"]})
        else:
            found.append({"name": name, "dtype": feature["dtype"]})
    return found


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
        else "**No takedown address is set** (`corpus.takedown`): set one before this corpus leaves your hands."
    )
    licence = f"The corpus as a whole: {plain(settings.licence)}. " if settings.licence else ""
    return (
        "This is speech of minors. Each item keeps the licence that its source states, and the ground on which it was "
        f"collected; a licence that is `not stated` is no permission. {licence}Do not try to find out who speaks, do "
        "not clone these voices, and delete what a later `REMOVED.csv` names.\n\n" + takedown + "\n"
    )


def write_plots(order: Order, facts: CorpusFacts) -> None:
    folder = order.folder / "plots"
    folder.mkdir()
    languages = [(name, hours) for name, _, hours in facts.table("language", 12)]
    lengths = facts.by["length"]
    edges = [f"{start:g}" for start in DURATION_BINS_S if f"{start}" in lengths]
    least = next((index for index, seconds in enumerate(facts.score_bins) if seconds), 9)
    scores = [(f"{index / 10:.1f}", facts.score_bins[index] / 3600) for index in range(least, 10)]
    plots = {
        "language": bars("Hours of child speech by language", languages),
        "length": bars("Hours by length of segment, from ... seconds", [(e, lengths[e][1] / 3600) for e in edges]),
        "score": bars("Hours by detector score, from ...", scores),
    }
    for name, svg in plots.items():
        write_text(folder / f"{name}.svg", svg, mode=SHARED_FILE)
