"""The demo site crawled from end to end by the commands of the program, and the contracts of what they print."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from crawling import (
    CLIPS,
    Ended,
    attempts,
    files_below,
    lines_of,
    nothing_left_over,
    sources,
    status,
    stories_of,
    voicesieve,
    why,
)

from demo.run import STATES
from demo.site import Site, running_site

RECORDING_FIELDS = {
    "id": str,
    "video": str,
    "source": str,
    "url": str,
    "title": str,
    "channel": str,
    "path": str,
    "sha256": str,
    "duration_s": float,
    "language": str,
    "licence": str,
    "rights_basis": type(None),
    "score": float,
    "child_s": float,
    "verdict": str,
}
SEGMENT_FIELDS = {
    "id": str,
    "recording": str,
    "video": str,
    "start": float,
    "end": float,
    "label": str,
    "score": float,
    "language": str,
}


@dataclass(frozen=True)
class Crawled:
    site: Site
    data: Path
    crawl: Ended
    stories: dict[str, dict[str, Any]]
    """By URL."""


@pytest.fixture(scope="module")
def crawled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crawled]:
    data = tmp_path_factory.mktemp("demo") / "data"
    with running_site() as site:
        queries = sources(f"rss:{site.feed}", f"page:{site.page}")
        ended = voicesieve("crawl", *queries, "--wait", "60", "--json", "--data", data)
        yield Crawled(site, data, ended, stories_of(data))


def outcome(story: dict[str, Any]) -> str:
    return f"given_up {story['reasons'][0]['rule']}" if story["state"] == "given_up" else story["state"]


def test_every_video_ends_as_the_site_expects(crawled: Crawled) -> None:
    outcomes = {url: outcome(story) for url, story in crawled.stories.items()}
    assert outcomes == {url: STATES.get(end, f"given_up {end}") for url, end in crawled.site.expected.items()}
    nothing_left_over(crawled.data)


def test_no_path_is_requested_more_often_than_necessary(crawled: Crawled) -> None:
    site = crawled.site
    asked = {path: len(site.requests.of(path)) for path in {request.path for request in site.requests}}
    assert asked["/media/counting.opus"] == 3
    assert asked["/media/slow.opus"] == 3
    for once in ("/feed.xml", "/", "/media/story.opus", "/media/zoo.opus", "/media/story-again.opus"):
        assert asked[once] == 1, once
    for once in ("/media/cooking.opus", "/media/news.opus", "/archive/news.opus", "/media/removed.opus"):
        assert asked[once] == 1, once
    assert asked["/media/melody.opus"] == 2, "resumed once after the reset"
    # The page once for each method, the media as often as yt-dlp looks at it: for its type, then for its bytes.
    for watched in ("interview", "reading", "quiet"):
        assert asked[f"/watch/{watched}"] == 2, watched
        assert asked[f"/media/{watched}.opus"] <= 2, watched


def test_equal_audio_is_one_recording_of_two_videos(crawled: Crawled) -> None:
    story, again = (crawled.stories[crawled.site.media[name]] for name in ("story", "story-again"))
    assert story["state"] == again["state"] == "accepted"
    assert story["recording"]["sha256"] == again["recording"]["sha256"]
    assert story["recording"]["also_of"] == [again["video"]]
    analyses = [attempt["method"] for video in (story, again) for attempt in attempts(video, "analyse")]
    assert sorted(analyses) == ["network", "stored_scores"]


def test_every_story_explains_itself(crawled: Crawled) -> None:
    for story in crawled.stories.values():
        assert story["reasons"], story
        assert all(reason["rule"] and reason["message"] for reason in story["reasons"])
        assert story["found_by"]
        assert story["attempts"]
        for attempt in story["attempts"]:
            assert attempt["outcome"] in ("ok", "failed")
            assert attempt["next"]
            started, ended = (datetime.fromisoformat(attempt[name]) for name in ("started", "ended"))
            assert started.tzinfo is not None
            assert abs((ended - started).total_seconds() - attempt["duration_s"]) < 0.01
            assert (attempt["outcome"] == "failed") == (attempt["kind"] is not None)
        if story["state"] in ("accepted", "rejected"):
            assert story["decision"]["outcome"] == story["state"]
            assert story["verdict"]["model"] == story["decision"]["model"]
            assert story["recording"]["sha256"]


def test_why_holds_its_keys(crawled: Crawled) -> None:
    story = why(crawled.data, crawled.site.media["story"])
    assert story == crawled.stories[crawled.site.media["story"]] == why(crawled.data, story["video"])
    assert set(story) == {
        *("video", "state", "reasons", "url", "title", "channel", "licence", "due", "found_by"),
        *("rights_basis", "rights_statement"),
        *("attempts", "recording", "verdict", "language", "decision", "facts", "choice", "legacy", "passed_over"),
    }
    assert set(story["attempts"][0]) == {
        *("stage", "method", "started", "ended", "duration_s", "outcome", "kind", "message", "bytes", "scratch"),
        *("exception_type", "chain", "next"),
    }
    assert story["language"]["code"] == "vi"
    assert story["attempts"][0]["bytes"] > 0


def test_status_counts_what_why_explains(crawled: Crawled) -> None:
    counted = status(crawled.data)
    states = [story["state"] for story in crawled.stories.values()]
    assert {state: count for state, count in counted["videos"].items() if count} == {
        state: states.count(state) for state in set(states)
    }
    assert counted["failures"] == {"gone": 1, "timeout": 1, "undecodable": 1}
    assert isinstance(counted["accepted_s"], float)
    assert isinstance(counted["child_s"], float)
    assert counted["accepted_recordings"] == 4
    assert [(query["found"], query["exhausted"]) for query in counted["queries"]] == [(10, True), (4, True)]
    assert counted["paused_hosts"] == []
    assert set(counted["catalog"]) == {"busy_waits", "wait_s", "timeouts"}


def test_crawl_prints_one_object_with_its_end(crawled: Crawled) -> None:
    end = crawled.crawl.json
    assert len(crawled.crawl.out.splitlines()) == 1
    assert end["interrupted"] is False
    assert end["source_failures"] == {}
    assert end["scheduled"] == {"videos": 0, "next": None}
    counted = status(crawled.data)
    assert {key: end[key] for key in counted} == counted


def test_jsonl_export_holds_the_accepted_and_nothing_else(crawled: Crawled, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    printed = voicesieve("export", "jsonl", corpus, "--json", "--data", crawled.data).json
    recordings, segments = lines_of(corpus / "recordings.jsonl"), lines_of(corpus / "segments.jsonl")
    assert (printed["recordings"], printed["segments"]) == (len(recordings), len(segments)) == (4, len(segments))
    accepted = {story["recording"]["sha256"] for story in crawled.stories.values() if story["state"] == "accepted"}
    assert {row["sha256"] for row in recordings} == accepted
    for row in recordings:
        assert {name: type(row[name]) for name in RECORDING_FIELDS} == RECORDING_FIELDS
        others = {"also_videos", "sources", "rights_statement", "published", "split"}
        assert set(row) - set(RECORDING_FIELDS) <= others | {"detector", "detector_revision", "operating_point"}
        path = Path(row["path"])
        assert not path.is_absolute()
        assert ".." not in path.parts
        assert hashlib.sha256((corpus / path).read_bytes()).hexdigest() == row["sha256"]
        assert row["verdict"] == "child"
    for segment in segments:
        assert {name: type(segment[name]) for name in SEGMENT_FIELDS} == SEGMENT_FIELDS
        measured = {"snr_db", "clipping", "bandwidth_hz", "loudness_lufs", "peak_dbfs"}
        assert set(segment) - set(SEGMENT_FIELDS) - {"nonspeech_share", "overlap_share"} in (measured, set())
        assert segment["recording"] in {row["id"] for row in recordings}
        assert segment["start"] < segment["end"]
    by_url = {row["url"]: row for row in recordings}
    assert crawled.site.media["story"] in by_url, "of two videos with the same audio, the first found stands for it"
    assert by_url[crawled.site.media["zoo"]]["title"] == "A day at the zoo"


def test_a_second_export_is_the_same_to_the_byte(crawled: Crawled, tmp_path: Path) -> None:
    for name in ("first", "second"):
        voicesieve("export", "jsonl", tmp_path / name, "--data", crawled.data)
        voicesieve("export", "urls", tmp_path / f"{name}.txt", "--data", crawled.data)
    voicesieve("export", "jsonl", tmp_path / "second", "--replace", "--data", crawled.data)
    assert files_below(tmp_path / "first") == files_below(tmp_path / "second")
    assert (tmp_path / "first.txt").read_bytes() == (tmp_path / "second.txt").read_bytes()


def test_urls_export_lists_every_accepted_video(crawled: Crawled, tmp_path: Path) -> None:
    voicesieve("export", "urls", tmp_path / "urls.txt", "--data", crawled.data)
    listed = (tmp_path / "urls.txt").read_text(encoding="utf-8").splitlines()
    assert sorted(listed) == sorted(url for url, story in crawled.stories.items() if story["state"] == "accepted")


def test_doctor_counts_the_recordings(crawled: Crawled) -> None:
    report = voicesieve("doctor", "--json", "--data", crawled.data).json
    recordings = {story["recording"]["sha256"] for story in crawled.stories.values() if story["recording"]}
    assert (report["ok"], report["checked"], report["fixed"]) == (True, len(recordings), False)
    findings = {"rows_without_file", "files_without_row", "bad_hash", "stale_scratch", "bad_backups", "catalog_damage"}
    assert {name: report[name] for name in findings} == {name: [] for name in findings}


def test_redecide_with_other_thresholds_needs_neither_site_nor_analysis(crawled: Crawled) -> None:
    asked = len(crawled.site.requests)
    settings = {"VOICESIEVE_POLICY__MIN_CHILD_S": "14"}
    redecided = voicesieve("redecide", "--dry-run", "--json", "--data", crawled.data, settings=settings).json
    assert (redecided["seen"], redecided["moved"], redecided["dry_run"]) == (10, {"accepted -> rejected": 2}, True)
    assert redecided["child_s_after"] < redecided["child_s_before"]
    assert len(crawled.site.requests) == asked


def test_equal_audio_fetched_at_the_same_time_is_analysed_once(tmp_path: Path) -> None:
    audio, data = tmp_path / "audio", tmp_path / "data"
    audio.mkdir()
    for number in range(4):
        (audio / f"copy {number}.opus").write_bytes(CLIPS["child-vi-story"].body)
    settings = {"VOICESIEVE_ANALYSIS__WORKERS": "4"}
    voicesieve("crawl", "--source", f"folder:{audio}", "--data", data, settings=settings)
    methods = [attempt["method"] for story in stories_of(data).values() for attempt in attempts(story, "analyse")]
    assert sorted(methods) == ["network", "stored_scores", "stored_scores", "stored_scores"]
    assert status(data)["accepted_recordings"] == 1
