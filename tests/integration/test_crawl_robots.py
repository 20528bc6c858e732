"""robots.txt, as a crawl of a page obeys it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from crawling import QUICK, clip, events_named, sources, status, stories_of, voicesieve

from demo.answers import Content, Refusal
from demo.server import Answer, LoopbackServer, serving

PAGE = b'<title>Stories</title><a href="/open/a.opus">A</a><a href="/closed/b.opus">B</a><a href="/closed/c.opus">C</a>'


def site(robots: Answer | None) -> dict[str, Answer]:
    routes: dict[str, Answer] = {
        "/stories": Content(PAGE, "text/html"),
        "/open/a.opus": clip("child-en-zoo"),
        "/closed/b.opus": clip("child-en-zoo"),
        "/closed/c.opus": clip("silence"),
    }
    return routes if robots is None else routes | {"/robots.txt": robots}


def text(body: str) -> Answer:
    return Content(body.encode(), "text/plain")


def crawl(server: LoopbackServer, data: Path, code: int, settings: Mapping[str, str] | None = None) -> str:
    query = sources(f"page:{server.base_url}/stories")
    return voicesieve("crawl", *query, "--data", data, code=code, settings=QUICK | dict(settings or {})).err


def asked(server: LoopbackServer) -> list[str]:
    return sorted({path for path in site(text("")) if server.requests.of(path)})


def test_what_robots_txt_forbids_is_not_requested_but_counted(tmp_path: Path) -> None:
    """The longest rule decides (RFC 9309), and a rule for everybody else does not hold for us."""
    robots = "User-agent: *\nDisallow: /\n\nUser-agent: voicesieve\nDisallow: /closed\nAllow: /closed/c\n"
    with serving(lambda _: site(text(robots))) as server:
        crawl(server, tmp_path / "data", 0)
        assert asked(server) == ["/closed/c.opus", "/open/a.opus", "/robots.txt", "/stories"]
        assert len(server.requests.of("/robots.txt")) == 1
    (query,) = status(tmp_path / "data")["queries"]
    (passed_over,) = [thing for thing in query["passed_over"] if "robots.txt" in thing["what"]]
    assert (passed_over["count"], "/closed/b.opus" in passed_over["example"]) == (1, True)


def test_a_forbidden_page_is_not_read_and_says_what_to_do(tmp_path: Path) -> None:
    with serving(lambda _: site(text("User-agent: *\nDisallow: /stories\n"))) as server:
        err = crawl(server, tmp_path / "data", 1)
        assert asked(server) == ["/robots.txt"]
        assert "robots.txt" in err
        assert "discovery.obey_robots" in err
        crawl(server, tmp_path / "free", 0, {"VOICESIEVE_DISCOVERY__OBEY_ROBOTS": "false"})
        assert len(server.requests.of("/robots.txt")) == 1
        assert len(stories_of(tmp_path / "free")) == 3


@pytest.mark.parametrize(
    "robots",
    [
        None,
        Refusal(403),
        text(""),
        Content(b"<!DOCTYPE html><p>No such page</p>", "text/html"),
        Content(os.urandom(2_000), "application/octet-stream"),
    ],
    ids=["missing", "closed", "empty", "a page", "noise"],
)
def test_a_site_without_rules_is_open(tmp_path: Path, robots: Answer | None) -> None:
    with serving(lambda _: site(robots)) as server:
        crawl(server, tmp_path / "data", 0)
    assert len(stories_of(tmp_path / "data")) == 3


@pytest.mark.parametrize("robots", [Refusal(503), Refusal(429, 3_600), Content(b"#" * 600_000, "text/plain")])
def test_a_site_whose_rules_cannot_be_read_gets_no_further_request(tmp_path: Path, robots: Answer) -> None:
    with serving(lambda _: site(robots)) as server:
        voicesieve(
            "crawl",
            *sources(f"page:{server.base_url}/stories"),
            "--data",
            tmp_path / "data",
            code=None,
            settings=QUICK | {"VOICESIEVE_RETRY__FIRST_DELAY_S": "600"},
        )
        assert asked(server) == ["/robots.txt"]
        assert len(server.requests.of("/robots.txt")) == 1
    (failed,) = events_named(tmp_path / "data", "source_failed")
    assert "robots.txt" in failed["message"]


def test_rules_that_would_take_long_cost_only_their_own_page(tmp_path: Path) -> None:
    """Wildcards without end are matched in the reading process, with its limits."""
    rules = "User-agent: *\n" + "".join(f"Disallow: /{'*a' * 60}{number}\n" for number in range(3_500))
    with serving(lambda _: site(text(rules))) as server:
        crawl(server, tmp_path / "data", 0)
        assert asked(server) == ["/closed/b.opus", "/closed/c.opus", "/open/a.opus", "/robots.txt", "/stories"]


def test_a_feed_needs_no_robots_txt(tmp_path: Path) -> None:
    feed = (
        '<rss version="2.0"><channel><title>Stories</title><item><title>A</title>'
        '<enclosure url="/closed/b.opus" type="audio/ogg" length="1"/></item></channel></rss>'
    )
    routes = {**site(text("User-agent: *\nDisallow: /\n")), "/feed": Content(feed.encode(), "text/xml")}
    with serving(lambda _: routes) as server:
        query = sources(f"rss:{server.base_url}/feed")
        voicesieve("crawl", *query, "--data", tmp_path / "data", settings=QUICK)
        assert asked(server) == ["/closed/b.opus"]


def test_a_page_that_keeps_failing_is_asked_after_a_growing_wait_even_with_a_robots_txt(tmp_path: Path) -> None:
    """What robots.txt answers is no success of the page: its failures in a row count on from run to run."""
    routes = site(text("")) | {"/stories": Refusal(500)}
    brisk = {"VOICESIEVE_RETRY__FIRST_DELAY_S": "0.1", "VOICESIEVE_RETRY__MAX_DELAY_S": "0.1"}
    with serving(lambda _: routes) as server:
        for failures in (1, 2):
            crawl(server, tmp_path / "data", 1, brisk)
            (query,) = status(tmp_path / "data")["queries"]
            assert query["failures"] == failures


def test_a_page_that_is_gone_is_asked_again_like_a_feed_that_is_gone(tmp_path: Path) -> None:
    """Not as a walk that broke off in its middle, whose start is left alone for long."""
    with serving(lambda _: site(text("")) | {"/stories": Refusal(404)}) as server:
        query = sources(f"page:{server.base_url}/stories")
        err = voicesieve("crawl", *query, "--data", tmp_path / "data", code=1, settings=QUICK).err
    assert "tried again in 6.0 h" not in err
