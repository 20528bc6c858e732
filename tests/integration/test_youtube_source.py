"""The source `youtube:` and the fetcher, with the real extractor of yt-dlp, against a YouTube on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from test_fetching_ytdlp import LIMITS

from tests.servers.youtube import Site, youtube
from tests.servers.youtube_world import CLIPS, REFUSALS, World, channel, video, world_of
from voicesieve.domain.candidates import Budget, Candidate, Cursor, SourceProblem
from voicesieve.domain.decisions import Reason
from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.domain.fetching import Fetched, FetchRequest, NotWantedError
from voicesieve.fetching.client import HttpClient
from voicesieve.fetching.ytdlp.fetcher import YtDlpFetcher
from voicesieve.fetching.ytdlp.lister import YtDlpLister
from voicesieve.sources.registry import parse_query
from voicesieve.sources.youtube.settings import YoutubeSettings
from voicesieve.sources.youtube.site import YoutubeSource, search_parameters

PHRASE = "bé kể chuyện"
OWNER = channel(3)


class Walk:
    """A walk of a query, page by page, each with a new source: nothing but the cursor goes on."""

    def __init__(self, argument: str, settings: YoutubeSettings | None = None) -> None:
        self.query = parse_query(f"youtube:{argument}")
        self.settings = settings or YoutubeSettings()
        self.cursor: Cursor | None = None
        self.listed: list[Candidate] = []
        self.problems: list[SourceProblem] = []

    async def page(self) -> None:
        client = HttpClient(allow_private_addresses=True, max_redirects=2, user_agent="test")
        source = YoutubeSource(client, YtDlpLister(allow_private_addresses=True), self.settings)
        page = await source.page(self.query, self.cursor, {}, Budget())
        self.cursor = page.cursor
        self.listed += page.candidates
        self.problems += page.problems

    def once(self) -> None:
        asyncio.run(self.page())

    def to_the_end(self, most: int = 20) -> list[str]:
        for _ in range(most):
            self.once()
            if self.cursor is None:
                return [candidate.native_id for candidate in self.listed]
        raise AssertionError(f"no end after {most} pages")


Serve = Callable[[World], Site]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Serve:
    """Serve a world and lead workers to it."""

    def start(world: World) -> Site:
        serving = youtube(world)
        site = serving.__enter__()
        request.addfinalizer(lambda: serving.__exit__(None, None, None))
        for name, value in site.leads_to().items():
            monkeypatch.setenv(name, value)
        return site

    return start


def many(count: int, **facts: object) -> World:
    return world_of(*(video(number, PHRASE, owner=OWNER, **facts) for number in range(count)))


def fetch(folder: Path, id_: str, screen: Callable[..., Reason | None] | None = None) -> Fetched:
    url = f"https://www.youtube.com/watch?v={id_}"
    return asyncio.run(YtDlpFetcher().fetch(FetchRequest(f"youtube:{id_}", url, folder, LIMITS, screen)))


def test_each_page_of_a_search_is_one_request_and_the_cursor_resumes(serve: Serve) -> None:
    site = serve(many(45))
    walk = Walk(PHRASE)
    assert walk.to_the_end() == list(site.world.videos)
    assert [what for kind, what in site.asked if kind == "search"] == [PHRASE, f"{PHRASE} from 20", f"{PHRASE} from 40"]
    assert site.counts()["home"] == 1


def test_nothing_passes_as_a_browser(serve: Serve, tmp_path: Path) -> None:
    """Neither the lister nor a fetch, whatever yt-dlp calls itself by default."""
    site = serve(many(2))
    Walk(PHRASE).to_the_end()
    assert site.agents == {"voicesieve"}
    fetch(tmp_path, next(iter(site.world.videos)))
    assert len(site.agents) > 0
    assert not [agent for agent in site.agents if agent.startswith("Mozilla/")]


def test_a_candidate_of_a_list_has_only_the_facts_of_the_list(serve: Serve) -> None:
    serve(many(1))
    walk = Walk(PHRASE)
    walk.to_the_end()
    (listed,) = walk.listed
    assert (listed.title, listed.channel, listed.duration_s) == ("Bé kể chuyện 0", OWNER.title, 17.0)
    assert (listed.licence, listed.language, listed.keep_s) == (None, None, None)
    assert listed.metadata == {"channel_id": OWNER.id}


def test_filters_of_the_settings_go_to_the_site(serve: Serve) -> None:
    world = many(4)
    world.add(video(9, PHRASE, licence="youtube"), video(10, PHRASE, duration_s=500.0))
    serve(world)
    free = Walk(f"{PHRASE} [duration=short]", YoutubeSettings(filters={"licence": "creative_commons", "region": "VN"}))
    assert len(free.to_the_end()) == 4


@pytest.mark.parametrize(
    ("options", "parameters"),
    [
        ({"licence": "creative_commons"}, "EgQQATAB"),
        ({"duration": "medium"}, "EgQQARgD"),
        ({"order": "date"}, "CAISAhAB"),
        ({"uploaded": "week", "captions": "with"}, "EgYIAxABKAE="),
    ],
)
def test_filters_are_spelt_as_the_site_spells_them(options: dict[str, str], parameters: str) -> None:
    assert search_parameters(options) == parameters


@pytest.mark.parametrize("argument", [f"channel:{OWNER.handle}", f"channel:{OWNER.id}", f"playlist:{OWNER.uploads}"])
def test_a_channel_and_a_playlist_are_read_page_by_page(serve: Serve, argument: str) -> None:
    site = serve(many(70 if "channel" in argument else 130))
    walk = Walk(argument)
    assert walk.to_the_end() == list(reversed(site.world.videos))
    assert {candidate.channel for candidate in walk.listed} == {OWNER.title}
    pages = site.counts()
    assert pages["tab"] + pages["playlist"] == 1
    assert pages["browse"] == (2 if "channel" in argument else 1)


def test_a_limit_of_videos_is_kept_without_a_further_request(serve: Serve) -> None:
    site = serve(many(70))
    assert len(Walk(f"channel:{OWNER.id} [max=20]").to_the_end()) == 20
    assert site.counts()["browse"] == 0


def test_a_list_that_leads_in_a_circle_ends(serve: Serve) -> None:
    site = serve(many(25))
    site.loops = True
    walk = Walk(PHRASE)
    assert len(walk.to_the_end()) == 25
    assert "in a circle" in walk.problems[0].message


@pytest.mark.parametrize(
    ("kind", "status", "expected"),
    [
        ("search", 429, FailureKind.RATE_LIMITED),
        ("search", 403, FailureKind.RATE_LIMITED),
        ("search", 500, FailureKind.SERVER_ERROR),
    ],
)
def test_refusals_of_a_list_are_typed(serve: Serve, kind: str, status: int, expected: FailureKind) -> None:
    site = serve(many(1))
    site.status[kind] = status
    with pytest.raises(FailureError) as caught:
        Walk(PHRASE).once()
    assert caught.value.failure.kind is expected


def test_a_channel_that_does_not_exist_is_gone(serve: Serve) -> None:
    serve(many(1))
    with pytest.raises(FailureError) as caught:
        Walk("channel:@nobody").once()
    assert caught.value.failure.kind is FailureKind.GONE


def test_the_whole_metadata_comes_with_the_original_track(serve: Serve, tmp_path: Path) -> None:
    mine = video(1, dub_language="de", asr_language="vi")
    site = serve(world_of(mine))
    fetched = fetch(tmp_path, mine.id)
    assert fetched.path.read_bytes() == CLIPS[mine.clip].body
    assert site.of("media") == [f"{mine.id} 249 vi"]
    assert site.ranges[0] is not None
    assert fetched.expected_duration_s == 17
    expected = {
        "title": mine.title,
        "channel": mine.channel.title,
        "channel_id": mine.channel.id,
        "licence": "Creative Commons Attribution license (reuse allowed)",
        "language": "vi",
        "asr_language": "vi",
        "availability": "public",
        "live_status": "not_live",
        "age_limit": 0.0,
        "category": "Education",
        "tags": ["thiếu nhi"],
    }
    assert {name: fetched.facts.get(name) for name in expected} == expected


def test_translated_captions_are_not_the_spoken_language_and_a_missing_licence_is_unknown(
    serve: Serve, tmp_path: Path
) -> None:
    mine = video(1, licence=None, asr_language=None)
    serve(world_of(mine))
    facts = fetch(tmp_path, mine.id).facts
    assert "licence" not in facts
    assert "asr_language" not in facts


def test_a_video_that_a_rule_keeps_out_costs_no_media(serve: Serve, tmp_path: Path) -> None:
    mine = video(1, licence=None)
    site = serve(world_of(mine))
    asked: list[object] = []

    def screen(facts: dict[str, object]) -> Reason:
        asked.append(facts["title"])
        return Reason("licence", "none is stated")

    with pytest.raises(NotWantedError) as caught:
        fetch(tmp_path, mine.id, screen)
    assert (caught.value.reason.rule, asked, site.of("media")) == ("licence", [mine.title], [])
    assert caught.value.facts["channel_id"] == mine.channel.id


KINDS = {
    "removed": FailureKind.GONE,
    "terminated": FailureKind.GONE,
    "private": FailureKind.PRIVATE,
    "members": FailureKind.MEMBERS_ONLY,
    "age": FailureKind.AGE_RESTRICTED,
    "geo": FailureKind.GEO_BLOCKED,
    "drm": FailureKind.DRM,
    "upcoming": FailureKind.LIVE_OR_UPCOMING,
    "bot": FailureKind.NEEDS_OPERATOR,
    "rate_limited": FailureKind.RATE_LIMITED,
    "captcha": FailureKind.NEEDS_OPERATOR,
}


def failure_of(folder: Path, id_: str) -> Failure:
    with pytest.raises(FailureError) as caught:
        fetch(folder, id_)
    return caught.value.failure


@pytest.mark.parametrize("refusal", REFUSALS)
def test_what_the_player_refuses_is_typed(serve: Serve, tmp_path: Path, refusal: str) -> None:
    mine = video(1, refusal=refusal)
    serve(world_of(mine))
    assert failure_of(tmp_path, mine.id).kind is KINDS[refusal]


def test_a_running_broadcast_is_deferred(serve: Serve, tmp_path: Path) -> None:
    mine = video(1, live="live")
    serve(world_of(mine))
    assert failure_of(tmp_path, mine.id).kind is FailureKind.LIVE_OR_UPCOMING


def test_a_media_server_that_forbids_is_a_limit_and_blames_no_video(serve: Serve, tmp_path: Path) -> None:
    mine = video(1)
    site = serve(world_of(mine))
    site.status["media"] = 403
    assert failure_of(tmp_path, mine.id).kind is FailureKind.RATE_LIMITED


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("youtube:", "needs an argument"),
        ("youtube:x [region=VN]", "not an option of this source"),
        ("youtube:channel:@a [duration=short]", "cannot be used with a channel"),
        ("youtube:feed:@a", "channel ID"),
    ],
)
def test_a_wrong_argument_is_refused_with_advice(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_query(text)


def test_other_filters_start_the_walk_again(serve: Serve) -> None:
    serve(many(45))
    walk = Walk(PHRASE)
    walk.once()
    walk.settings = replace(walk.settings, filters={"licence": "creative_commons"})
    walk.once()
    assert len(walk.listed) == 40
    assert walk.listed[0] == walk.listed[20]
