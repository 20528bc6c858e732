"""The Data API source against a Data API on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.servers.youtube_api import ERRORS, KEY, Api, youtube_api
from tests.servers.youtube_world import DAY_S, World, channel, video, world_of
from voicesieve.domain.candidates import Budget, Candidate, Cursor, Page, Query, SourceProblem
from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.domain.quotas import GENERAL_UNITS, SEARCH_CALLS, Price, QuotaSpentError
from voicesieve.fetching.client import HttpClient
from voicesieve.sources.registry import parse_query
from voicesieve.sources.youtube.api.source import YoutubeApiSource
from voicesieve.sources.youtube.settings import ApiAccess, YoutubeSettings

PHRASE = "bé kể chuyện"


class Walk:
    """A walk of a query, page by page, each with a new source: nothing but the cursor goes on."""

    def __init__(self, api: Api, argument: str, **settings: object) -> None:
        access = ApiAccess(KEY, api.url)
        self.settings = replace(YoutubeSettings(access=access), **settings)  # type: ignore[arg-type]
        self.query = parse_query(f"youtube-api:{argument}")
        self.cursor: Cursor | None = None
        self.memory: Cursor = {}
        self.prices: list[Price | None] = []
        self.listed: list[Candidate] = []
        self.problems: list[SourceProblem] = []

    async def page(self) -> Page:
        async with HttpClient(allow_private_addresses=True, max_redirects=2, user_agent="test") as client:
            source = YoutubeApiSource(client, self.settings)
            self.prices.append(source.price(self.query, self.cursor, self.memory))
            page = await source.page(self.query, self.cursor, self.memory, Budget())
        self.cursor = page.cursor
        if page.cursor is None:
            self.memory = page.memory
        self.listed += page.candidates
        self.problems += page.problems
        return page

    def once(self) -> Page:
        return asyncio.run(self.page())

    def to_the_end(self, most: int = 400) -> list[Candidate]:
        async def pages() -> None:
            for _ in range(most):
                if (await self.page()).cursor is None:
                    return
            raise AssertionError(f"no end after {most} pages")

        asyncio.run(pages())
        return self.listed

    def fails(self) -> Failure:
        with pytest.raises(FailureError) as caught:
            self.once()
        assert KEY not in repr(caught.value) + repr(caught.value.failure)
        return caught.value.failure


def many(count: int, **facts: object) -> World:
    return world_of(*(video(number, PHRASE, **facts) for number in range(count)))


def test_a_search_costs_a_call_for_each_page_and_a_unit_for_each_fifty_details() -> None:
    with youtube_api(many(120)) as api:
        walk = Walk(api, PHRASE)
        listed = walk.to_the_end()
        assert [candidate.native_id for candidate in listed] == list(api.world.videos)
        assert (len(api.of("search")), len(api.of("videos"))) == (3, 3)
    assert walk.prices == [Price(SEARCH_CALLS), Price(GENERAL_UNITS)] * 3


def test_a_candidate_has_all_facts_that_rules_and_ranking_need() -> None:
    mine = video(1, PHRASE, declared_language="vi-VN", made_for_kids=True, synthetic=True, age_restricted=True)
    with youtube_api(world_of(mine)) as api:
        (listed,) = Walk(api, PHRASE).to_the_end()
    assert (listed.id, listed.title, listed.channel) == (f"youtube:{mine.id}", mine.title, mine.channel.title)
    assert (listed.licence, listed.language, listed.published_at) == ("creativeCommon", "vi", mine.published)
    assert listed.duration_s == int(mine.seconds)
    assert listed.keep_s == 30 * DAY_S
    assert listed.metadata == {
        "channel_id": mine.channel.id,
        "description": f"Description of {mine.title}",
        "tags": ["thiếu nhi"],
        "category": "27",
        "captions": True,
        "made_for_kids": True,
        "synthetic_media": True,
        "availability": "public",
        "live_status": "not_live",
        "age_limit": 18,
        "topics": ["https://en.wikipedia.org/wiki/Knowledge"],
    }


def test_the_key_goes_in_a_header_and_nowhere_else() -> None:
    with youtube_api(many(1)) as api:
        Walk(api, PHRASE).to_the_end()
        assert all(headers["x-goog-api-key"] == KEY for headers in api.headers)
        assert all(KEY not in str(parameters) for _, parameters in api.asked)
    assert KEY not in repr(YoutubeSettings(access=ApiAccess(KEY)))


def test_filters_of_the_settings_apply_unless_the_query_has_its_own() -> None:
    with youtube_api(many(1)) as api:
        filters = {"licence": "creative_commons", "region": "VN", "duration": "short"}
        argument = f"{PHRASE} [duration=medium, order=views, after=2020-01-01, location=10.8 106.6, radius=50km]"
        Walk(api, argument, filters=filters).once()
        (asked,) = api.of("search")
    expected = {"videoLicense": "creativeCommon", "regionCode": "VN", "videoDuration": "medium", "order": "viewCount"}
    expected |= {"publishedAfter": "2020-01-01T00:00:00Z", "location": "10.8,106.6", "locationRadius": "50km"}
    assert {name: asked.get(name) for name in expected} == expected


def test_a_window_near_the_cap_is_cut_until_everything_is_found() -> None:
    with youtube_api(many(1_100)) as api:
        walk = Walk(api, PHRASE, max_calls=100)
        listed = {candidate.native_id for candidate in walk.to_the_end()}
        assert listed == set(api.world.videos)
        assert len(api.of("search")) < 60
    assert walk.problems == []


def test_a_search_keeps_to_its_limit_of_calls_and_says_so() -> None:
    with youtube_api(many(1_100)) as api:
        walk = Walk(api, PHRASE, max_calls=12)
        walk.to_the_end()
        assert len(api.of("search")) == 12
    assert "max_calls_per_query" in walk.problems[-1].message


def test_results_above_the_cap_within_a_day_are_reported_as_hidden() -> None:
    crowded = world_of(*(video(number, PHRASE, published=1_600_000_000.0 + number) for number in range(600)))
    with youtube_api(crowded) as api:
        walk = Walk(api, f"{PHRASE} [after=2020-09-13, before=2020-09-14]", max_calls=50)
        walk.to_the_end()
    assert any("the API hides the rest" in problem.message for problem in walk.problems)


@pytest.mark.parametrize("count", [80, 700])
def test_a_listing_that_loops_ends(count: int) -> None:
    with youtube_api(many(count)) as api:
        api.loops, api.shown = True, 60 if count == 80 else 500
        walk = Walk(api, PHRASE, max_calls=60)
        listed = walk.to_the_end()
    assert len({candidate.id for candidate in listed}) >= min(count, 60)
    assert any("in a circle" in problem.message for problem in walk.problems) or count == 700


def test_a_result_that_occurs_twice_is_requested_once() -> None:
    with youtube_api(many(30)) as api:
        api.duplicates = True
        assert len(Walk(api, PHRASE).to_the_end()) == 30


def test_what_was_deleted_since_is_a_problem_of_its_own() -> None:
    with youtube_api(many(3)) as api:
        walk = Walk(api, PHRASE)
        walk.once()
        gone = next(iter(api.world.videos))
        del api.world.videos[gone]
        walk.to_the_end()
    assert len(walk.listed) == 2
    assert [problem.where for problem in walk.problems] == [f"video {gone}"]


@pytest.mark.parametrize("form", ["id", "handle", "address"])
def test_a_channel_is_its_uploads_newest_first_for_a_unit_a_page(form: str) -> None:
    owner = channel(3)
    mine = [video(number, owner=owner) for number in range(70)]
    names = {"id": owner.id, "handle": owner.handle, "address": f"https://m.youtube.com/channel/{owner.id}/videos?x=1"}
    argument = names[form] if form == "address" else f"channel:{names[form]}"
    with youtube_api(world_of(*mine, video(999))) as api:
        walk = Walk(api, argument)
        listed = [candidate.native_id for candidate in walk.to_the_end()]
        assert listed == [item.id for item in reversed(mine)]
        assert [name for name, _ in api.asked] == ["channels", "playlistItems", "videos", "playlistItems", "videos"]
    assert set(walk.prices) == {Price(GENERAL_UNITS)}


def test_a_channel_asked_again_costs_one_unit_and_ends_at_known_videos() -> None:
    owner = channel(3)
    with youtube_api(world_of(*(video(number, owner=owner) for number in range(70)))) as api:
        walk = Walk(api, f"channel:{owner.id}")
        walk.to_the_end()
        asked = len(api.asked)
        walk.listed.clear()
        walk.to_the_end()
        assert (walk.listed, api.asked[asked:]) == ([], api.asked[-1:])  # 304
        api.world.add(video(500, owner=owner))
        walk.to_the_end()
        assert [candidate.title for candidate in walk.listed][:1] == ["Bé kể chuyện 500"]
        assert [name for name, _ in api.asked[asked + 1 :]] == ["playlistItems", "videos"]


def test_a_limit_of_videos_is_kept() -> None:
    owner = channel(3)
    with youtube_api(world_of(*(video(number, PHRASE, owner=owner) for number in range(200)))) as api:
        assert len(Walk(api, f"channel:{owner.id} [max=30]").to_the_end()) == 30
        assert len(Walk(api, f"{PHRASE} [max=60]").to_the_end()) == 60
        assert len(api.of("search")) == 2


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("per_minute", FailureKind.RATE_LIMITED),
        ("per_user", FailureKind.RATE_LIMITED),
        ("hurried_429", FailureKind.RATE_LIMITED),
        ("forbidden", FailureKind.NEEDS_OPERATOR),
        ("key_invalid", FailureKind.NEEDS_OPERATOR),
        ("not_configured", FailureKind.NEEDS_OPERATOR),
        ("referer", FailureKind.NEEDS_OPERATOR),
        ("bad_request", FailureKind.UNSUPPORTED),
        ("bad_filters", FailureKind.UNSUPPORTED),
        ("incompatible", FailureKind.UNSUPPORTED),
        ("unexpected", FailureKind.UNSUPPORTED),
        ("no_playlist", FailureKind.GONE),
        ("no_channel", FailureKind.GONE),
        ("backend", FailureKind.SERVER_ERROR),
        ("html_500", FailureKind.SERVER_ERROR),
        ("not_json", FailureKind.SERVER_ERROR),
        ("list", FailureKind.SERVER_ERROR),
    ],
)
def test_errors_are_typed(error: str, kind: FailureKind) -> None:
    with youtube_api(many(1)) as api:
        api.errors["search"] = [error]
        failure = Walk(api, PHRASE).fails()
    assert failure.kind is kind
    assert "<" not in failure.message


@pytest.mark.parametrize(
    ("resource", "error", "bucket"),
    [
        ("search", "search_spent", SEARCH_CALLS),
        ("search", "daily_limit", SEARCH_CALLS),
        ("videos", "units_spent", GENERAL_UNITS),
        ("videos", "daily_limit", GENERAL_UNITS),
    ],
)
def test_a_spent_day_is_distinguished_from_a_busy_minute(resource: str, error: str, bucket: str) -> None:
    with youtube_api(many(1)) as api:
        walk = Walk(api, PHRASE)
        if resource == "videos":
            walk.once()
        api.errors[resource] = [error]
        with pytest.raises(QuotaSpentError) as caught:
            walk.once()
        assert caught.value.bucket == bucket
        assert "today's quota" in caught.value.failure.message


def test_every_error_body_is_tried() -> None:
    marks = [test_errors_are_typed.pytestmark, test_a_spent_day_is_distinguished_from_a_busy_minute.pytestmark]  # type: ignore[attr-defined]
    tried = {word for (mark,) in marks for case in mark.args[1] for word in case if isinstance(word, str)}
    assert set(ERRORS) - tried == {"page_token"}


def test_a_rejected_page_token_starts_the_listing_again() -> None:
    with youtube_api(many(120)) as api:
        walk = Walk(api, PHRASE)
        walk.once()
        walk.once()
        api.errors["search"] = ["page_token"]
        listed = walk.to_the_end()
        assert {candidate.native_id for candidate in listed} == set(api.world.videos)
        assert [problem.where for problem in walk.problems] == ["search"]


def test_a_page_token_rejected_again_and_again_is_a_failure() -> None:
    with youtube_api(many(120)) as api:
        api.errors["search"] = ["page_token"] * 10
        walk = Walk(api, PHRASE)
        for _ in range(3):
            walk.once()
        assert walk.fails().kind is FailureKind.SERVER_ERROR


def test_without_a_key_no_request_is_made() -> None:
    with youtube_api(many(1)) as api:
        walk = Walk(api, PHRASE, access=None)
        failure = walk.fails()
        assert (failure.kind, api.asked, walk.prices) == (FailureKind.NEEDS_OPERATOR, [], [None])
    assert "VOICESIEVE_YOUTUBE_API__KEY" in failure.message


def test_other_filters_start_the_walk_again() -> None:
    with youtube_api(many(120)) as api:
        walk = Walk(api, PHRASE)
        walk.once()
        walk.settings = replace(walk.settings, filters={"region": "VN"})
        walk.once()
        assert [parameters.get("regionCode") for parameters in api.of("search")] == [None, "VN"]


@pytest.mark.parametrize("cursor", [{}, {"filters": {}, "until": "x"}, {"filters": {}, "window": 3}])
def test_a_cursor_of_another_revision_starts_the_walk_again(cursor: Cursor) -> None:
    with youtube_api(many(3)) as api:
        walk = Walk(api, PHRASE)
        walk.cursor = cursor
        assert len(walk.to_the_end()) == 3


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("youtube-api:", "needs an argument"),
        ("youtube-api:x [durations=short]", "did you mean duration"),
        ("youtube-api:x [duration=tiny]", "not one of any, short"),
        ("youtube-api:x [after=yesterday]", "2024-01-31"),
        ("youtube-api:x [max=0]", "from 1"),
        ("youtube-api:channel:somebody", "@handle"),
        ("youtube-api:playlist:a b", "list="),
        ("youtube-api:channel:@a [duration=short]", "filters are for searches"),
        ("youtube-api:feed:UCabcdefghijklmnopqrstuv", "youtube:feed"),
        ("youtube-api:https://example.org/", "not an address of YouTube"),
        ("youtube-api:https://youtu.be/abcdefghijk", "urls:"),
    ],
)
def test_a_wrong_argument_is_refused_with_advice(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says.replace("[", r"\[")):
        parse_query(text)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("youtube-api:  bé   kể chuyện [region=VN, duration=short] ", f"{PHRASE} [duration=short, region=VN]"),
        ("youtube-api:search:channel:x", "search:channel:x"),
        ("youtube-api:https://www.youtube.com/@kenh1/videos", "channel:@kenh1"),
        ("youtube-api:https://www.youtube.com/playlist?list=PLabc", "playlist:PLabc"),
    ],
)
def test_equal_queries_are_equal_strings(text: str, normal: str) -> None:
    query = parse_query(text)
    assert query == Query("youtube-api", normal)
    assert parse_query(str(query)) == query


def every_request() -> list[tuple[str, dict[str, str]]]:
    from voicesieve.sources.youtube.api.filters import OPTIONS

    values = {"location": "10.8 106.6", "radius": "50km", "topic": "/m/01k8wb", "channel": channel(1).id}
    values |= {"category": "27", "language": "vi", "region": "VN", "after": "2020-01-01", "before": "2030-01-01"}
    words = {"any": "any", "event": "completed", "order": "views", "safe_search": "strict", "max": "50"}
    options = {name: values.get(name) or words.get(name, "any") for name in OPTIONS}
    written = ", ".join(f"{name}={value}" for name, value in options.items())
    owner = channel(1)
    with youtube_api(many(60, owner=owner)) as api:
        Walk(api, f"{PHRASE} [{written}]").once()
        Walk(api, PHRASE).to_the_end()
        Walk(api, f"channel:{owner.id}").to_the_end()
        Walk(api, f"channel:{owner.handle}").once()
        return api.asked


def test_requests_are_those_of_the_discovery_document() -> None:
    """Google's own client refuses unknown parameters and values before it sends anything."""
    pytest.importorskip("googleapiclient", reason="google-api-python-client is for development only")
    from googleapiclient.discovery import build

    service = build("youtube", "v3", developerKey="none", static_discovery=True)
    make: dict[str, Callable[..., object]] = {
        "search": service.search().list,
        "videos": service.videos().list,
        "channels": service.channels().list,
        "playlistItems": service.playlistItems().list,
    }
    requests = every_request()
    assert {name for name, _ in requests} == set(make)
    for name, parameters in requests:
        numbers = {key: int(value) if key == "maxResults" else value for key, value in parameters.items()}
        make[name](**numbers)
    with pytest.raises(TypeError):
        service.search().list(part="snippet", videoLicence="any")
