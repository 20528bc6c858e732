"""Running the real program as a person would: processes with limits on their time, and facts about what they left."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select

from demo import pages
from demo.answers import Content
from demo.clips import read_clips
from demo.run import SETTINGS
from demo.server import Answer, Exchange, LoopbackServer, serving
from voicesieve.catalog.opening import open_catalog
from voicesieve.catalog.reads.why import story_of
from voicesieve.catalog.schema import video
from voicesieve.observability.events import EVENTS

PROGRAM = (sys.executable, "-m", "voicesieve")

PATIENCE_S = 90.0
"""Longest time for one command on a loaded machine; a command that needs it all has hung."""

MARK = "CRAWL_TEST_MARK"
"""A variable in the environment of every process of a run, workers included, by which they are found."""

QUICK = {"VOICESIEVE_RETRY__FIRST_DELAY_S": "0.2", "VOICESIEVE_ANALYSIS__WORKERS": "2"}
"""For sites without faults that need time: short retries, and as many workers on every machine."""


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def environment(settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """The machine's own environment without settings of ours, those of the demo, and ``settings`` on top."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("VOICESIEVE_")}
    return inherited | SETTINGS | dict(settings or {})


def voicesieve(
    *arguments: str | Path | bytes,
    code: int | None = 0,
    settings: Mapping[str, str] | None = None,
    stdin: bytes | None = None,
    before: Callable[[], None] | None = None,
    cwd: Path | None = None,
    timeout_s: float = PATIENCE_S,
) -> Ended:
    """Run a command to its end. ``code`` is the exit code that must result (``None``: any); a traceback never may."""
    done = subprocess.run(
        [*PROGRAM, *map(os.fsencode, arguments)],
        env=environment(settings),
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        timeout=timeout_s,
        preexec_fn=before,
        cwd=cwd,
    )
    ended = Ended(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))
    assert "Traceback" not in ended.err, ended.err
    assert code is None or ended.code == code, f"{arguments}: exit {ended.code}\n{ended.err}\n{ended.out}"
    return ended


def one_paragraph(ended: Ended, *words: str) -> str:
    """The message of a refused command: one paragraph on standard error with all of ``words``, nothing on output."""
    message = ended.err.strip()
    assert ended.out == ""
    assert message, "no message"
    assert "\n\n" not in message, message
    for word in words:
        assert word in message, f"{word!r} is not in: {message}"
    return message


class Running:
    """A command at work, with everything it has started."""

    def __init__(self, process: subprocess.Popen[bytes], mark: str, output: Path) -> None:
        self.process = process
        self._mark = mark
        self._output = output

    def processes(self) -> list[int]:
        return processes_marked(self._mark)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self, timeout_s: float = PATIENCE_S) -> Ended:
        code = self.process.wait(timeout_s)
        out, err = self._output.with_suffix(".out").read_bytes(), self._output.with_suffix(".err").read_bytes()
        ended = Ended(code, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))
        assert "Traceback" not in ended.err, ended.err
        return ended

    def err(self) -> str:
        return self._output.with_suffix(".err").read_text(encoding="utf-8", errors="replace")


@contextmanager
def running(*arguments: str | Path, output: Path, settings: Mapping[str, str] | None = None) -> Iterator[Running]:
    """Start a command in a session of its own, its output in ``output``.out and .err; none of it outlives the block."""
    mark = secrets.token_hex(8)
    with output.with_suffix(".out").open("wb") as out, output.with_suffix(".err").open("wb") as err:
        process = subprocess.Popen(
            [*PROGRAM, *map(os.fspath, arguments)],
            env=environment(settings) | {MARK: mark},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
    try:
        yield Running(process, mark, output)
    finally:
        process.kill()
        process.wait()
        for left in processes_marked(mark):
            _kill(left)


def _kill(process: int) -> None:
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        return


def processes_marked(mark: str) -> list[int]:
    """Ids of the living processes that carry ``mark`` in their environment."""
    wanted = f"{MARK}={mark}".encode()
    stories = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            held = wanted in (folder / "environ").read_bytes().split(b"\0")
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if held and state != "Z":
            stories.append(int(folder.name))
    return sorted(stories)


def until(condition: Callable[[], object], what: str, *, deadline_s: float = PATIENCE_S) -> None:
    """Look again and again until ``condition`` holds; fail with ``what`` past the deadline."""
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline_s:.0f} s: {what}")
        time.sleep(0.02)


def files_below(folder: Path) -> dict[str, bytes]:
    """Content of every file by its path relative to ``folder``."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def assert_same_files(folder: Path, expected: Path) -> None:
    """Both hold the same files to the byte; if not, say in which lines of which they differ."""
    present, wanted = files_below(folder), files_below(expected)
    assert present.keys() == wanted.keys()
    for name in sorted(present):
        lines, others = present[name].splitlines(), wanted[name].splitlines()
        assert [*zip(lines, others, strict=False)] == [*zip(others, others, strict=False)], name
        assert present[name] == wanted[name], name


def lines_of(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSON lines file, none where there is no file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def log_of(data: Path) -> list[dict[str, Any]]:
    return [_as_the_table_says(row) for row in lines_of(data / "logs" / "voicesieve.jsonl")]


def events_named(data: Path, name: str) -> list[dict[str, Any]]:
    """Events of one name in the log so far; a last line that is still being written is left out."""
    log = data / "logs" / "voicesieve.jsonl"
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    rows = [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
    return [_as_the_table_says(row) for row in rows if row["event"] == name]


def _as_the_table_says(row: dict[str, Any]) -> dict[str, Any]:
    """A line of the log whose fields have the types that the table of events gives them."""
    kind = EVENTS[row["event"]]
    assert row.keys() == {*kind.fields, "event", "level", "timestamp", "run"}
    wrong = {name: row[name] for name, type_ in kind.fields.items() if not isinstance(row[name], type_)}
    assert not wrong, f"{kind.name}: {wrong}"
    return row


def status(data: Path) -> dict[str, Any]:
    answer: dict[str, Any] = voicesieve("status", "--json", "--data", data).json
    return answer


def why(data: Path, video: str) -> dict[str, Any]:
    answer: dict[str, Any] = voicesieve("why", video, "--json", "--data", data).json
    return answer


def nothing_left_over(data: Path) -> None:
    """The doctor is content, scratch is empty, and no unfinished file lies anywhere."""
    assert voicesieve("doctor", "--json", "--data", data).json["ok"] is True
    assert list((data / "scratch").iterdir()) == []
    assert [path for path in data.rglob("*") if ".tmp-" in path.name] == []


def sources(*queries: str) -> list[str]:
    return [part for query in queries for part in ("--source", query)]


def url_list(file: Path, urls: Sequence[str]) -> str:
    """Write a list of addresses; returns the query that names it."""
    file.write_text("".join(f"{url}\n" for url in urls), encoding="utf-8")
    return f"urls:{file}"


def stories_of(data: Path) -> dict[str, dict[str, Any]]:
    """What `why --json` prints of every video, by URL, without a process for each."""
    catalog = open_catalog(data, create=False)
    try:
        with catalog.read() as connection:
            return {url: story_of(connection, id_) for id_, url in connection.execute(select(video.c.id, video.c.url))}
    finally:
        catalog.close()


def attempts(story: Mapping[str, Any], stage: str) -> list[dict[str, Any]]:
    return [attempt for attempt in story["attempts"] if attempt["stage"] == stage]


CLIPS = read_clips()
FEED = "/feed.xml"


def clip(name: str) -> Content:
    return Content(CLIPS[name].body, "audio/ogg")


@dataclass(frozen=True)
class FeedSite:
    """A feed on loopback whose episodes are answers by path."""

    server: LoopbackServer
    paths: tuple[str, ...]

    @property
    def feed(self) -> str:
        return f"rss:{self.server.base_url}{FEED}"

    def url(self, path: str) -> str:
        return self.server.base_url + path


@contextmanager
def feed_site(
    episodes: Mapping[str, Answer], *, host: str = "127.0.0.1", feed: Answer | None = None
) -> Iterator[FeedSite]:
    """Serve ``episodes`` and a feed of them in their order. ``host`` is the name that the feed has for this machine."""

    def routes(base_url: str) -> dict[str, Answer]:
        named = base_url.replace("127.0.0.1", host)
        entries = [pages.Episode(path, path.strip("/"), named + path, "audio/ogg", 1) for path in episodes]
        listing = Content(pages.feed("A feed", f"{named}/", "vi", entries), "application/rss+xml")
        return {FEED: feed or listing, **episodes}

    with serving(routes) as server:
        yield FeedSite(server, tuple(episodes))


class Gate:
    """An answer that stops half-way until the test opens it; ``reached`` tells that somebody stands before it."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self.reached = threading.Event()
        self.open = threading.Event()

    def __call__(self, exchange: Exchange) -> None:
        part = self._content.part(exchange.asked)
        half = len(part.data) // 2
        if exchange.begin(part.status, part.headers):
            exchange.send(part.data[:half])
            self.reached.set()
            while not self.open.is_set() and exchange.wait(0.02):
                pass
            exchange.send(part.data[half:])


class Arrivals:
    """An answer that remembers when it was asked, on the monotonic clock."""

    def __init__(self, answer: Answer, times: list[float]) -> None:
        self._answer = answer
        self._times = times

    def __call__(self, exchange: Exchange) -> None:
        self._times.append(time.monotonic())
        self._answer(exchange)
