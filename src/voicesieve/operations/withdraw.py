"""Takedown: first the catalog forgets, then the files are deleted; after a crash in between the next run deletes
them."""

from __future__ import annotations

import difflib
import re
import time
from collections.abc import Container, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection

from voicesieve.audio.store import RecordingStore
from voicesieve.catalog.reads import lookup, stored
from voicesieve.catalog.records import UnknownVideoError
from voicesieve.catalog.store import Catalog
from voicesieve.catalog.writes import audits, takedown
from voicesieve.datafolder.deletions import finish_deletions
from voicesieve.domain.audits import AuditEntry, Deed
from voicesieve.domain.errors import VoicesieveError
from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.domain.names import loose_key
from voicesieve.domain.passwords import without_password
from voicesieve.observability.terminal import safe_text
from voicesieve.sources.identity import candidate_identity, video_named

CHANNEL = "channel:"
"""Prefix that distinguishes a channel's name from a video's id."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_ID = re.compile(r"(youtube:[A-Za-z0-9_-]{11}|(url|file):[0-9a-f]{32})")


class Kind(StrEnum):
    """What can be withdrawn."""

    VIDEO = "video"
    CHANNEL = "channel"
    RECORDING = "recording"


@dataclass(frozen=True)
class Takedown:
    """``name`` is a video's id or URL, a channel's name, or a recording's SHA-256 (its first 8 digits will do).

    ``unseen`` also keeps out what the catalog does not hold yet.
    """

    kind: Kind
    name: str
    reason: str = ""
    actor: str = ""
    unseen: bool = False


@dataclass(frozen=True)
class Withdrawn:
    """What a takedown removed. ``ordered_at`` is when the same was ordered before (epoch seconds), ``None`` if
    never."""

    videos: int
    files: int
    ordered_at: float | None = None


class NothingToWithdrawError(VoicesieveError):
    """The catalog holds nothing of that name. The message lists similar names, and how to keep it out all the same.

    Nothing was changed.
    """


class TakedownFailedError(FailureError):
    """A takedown was written but does not hold: what it should have removed is still there."""

    def __init__(self, standing: Sequence[str]) -> None:
        message = (
            f"the takedown does not hold: {'; '.join(standing[:3])}. Something else changes this catalog (a trigger, "
            "another program). Do not use it or its exports: put back a copy that you trust with `voicesieve restore`, "
            "and withdraw again"
        )
        super().__init__(Failure(FailureKind.CATALOG_UNAVAILABLE, message))

    def __reduce__(self) -> Any:
        return (FailureError, (self.failure,))


def preview(catalog: Catalog, order: Takedown) -> Withdrawn:
    """What `withdraw` would do, without doing it. Raises `NothingToWithdrawError`."""
    with catalog.read() as connection:
        return _target(connection, order).withdrawn


def withdraw(catalog: Catalog, store: RecordingStore, order: Takedown) -> Withdrawn:
    """Withdraw for good, record it in the audit log, and read back that it holds before it is reported.

    A video whose audio is the same as that of a withdrawn one is withdrawn with it. Raises `NothingToWithdrawError`,
    `TakedownFailedError`.
    """
    now = time.time()
    with catalog.write() as connection:
        target = _target(connection, order)
        takedown.add_tombstones(connection, [target.stone], _SUBJECTS[order.kind], order.reason, now)
        takedown.withdraw(connection, target.fallen, order.kind.value, order.reason, now)
        details = {"kind": order.kind.value, "videos": target.withdrawn.videos}
        audits.record(connection, AuditEntry(now, order.actor, Deed.WITHDRAW, target.subject, order.reason, details))
    finish_deletions(catalog, store)
    with catalog.read() as connection:
        standing = takedown.standing(connection, target.fallen, target.stone)
        still_named = stored.referenced_paths(connection, list(target.fallen.paths))
    standing += [f"{path} was not deleted" for path in target.fallen.paths if _lies(store, path, still_named)]
    if standing:
        raise TakedownFailedError(standing)
    return target.withdrawn


def _lies(store: RecordingStore, path: str, still_named: Container[str]) -> bool:
    """Whether a file of ours is still there. What is no file of ours is reported by `undeletable`."""
    return path not in still_named and store.holds(path)


@dataclass(frozen=True)
class _Target:
    """What an order means: ``subject`` is what the audit log may say of it, ``stone`` the hash that keeps it out."""

    subject: str
    stone: str
    fallen: takedown.Fallen
    withdrawn: Withdrawn


_SUBJECTS = {Kind.VIDEO: "video", Kind.CHANNEL: "channel", Kind.RECORDING: "audio"}


def _target(connection: Connection, order: Takedown) -> _Target:
    if order.kind is Kind.CHANNEL:
        stone, hashes = takedown.channel_hash(order.name), takedown.channel_hashes(order.name)
        subject, fallen = f"channel {stone}", takedown.fallen_with_channel(connection, order.name)
    elif order.kind is Kind.RECORDING:
        stone = _recording(connection, order)
        hashes, subject = frozenset({stone}), f"recording {stone}"
        fallen = takedown.fallen_with_recording(connection, stone)
    else:
        id_, is_known = _video(connection, order)
        stone = takedown.tombstone_hash(id_)
        hashes, subject = frozenset({stone}), f"video {id_ if is_known else stone}"
        fallen = takedown.fallen_with_video(connection, id_)
    before = takedown.withdrawn_at(connection, *hashes)
    if fallen == takedown.Fallen() and before is None and not order.unseen:
        raise NothingToWithdrawError(_nothing(connection, order))
    return _Target(subject, stone, fallen, Withdrawn(len(fallen.ids), len(fallen.paths), before))


def _recording(connection: Connection, order: Takedown) -> str:
    wanted = order.name.strip().lower()
    matches = lookup.recordings_named(connection, wanted)
    if len(matches) > 1:
        raise NothingToWithdrawError(
            f"{len(matches)} recordings or more begin with {wanted!r}; give more digits. Nothing was withdrawn."
        )
    matches = matches or lookup.withdrawn_recordings_named(connection, wanted)
    if len(matches) == 1:
        return matches[0]
    if order.unseen and _SHA256.fullmatch(wanted):
        return wanted
    raise NothingToWithdrawError(_nothing(connection, order))


def _video(connection: Connection, order: Takedown) -> tuple[str, bool]:
    """The id of a video, and whether the catalog has a row of it."""
    name = order.name.strip()
    id_ = _unseen_id(name)
    with suppress(UnknownVideoError):
        return str(lookup.find_video(connection, name, video_named(name)).id), True
    if id_ and (order.unseen or takedown.is_withdrawn(connection, takedown.tombstone_hash(id_))):
        return id_, False
    raise NothingToWithdrawError(_nothing(connection, order))


_HINTS = {
    Kind.VIDEO: "Ids look like url:0f3a..., file:91bc... or youtube:...; a video's URL works too.",
    Kind.CHANNEL: "Names are compared letter by letter, with their case.",
    Kind.RECORDING: "It takes the first 8 or more digits of a SHA-256, such as the `id` of an export's recordings.",
}


def _nothing(connection: Connection, order: Takedown) -> str:
    near = [safe_text(name) for name in _near(connection, order)]
    digits = " (with all 64 digits)" if order.kind is Kind.RECORDING else ""
    named = safe_text(without_password(order.name))
    return (
        f"No {order.kind} {named!r} is in the catalog. Nothing was withdrawn or deleted."
        + (f" Did you mean {' or '.join(near)}?" if near else "")
        + f" {_HINTS[order.kind]} To keep out what the catalog does not hold yet, add --unseen{digits}."
    )


def _near(connection: Connection, order: Takedown) -> list[str]:
    """Names that the order may have meant, nearest first."""
    if order.kind is Kind.CHANNEL:
        return [f"channel {name!r}" for name in near_names(order.name, takedown.channels(connection))]
    if order.kind is Kind.RECORDING:
        return [f"recording {sha256}" for sha256 in lookup.near_recordings(connection, order.name.strip().lower())]
    channels = [f"channel {name!r}" for name in takedown.channels_named(connection, order.name)]
    return [*channels, *(f"video {id_}" for id_ in lookup.near_videos(connection, order.name))]


def near_names(wanted: str, names: Iterable[str], most: int = 5) -> list[str]:
    """Up to ``most`` of ``names`` that differ from ``wanted`` only in case, accents or a typing error."""
    by_key: dict[str, list[str]] = {}
    for name in names:
        by_key.setdefault(loose_key(name), []).append(name)
    near = difflib.get_close_matches(loose_key(wanted), by_key, n=most, cutoff=0.7)
    return [name for key in near for name in by_key[key]][:most]


def enforce(catalog: Catalog, store: RecordingStore, actor: str) -> int:
    """Withdraw what is in the catalog although a tombstone names it. Returns the number of videos."""
    now = time.time()
    reason = "withdrawn before, in another spelling of its name"
    with catalog.write() as connection:
        fallen = takedown.fallen_of(connection, takedown.overlooked(connection))
        if not fallen.ids:
            return 0
        takedown.withdraw(connection, fallen, Kind.CHANNEL.value, reason, now)
        details = {"kind": Kind.CHANNEL.value, "videos": len(fallen.ids)}
        audits.record(connection, AuditEntry(now, actor, Deed.WITHDRAW, "names in one form", reason, details))
    finish_deletions(catalog, store)
    return len(fallen.ids)


def _unseen_id(name: str) -> str:
    """The id that a video of this id or address would get, empty if it can be neither."""
    if _ID.fullmatch(name):
        return name
    try:
        identity = candidate_identity(name)
    except ValueError:
        return ""
    return f"{identity.source}:{identity.native_id}"
