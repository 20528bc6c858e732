"""Lists of addresses: text files with joined and missing lines, the descriptions beside them, and the work queue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import PurePosixPath

from voicesieve.domain.candidates import Candidate, PassedOver, SourceProblem
from voicesieve.domain.text import clean_text
from voicesieve.legacy.identities import address_identity, full_id, youtube
from voicesieve.legacy.manifests import CorruptManifestError, load_json
from voicesieve.legacy.tree import Tree
from voicesieve.sources.list_lines import read_line
from voicesieve.sources.registry import NAMES

MAX_LINE_BYTES = 100_000
API = "described_at"
"""Evidence that a description came from the Data API, and until when at the latest (epoch seconds)."""


@dataclass(frozen=True)
class Problem:
    """An entry of a list that names no video."""

    where: str
    message: str


def listed(tree: Tree, notes: list[str]) -> Iterator[tuple[str, Candidate | Problem]]:
    """Every entry of every list with its file, descriptions first. Damaged files become ``notes``."""
    for file in tree.video_lists:
        yield from ((str(file), entry) for entry in _descriptions(tree, file, notes))
    for file in tree.address_lists:
        yield from ((str(file), entry) for entry in _lines(tree, file))
    for file in tree.queues:
        yield from ((str(file), entry) for entry in _queue(tree, file, notes))


def _lines(tree: Tree, file: PurePosixPath) -> Iterator[Candidate | Problem]:
    with (tree.root / file).open("rb") as lines:
        for number, raw in enumerate(iter(lambda: lines.readline(MAX_LINE_BYTES), b""), start=1):
            for entry in read_line(raw.decode("utf-8", "replace"), f"{file}, line {number}", kinds=NAMES):
                if isinstance(entry, PassedOver):
                    continue
                if isinstance(entry, SourceProblem):
                    yield Problem(entry.where, entry.message)
                elif address_identity(entry.url) is None:
                    yield Problem(f"{file}, line {number}", "a placeholder of the crawler's own tests")
                else:
                    yield _from_tree(entry, file)


def _descriptions(tree: Tree, file: PurePosixPath, notes: list[str]) -> Iterator[Candidate | Problem]:
    try:
        value = load_json(tree.root / file)
    except CorruptManifestError as error:
        notes.append(f"{file}: {error}; its descriptions are lost, addresses stand in the other files too")
        return
    for number, raw in enumerate(value if isinstance(value, list) else [], start=1):
        where = f"{file}, entry {number}"
        video_id = full_id(clean_text(raw.get("video_id"), 100)) if isinstance(raw, Mapping) else ""
        if not video_id:
            yield Problem(where, "names no video id")
            continue
        candidate = Candidate(
            *youtube(video_id),
            title=clean_text(raw.get("title")),
            channel=clean_text(raw.get("channel_title")),
            published_at=_epoch(raw.get("published_at")),
        )
        described_at = (tree.root / file).stat().st_mtime
        yield replace(_from_tree(candidate, file), metadata={"legacy": {"listed_in": str(file), API: described_at}})


def _queue(tree: Tree, file: PurePosixPath, notes: list[str]) -> Iterator[Candidate | Problem]:
    try:
        value = load_json(tree.root / file)
    except CorruptManifestError as error:
        notes.append(f"{file}: {error}; it only repeats what the manifest says")
        return
    records = value.get("records") if isinstance(value, Mapping) else None
    for name in records if isinstance(records, Mapping) else ():
        video_id = full_id(clean_text(name, 100))
        yield _from_tree(Candidate(*youtube(video_id)), file) if video_id else Problem(str(file), "names no video id")


def _from_tree(candidate: Candidate, file: PurePosixPath) -> Candidate:
    return Candidate(
        candidate.source,
        candidate.native_id,
        candidate.url,
        candidate.title,
        candidate.channel,
        published_at=candidate.published_at,
        metadata={"legacy": {"listed_in": str(file)}},
    )


def _epoch(value: object) -> float | None:
    """These times come from the API in UTC, unlike those that the crawler wrote itself."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        return None if moment is None else (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
