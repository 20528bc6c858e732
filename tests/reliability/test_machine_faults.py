"""What the machine refuses (folders, memory, descriptors, /dev/shm, room, a stop) is no video's fault.

Each of these burnt videos before: they were given up one after the other, and the run ended with exit code 0. Now it
stops with one sentence that names the cause, and the same command does everything once the cause is gone.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import resource
import shutil
import signal
import stat
import tempfile
import wave
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from crawling import CLIPS, QUICK, Ended, events_named, running, status, stories_of, until, voicesieve
from in_process import crawled
from test_disk_full import says_what_is_needed, small_disk

from voicesieve.crawl.context import RunContext
from voicesieve.domain.candidates import Query
from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.engines.local import LocalEngine
from voicesieve.files import WORKING_SPACE, refuse_little_space
from voicesieve.machine import LONGEST_TEMPORARY
from voicesieve.sources.folder import FolderSource

NAMES = ("child-vi-counting", "silence", "child-en-zoo")
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_SYS_RESOURCE = 1, 2, 24
PR_CAPBSET_DROP = 24
CLONE_NEWNS, MS_RDONLY, MS_REC, MS_PRIVATE = 0x20000, 1, 1 << 14, 1 << 18

Limit = Callable[[], None]


def unprivileged() -> None:
    """Take from root what lets it write everywhere and pass over limits; others never had it."""
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None)
        for right in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_SYS_RESOURCE):
            libc.prctl(PR_CAPBSET_DROP, right, 0, 0, 0)


def limited(which: int, amount: int) -> Limit:
    def limit() -> None:
        unprivileged()
        resource.setrlimit(which, (amount, amount))

    return limit


def read_only_shared_memory() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if (
        libc.unshare(CLONE_NEWNS)
        or libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None)
        or libc.mount(b"none", b"/dev/shm", b"tmpfs", MS_RDONLY, None)
    ):
        os._exit(77)


@pytest.fixture(scope="module")
def discovered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose videos wait to be fetched."""
    folder = tmp_path_factory.mktemp("discovered")
    (folder / "audio").mkdir()
    for name in NAMES:
        (folder / "audio" / f"{name}.opus").write_bytes(CLIPS[name].body)
    voicesieve("crawl", "--no-fetch", "--source", f"folder:{folder / 'audio'}", "--data", folder / "data", "-q")
    return folder / "data"


@pytest.fixture
def data(discovered: Path, tmp_path: Path) -> Path:
    shutil.copytree(discovered, tmp_path / "data")
    return tmp_path / "data"


def crawl(data: Path, *, before: Limit = unprivileged, code: int | None = 3) -> Ended:
    return voicesieve("crawl", "--quiet", "--data", data, settings=QUICK, before=before, code=code)


def stopped(data: Path, ended: Ended, *words: str) -> None:
    """One sentence with all of ``words`` that says what to do, and every video as it was."""
    lines = ended.err.strip().splitlines()
    assert len(lines) == 1, ended.err
    for word in (*words, "start the same command again"):
        assert word in lines[0], f"{word!r} is not in: {lines[0]}"
    stories = stories_of(data).values()
    assert [story["state"] for story in stories] == ["queued"] * len(NAMES)
    assert all(attempt["kind"] in (None, "machine_fault") for story in stories for attempt in story["attempts"])
    assert list((data / "scratch").iterdir()) == []


def goes_on(data: Path) -> None:
    crawl(data, code=0)
    states = {story["state"] for story in stories_of(data).values()}
    assert states <= {"accepted", "rejected"}


@pytest.mark.parametrize("name", ["recordings", "logs/voicesieve.jsonl"])
def test_a_folder_of_ours_that_may_not_be_written_fails_no_video(data: Path, name: str) -> None:
    mode = (data / name).stat().st_mode
    (data / name).chmod(0o444 | (0o111 if stat.S_ISDIR(mode) else 0))
    stopped(data, crawl(data), name, "Permission denied", "give this user the right")


def test_a_recording_that_may_not_be_stored_fails_no_video(data: Path) -> None:
    """The folder itself can be written: it is met only when the first recording has its name."""
    for number in range(256):
        (data / "recordings" / f"{number:02x}").mkdir(mode=0o555)
    stopped(data, crawl(data), "recordings", "Permission denied")
    for folder in (data / "recordings").iterdir():
        folder.chmod(0o755)
    goes_on(data)


def test_a_file_in_the_place_of_a_folder_fails_no_video(data: Path) -> None:
    (data / "recordings").rmdir()
    (data / "recordings").write_bytes(b"")
    stopped(data, crawl(data), "recordings", "something that is not a folder has the folder's name")


def test_a_recording_that_may_not_be_read_is_analysed_later(data: Path) -> None:
    voicesieve(
        "crawl", "--quiet", "--limit", "3", "--data", data, settings={**QUICK, "VOICESIEVE_ANALYSIS__WORKERS": "1"}
    )
    voicesieve("reanalyse", "--all", "--data", data)
    files = [path for path in (data / "recordings").rglob("*") if path.is_file()]
    before = status(data)["videos"]
    for path in files:
        path.chmod(0)
    ended = voicesieve("crawl", "--analyse-only", "-q", "--data", data, settings=QUICK, before=unprivileged, code=3)
    assert "recordings" in ended.err
    assert "Permission denied" in ended.err
    assert status(data)["videos"] == before


@pytest.mark.parametrize(
    ("before", "words"),
    [
        pytest.param(limited(resource.RLIMIT_NOFILE, 32), ("32 files", "ulimit -n"), id="descriptors"),
        pytest.param(read_only_shared_memory, ("/dev/shm", "Read-only"), id="shared-memory"),
    ],
)
def test_a_limit_of_the_machine_fails_no_video(data: Path, before: Limit, words: tuple[str, ...]) -> None:
    if before is read_only_shared_memory and os.geteuid() != 0:
        pytest.skip("only root can give a process a /dev/shm of its own")
    stopped(data, crawl(data, before=before), *words)


def test_a_memory_limit_below_ours_is_kept_to(data: Path) -> None:
    """Batch systems set one; workers died raising it, and every video was called one that crashes the analyser."""
    crawl(data, before=limited(resource.RLIMIT_AS, 3 << 30), code=0)
    goes_on(data)


def test_a_run_begins_only_with_the_space_that_its_message_demands(data: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", WORKING_SPACE // 2) as disk:
        shutil.copytree(data, disk / "data")
        says_what_is_needed(crawl(disk / "data").err)
        audio = tmp_path / "legacy"
        audio.mkdir()
        (audio / "discovered_urls.txt").write_text("https://example.org/a.mp3\n")
        refused = voicesieve("import-legacy", audio, "--data", disk / "new", code=3)
        says_what_is_needed(refused.err)
        assert not (disk / "new").exists()


def test_little_space_is_looked_for_where_a_folder_will_lie(tmp_path: Path) -> None:
    refuse_little_space(tmp_path / "not" / "yet", 1)
    with pytest.raises(FailureError, match="to begin") as caught:
        refuse_little_space(tmp_path / "not" / "yet", 1 << 60)
    assert caught.value.failure.kind is FailureKind.DISK_FULL


def test_a_full_temporary_folder_is_not_needed(data: Path, tmp_path: Path) -> None:
    """SQLite kept the undo of a savepoint there: "no such savepoint", and nobody knew why."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with small_disk(temporary, 4096):
        (temporary / "full").write_bytes(bytes(4096))
        settings = {**QUICK, "TMPDIR": str(temporary)}
        voicesieve("crawl", "--quiet", "--data", data, settings=settings)
    goes_on(data)


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder whose path leaves room for that of a socket, which `tmp_path` may not."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


def test_a_temporary_folder_that_fills_is_named(data: Path, temporary: Path) -> None:
    """A library unpacks its data there; the message named the data folder, with 80 GB free."""
    with small_disk(temporary, 65_536):
        ended = voicesieve("crawl", "--quiet", "--data", data, settings={"TMPDIR": str(temporary)}, code=3)
    assert f"below {temporary} " in ended.err
    assert "TMPDIR" in ended.err
    assert status(data)["videos"]["given_up"] == 0
    goes_on(data)


def with_bytes(folder: Path, count: int) -> Path:
    """A folder below ``folder`` whose path has ``count`` bytes."""
    longer = folder / ("x" * (count - len(os.fsencode(folder)) - 1))
    longer.mkdir()
    return longer


def test_a_temporary_folder_with_too_long_a_path_is_named(data: Path, temporary: Path) -> None:
    """The message blamed memory; a batch system gives each job a folder deep down."""
    long = with_bytes(temporary, LONGEST_TEMPORARY + 1)
    ended = voicesieve("crawl", "--quiet", "--data", data, settings={**QUICK, "TMPDIR": str(long)}, code=None)
    if ended.code == 0:
        pytest.skip("this Python puts its socket elsewhere")
    assert ended.code == 3
    stopped(data, ended, f"{long}, has {LONGEST_TEMPORARY + 1} bytes", f"at most {LONGEST_TEMPORARY} leave", "TMPDIR")
    goes_on(data)


def test_a_temporary_folder_with_the_longest_path_will_do(data: Path, temporary: Path) -> None:
    longest = with_bytes(temporary, LONGEST_TEMPORARY)
    voicesieve("crawl", "--quiet", "--data", data, settings={**QUICK, "TMPDIR": str(longest)})


class Failing:
    """An engine of which every item asks for the same thing that is not there."""

    def __init__(self, error: Callable[[], Exception]) -> None:
        self.workers = 2
        self._error = error

    async def run(self, function: Any, item: Any, *, deadline_s: float, alone: bool = False) -> Any:
        raise self._error()

    async def close(self) -> None:
        return


def tones(folder: Path, count: int, seconds: float = 1.25) -> Path:
    folder.mkdir()
    for number in range(count):
        tone = np.sin(2 * np.pi * (200 + number) * np.arange(int(16_000 * seconds)) / 16_000)
        with wave.open(str(folder / f"{number:03}.wav"), "wb") as file:
            file.setparams((1, 2, 16_000, 0, "NONE", ""))
            file.writeframes((tone * 8000).astype("<i2").tobytes())
    return folder


def run_with(data: Path, audio: Path, error: Callable[[], Exception]) -> Any:
    def changed(context: RunContext) -> RunContext:
        return replace(context, tools=replace(context.tools, engine=Failing(error)))

    query = Query("folder", str(audio))
    return asyncio.run(crawled(data, [(query, FolderSource())], changed=changed))


def test_a_defect_that_strikes_one_video_after_the_other_stops_the_run(tmp_path: Path) -> None:
    audio, data = tones(tmp_path / "audio", 14), tmp_path / "data"
    result = run_with(data, audio, lambda: KeyError("weights"))
    assert result.fault is not None
    assert "10 different videos in a row" in result.fault.message
    assert "weights" in result.fault.message
    counted = status(data)["videos"]
    assert counted["given_up"] == 0
    assert counted["queued"] >= 10, "their budgets are whole again"


def test_a_defect_that_a_few_videos_meet_costs_only_them(tmp_path: Path) -> None:
    result = run_with(tmp_path / "data", tones(tmp_path / "audio", 9), lambda: KeyError("weights"))
    assert result.fault is None
    assert status(tmp_path / "data")["videos"]["given_up"] == 9


@pytest.mark.parametrize("kind", [FailureKind.UNDECODABLE, FailureKind.ANALYSER_CRASHED])
def test_damaged_media_never_stop_a_run(tmp_path: Path, kind: FailureKind) -> None:
    """Or whoever offers files could end every run."""
    result = run_with(tmp_path / "data", tones(tmp_path / "audio", 14), lambda: FailureError(Failure(kind, "odd")))
    assert result.fault is None
    assert status(tmp_path / "data")["videos"]["given_up"] == 14


def unfit() -> None:
    raise ImportError("libsound.so: failed to map segment from shared object")


def killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(("trial", "words"), [(unfit, "failed to map segment"), (killed, "ended while it started")])
def test_a_worker_that_cannot_begin_is_the_machines_fault(trial: Callable[[], None], words: str) -> None:
    async def scenario() -> Failure:
        engine = LocalEngine(1, memory_mb=1024, trial=trial)
        try:
            with pytest.raises(FailureError) as caught:
                await engine.run(abs, 1, deadline_s=30)
            return caught.value.failure
        finally:
            await engine.close()

    failure = asyncio.run(scenario())
    assert failure.kind is FailureKind.MACHINE_FAULT
    assert words in failure.message


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_stop_of_the_whole_process_group_fails_no_video(tmp_path: Path, number: signal.Signals) -> None:
    """systemd, slurm and `timeout` signal every process: the worker died, and after two stops the file was given up."""
    audio, data = tones(tmp_path / "audio", 1, seconds=1_200), tmp_path / "data"
    with running(
        "crawl", "--source", f"folder:{audio}", "--data", data, output=tmp_path / "run", settings=QUICK
    ) as run:
        until(
            lambda: [event for event in events_named(data, "attempt_started") if event["stage"] == "analyse"],
            "analysis began",
        )
        os.killpg(run.process.pid, number)
        ended = run.wait()
        until(lambda: run.processes() == [], "no process is left")
    assert ended.code == 130
    assert events_named(data, "attempt_failed") == []
    (story,) = stories_of(data).values()
    assert story["state"] in ("fetched", "rejected")
    assert {attempt["outcome"] for attempt in story["attempts"]} <= {"ok", "interrupted"}
