"""`voicesieve crawl` on YouTube as a person runs it: both sources against their fakes, with the real yt-dlp."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from crawling import (
    QUICK,
    attempts,
    events_named,
    nothing_left_over,
    one_paragraph,
    running,
    sources,
    status,
    stories_of,
    until,
    voicesieve,
    why,
)

from tests.servers.youtube import Site, youtube
from tests.servers.youtube_api import KEY, Api, youtube_api
from tests.servers.youtube_world import World, channel, mixed_world, video, world_of

PHRASE = "bé kể chuyện"
BASIS = {
    "VOICESIEVE_RIGHTS__BASIS": "research_exception",
    "VOICESIEVE_RIGHTS__STATEMENT": "a test on servers of our own",
}


@dataclass(frozen=True)
class Fakes:
    site: Site
    api: Api

    @property
    def settings(self) -> dict[str, str]:
        return {
            **QUICK,
            **BASIS,
            **self.site.leads_to(),
            "VOICESIEVE_YOUTUBE_API__ENDPOINT": self.api.url,
            "VOICESIEVE_YOUTUBE_API__KEY": KEY,
            "VOICESIEVE_YOUTUBE__REQUESTS_PER_HOUR": "0",
            "VOICESIEVE_YOUTUBE_API__REQUESTS_PER_HOUR": "0",
        }

    def discovery(self) -> list[tuple[str, str]]:
        """Every request of discovery so far, as words."""
        mine = ("search", "browse", "tab", "playlist", "feed")
        asked = [(kind, what) for kind, what in self.site.asked if kind in mine]
        return asked + [(f"api {name}", str(sorted(given.items()))) for name, given in self.api.asked]


@contextmanager
def fakes(world: World) -> Iterator[Fakes]:
    with youtube(world) as site, youtube_api(world) as api:
        yield Fakes(site, api)


@pytest.mark.parametrize("kind", ["youtube", "youtube-api"])
def test_nothing_starts_without_a_stated_basis(tmp_path: Path, kind: str) -> None:
    """A statement of blanks, dots or what cannot be seen states nothing."""
    blanks = ("   ", " . ", "\u200b\u00a0", "---")
    with fakes(world_of(video(1, PHRASE))) as both:
        lacking = [{name: value for name, value in both.settings.items() if name != missing} for missing in BASIS]
        for settings in [*lacking, *(both.settings | {"VOICESIEVE_RIGHTS__STATEMENT": blank} for blank in blanks)]:
            ended = voicesieve(
                "crawl", *sources(f"{kind}:{PHRASE}"), "--data", tmp_path / "data", code=1, settings=settings
            )
            one_paragraph(ended, kind, "rights.basis", "rights.statement", "voicesieve init", "written_permission")
        assert both.discovery() == []
    assert not (tmp_path / "data" / "catalog.sqlite3").exists()


SPELLINGS = (
    "https://www.youtube.com/watch?v={}",
    "https://kids.youtube.com/watch?v={}",
    "https://www.youtubekids.com/watch?v={}",
    "https://tv.youtube.com/watch?v={}",
    "https://www.youtube.com./watch?v={}",
    "https://www.youtube-nocookie.com/embed/{}",
    "https://youtu.be/{}",
)


@pytest.mark.parametrize("statement", ["", "   "])
def test_no_spelling_of_its_address_opens_youtube_without_a_basis(tmp_path: Path, statement: str) -> None:
    names = [f"{number:011d}" for number in range(len(SPELLINGS))]
    addresses = [spelling.format(name) for spelling, name in zip(SPELLINGS, names, strict=True)]
    (tmp_path / "list.txt").write_text("\n".join(addresses), encoding="utf-8")
    with fakes(world_of(video(1, PHRASE))) as both:
        without = both.settings | {"VOICESIEVE_RIGHTS__STATEMENT": statement}
        listed = sources(f"urls:{tmp_path / 'list.txt'}")
        voicesieve("crawl", *listed, "--data", tmp_path / "data", settings=without)
        assert both.site.asked == []
    stories = stories_of(tmp_path / "data")
    assert set(stories) == {f"https://www.youtube.com/watch?v={name}" for name in names}
    assert {story["reasons"][0]["rule"] for story in stories.values()} == {"rights_basis_missing"}


@pytest.mark.parametrize(
    "query",
    [
        "rss:https://www.youtube.com/feeds/videos.xml?channel_id=UC0123456789012345678901",
        "page:https://m.youtube.com/@channel",
        "page:https://www.youtubekids.com/",
    ],
)
def test_a_page_or_feed_of_youtube_needs_the_basis_too(tmp_path: Path, query: str) -> None:
    ended = voicesieve("crawl", *sources(query), "--data", tmp_path / "data", code=1)
    one_paragraph(ended, query.partition(":")[0], "rights.basis", "rights.statement")
    assert "disabled: rights.basis is not set" in voicesieve("plan", *sources(query), "--data", tmp_path / "data").out


def test_an_open_query_is_not_asked_once_the_basis_is_withdrawn(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with fakes(world_of(video(1, PHRASE))) as both:
        voicesieve("crawl", *sources(f"youtube:{PHRASE}"), "--data", data, "--no-fetch", settings=both.settings)
        without = {**both.settings, "VOICESIEVE_RIGHTS__BASIS": ""}
        voicesieve("crawl", "--data", data, settings=without)
        assert both.site.of("watch") == []
        (story,) = stories_of(data).values()
        assert (story["state"], story["reasons"][0]["rule"]) == ("screened_out", "rights_basis_missing")


def test_each_rule_decides_before_any_media_is_fetched(tmp_path: Path) -> None:
    """By the Data API when a video is found; by its own page when it is taken, where no list said it before."""
    expected = {
        "licence": video(1, PHRASE, licence="youtube"),
        "made_for_kids": video(2, PHRASE, made_for_kids=True),
        "synthetic_media": video(3, PHRASE, synthetic=True),
        "age_restricted": video(4, PHRASE, age_restricted=True),
        "live": video(5, PHRASE, live="live"),
        "too_long": video(6, PHRASE, duration_s=90_000.0),
        "too_short": video(7, PHRASE, duration_s=0.5, clip="silence"),
    }
    world = world_of(*expected.values(), video(8, PHRASE))
    everything = {"VOICESIEVE_FETCHING__MIN_DURATION_S": "2"}
    with fakes(world) as both:
        world.change(expected["too_short"], duration_s=1.0)
        query = f"youtube-api:{PHRASE} [licence=any]"
        voicesieve("crawl", *sources(query), "--data", tmp_path / "data", settings=both.settings | everything)
        assert both.site.of("watch") == [world.videos[list(world.videos)[-1]].id]
        stories = stories_of(tmp_path / "data")
    by_id = {story["video"]: story for story in stories.values()}
    rules = {rule: by_id[f"youtube:{item.id}"]["reasons"][0]["rule"] for rule, item in expected.items()}
    assert rules == {rule: rule for rule in expected}
    assert by_id[f"youtube:{video(8).id}"]["state"] == "accepted"


def test_facts_that_only_the_page_states_are_judged_and_stored(tmp_path: Path) -> None:
    data = tmp_path / "data"
    hidden = video(2, PHRASE, privacy="unlisted")
    world = world_of(video(1, PHRASE, licence=None), hidden, video(3, PHRASE))
    listing = tmp_path / "list.txt"
    listing.write_text("".join(f"https://www.youtube.com/watch?v={id_}\n" for id_ in world.videos))
    with fakes(world) as both:
        voicesieve("crawl", *sources(f"urls:{listing}"), "--data", data, settings=both.settings)
        assert both.site.of("media") == [f"{video(3).id} 249"]
        story = why(data, f"youtube:{video(1).id}")
        assert (story["state"], story["reasons"][0]["rule"]) == ("screened_out", "licence")
        assert "none is stated (unknown)" in story["reasons"][0]["message"]
        assert [step["outcome"] for step in attempts(story, "fetch")] == ["screened_out"]
        assert why(data, f"youtube:{hidden.id}")["reasons"][0]["rule"] == "unlisted"
        text = voicesieve("why", f"youtube:{video(1).id}", "--data", data).out
        assert "licence: none is stated" in text
        # Known now: another run asks for nothing, and a rule that allows it takes it up again.
        asked = len(both.site.asked)
        voicesieve("crawl", *sources(f"urls:{listing}"), "--data", data, settings=both.settings)
        assert len(both.site.asked) == asked
        wider = {**both.settings, "VOICESIEVE_YOUTUBE__LICENCES": '["creative_commons", "unknown"]'}
        voicesieve("crawl", "--data", data, settings=wider)
        assert why(data, f"youtube:{video(1).id}")["state"] == "accepted"
        assert why(data, f"youtube:{hidden.id}")["state"] == "screened_out"
        assert both.site.of("watch").count(hidden.id) == 1
    nothing_left_over(data)


def test_a_rate_limit_opens_the_circuit_for_the_whole_site_and_other_sources_continue(tmp_path: Path) -> None:
    data, folder = tmp_path / "data", tmp_path / "own"
    folder.mkdir()
    from crawling import CLIPS

    (folder / "mine.opus").write_bytes(CLIPS["child-vi-story"].body)
    one_at_a_time = {"VOICESIEVE_FETCHING__MAX_CONCURRENT_DOWNLOADS": "1"}
    with fakes(world_of(*(video(number, PHRASE) for number in range(5)))) as both:
        both.site.refuse_all = "rate_limited"
        queries = sources(f"youtube:{PHRASE}", f"folder:{folder}")
        ended = voicesieve("crawl", *queries, "--data", data, settings=both.settings | one_at_a_time)
        assert len(both.site.of("player")) == 1
        voicesieve("crawl", *sources(f"youtube:{PHRASE} [order=date]"), "--data", data, settings=both.settings)
        assert len(both.site.of("search")) == 1, "a search is a request to the same host"
    (paused,) = events_named(data, "host_paused")
    assert (paused["host"], "rate-limited" in paused["reason"]) == ("www.youtube.com", True)
    assert "www.youtube.com is paused until" in ended.out
    counts = status(data)["videos"]
    assert (counts["accepted"], counts["queued"], counts["failed"], counts["given_up"]) == (1, 5, 0, 0)


def test_a_bot_check_asks_for_the_operator_in_one_sentence(tmp_path: Path) -> None:
    with fakes(world_of(video(1, PHRASE))) as both:
        both.site.refuse_all = "bot"
        voicesieve("crawl", *sources(f"youtube:{PHRASE}"), "--data", tmp_path / "data", settings=both.settings)
    (paused,) = events_named(tmp_path / "data", "host_paused")
    assert "not a bot" in paused["reason"]
    assert "cookies" not in paused["reason"]


def test_a_missing_feed_does_not_mean_a_missing_channel(tmp_path: Path) -> None:
    owner = channel(3)
    data = tmp_path / "data"
    with fakes(world_of(*(video(number, owner=owner) for number in range(20)))) as both:
        both.site.status["feed"] = 404
        query = sources(f"youtube:feed:{owner.id}")
        voicesieve("crawl", *query, "--data", data, "--no-fetch", code=1, settings=both.settings)
        (asked,) = status(data)["queries"]
        assert (asked["last_failure"]["kind"], asked["exhausted"]) == ("server_error", False)
        assert f"youtube:channel:{owner.id}" in asked["last_failure"]["message"]
        del both.site.status["feed"]
        voicesieve("crawl", *query, "--data", data, "--no-fetch", "--wait", "60", settings=both.settings)
        assert sum(status(data)["videos"].values()) == 15


def test_two_runs_and_all_workers_share_one_pace(tmp_path: Path) -> None:
    """Searches and videos alike: 12 requests an hour are one in five minutes, so a run gets its first and no more."""
    data = tmp_path / "data"
    with fakes(world_of(*(video(number, PHRASE) for number in range(5)))) as both:
        slow = {**both.settings, "VOICESIEVE_YOUTUBE__REQUESTS_PER_HOUR": "12"}
        voicesieve("crawl", *sources(f"youtube:{PHRASE}"), "--data", data, "--no-fetch", settings=slow)
        with running("crawl", "--data", data, output=tmp_path / "run", settings=slow) as run:
            until(
                lambda: "run_started" in (data / "logs" / "voicesieve.jsonl").read_text().split("run_ended")[-1],
                "start",
            )
            until(lambda: status(data)["videos"]["queued"] == 5, "queued")
            run.process.terminate()
            run.wait()
        assert both.site.counts()["search"] == 1
        assert both.site.of("player") == []


QUERIES = ("bé kể chuyện", "trẻ em hát", "children talking")


def test_a_crawl_of_three_queries_survives_being_killed_and_repeats_no_request(tmp_path: Path) -> None:
    data = tmp_path / "data"
    world = mixed_world(QUERIES, 7)
    with fakes(world) as both:
        queries = sources(f"youtube-api:{QUERIES[0]}", f"youtube-api:{QUERIES[1]}", f"youtube:{QUERIES[2]}")
        command = ("crawl", *queries, "--data", data)
        with running(*command, output=tmp_path / "first", settings=both.settings) as run:
            until(lambda: len(both.site.of("media")) >= 3, "three downloads")
            run.process.kill()
            run.process.wait()
        voicesieve(*command, settings=both.settings)
        asked = both.discovery()
        assert sorted(set(asked)) == sorted(asked)
        assert len(both.api.of("search")) == 2
        stories = list(stories_of(data).values())
    decided = [story for story in stories if story["state"] in ("accepted", "rejected", "unsure")]
    assert len(decided) == 21
    assert len(stories) == len(world.videos) - sum(
        1 for item in world.videos.values() if _hidden_by_search(item.licence, item.phrases)
    )
    assert all(story["reasons"] for story in stories)
    nothing_left_over(data)


def _hidden_by_search(licence: str | None, phrases: tuple[str, ...]) -> bool:
    """The filter for Creative Commons works on the other side: such videos are not even found."""
    return licence == "youtube" and bool(phrases)
