"""The JSON log: an error tells its whole story, and no secret is in it."""

from __future__ import annotations

from pathlib import Path

from crawling import QUICK, clip, events_named, feed_site, log_of, sources, url_list, voicesieve

from demo.answers import Content, Refusal
from demo.faults import GARBAGE

CANARY = "canary-4711"

SETTINGS = {**QUICK, "VOICESIEVE_RETRY__MAX_ITEM_FAILURES": "2"}


def test_a_failed_attempt_is_logged_with_its_whole_story(tmp_path: Path) -> None:
    data = tmp_path / "data"
    episodes = {
        "/missing.opus": Refusal(404),
        "/ill.opus": Refusal(500),
        "/broken.opus": Content(GARBAGE, "audio/ogg"),
        "/page.opus": Content(b"<!doctype html><html><body>Terms</body></html>", "text/html"),
    }
    busy = {"/busy.opus": Refusal(429, retry_after_s=60)}
    # On a host of its own, or its pause would keep the others from their second try.
    with feed_site(episodes) as site, feed_site(busy, host="localhost") as other:
        queries = sources(site.feed, other.feed)
        voicesieve("crawl", *queries, "--wait", "10", "--data", data, "--quiet", settings=SETTINGS)
        urls = {site.url(path): path for path in episodes}
        urls[other.url("/busy.opus").replace("127.0.0.1", "localhost")] = "/busy.opus"
    failures = events_named(data, "attempt_failed")
    assert {urls[event["url"]] for event in failures} == {*episodes, *busy}
    kinds = {event["kind"] for event in failures}
    assert kinds >= {"gone", "server_error", "undecodable", "unsupported", "rate_limited"}
    for event in failures:
        assert event["level"] == "warning"
        assert event["run"]
        assert event["timestamp"]
        assert event["video"].startswith("url:")
        assert event["title"] == urls[event["url"]].strip("/")
        assert (event["stage"], event["method"]) in (("fetch", "http"), ("fetch", "yt-dlp"))
        assert event["scratch"]
        assert event["message"]
        assert event["next"]
        assert event["state"] in ("queued", "failed", "given_up")
        assert isinstance(event["chain"], list)
        assert "exception_type" in event
        last = event["attempts"][-1]
        assert (last["method"], last["outcome"], last["kind"]) == (event["method"], "failed", event["kind"])
        assert last["duration_s"] >= 0
    twice = [event for event in failures if event["kind"] == "server_error"]
    assert [len(event["attempts"]) for event in twice] == [1, 2]
    assert twice[0]["next"].startswith("try 2 of 2 in ")
    assert "given up" in twice[1]["next"]


def test_secrets_are_in_no_line_of_the_log(tmp_path: Path) -> None:
    data = tmp_path / "data"
    episodes = {"/zoo.opus": clip("child-en-zoo"), "/missing.opus": Refusal(404), "/ill.opus": Refusal(500)}
    with feed_site(episodes) as site:
        base = site.server.base_url
        listed = [
            f"{base}/zoo.opus?token={CANARY}",
            f"{base}/missing.opus?part=2&token={CANARY}",
            f"{base}/ill.opus?sig={CANARY}#x",
            f"{base.replace('//', f'//user:{CANARY}@')}/zoo.opus",
        ]
        queries = sources(url_list(tmp_path / "list.txt", listed), f"{site.feed}?access_token={CANARY}")
        ended = voicesieve("crawl", *queries, "-v", "--wait", "10", "--data", data, code=None, settings=SETTINGS)
        refused = sources(f"rss:{base.replace('//', f'//user:{CANARY}@')}/feed.xml")
        voicesieve("crawl", *refused, "--data", data, code=None, settings=SETTINGS)
    assert "attempt_failed" in ended.err
    assert len(log_of(data)) > 10
    assert CANARY not in (data / "logs" / "voicesieve.jsonl").read_text(encoding="utf-8")
    assert CANARY not in (data / "logs" / "metrics.prom").read_text(encoding="utf-8")
