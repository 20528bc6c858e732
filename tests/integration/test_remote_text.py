"""Text that reorders or hides what stands beside it, from every kind of source, through the whole program."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from crawling import CLIPS, QUICK, clip, sources, stories_of, voicesieve

from demo import pages
from demo.answers import Content
from demo.server import Answer, serving
from tests.servers.youtube import youtube
from tests.servers.youtube_api import KEY, youtube_api
from tests.servers.youtube_world import Channel, video, world_of
from voicesieve.cli.main import app
from voicesieve.domain.text import is_unsafe

HOSTILE = "\u202egnp.{}\u202c \u2066be\u0301\u2069\u200b kể"
CLEAN = "gnp.{} bé kể"
KINDS = ("rss", "page", "urls", "folder", "youtube", "youtube-api")
OWNER = Channel("UC0123456789012345678901", "@hostile", HOSTILE.format("channel"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog of one crawl in which each kind of source gave one hostile title."""
    top = tmp_path_factory.mktemp("hostile")
    folder = top / "own" / HOSTILE.format("channel")
    folder.mkdir(parents=True)
    (folder / f"{HOSTILE.format('folder')}.opus").write_bytes(CLIPS["child-vi-story"].body + b"folder")

    def routes(base_url: str) -> dict[str, Answer]:
        def sound(name: str) -> Content:  # bytes of its own, because equal sound is exported once
            return Content(clip("child-vi-story").body + name.encode(), "audio/ogg")

        episode = pages.Episode("1", HOSTILE.format("rss"), f"{base_url}/rss.opus", "audio/ogg", 1)
        link = f'<a href="/page.opus">{HOSTILE.format("page")}</a>'
        return {
            "/feed.xml": Content(
                pages.feed(HOSTILE.format("channel"), base_url, "vi", [episode]), "application/rss+xml"
            ),
            "/index.html": Content(f"<!doctype html><meta charset=utf-8>{link}".encode(), "text/html"),
            **{f"/{name}.opus": sound(name) for name in ("rss", "page", "urls")},
        }

    world = world_of(
        video(1, "listed", owner=OWNER, title=HOSTILE.format("youtube")),
        video(2, "searched", owner=OWNER, title=HOSTILE.format("youtube-api"), clip="child-vi-counting"),
    )
    with serving(routes) as server, youtube(world) as site, youtube_api(world) as api:
        (top / "list.txt").write_text(f"{server.base_url}/urls.opus\t{HOSTILE.format('urls')}\n", encoding="utf-8")
        queries = sources(
            f"rss:{server.base_url}/feed.xml",
            f"page:{server.base_url}/index.html",
            f"urls:{top / 'list.txt'}",
            f"folder:{top / 'own'}",
            "youtube:listed",
            "youtube-api:searched",
        )
        settings = {
            **QUICK,
            **site.leads_to(),
            "VOICESIEVE_RIGHTS__BASIS": "research_exception",
            "VOICESIEVE_RIGHTS__STATEMENT": "a test on servers of our own",
            "VOICESIEVE_YOUTUBE_API__ENDPOINT": api.url,
            "VOICESIEVE_YOUTUBE_API__KEY": KEY,
            "VOICESIEVE_YOUTUBE__REQUESTS_PER_HOUR": "0",
            "VOICESIEVE_YOUTUBE_API__REQUESTS_PER_HOUR": "0",
        }
        voicesieve("crawl", *queries, "--data", top / "data", settings=settings)
    return top / "data"


def test_a_title_that_switches_direction_is_clean_in_the_catalog_whatever_source_gave_it(data: Path) -> None:
    stories = stories_of(data).values()
    assert sorted(story["title"] for story in stories) == sorted(CLEAN.format(kind) for kind in KINDS)
    assert {story["channel"] for story in stories} <= {CLEAN.format("channel"), "127.0.0.1", ""}
    assert {story["state"] for story in stories} == {"accepted"}
    everything = json.dumps(list(stories), ensure_ascii=False)
    assert not any(map(is_unsafe, everything)) and "\\u" not in everything


def test_a_title_that_switches_direction_is_clean_in_the_export_whatever_source_gave_it(
    data: Path, tmp_path: Path
) -> None:
    voicesieve("export", "jsonl", tmp_path / "corpus", "--data", data, "--quiet", "--no-measure")
    files = [file for file in (tmp_path / "corpus").rglob("*") if file.suffix in (".jsonl", ".json", ".md", ".csv")]
    texts = "".join(file.read_text(encoding="utf-8") for file in files)
    assert all(CLEAN.format(kind) in texts for kind in KINDS)
    assert {char for char in texts if is_unsafe(char)} <= {"\n", "\r"}
    assert "\\u202e" not in texts.lower()


def test_a_title_that_switches_direction_is_clean_on_the_terminal_whatever_source_gave_it(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for story in stories_of(data).values():
        app(["why", story["video"], "--data", str(data)], standalone_mode=False)
    shown = "".join(capsys.readouterr())
    assert {char for char in shown if is_unsafe(char)} <= {"\n"}
    assert all(CLEAN.format(kind) in shown for kind in KINDS)
