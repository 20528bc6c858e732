"""The walk of a channel's uploads (newest first) or of a playlist: one unit for 50 videos."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from voicesieve.domain.candidates import Cursor, SourceProblem
from voicesieve.sources.youtube.api.client import CHANNELS, PAGE_SIZE, PLAYLIST_ITEMS, Listing, Request
from voicesieve.sources.youtube.api.videos import moment_of, video_id
from voicesieve.sources.youtube.queries import YoutubeQuery

MAX_PAGES = 420
"""A playlist shows about its newest 20,000 videos; more pages than that lead in a circle."""


@dataclass(frozen=True)
class ListPlace:
    """The position of a listing. ``playlist`` is ``None`` until the channel has named its playlist of uploads.

    ``newest`` is the latest date of this walk, ``newest_before`` that of the last walk, where the walk of
    a channel ends.
    """

    playlist: str | None
    token: str | None = None
    pending: tuple[str, ...] = ()
    pages: int = 0
    video_count: int = 0
    newest: float = 0.0
    newest_before: float = 0.0
    etag: str | None = None
    last: tuple[str, ...] = ()
    restarts: int = 0
    done: bool = False

    def cursor(self) -> dict[str, object]:
        return {
            "playlist": self.playlist,
            "token": self.token,
            "pending": list(self.pending),
            "pages": self.pages,
            "found": self.video_count,
            "newest": self.newest,
            "known": self.newest_before,
            "etag": self.etag,
            "last": list(self.last),
            "restarts": self.restarts,
            "done": self.done,
        }

    def memory(self) -> dict[str, object]:
        """What the next walk of the same query starts with."""
        return {"playlist": self.playlist, "etag": self.etag, "newest": max(self.newest, self.newest_before)}


def list_place(cursor: Cursor) -> ListPlace:
    """The position in ``cursor``. Raises `KeyError`, `TypeError` or `ValueError` if another revision wrote it."""
    stored: dict[str, Any] = dict(cursor)
    return ListPlace(
        playlist=stored["playlist"],
        token=stored["token"],
        pending=tuple(map(str, stored["pending"])),
        pages=int(stored["pages"]),
        video_count=int(stored["found"]),
        newest=float(stored["newest"]),
        newest_before=float(stored["known"]),
        etag=stored["etag"],
        last=tuple(map(str, stored["last"])),
        restarts=int(stored["restarts"]),
        done=bool(stored["done"]),
    )


def channel(subject: str) -> Request:
    """The request for the ID of a channel's playlist of uploads."""
    by = "forHandle" if subject.startswith("@") else "id"
    return Request(CHANNELS, {"part": "contentDetails", by: subject, "maxResults": "1"})


def playlist_items(place: ListPlace) -> Request:
    parameters = {"part": "contentDetails", "playlistId": place.playlist or "", "maxResults": str(PAGE_SIZE)}
    return Request(PLAYLIST_ITEMS, parameters | ({"pageToken": place.token} if place.token else {}))


def uploads_of(listing: Listing) -> str | None:
    """The playlist of uploads in an answer to `channel`; ``None`` if there is no such channel."""
    for item in listing.items:
        content = item.get("contentDetails")
        related = content.get("relatedPlaylists") if isinstance(content, dict) else None
        uploads = related.get("uploads") if isinstance(related, dict) else None
        if isinstance(uploads, str) and uploads.isascii() and uploads.isprintable() and 0 < len(uploads) < 100:
            return uploads
    return None


def after_items(
    place: ListPlace, listing: Listing, query: YoutubeQuery, *, by_date: bool
) -> tuple[ListPlace, tuple[SourceProblem, ...]]:
    """The position after a page of the listing. ``by_date``: the newest come first; the first known video ends it."""
    entries = [entry for item in listing.items if (entry := _entry(item))]
    fresh = [video for video, when in entries if not (by_date and when and when < place.newest_before)]
    reached_known = by_date and len(fresh) < len(entries)
    fresh = [video for video in dict.fromkeys(fresh) if video not in place.last]
    circular = bool(entries) and listing.next_token is not None and not fresh and not reached_known
    if query.limit is not None:
        fresh = fresh[: max(0, query.limit - place.video_count)]
    count = place.video_count + len(fresh)
    full = query.limit is not None and count >= query.limit
    done = listing.next_token is None or reached_known or circular or full or place.pages + 1 >= MAX_PAGES
    moved = replace(
        place,
        token=listing.next_token,
        pending=tuple(fresh),
        pages=place.pages + 1,
        video_count=count,
        newest=max([place.newest, *(when for _, when in entries if when)]),
        etag=listing.etag if place.pages == 0 else place.etag,
        last=tuple(video for video, _ in entries),
        done=done,
    )
    if circular:
        message = "the listing leads in a circle: it repeats earlier videos only"
        return moved, (SourceProblem(f"page {moved.pages}", message),)
    return moved, ()


def _entry(item: Mapping[str, Any]) -> tuple[str, float | None] | None:
    content = item.get("contentDetails")
    if not isinstance(content, dict):
        return None
    video = video_id(content.get("videoId"))
    return None if video is None else (video, moment_of(content.get("videoPublishedAt")))
