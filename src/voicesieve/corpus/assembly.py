"""From the plan and what was cut to a finished tree: duplicates joined, filters applied, every item to the writer."""

from __future__ import annotations

import gzip
import json
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voicesieve.corpus.cutting import CutOrder, clip_id
from voicesieve.corpus.duplicates import Groups, join_equal_packets, join_equal_sound
from voicesieve.corpus.facts import CorpusFacts
from voicesieve.corpus.formats.files import create
from voicesieve.corpus.formats.protocol import Item, Order, Place, Writer
from voicesieve.corpus.json_lines import line, read_lines
from voicesieve.corpus.options import Audio, Duplicates, ExportOptions, Unit
from voicesieve.corpus.plan import group_of, language_at
from voicesieve.corpus.segmenting import CHILD, Span, cut
from voicesieve.corpus.splits import split_of
from voicesieve.corpus.staging import Staging
from voicesieve.files import new_file

INDEX = ".voicesieve/index.jsonl.gz"
"""What the export holds, one line for each recording; ``--update`` and ``--verify`` read it. Hidden from readers that
take every table of a folder for data."""

_OF_CLIP = ("snr_db", "clipping", "bandwidth_hz", "loudness_lufs", "peak_dbfs", "nonspeech_share", "overlap_share")


@dataclass(frozen=True)
class Merged:
    """What duplicates come to: which recordings of the plan are left out, and the sources that others inherit."""

    left_out: frozenset[int]
    inherited: Mapping[int, list[dict[str, Any]]]


def cut_order(
    row: Mapping[str, Any], options: ExportOptions, staging: Staging, source: Path, program: str | None
) -> CutOrder:
    """The order for one line of the plan."""
    stretches = row["spans"] if options.unit is Unit.CLIPS else row["segments"]
    return CutOrder(
        id=row["id"],
        sha256=row["sha256"],
        source=source,
        folder=staging.folder_of(row["id"]),
        unit=options.unit,
        audio=options.audio,
        rules=options.cut,
        stretches=tuple(stretches),
        measured=options.measured,
        identified=options.duplicates is not Duplicates.KEEP,
        fingerprinter=program if options.duplicates is Duplicates.ACOUSTIC else None,
    )


def is_cut(options: ExportOptions) -> bool:
    """Whether an export opens the recordings at all."""
    return options.measured or options.audio is not Audio.NONE or options.duplicates is not Duplicates.KEEP


def merge_duplicates(staging: Staging, options: ExportOptions) -> Merged:
    """Find the recordings that are the same, and who of them stays: the one that was found first."""
    if options.duplicates is Duplicates.KEEP:
        return Merged(frozenset(), {})
    hashes: list[bytes] = []
    lengths, durations = array("q"), array("d")
    with new_file(staging.prints) as prints:
        for row in read_lines(staging.plan):
            outcome = staging.outcome_of(row["id"]) or {}
            hashes.append(bytes.fromhex(outcome.get("packets", "")))
            values = array("I", outcome.get("print", []))
            prints.write(values.tobytes())
            lengths.append(len(values))
            durations.append(row["duration_s"])
    groups = Groups()
    join_equal_packets(groups, hashes)
    if options.duplicates is Duplicates.ACOUSTIC:
        join_equal_sound(groups, staging.prints, lengths, durations)
    return _choose(groups.members(), staging)


def _choose(members: Mapping[int, list[int]], staging: Staging) -> Merged:
    if not members:
        return Merged(frozenset(), {})
    wanted = {number for numbers in members.values() for number in numbers}
    rows = {
        number: {name: row[name] for name in ("place", "sha256", "sources")}
        for number, row in enumerate(read_lines(staging.plan))
        if number in wanted
    }
    left_out: set[int] = set()
    inherited = {}
    for numbers in members.values():
        first, *others = sorted(numbers, key=lambda number: (rows[number]["place"], rows[number]["sha256"]))
        left_out |= set(others)
        inherited[first] = [source for number in (first, *others) for source in rows[number]["sources"]]
    return Merged(frozenset(left_out), inherited)


def assemble(
    staging: Staging,
    order: Order,
    merged: Merged,
    source_of: Callable[[Mapping[str, Any]], Path],
    facts: CorpusFacts,
    progressed: Callable[[int], None],
) -> None:
    """Fill ``staging.tree``: the format's files and the index. ``source_of`` is the stored file of a recording."""
    writer = order.format.writer(order)
    with create(order.folder / INDEX) as index:
        for number, row in enumerate(read_lines(staging.plan)):
            progressed(number)
            outcome = staging.outcome_of(row["id"]) if is_cut(order.options) else None
            reason = _left_out_whole(row, order.options, duplicate=number in merged.left_out)
            if reason:
                facts.leave_out(reason)
                _index(index, row, outcome, {}, left_out=reason)
                continue
            if outcome is None and is_cut(order.options):
                facts.leave_out("unusable")
                continue
            if number in merged.inherited:
                row["sources"] = merged.inherited[number]
                row["also_videos"] = [source["video"] for source in row["sources"][1:]]
            places = _add_items(writer, order, row, outcome, staging, source_of, facts)
            _index(index, row, outcome, places)
    writer.close()


def _left_out_whole(row: Mapping[str, Any], options: ExportOptions, *, duplicate: bool) -> str | None:
    if duplicate:
        return "duplicate"
    wanted = options.filters.languages
    spoken = {row["language"] or "und", *(code for _, _, code, _ in row.get("parts", ()))}
    return "language" if wanted and not any(code.split("-")[0].lower() in wanted for code in spoken) else None


def _add_items(
    writer: Writer,
    order: Order,
    row: Mapping[str, Any],
    outcome: Mapping[str, Any] | None,
    staging: Staging,
    source_of: Callable[[Mapping[str, Any]], Path],
    facts: CorpusFacts,
) -> dict[str, Place]:
    wanted = order.options.filters.languages
    make = _clips if order.options.unit is Unit.CLIPS else _whole
    places: dict[str, Place] = {}
    for item in make(order, row, outcome, staging, source_of, facts):
        if wanted and item.language.split("-")[0].lower() not in wanted:
            facts.leave_out("language")
            continue
        place = writer.add(item)
        facts.add(item)
        if place is not None:
            places[item.id] = place
    return places


def _clips(
    order: Order,
    row: Mapping[str, Any],
    outcome: Mapping[str, Any] | None,
    staging: Staging,
    _source_of: Callable[[Mapping[str, Any]], Path],
    facts: CorpusFacts,
) -> Iterator[Item]:
    options = order.options
    split = split_of(group_of(row), options.split)
    heard = options.measured or options.audio is not Audio.NONE
    clips = outcome["clips"] if outcome is not None and heard else _unheard_clips(options, row)
    short = sum(1 for span in row["spans"] if span["end"] - span["start"] < options.cut.min_s)
    facts.leave_out("too_short", short)
    for clip in clips:
        columns = clip_columns(row, clip, split)
        refused = options.filters.refused(columns)
        if refused:
            facts.leave_out(refused)
            continue
        path = staging.folder_of(row["id"]) / clip["name"] if "name" in clip else None
        seconds = columns["duration"]
        yield Item(clip["id"], split, seconds, clip["samples"], 16_000, path, clip.get("sha256"), columns, row)


def _unheard_clips(options: ExportOptions, row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Clips of an export that does not open the sound."""
    for stretch in row["spans"]:
        span = Span(stretch["start"], stretch["end"], stretch["score"], tuple((a, b) for a, b in stretch["pauses"]))
        for start, end in cut(span, options.cut):
            known = {name: value for name, value in stretch.items() if name != "pauses"}
            times = {"start": round(start, 3), "end": round(end, 3), "samples": round((end - start) * 16_000)}
            yield {**known, **times, "id": clip_id(row["id"], start, end)}


def clip_columns(row: Mapping[str, Any], clip: Mapping[str, Any], split: str) -> dict[str, Any]:
    """The plain columns of a clip, the same in every format."""
    return {
        "id": clip["id"],
        "recording": row["id"],
        "video": row["video"],
        "source": row["source"],
        "url": row["url"],
        "title": row["title"],
        "channel": row["channel"],
        "published": row["published"],
        "licence": row["licence"],
        "rights_basis": row["rights_basis"],
        "language": language_at(row, clip["start"], clip["end"]),
        "speaker": row["id"],
        "split": split,
        "start": clip["start"],
        "end": clip["end"],
        "duration": clip["samples"] / 16_000,
        "score": clip["score"],
        **{name: clip[name] for name in _OF_CLIP if name in clip},
        "sources": row["sources"],
    }


def _whole(
    order: Order,
    row: Mapping[str, Any],
    outcome: Mapping[str, Any] | None,
    staging: Staging,
    source_of: Callable[[Mapping[str, Any]], Path],
    facts: CorpusFacts,
) -> Iterator[Item]:
    options = order.options
    split = split_of(group_of(row), options.split)
    measured = {clip["start"]: clip for clip in (outcome or {}).get("clips", ())}
    segments = []
    for segment in row["segments"]:
        columns = {**segment, "id": clip_id(row["id"], segment["start"], segment["end"])}
        spoken = language_at(row, segment["start"], segment["end"])
        if spoken != (row["language"] or "und"):
            columns["language"] = spoken
        if segment["label"] == CHILD:
            columns |= {name: value for name, value in measured.get(segment["start"], {}).items() if name in _OF_CLIP}
            refused = options.filters.refused(columns)
            if refused:
                facts.leave_out(refused)
                continue
        segments.append(columns)
    if not any(segment["label"] == CHILD for segment in segments):
        facts.leave_out("no_child_segment")
        return
    original = options.audio in (Audio.ORIGINAL, Audio.NONE)
    rate = row["sample_rate"] if original else 16_000
    heard = (outcome or {}).get("samples")
    duration_s = row["duration_s"] if heard is None else heard / 16_000
    samples = round(duration_s * rate)
    file = (outcome or {}).get("file")
    audio, sha256 = None, None
    if file:
        audio, sha256 = staging.folder_of(row["id"]) / file["name"], file["sha256"]
    elif order.format.points:
        audio = source_of(row).absolute()
    columns = {name: row[name] for name in _WHOLE} | {"language": row["language"] or "und", "split": split}
    columns |= {"recording": row["id"], "speaker": row["id"], "duration": duration_s}
    yield Item(row["id"], split, round(duration_s, 3), samples, rate, audio, sha256, columns, row, segments)


_WHOLE = (
    "id",
    "video",
    "also_videos",
    "source",
    "url",
    "title",
    "channel",
    "published",
    "licence",
    "rights_basis",
    "score",
    "child_s",
    "sources",
)


def _index(
    file: Any,
    row: Mapping[str, Any],
    outcome: Mapping[str, Any] | None,
    places: Mapping[str, Place],
    *,
    left_out: str = "",
) -> None:
    entry: dict[str, Any] = {"id": row["id"], "sha256": row["sha256"], "videos": [s["video"] for s in row["sources"]]}
    if left_out:
        entry["left_out"] = left_out
    if outcome is not None:
        entry["outcome"] = outcome
    entry["places"] = {
        name: {key: value for key, value in vars(place).items() if value is not None} for name, place in places.items()
    }
    file.write(line(entry))


def read_index(folder: Path) -> Iterator[dict[str, Any]]:
    """The entries of an export's index, in order of their recordings."""
    with gzip.open(folder / INDEX, "rb") as lines:
        for text in lines:
            yield json.loads(text)
