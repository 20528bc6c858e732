"""Pages of lists on a video site, as a lister reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class ListedVideo:
    """What a list says of a video; empty or ``None`` where it does not."""

    id: str
    title: str = ""
    channel: str = ""
    channel_id: str = ""
    description: str = ""
    duration_s: float | None = None
    live_status: str = ""
    availability: str = ""


@dataclass(frozen=True)
class ListPage:
    """``place`` is where the next page starts (plain JSON), ``None`` at the end of the list.

    ``channel`` and ``channel_id`` are the list's own, on the first page of a channel.
    """

    videos: tuple[ListedVideo, ...]
    place: Mapping[str, object] | None
    channel: str = ""
    channel_id: str = ""
