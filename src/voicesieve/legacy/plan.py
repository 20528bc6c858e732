"""What an earlier crawler's folder holds, record by record, and what the import does with each.

Every record gets exactly one item. Duplicates within the tree and records that name nothing are settled here; the rest
is settled against the catalog and the audio itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path, PurePosixPath

from voicesieve.domain.candidates import Candidate
from voicesieve.domain.platforms import YOUTUBE
from voicesieve.legacy import addresses
from voicesieve.legacy.identities import KnownIds, identify, stated_ids, youtube
from voicesieve.legacy.manifests import read_manifest
from voicesieve.legacy.records import LegacyRecord, interpret
from voicesieve.legacy.tree import Tree, id_in_name
from voicesieve.sources.identity import Identity, file_identity

AUDIO_ALONE = "audio without a record"


class Ending(StrEnum):
    """How a record ends. Every record ends in exactly one of these ways."""

    IMPORTED = "imported"
    WITHOUT_AUDIO = "imported_without_audio"
    DUPLICATE = "duplicate"
    REFUSED = "refused"


@dataclass(frozen=True)
class Item:
    """One record: its place, its video, its audio below the root, and how it ended if it has."""

    file: str
    where: str
    candidate: Candidate | None = None
    audio: PurePosixPath | None = None
    ending: Ending | None = None
    reason: str = ""
    note: str = ""

    def ended(self, ending: Ending, reason: str = "", note: str = "") -> Item:
        return replace(self, ending=ending, reason=reason, note=note or self.note)


@dataclass
class Plan:
    """All items in the order of their files, with ``notes`` on files that are damaged."""

    root: Path
    items: list[Item] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


def make_plan(tree: Tree) -> Plan:
    """Read every file of the tree and settle what the tree alone can settle."""
    plan = Plan(tree.root)
    records = list(_manifest_records(tree, plan))
    listed = [(file, entry) for file, entry in addresses.listed(tree, plan.notes)]
    ids = KnownIds()
    ids.add(
        video_id for _file, record in records if isinstance(record, LegacyRecord) for video_id in stated_ids(record)
    )
    ids.add(entry.native_id for _, entry in listed if isinstance(entry, Candidate) and entry.source == YOUTUBE)
    described = {entry.id: entry for _, entry in listed if isinstance(entry, Candidate) and entry.title}
    items = _with_audio([_item(file, record, ids, described) for file, record in records], tree, ids)
    items = _without_doubles(items)
    items += _listed_items(listed, {item.candidate.id for item in items if item.candidate})
    plan.items = _with_audio_alone(items, tree, ids, described)
    return plan


def _manifest_records(tree: Tree, plan: Plan) -> Iterator[tuple[str, LegacyRecord | str]]:
    """Each record with its manifest, or the reason why it is not a record."""
    for file in tree.manifests:
        manifest = read_manifest(tree.root / file)
        plan.notes += [f"{file.parent}: {note}" for note in manifest.notes]
        if not manifest.readable:
            plan.unreadable.append(str(file))
        for number, raw in enumerate(manifest.records, start=1):
            try:
                yield str(file), interpret(raw, f"{file}, record {number}", tree.generation(file))
            except TypeError as error:
                yield str(file), f"{file}, record {number}: {error}"


def _item(file: str, record: LegacyRecord | str, ids: KnownIds, described: Mapping[str, Candidate]) -> Item:
    if isinstance(record, str):
        where, _, why = record.rpartition(": ")
        return Item(file, where).ended(Ending.REFUSED, "not_a_record", why)
    identity = identify(record, ids)
    evidence = {"manifest": file, **record.evidence}
    if identity is None:
        reason = "contradiction" if len(stated_ids(record)) > 1 else "no_id"
        return Item(file, record.where, _nameless(record, evidence), reason=reason)
    return Item(file, record.where, _described(identity, record.title, evidence, described))


def _nameless(record: LegacyRecord, evidence: Mapping[str, object]) -> Candidate:
    """A stand-in until audio is found, whose file then gives the id."""
    stated = {name: text for name, text in (("video_id", record.video_id), ("url", record.url)) if text}
    return Candidate("", "", "", record.title, metadata={"legacy": {**evidence, **stated}})


def _described(
    identity: Identity, title: str, evidence: Mapping[str, object], described: Mapping[str, Candidate]
) -> Candidate:
    bare = Candidate(*identity, title=title, metadata={"legacy": dict(evidence)})
    more = described.get(bare.id)
    if more is None:
        return bare
    legacy = {**evidence, addresses.API: legacy_of(more).get(addresses.API)}
    bare = replace(bare, title=title or more.title, channel=more.channel, published_at=more.published_at)
    return replace(bare, metadata={"legacy": legacy})


def _with_audio(items: list[Item], tree: Tree, ids: KnownIds) -> list[Item]:
    """Give each item its audio file.

    A file goes to one video only: the one whose id its name carries, else the first that names it.
    """
    wanted = [tree.audio.find(_path_of(item)) if item.ending is None else None for item in items]
    claims: dict[PurePosixPath, int] = {}
    for index, (item, path) in enumerate(zip(items, wanted, strict=True)):
        if path is None or _belongs_elsewhere(item, path, ids):
            wanted[index] = None
        elif path not in claims or (_carries(path, item) and not _carries(path, items[claims[path]])):
            claims[path] = index
    return [
        _settled(replace(item, audio=path if path is not None and claims.get(path) == index else None), tree)
        for index, (item, path) in enumerate(zip(items, wanted, strict=True))
    ]


def _settled(item: Item, tree: Tree) -> Item:
    """An item without any name takes the name of its file, or is refused if it has no file."""
    if item.ending is not None or item.candidate is None or item.candidate.source:
        return item
    if item.audio is None:
        why = {
            "contradiction": "its id and its address name two videos, and no file name decides",
            "no_id": "no usable id, no address and no audio file",
        }
        return item.ended(Ending.REFUSED, item.reason, why[item.reason])
    source, native_id, url = file_identity((tree.root / item.audio).absolute())
    return replace(item, candidate=replace(item.candidate, source=source, native_id=native_id, url=url), reason="")


def _path_of(item: Item) -> str:
    return str(legacy_of(item.candidate).get("output_path", "")) if item.candidate else ""


def legacy_of(candidate: Candidate) -> Mapping[str, object]:
    """What the earlier crawler's files say of a candidate."""
    legacy = candidate.metadata.get("legacy")
    return legacy if isinstance(legacy, Mapping) else {}


def _carries(path: PurePosixPath, item: Item) -> bool:
    return item.candidate is not None and id_in_name(path.name) == item.candidate.native_id[:8] != ""


def _belongs_elsewhere(item: Item, path: PurePosixPath, ids: KnownIds) -> bool:
    """Whether the file's name carries the id of another video of the tree."""
    start = id_in_name(path.name)
    named = item.candidate is not None and item.candidate.source == YOUTUBE
    return named and ids.starts_one(start) and not _carries(path, item)


def _without_doubles(items: list[Item]) -> list[Item]:
    """Of several records of one video the first with audio stays, else the first."""
    chosen: dict[str, int] = {}
    for index, item in enumerate(items):
        if item.candidate is None or item.ending is not None:
            continue
        first = chosen.setdefault(item.candidate.id, index)
        if item.audio is not None and items[first].audio is None:
            chosen[item.candidate.id] = index
    return [
        item
        if item.candidate is None or item.ending is not None or chosen[item.candidate.id] == index
        else item.ended(Ending.DUPLICATE, "same_video", f"see {items[chosen[item.candidate.id]].where}")
        for index, item in enumerate(items)
    ]


def _listed_items(listed: Iterable[tuple[str, Candidate | addresses.Problem]], seen: set[str]) -> Iterator[Item]:
    for file, entry in listed:
        if isinstance(entry, addresses.Problem):
            yield Item(file, entry.where).ended(Ending.REFUSED, "not_an_address", entry.message)
            continue
        item = Item(file, file, entry)
        yield item.ended(Ending.DUPLICATE, "same_video") if entry.id in seen else item
        seen.add(entry.id)


def _with_audio_alone(items: list[Item], tree: Tree, ids: KnownIds, described: Mapping[str, Candidate]) -> list[Item]:
    """Find a place for audio that no record names.

    It goes to the video whose id its name carries, if that has no audio; otherwise it is identified by the file itself.
    """
    all_items = list(items)
    places = {item.candidate.id: n for n, item in enumerate(items) if item.candidate and item.ending is None}
    claimed = {item.audio for item in items}
    for path in tree.audio.files:
        if path in claimed:
            continue
        video_id = ids.completed(id_in_name(path.name))
        identity = youtube(video_id) if video_id else file_identity((tree.root / path).absolute())
        candidate = _described(identity, "", {"audio": str(path)}, described)
        place = places.get(candidate.id)
        if place is None:
            places[candidate.id] = len(all_items)
            all_items.append(Item(AUDIO_ALONE, str(path), candidate, path))
        elif all_items[place].audio is None:
            all_items[place] = replace(all_items[place], audio=path)
        else:
            doubled = Item(AUDIO_ALONE, str(path), candidate, path)
            all_items.append(doubled.ended(Ending.DUPLICATE, "same_video", f"see {all_items[place].where}"))
    return all_items
