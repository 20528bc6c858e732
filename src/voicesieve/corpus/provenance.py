"""How a corpus was made and where its limits are, in sentences that the card and Croissant share."""

from __future__ import annotations

import re
from collections.abc import Mapping

from voicesieve.corpus.facts import CorpusFacts, Tally
from voicesieve.corpus.formats.protocol import Order
from voicesieve.corpus.options import Duplicates, ExportOptions, Unit
from voicesieve.observability.terminal import safe_text

LIMITS = (
    "Segments were chosen by a model, not by people. It separates children from men well and from women poorly: expect "
    "women's voices among the clips, and adults who imitate children, dubbed cartoons and voices played faster.",
    "Where the detector was measured, the children were mostly 6 to 12 years old and read aloud. Younger children, "
    "spontaneous speech and languages it was not measured on may be detected less often, so the corpus "
    "under-represents them.",
    "Speakers are not distinguished across recordings; `speaker` is a pseudonym for the recording. Splits keep "
    "channels together, not people who appear on several channels.",
    "Languages come from captions, declarations, text and, where it was set up, automatic speech recognition; no "
    "person checked them. `und` means that the language is not known.",
    "There are no transcripts.",
)

NOT_MEASURED = (
    "nothing is measured of this revision at this operating point. voicesieve eval LABELS.csv measures a detector on "
    "labelled voices; docs/accuracy.md of voicesieve has figures of others."
)


def how(order: Order, facts: CorpusFacts) -> list[str]:
    """How the corpus was collected and processed, one sentence for each step."""
    options = order.options
    cut = options.cut
    sentences = [
        "Public recordings were found through "
        + (", ".join(plain(name) for name, _, _ in facts.table("source")) or "no source")
        + " and fetched once each.",
        "A child-voice detector scored every recording: "
        + (", ".join(plain(name) for name in sorted(facts.detectors)) or "none")
        + ".",
    ]
    if options.unit is Unit.CLIPS:
        sentences.append(
            f"Child segments at most {cut.merge_gap_s:g} s apart with no other voice between them were joined, padded "
            f"by {cut.padding_s:g} s, and cut to {cut.min_s:g} to {cut.max_s:g} s, in pauses where there were any."
        )
    if options.rate:
        sentences.append(f"Sound is {options.audio.upper()}, 16 kHz, mono (the mean of all channels).")
    sentences.append(
        {
            Duplicates.KEEP: "Re-uploads were not looked for.",
            Duplicates.EXACT: "Recordings with equal compressed audio are included once, with all their sources; "
            "re-uploads in another encoding were not looked for.",
            Duplicates.ACOUSTIC: "Recordings that sound the same (Chromaprint) are included once, with all their "
            "sources.",
        }[options.duplicates]
    )
    if options.split:
        shares = ", ".join(f"{name} {share:g} %" for name, share in options.split)
        sentences.append(f"Parts ({shares}) are assigned by a hash of the channel, so no channel is in two of them.")
    filters = {name: value for name, value in vars(options.filters).items() if value not in (None, ())}
    if filters:
        sentences.append("Filters: " + ", ".join(f"{name} {value}" for name, value in sorted(filters.items())) + ".")
    return sentences


def accuracy(facts: CorpusFacts, measured: Mapping[str, str]) -> list[str]:
    """A sentence for each detector that decided: what is measured of exactly this revision, or that nothing is."""
    return [f"{name}: {measured.get(name, NOT_MEASURED)}" for name in sorted(facts.detectors)]


_MARKUP = re.compile(r"([\\`*_\[\]<>|~$])")


def plain(text: str, *, limit: int = 200) -> str:
    """Remote text for Markdown: one line without control characters, and with all markup escaped."""
    return _MARKUP.sub(r"\\\1", safe_text(text, limit=limit))


def split_warnings(options: ExportOptions, facts: CorpusFacts) -> list[str]:
    """A sentence if a part of the split is far from its share: less than half of it or more than twice."""
    if not options.split or not facts.child_s:
        return []
    actual = {name: 100 * facts.by["split"].get(name, Tally()).seconds / facts.child_s for name, _ in options.split}
    if all(share / 2 <= actual[name] <= 2 * share for name, share in options.split):
        return []
    parts = ", ".join(f"{name} {actual[name]:.0f} % instead of {share:g} %" for name, share in options.split)
    channels = len(facts.by["channel"])
    return [f"The parts are {parts}: a channel is never split across parts, and there are {channels} channels."]
