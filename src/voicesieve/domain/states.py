"""The states of a video and the moves between them (design, section 4)."""

from __future__ import annotations

from enum import StrEnum


class VideoState(StrEnum):
    DISCOVERED = "discovered"
    SCREENED_OUT = "screened_out"
    QUEUED = "queued"
    FETCHED = "fetched"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNSURE = "unsure"
    FAILED = "failed"
    GIVEN_UP = "given_up"
    WITHDRAWN = "withdrawn"


class Stage(StrEnum):
    """The steps that attempts belong to."""

    DISCOVER = "discover"
    FETCH = "fetch"
    ANALYSE = "analyse"


DECIDED = frozenset({VideoState.ACCEPTED, VideoState.REJECTED, VideoState.UNSURE})

MOVES: dict[VideoState, frozenset[VideoState]] = {
    VideoState.DISCOVERED: frozenset({VideoState.SCREENED_OUT, VideoState.QUEUED, VideoState.FETCHED}),
    VideoState.SCREENED_OUT: frozenset({VideoState.DISCOVERED, VideoState.FETCHED}),
    VideoState.QUEUED: frozenset({VideoState.SCREENED_OUT, VideoState.FETCHED, VideoState.FAILED, VideoState.GIVEN_UP}),
    VideoState.FETCHED: DECIDED | {VideoState.FAILED, VideoState.GIVEN_UP, VideoState.QUEUED},
    VideoState.ACCEPTED: DECIDED | {VideoState.FETCHED, VideoState.QUEUED},
    VideoState.REJECTED: DECIDED | {VideoState.FETCHED, VideoState.QUEUED},
    VideoState.UNSURE: DECIDED | {VideoState.FETCHED, VideoState.QUEUED},
    VideoState.FAILED: frozenset(
        {VideoState.SCREENED_OUT, VideoState.QUEUED, VideoState.FETCHED, VideoState.FAILED, VideoState.GIVEN_UP}
        | DECIDED
    ),
    VideoState.GIVEN_UP: frozenset({VideoState.QUEUED, VideoState.FETCHED}),
    VideoState.WITHDRAWN: frozenset(),
}
"""Allowed moves, besides the one to ``withdrawn``, which is allowed from every state and is final. An import may
bring the audio of a video that was never fetched."""


def may_move(old: VideoState, new: VideoState) -> bool:
    if new is VideoState.WITHDRAWN:
        return True
    return new is old or new in MOVES[old]
