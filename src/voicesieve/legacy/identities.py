"""Whose recording an earlier record describes: ids cut to eight characters, nulls, placeholders and contradictions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from voicesieve.domain.platforms import YOUTUBE, youtube_video
from voicesieve.legacy.records import LegacyRecord
from voicesieve.legacy.tree import id_in_name, path_parts
from voicesieve.sources.identity import Identity, candidate_identity, normalise_url

_FULL = re.compile(r"[A-Za-z0-9_-]{11}")
_CUT = re.compile(r"[A-Za-z0-9_-]{8}")
_PLACEHOLDER = "TEST"
"""Ids that begin so were written by the crawler's own tests, also into real manifests."""


def youtube(video_id: str) -> Identity:
    return Identity(YOUTUBE, video_id, youtube_video(video_id))


def full_id(text: str) -> str:
    """``text`` if it is a whole video id and not a placeholder, else empty."""
    return text if _FULL.fullmatch(text) and not text.startswith(_PLACEHOLDER) else ""


def address_identity(url: str) -> Identity | None:
    """The identity behind an address, ``None`` for a placeholder or what is not an address."""
    try:
        identity = candidate_identity(normalise_url(url))
    except ValueError:
        return None
    return None if identity.source == YOUTUBE and not full_id(identity.native_id) else identity


@dataclass(frozen=True)
class KnownIds:
    """All whole video ids of a tree, by their first eight characters."""

    _by_start: dict[str, set[str]] = field(default_factory=dict)

    def add(self, video_ids: Iterable[str]) -> None:
        for video_id in video_ids:
            self._by_start.setdefault(video_id[:8], set()).add(video_id)

    def completed(self, start: str) -> str:
        """The only known id that begins with these eight characters; empty if none or several do."""
        matches = self._by_start.get(start, set())
        return next(iter(matches)) if len(matches) == 1 else ""

    def starts_one(self, start: str) -> bool:
        return start in self._by_start


def stated_ids(record: LegacyRecord) -> set[str]:
    """The whole video ids that a record states in its fields."""
    behind = address_identity(record.url)
    return {full_id(record.video_id), behind.native_id if behind and behind.source == YOUTUBE else ""} - {""}


def identify(record: LegacyRecord, ids: KnownIds) -> Identity | None:
    """The video that the record describes, if that is certain; else ``None``.

    Where id and address name two videos, the file name decides. An id cut to eight characters, in the field or in the
    file name, is completed by the one video of the tree that begins so.
    """
    behind = address_identity(record.url)
    stated = stated_ids(record)
    in_name = id_in_name(path_parts(record.output_path)[-1]) if path_parts(record.output_path) else ""
    if len(stated) > 1:
        matching = [video_id for video_id in stated if video_id[:8] == in_name]
        return youtube(matching[0]) if len(matching) == 1 else None
    if stated:
        return youtube(stated.pop())
    if behind is not None:
        return behind
    cut = record.video_id if _CUT.fullmatch(record.video_id) else in_name
    completed = ids.completed(cut)
    return youtube(completed) if completed else None
