"""Out of disk at every place where something is written: a clean stop that says what is needed, and on with space back.

Two kinds of full: a small file system of its own, filled up to a few kB (needs the right to mount), and a limit on the
size of files, which every user can set.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from conftest import often
from crawling import (
    CLIPS,
    PATIENCE_S,
    Gate,
    attempts,
    clip,
    events_named,
    feed_site,
    files_below,
    nothing_left_over,
    running,
    stories_of,
    url_list,
    voicesieve,
)
from injection import Victim, corpus_of, holds_its_promises, nothing_is_left, nothing_was_repeated

from voicesieve.files import WORKING_SPACE

SIZE = 6 << 20
PAGE = 4096
Figure = Callable[[str, str], None]


@contextmanager
def small_disk(where: Path, size: int = SIZE) -> Iterator[Path]:
    """A file system of ``size`` bytes; skips where mounting is not allowed."""
    where.mkdir(exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "voicesieve-test", str(where)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"no small file system can be mounted here ({mounted.stderr.strip()}); needs root")
    try:
        yield where
    finally:
        subprocess.run(["umount", str(where)], check=True)


@pytest.fixture(scope="module")
def audio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audio")
    for name in ("child-vi-counting", "silence", "child-en-zoo", "mixed-interview"):
        (folder / f"{name}.opus").write_bytes(CLIPS[name].body)
    return folder


@pytest.fixture(scope="module")
def corpus(program: Victim, audio: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("undisturbed")
    program.run(*crawl(audio), folder / "data")
    return corpus_of(program, folder / "data", folder)


def crawl(audio: Path) -> tuple[str, ...]:
    return ("crawl", "--source", f"folder:{audio}", "--wait", "30", "--quiet", "--data")


def fill(disk: Path, leave: int) -> Path:
    """Take all of the space but ``leave`` bytes."""
    ballast = disk / "ballast"
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(PAGE, free - leave))
    return ballast


def fill_up(disk: Path) -> None:
    """Take all of the space, while others write there, too."""
    with (disk / "ballast").open("wb", buffering=0) as file:
        for size in (1 << 20, PAGE):
            with suppress(OSError):
                while True:
                    file.write(bytes(size))


def says_what_is_needed(err: str) -> None:
    message = err.strip().splitlines()[-1]
    assert "Traceback" not in err, err
    assert "free" in message.lower(), err
    assert "MB" in message, err
    assert "safe" in message or "unchanged" in message or "Nothing was" in message, err


def test_a_crawl_on_a_full_disk(
    program: Victim, audio: Path, corpus: dict[str, bytes], tmp_path: Path, chance: random.Random, figure: Figure
) -> None:
    """The space runs out somewhere between the first byte of the catalog and the last metric."""
    stopped = 0
    with small_disk(tmp_path / "disk") as disk:
        for _ in range(often(10, 150)):
            leave = chance.choice([chance.randint(0, 40), chance.randint(40, 400)]) * PAGE
            data = disk / "data"
            if chance.random() < 0.7:
                # Most runs meet a full disk with a catalog that exists already.
                program.run("crawl", "--no-fetch", "--source", f"folder:{audio}", "--quiet", "--data", data)
                program.run("status", "--data", data)
            ballast = fill(disk, leave)
            ended = program.run(*crawl(audio), data, code=None)
            if ended.code != 0:
                assert ended.code == 3, f"{leave} bytes: {ended.err}"
                says_what_is_needed(ended.err)
                stopped += 1
            ballast.unlink()
            holds_its_promises(data)
            program.run(*crawl(audio), data)
            assert corpus_of(program, data, tmp_path) == corpus, leave
            nothing_is_left(program, data)
            nothing_was_repeated(data)
            shutil.rmtree(data)
    figure("Crawls on a small disk filled up to a random rest", f"{stopped} met its end, exit 3, all resumed")
    assert stopped > 2


def test_a_disk_without_room_for_the_name_of_who_works_there(program: Victim, audio: Path, tmp_path: Path) -> None:
    """Found by the above: what is written into the lock was the first thing to fail, as a traceback."""
    with small_disk(tmp_path / "disk") as disk:
        program.run("crawl", "--no-fetch", "--source", f"folder:{audio}", "--quiet", "--data", disk / "data")
        (disk / "data" / "run.lock").unlink()
        fill(disk, 0)
        ended = program.run(*crawl(audio), disk / "data", code=3)
        says_what_is_needed(ended.err)


def test_a_crawl_under_a_limit_on_file_size(
    program: Victim, audio: Path, corpus: dict[str, bytes], tmp_path: Path, chance: random.Random, figure: Figure
) -> None:
    stopped = 0
    for number in range(often(5, 60)):
        data = tmp_path / f"data{number}"
        limit = chance.choice([chance.randint(1, 20), chance.randint(20, 300)]) * PAGE
        ended = program.run(*crawl(audio), data, code=None, file_bytes=limit)
        if ended.code != 0:
            assert ended.code == 3, f"{limit} bytes: {ended.err}"
            says_what_is_needed(ended.err)
            stopped += 1
        holds_its_promises(data)
        program.run(*crawl(audio), data)
        assert corpus_of(program, data, tmp_path) == corpus, limit
        nothing_is_left(program, data)
        nothing_was_repeated(data)
        shutil.rmtree(data)
    figure("Crawls under a random limit on file size", f"{stopped} met it, exit 3, all resumed")
    assert stopped > 1


@pytest.mark.parametrize("pages", range(1, 8))
def test_a_limit_below_the_shared_memory_of_a_new_catalog(
    program: Victim, audio: Path, tmp_path: Path, pages: int
) -> None:
    """Found by the above: that takes eight pages, and the first look at the tables ended in a traceback."""
    ended = program.run(*crawl(audio), tmp_path / "data", code=3, file_bytes=pages * PAGE)
    says_what_is_needed(ended.err)
    program.run(*crawl(audio), tmp_path / "data")


@pytest.mark.parametrize("method", ["http", "yt-dlp"])
def test_a_download_that_fills_the_disk(tmp_path: Path, method: str) -> None:
    """Scratch alone has too little room; yt-dlp meets its end in a process of its own."""
    data = tmp_path / "data"
    settings = {"VOICESIEVE_FETCHING__METHODS": json.dumps([method])}
    gate = Gate(clip("child-en-zoo"))
    with feed_site({"/zoo.opus": gate}) as site:
        command = ("crawl", "--source", url_list(tmp_path / "list.txt", [site.url("/zoo.opus")]), "--data", data)
        voicesieve(*command, "--no-fetch", settings=settings)
        with small_disk(data / "scratch", 2 * WORKING_SPACE) as scratch:
            with running(*command, "--quiet", output=tmp_path / "run", settings=settings) as crawl:
                assert gate.reached.wait(PATIENCE_S)
                fill_up(scratch)
                gate.open.set()
                ended = crawl.wait()
            assert ended.code == 3
            says_what_is_needed(ended.err)
            (failed,) = events_named(data, "attempt_failed")
            assert (failed["kind"], failed["method"], failed["state"]) == ("disk_full", method, "queued")
            assert [path.name for path in scratch.iterdir()] == ["ballast"]
        voicesieve(*command, "--wait", "30", "--quiet", settings=settings)
    (story,) = stories_of(data).values()
    assert story["state"] == "accepted"
    assert [attempt["outcome"] for attempt in attempts(story, "fetch")] == ["failed", "ok"]
    nothing_left_over(data)


@pytest.mark.parametrize("command", ["export jsonl", "export urls", "backup", "restore", "withdraw", "redecide"])
def test_other_commands_on_a_full_disk(
    program: Victim, audio: Path, tmp_path: Path, chance: random.Random, figure: Figure, command: str
) -> None:
    """What was there before is there after, whole; with space the same command succeeds."""
    with small_disk(tmp_path / "disk") as disk:
        data = disk / "data"
        program.run(*crawl(audio), data)
        program.run("export", "jsonl", disk / "corpus", "--data", data, "--quiet")
        program.run("export", "urls", disk / "urls.txt", "--data", data)
        copy = program.run("backup", "--json", "--data", data).json["path"]
        url = (disk / "urls.txt").read_text().split()[0]
        arguments = {
            "export jsonl": ("export", "jsonl", disk / "corpus", "--replace", "--quiet"),
            "export urls": ("export", "urls", disk / "urls.txt", "--update"),
            "backup": ("backup",),
            "restore": ("restore", copy),
            "withdraw": ("withdraw", url, "--yes"),
            "redecide": ("redecide",),
        }[command]
        exports = exports_on(disk)
        failed = 0
        for leave in (0, 1, chance.randint(2, 10), chance.randint(10, 60)):
            ballast = fill(disk, leave * PAGE)
            ended = program.run(*arguments, "--data", data, code=None)
            ballast.unlink()
            if ended.code:
                assert ended.code == 3, ended.err
                says_what_is_needed(ended.err)
                failed += 1
            assert exports_on(disk) == exports
            holds_its_promises(data)
            if command == "withdraw" and not ended.code:
                break
        figure(f"`{command}` on a full disk", f"failed cleanly {failed} times, then succeeded")
        program.run("crawl", "--quiet", "--data", data)
        if command != "withdraw" or failed == 4:
            program.run(*arguments, "--data", data)
        nothing_is_left(program, data)
        assert [path.name for path in disk.iterdir() if path.name.startswith(".")] == [], "what was begun is finished"


def exports_on(disk: Path) -> dict[str, bytes]:
    """What lies under the names of the exports; what is kept beside them to be gone on with has other names."""
    present = files_below(disk).items()
    return {path: content for path, content in present if path.startswith(("corpus/", "urls.txt"))}


LOG_ON_A_FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from voicesieve.observability.events import Events
from voicesieve.observability.logs import LogSink

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
log = LogSink(Path(sys.argv[1]), run="r", file_bytes=1 << 20, file_count=1, console_level=None)
events = Events([log])
events.emit("run_ended", ending="done")
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
for _ in range(3):
    events.emit("run_ended", ending="done")
log.close()
print("went on")
"""


def test_a_log_that_cannot_be_written_costs_lines_and_nothing_else(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "voicesieve.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", LOG_ON_A_FULL_DISK, str(log)], capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert (done.returncode, done.stdout) == (0, "went on\n"), done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("cannot be written: [Errno 27]") == 1, done.stderr
    assert "warning: 3 events are not in" in done.stderr
    assert len(log.read_text(encoding="utf-8").splitlines()) == 1
