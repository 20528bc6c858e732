"""Whatever the Data API answers costs its own item at most, and never leaves a mark that is not clean."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from voicesieve.domain.candidates import Budget, Cursor, Page, Query
from voicesieve.domain.failures import FailureError
from voicesieve.sources.youtube.api.source import YoutubeApiSource
from voicesieve.sources.youtube.settings import ApiAccess, YoutubeSettings

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


def shaped(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """An object with some of the fields that are expected, each as expected or anything else."""
    return st.fixed_dictionaries({}, optional={name: value | JSON for name, value in fields.items()})


HOSTILE = ["../../etc/x", "a\x1b[31mbcdef", "０１２３４５６７８９０", "abcdefghij\n", "short", "a,b,c,d,e,f"]
IDS = st.sampled_from(["abcdefghijk", "ABCDEFGHIJK", *HOSTILE])
DATES = st.sampled_from(["2020-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+23:59", "2020-01-01"])
DURATIONS = st.sampled_from(["PT1M", "P9999999999D", "PT" + "9" * 400 + "H", "", "PT-1S", "P1Y"])
ITEM = shaped(
    id=shaped(videoId=IDS) | IDS,
    snippet=shaped(publishedAt=DATES, title=st.text(), tags=st.lists(JSON), defaultAudioLanguage=st.text(max_size=9)),
    contentDetails=shaped(
        duration=DURATIONS,
        videoId=IDS,
        videoPublishedAt=DATES,
        relatedPlaylists=shaped(uploads=st.sampled_from(["UUx", "", "a b\n"])),
        regionRestriction=shaped(blocked=st.lists(JSON)),
    ),
    status=shaped(license=st.text(), madeForKids=JSON),
)
BODY = shaped(items=st.lists(ITEM | JSON, max_size=6), nextPageToken=st.text(max_size=9), etag=st.text(max_size=9))


@dataclass
class Said:
    """A complete answer."""

    status: int
    body: bytes
    url: str = "https://api.example/"
    headers: Mapping[str, str] = field(default_factory=dict)


class Scripted:
    """A reader that gives one answer after another, the last one for good."""

    def __init__(self, answers: list[Said]) -> None:
        self._answers = answers

    async def read(self, url: str, **_: Any) -> Said:
        assert url.isascii()
        assert url.isprintable()
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def clean(value: object) -> bool:
    """No control characters or lone surrogates in any text, and no number that is none."""
    if isinstance(value, str):
        return value.isprintable() or all(
            char.isprintable() or char in "\u00ad\u200b" or ord(char) > 159 for char in value
        )
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, Mapping):
        return all(clean(part) for part in value.values())
    return all(map(clean, value)) if isinstance(value, list | tuple) else True


async def walk(source: YoutubeApiSource, query: Query, most: int) -> None:
    cursor: Cursor | None = None
    for _ in range(most):
        source.price(query, cursor, {})
        page: Page = await source.page(query, cursor, {}, Budget())
        assert all((problem.where + problem.message).isprintable() for problem in page.problems)
        for candidate in page.candidates:
            assert candidate.native_id.isascii()
            assert len(candidate.native_id) == 11
            assert clean([candidate.title, candidate.channel, candidate.duration_s or 0.0, dict(candidate.metadata)])
            candidate.title.encode("utf-8")
        if page.cursor is None:
            return
        cursor = json.loads(json.dumps(page.cursor, allow_nan=False))


def test_an_id_of_the_wrong_form_is_not_requested() -> None:
    results = [{"id": {"videoId": id_}, "snippet": {}} for id_ in [*HOSTILE, "abcdefghijk"]]
    source = YoutubeApiSource(
        Scripted([Said(200, json.dumps({"items": results}).encode())]), YoutubeSettings(access=ApiAccess("key"))
    )
    page = asyncio.run(source.page(Query("youtube-api", "x"), None, {}, Budget()))
    assert page.cursor is not None
    assert page.cursor["pending"] == ["abcdefghijk"]


@settings(max_examples=150, deadline=None)
@given(st.lists(BODY | JSON, min_size=1, max_size=4), st.sampled_from(["x", "channel:@a", "playlist:PLx"]))
def test_any_answer_ends_in_pages_or_a_typed_failure(bodies: list[Any], argument: str) -> None:
    answers = [Said(200, json.dumps(body).encode()) for body in bodies]
    source = YoutubeApiSource(Scripted(answers), YoutubeSettings(access=ApiAccess("key")), clock=lambda: 1.6e9)
    try:
        asyncio.run(walk(source, Query("youtube-api", argument), most=60))
    except FailureError as error:
        assert error.failure.message.isprintable()


@settings(max_examples=100, deadline=None)
@given(
    st.integers(400, 599),
    st.binary(max_size=60)
    | JSON.map(lambda value: json.dumps(value).encode())
    | shaped(
        error=shaped(
            message=st.text(max_size=40),
            status=st.text(max_size=9),
            errors=st.lists(shaped(reason=st.sampled_from(["quotaExceeded", "rateLimitExceeded", "x"])) | JSON),
            details=st.lists(shaped(metadata=shaped(quota_limit=st.text(max_size=9))) | JSON),
        )
    ).map(lambda value: json.dumps(value).encode()),
)
def test_any_refusal_is_typed(status: int, body: bytes) -> None:
    source = YoutubeApiSource(Scripted([Said(status, body)]), YoutubeSettings(access=ApiAccess("key")))
    try:
        asyncio.run(walk(source, Query("youtube-api", "x"), most=1))
    except FailureError as error:
        assert "\x1b" not in error.failure.message
        assert len(error.failure.message) < 1_000
    else:
        raise AssertionError("a refusal was taken for an answer")
