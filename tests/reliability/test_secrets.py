"""The key of the Data API is in no log, error, answer, export or process listing, even where a server repeats it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crawling import files_below, running, until, voicesieve

from demo.server import Exchange, LoopbackServer, serving

KEY = "AIzaSyOnlyForThisTest-0123456789abcdefgh"
"""In the form of a real key."""

ANSWER_S = 20.0


def echoing(exchange: Exchange) -> None:
    """A server that repeats what it was sent in every place of its answer."""
    sent = exchange.asked.headers.get("x-goog-api-key", "no key")
    message = f"API key not valid: {sent}. Please pass a valid API key."
    body = json.dumps({"error": {"code": 400, "message": message, "errors": [{"reason": "keyInvalid"}]}}).encode()
    exchange.begin(400, {"Content-Type": "application/json", "Content-Length": str(len(body)), "X-Sent": sent})
    exchange.send(body)


def holding(exchange: Exchange) -> None:
    exchange.hold()


@contextmanager
def api(answer: object) -> Iterator[tuple[LoopbackServer, dict[str, str]]]:
    with serving(lambda base_url: {"/youtube/v3/search": answer}) as server:
        yield (
            server,
            {
                "VOICESIEVE_YOUTUBE_API__KEY": KEY,
                "VOICESIEVE_YOUTUBE_API__ENDPOINT": f"{server.base_url}/youtube/v3",
                "VOICESIEVE_YOUTUBE_API__REQUESTS_PER_HOUR": "0",
                "VOICESIEVE_RIGHTS__BASIS": "written_permission",
                "VOICESIEVE_RIGHTS__STATEMENT": "The owner of these recordings has agreed.",
            },
        )


def test_a_key_that_the_server_repeats_is_written_nowhere(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with api(echoing) as (server, settings):
        crawl = ("crawl", "--source", "youtube-api:truyện kể cho bé", "--data", data, "-vv")
        runs = [voicesieve(*crawl, code=None, settings=settings)]
        assert server.requests.of("/youtube/v3/search")[0].headers["x-goog-api-key"] == KEY
        for command in (
            *(("status",), ("status", "--json"), ("audit",), ("config", "check"), ("config", "check", "--json")),
            *(("doctor", "--json"), ("export", "jsonl", tmp_path / "corpus")),
        ):
            runs.append(voicesieve(*command, "--data", data, code=None, settings=settings))
    for ended in runs:
        assert KEY not in ended.out + ended.err
    for path, content in {**files_below(data), **files_below(tmp_path / "corpus")}.items():
        assert KEY.encode() not in content, path
    assert "valid" in runs[0].err


def test_no_process_carries_the_key_in_its_command_line(tmp_path: Path) -> None:
    with api(holding) as (server, settings):
        command = ("crawl", "--source", "youtube-api:truyện kể cho bé", "--data", tmp_path / "data", "--quiet")
        with running(*command, output=tmp_path / "crawl", settings=settings) as crawl:
            until(lambda: len(server.requests) > 0, "the API is asked")
            lines = [Path(f"/proc/{process}/cmdline").read_bytes() for process in crawl.processes()]
    assert lines
    assert not [line for line in lines if KEY.encode() in line]
