"""Files of this machine, and everything under a path that is none."""

from __future__ import annotations

import asyncio
import os
import socket
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote_from_bytes

import pytest
from test_fetching_http import LIMITS, open_files

from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.domain.fetching import Fetched, FetchLimits, FetchRequest
from voicesieve.fetching.local import LocalFetcher


def fetch(url: str, scratch: Path, limits: FetchLimits = LIMITS) -> Fetched:
    scratch.mkdir(exist_ok=True)
    return asyncio.run(LocalFetcher().fetch(FetchRequest("folder:1", url, scratch, limits)))


def failure_of(url: str, scratch: Path, limits: FetchLimits = LIMITS) -> Failure:
    with pytest.raises(FailureError) as caught:
        fetch(url, scratch, limits)
    return caught.value.failure


def url_of(path: Path) -> str:
    return "file://" + quote_from_bytes(os.fsencode(path))


@pytest.mark.parametrize("name", [b"a b#?%41.wav", "tiếng Việt.mp3".encode(), b"latin1-\xe9.wav", b"line\nbreak.wav"])
def test_any_file_name_is_copied_byte_for_byte(tmp_path: Path, name: bytes) -> None:
    source = tmp_path / os.fsdecode(name)
    source.write_bytes(bytes(range(256)) * 10_000)
    fetched = fetch(url_of(source), tmp_path / "scratch")
    assert fetched.path == tmp_path / "scratch" / "media"
    assert fetched.path.read_bytes() == source.read_bytes()
    assert fetched.bytes == 2_560_000
    assert source.exists()


def test_a_missing_file_is_gone(tmp_path: Path) -> None:
    assert failure_of(url_of(tmp_path / "no.wav"), tmp_path / "scratch").kind is FailureKind.GONE


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_private(tmp_path: Path) -> None:
    source = tmp_path / "a.wav"
    source.write_bytes(b"x")
    source.chmod(0)
    assert failure_of(url_of(source), tmp_path / "scratch").kind is FailureKind.PRIVATE


def test_folders_pipes_sockets_and_devices_are_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        for path in (tmp_path, tmp_path / "fifo", tmp_path / "socket", Path("/dev/zero")):
            failure = failure_of(url_of(path), tmp_path / "scratch")
            assert (failure.kind, "not a file" in failure.message) == (FailureKind.UNSUPPORTED, True)


def test_the_size_limit_holds(tmp_path: Path) -> None:
    source = tmp_path / "a.wav"
    source.write_bytes(bytes(101))
    assert failure_of(url_of(source), tmp_path / "scratch", replace(LIMITS, max_bytes=100)).kind is FailureKind.TOO_LONG


def test_an_empty_file_holds_no_audio(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    assert failure_of(url_of(tmp_path / "a.wav"), tmp_path / "scratch").kind is FailureKind.UNDECODABLE


@pytest.mark.parametrize(
    "url", ["file://elsewhere/a.wav", "file:a.wav", "file:///a%00b", "http://127.0.0.1/a", "file://[x"]
)
def test_only_files_of_this_machine_are_meant(tmp_path: Path, url: str) -> None:
    assert failure_of(url, tmp_path / "scratch").kind is FailureKind.UNSUPPORTED


def test_cancelling_and_deadline_close_the_files(tmp_path: Path) -> None:
    source = tmp_path / "a.wav"
    with source.open("wb") as file:
        file.truncate(LIMITS.max_bytes)

    async def run() -> list[BaseException | Fetched]:
        tasks = []
        for number in range(10):
            scratch = tmp_path / f"scratch-{number}"
            scratch.mkdir()
            limits = replace(LIMITS, deadline_s=0.0 if number % 2 else LIMITS.deadline_s)
            request = FetchRequest("folder:1", url_of(source), scratch, limits)
            tasks.append(asyncio.create_task(LocalFetcher().fetch(request)))
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    outcomes = asyncio.run(run())
    assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes[::2])
    late = [outcome for outcome in outcomes[1::2] if isinstance(outcome, FailureError)]
    assert [error.failure.kind for error in late] == [FailureKind.TIMEOUT] * 5
    assert not any(target.startswith(str(tmp_path)) for target in open_files())
