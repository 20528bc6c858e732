"""What there is on the fake YouTube: channels and videos with all that the real one states of them.

The Data API (`tests.servers.youtube_api`) and the site (`tests.servers.youtube`) serve the same world.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from demo.clips import read_clips

DAY_S = 86_400.0
BEGIN = 1_577_836_800.0  # 2020-01-01

REFUSALS = (
    "removed",
    "terminated",
    "private",
    "members",
    "age",
    "geo",
    "drm",
    "upcoming",
    "bot",
    "rate_limited",
    "captcha",
)
"""Answers of the player to a video that it does not play."""


@dataclass(frozen=True)
class Channel:
    id: str
    handle: str
    title: str

    @property
    def uploads(self) -> str:
        return "UU" + self.id[2:]


@dataclass(frozen=True)
class Video:
    """``clip`` is the sound of the demo's clips, ``refusal`` one of `REFUSALS`. Times in epoch seconds."""

    id: str
    title: str
    channel: Channel
    clip: str
    published: float
    phrases: tuple[str, ...] = ()
    licence: str | None = "creativeCommon"
    made_for_kids: bool = False
    synthetic: bool = False
    privacy: str = "public"
    live: str = "none"
    age_restricted: bool = False
    declared_language: str | None = None
    asr_language: str | None = "vi"
    dub_language: str | None = None
    refusal: str | None = None
    duration_s: float | None = None
    tags: tuple[str, ...] = ("thiếu nhi",)

    @property
    def seconds(self) -> float:
        return CLIPS[self.clip].seconds if self.duration_s is None else self.duration_s


CLIPS = read_clips()


@dataclass
class World:
    """Videos by ID in the order of a search. A test may take one out: then it is deleted."""

    channels: dict[str, Channel] = field(default_factory=dict)
    videos: dict[str, Video] = field(default_factory=dict)

    def add(self, *videos: Video) -> None:
        for video in videos:
            self.videos[video.id] = video
            self.channels[video.channel.id] = video.channel

    def change(self, video: Video, **facts: object) -> Video:
        changed = replace(video, **facts)  # type: ignore[arg-type]
        self.videos[video.id] = changed
        return changed

    def found_by(self, phrase: str) -> list[Video]:
        """The results of a search, hidden ones left out."""
        return [v for v in self.videos.values() if phrase.lower() in v.phrases and v.privacy == "public"]

    def uploads_of(self, channel: str) -> list[Video]:
        mine = [v for v in self.videos.values() if v.channel.id == channel and v.privacy == "public"]
        return sorted(mine, key=lambda video: -video.published)


def identifier(*parts: object, length: int = 11) -> str:
    """An ID of the given length that depends on ``parts`` alone."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:length]


def channel(number: int) -> Channel:
    return Channel(f"UC{identifier('channel', number, length=22)}", f"@kenh{number}", f"Kênh {number}")


def video(number: int, *phrases: str, owner: Channel | None = None, **facts: object) -> Video:
    """Video ``number`` with plain facts, unless told otherwise."""
    plain = Video(
        id=identifier("video", number),
        title=f"Bé kể chuyện {number}",
        channel=owner or channel(number % 10),
        clip="child-vi-story",
        published=BEGIN + number * DAY_S / 4,
        phrases=phrases,
    )
    return replace(plain, **facts)  # type: ignore[arg-type]


def world_of(*videos: Video) -> World:
    world = World()
    world.add(*videos)
    return world


def mixed_world(phrases: Sequence[str], each: int, seed: int = 1) -> World:
    """``each`` videos for every phrase that may be fetched, with others among them that a rule keeps out."""
    chance = random.Random(seed)
    sounds = ("child-vi-story", "child-vi-counting", "child-en-zoo", "adult-woman-recipe", "music", "silence")
    world = World()
    number = 0
    for phrase in phrases:
        for place in range(each):
            number += 1
            world.add(video(number, phrase, clip=chance.choice(sounds)))
            if place % 10 == 0:
                number += 1
                odd: dict[str, object] = chance.choice(
                    [
                        {"licence": "youtube"},
                        {"made_for_kids": True},
                        {"synthetic": True},
                        {"duration_s": 90_000.0},
                    ]
                )
                world.add(video(number, phrase, **odd))
    return world
