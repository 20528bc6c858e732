"""The contract of an engine: whatever a worker does, the driver gets a result or a typed failure, and goes on.

The suite knows only the `Engine` protocol; another engine is put through it by one more entry in ``ENGINES``.
"""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.engines.local import LocalEngine
from voicesieve.engines.protocol import Engine

MEMORY_MB = 1024
ENGINES: dict[str, Callable[[int], Engine]] = {
    "local": lambda workers: LocalEngine(workers, memory_mb=MEMORY_MB),
}
PATIENCE_S = 30.0
"""Deadline of what should take no time, on a machine that is busy with other things."""


def double(number: int) -> int:
    return 2 * number


class UnpicklableError(Exception):
    def __reduce__(self) -> NoReturn:
        raise TypeError("cannot pickle this error")


class UnrepeatableError(Exception):
    """Pickles well, and cannot be made again from its message alone."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def answer_oddly(how: str) -> Any:
    if how == "result":
        return [lambda: None]
    raise UnpicklableError(how) if how == "error" else UnrepeatableError(how, 7)


def name_process(_: int) -> int:
    return os.getpid()


def nap(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def fail_typed(message: str) -> NoReturn:
    raise FailureError(Failure(FailureKind.UNDECODABLE, message, chain=("DecodeError: odd",)))


def fail_raw(message: str) -> NoReturn:
    raise UnrepeatableError(message, 7) from KeyError("inner")


def read(path: str) -> bytes:
    return Path(path).read_bytes()


def die_by(number: int) -> NoReturn:
    os.kill(os.getpid(), number)
    time.sleep(PATIENCE_S)
    raise AssertionError("alive after a deadly signal")


def leave(code: int) -> NoReturn:
    os._exit(code)


def hang(marker: str) -> None:
    Path(marker).write_text(str(os.getpid()))
    while True:
        time.sleep(3600)


def hog(megabytes: int) -> int:
    return len(bytearray(megabytes << 20))


def note_times(order: tuple[str, float]) -> tuple[float, float]:
    _name, seconds = order
    started = time.monotonic()
    time.sleep(seconds)
    return started, time.monotonic()


@pytest.fixture(params=list(ENGINES))
def new_engine(request: pytest.FixtureRequest) -> Callable[[int], Engine]:
    return ENGINES[request.param]


Drive = Callable[[Callable[[Engine], Awaitable[Any]]], Any]


@pytest.fixture
def drive(new_engine: Callable[[int], Engine]) -> Iterator[Drive]:
    """Run a scenario with an engine of two workers, and close the engine after it."""

    def run(scenario: Callable[[Engine], Coroutine[Any, Any, Any]]) -> Any:
        async def with_engine() -> Any:
            engine = new_engine(2)
            try:
                return await asyncio.wait_for(scenario(engine), timeout=2 * PATIENCE_S)
            finally:
                await engine.close()

        return asyncio.run(with_engine())

    yield run  # type: ignore[misc]


async def failure_of(work: Awaitable[Any]) -> Failure:
    with pytest.raises(FailureError) as caught:
        await work
    return caught.value.failure


async def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_results_come_back_from_another_process(drive: Drive) -> None:
    async def scenario(engine: Engine) -> None:
        assert await engine.run(name_process, 0, deadline_s=PATIENCE_S) != os.getpid()
        answers = await asyncio.gather(*(engine.run(double, n, deadline_s=PATIENCE_S) for n in range(20)))
        assert answers == [2 * n for n in range(20)]

    drive(scenario)


def test_a_typed_failure_of_the_worker_arrives_as_it_was(drive: Drive) -> None:
    async def scenario(engine: Engine) -> None:
        failure = await failure_of(engine.run(fail_typed, "odd bytes", deadline_s=PATIENCE_S))
        assert failure == Failure(FailureKind.UNDECODABLE, "odd bytes", chain=("DecodeError: odd",))

    drive(scenario)


def test_an_error_of_python_itself_arrives_as_it_is(drive: Drive) -> None:
    async def scenario(engine: Engine) -> None:
        with pytest.raises(FileNotFoundError) as caught:
            await engine.run(read, "/no/such/file", deadline_s=PATIENCE_S)
        assert (caught.value.errno, caught.value.filename) == (errno.ENOENT, "/no/such/file")

    drive(scenario)


def test_an_error_of_a_library_is_typed_and_keeps_its_chain(drive: Drive) -> None:
    async def scenario(engine: Engine) -> None:
        failure = await failure_of(engine.run(fail_raw, "nothing here", deadline_s=PATIENCE_S))
        assert failure.kind is FailureKind.INTERNAL_ERROR
        assert "nothing here" in failure.message
        name = f"{__name__}.UnrepeatableError"
        assert failure.exception_type == name
        assert failure.chain == (f"{name}: nothing here", "KeyError: 'inner'")

    drive(scenario)


@pytest.mark.parametrize("name", ["result", "error", "error_on_arrival"])
def test_what_cannot_travel_costs_only_its_item(drive: Drive, name: str) -> None:
    """Libraries raise errors that pickle cannot rebuild; one such must not end the pool."""

    async def scenario(engine: Engine) -> None:
        failure = await failure_of(engine.run(answer_oddly, name, deadline_s=PATIENCE_S))
        assert failure.kind in (FailureKind.INTERNAL_ERROR, FailureKind.ANALYSER_CRASHED)
        assert await engine.run(double, 4, deadline_s=PATIENCE_S) == 8

    drive(scenario)


@pytest.mark.parametrize(
    ("function", "item", "kind", "words"),
    [
        (die_by, signal.SIGSEGV, FailureKind.ANALYSER_CRASHED, "SIGSEGV"),
        (die_by, signal.SIGABRT, FailureKind.ANALYSER_CRASHED, "SIGABRT"),
        (die_by, signal.SIGKILL, FailureKind.OUT_OF_MEMORY, "memory"),
        (leave, 3, FailureKind.ANALYSER_CRASHED, "exit code 3"),
    ],
)
def test_a_worker_that_dies_is_replaced_and_blames_the_machinery(
    drive: Drive, function: Callable[[int], None], item: int, kind: FailureKind, words: str
) -> None:
    async def scenario(engine: Engine) -> None:
        failure = await failure_of(engine.run(function, item, deadline_s=PATIENCE_S))
        assert failure.kind is kind
        assert words in failure.message
        answers = await asyncio.gather(*(engine.run(double, n, deadline_s=PATIENCE_S) for n in range(4)))
        assert answers == [0, 2, 4, 6]

    drive(scenario)


def test_a_death_costs_its_neighbours_nothing(drive: Drive) -> None:
    async def scenario(engine: Engine) -> None:
        neighbour = asyncio.create_task(engine.run(nap, 0.5, deadline_s=PATIENCE_S))
        await failure_of(engine.run(die_by, signal.SIGSEGV, deadline_s=PATIENCE_S))
        assert await neighbour == 0.5

    drive(scenario)


def test_a_worker_that_dies_idle_is_replaced(drive: Drive) -> None:
    async def scenario(engine: Engine) -> None:
        for _ in range(3):
            pids = await asyncio.gather(*(engine.run(name_process, n, deadline_s=PATIENCE_S) for n in range(4)))
            for pid in set(pids):
                os.kill(pid, signal.SIGKILL)
            await until(lambda pids=pids: not any(map(alive, pids)))  # type: ignore[misc]
        answers = await asyncio.gather(*(engine.run(double, n, deadline_s=PATIENCE_S) for n in range(4)))
        assert answers == [0, 2, 4, 6]

    drive(scenario)


def test_many_sudden_deaths_cost_no_other_item_anything(drive: Drive) -> None:
    """A worker may die before the driver has read that it took the item; the item must be named all the same."""

    async def scenario(engine: Engine) -> None:
        async def good(number: int) -> None:
            assert await engine.run(double, number, deadline_s=PATIENCE_S) == 2 * number

        async def bad(number: int) -> None:
            failure = await failure_of(engine.run(leave, 1 + number, deadline_s=PATIENCE_S))
            assert failure.kind is FailureKind.ANALYSER_CRASHED
            assert "in 30 s" not in failure.message

        await asyncio.gather(*(work(number) for number in range(20) for work in (good, bad)))

    drive(scenario)


def test_a_worker_that_hangs_is_stopped_at_its_deadline(drive: Drive, tmp_path: Path) -> None:
    marker = tmp_path / "pid"

    async def scenario(engine: Engine) -> None:
        await engine.run(double, 1, deadline_s=PATIENCE_S)
        started = time.monotonic()
        failure = await failure_of(engine.run(hang, str(marker), deadline_s=1.0))
        assert failure.kind is FailureKind.ANALYSER_CRASHED
        assert "1 s" in failure.message
        assert 1.0 <= time.monotonic() - started < PATIENCE_S / 2
        assert not alive(int(marker.read_text()))
        assert await engine.run(double, 5, deadline_s=PATIENCE_S) == 10

    drive(scenario)


def test_a_worker_gets_no_more_memory_than_its_share(drive: Drive) -> None:
    async def scenario(engine: Engine) -> None:
        assert await engine.run(hog, MEMORY_MB // 4, deadline_s=PATIENCE_S) == MEMORY_MB // 4 << 20
        failure = await failure_of(engine.run(hog, 2 * MEMORY_MB, deadline_s=PATIENCE_S))
        assert failure.kind is FailureKind.OUT_OF_MEMORY
        assert await engine.run(double, 6, deadline_s=PATIENCE_S) == 12

    drive(scenario)


def test_cancelling_ends_the_worker_and_frees_its_place(drive: Drive, tmp_path: Path) -> None:
    async def scenario(engine: Engine) -> None:
        markers = [tmp_path / "one", tmp_path / "two"]
        tasks = [asyncio.create_task(engine.run(hang, str(marker), deadline_s=3600.0)) for marker in markers]
        await until(lambda: all(marker.exists() and marker.read_text() for marker in markers))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert all(task.cancelled() for task in tasks)
        assert await engine.run(double, 7, deadline_s=PATIENCE_S) == 14
        pids = [int(marker.read_text()) for marker in markers]
        await until(lambda: not any(map(alive, pids)))

    drive(scenario)


def overlapping(spans: list[tuple[float, float]], other: tuple[float, float]) -> list[tuple[float, float]]:
    return [span for span in spans if span[0] < other[1] and other[0] < span[1]]


def test_alone_means_alone(drive: Drive) -> None:
    """And it gets its turn, however much work keeps coming."""

    async def scenario(engine: Engine) -> None:
        spans: list[tuple[float, float]] = []
        enough = asyncio.Event()

        async def keep_busy() -> None:
            while not enough.is_set():
                spans.append(await engine.run(note_times, ("busy", 0.05), deadline_s=PATIENCE_S))

        crowd = [asyncio.create_task(keep_busy()) for _ in range(4)]
        await until(lambda: len(spans) > 2)
        alone = [
            asyncio.create_task(engine.run(note_times, ("alone", 0.2), deadline_s=PATIENCE_S, alone=True))
            for _ in range(2)
        ]
        first, second = await asyncio.gather(*alone)
        enough.set()
        await asyncio.gather(*crowd)
        assert overlapping(spans, first) == overlapping(spans, second) == []
        assert overlapping([first], second) == []
        assert any(span[0] >= second[1] for span in spans)

    drive(scenario)


def test_an_item_that_gives_up_waiting_to_be_alone_delays_no_other(drive: Drive, tmp_path: Path) -> None:
    async def scenario(engine: Engine) -> None:
        hanging = asyncio.create_task(engine.run(hang, str(tmp_path / "pid"), deadline_s=3600.0))
        await until((tmp_path / "pid").exists)
        alone = asyncio.create_task(engine.run(double, 1, deadline_s=PATIENCE_S, alone=True))
        behind = asyncio.create_task(engine.run(double, 2, deadline_s=PATIENCE_S))
        await asyncio.sleep(0)
        alone.cancel()
        assert await behind == 4
        hanging.cancel()
        await asyncio.gather(alone, hanging, return_exceptions=True)
        assert await engine.run(double, 3, deadline_s=PATIENCE_S, alone=True) == 6
        failure = await failure_of(engine.run(fail_typed, "no", deadline_s=PATIENCE_S, alone=True))
        assert failure.kind is FailureKind.UNDECODABLE
        assert await engine.run(double, 4, deadline_s=PATIENCE_S) == 8

    drive(scenario)


def test_closing_ends_work_in_hand_at_once(new_engine: Callable[[int], Engine], tmp_path: Path) -> None:
    marker = tmp_path / "pid"

    async def scenario() -> None:
        engine = new_engine(1)
        works = [engine.run(hang, str(place), deadline_s=3600.0) for place in (marker, tmp_path / "never")]
        tasks = [asyncio.create_task(work) for work in works]
        await until(lambda: marker.exists() and bool(marker.read_text()))
        started = time.monotonic()
        await engine.close()
        assert time.monotonic() - started < PATIENCE_S / 2
        await until(lambda: not alive(int(marker.read_text())))
        ended = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), PATIENCE_S)
        assert all(isinstance(end, FailureError | RuntimeError) for end in ended), ended
        assert not (tmp_path / "never").exists()
        with pytest.raises(RuntimeError, match="closed"):
            await engine.run(double, 1, deadline_s=PATIENCE_S)

    asyncio.run(scenario())


PARENT = """
    import asyncio, sys
    from test_engine_local import ENGINES, hang

    async def main():
        engine = ENGINES[sys.argv[1]](2)
        await asyncio.gather(*(engine.run(hang, marker, deadline_s=3600.0) for marker in sys.argv[2:]))

    if __name__ == "__main__":
        asyncio.run(main())
"""


@pytest.mark.parametrize("name", ENGINES)
def test_no_worker_outlives_a_killed_parent(name: str, tmp_path: Path) -> None:
    program = tmp_path / "parent.py"
    program.write_text(textwrap.dedent(PARENT))
    markers = [tmp_path / "one", tmp_path / "two"]
    paths = os.pathsep.join((str(Path(__file__).parent), os.environ["PYTHONPATH"]))
    command = [sys.executable, str(program), name, *map(str, markers)]
    parent = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": paths})
    try:
        asyncio.run(until(lambda: all(marker.exists() and marker.read_text() for marker in markers)))
    finally:
        parent.kill()
        parent.wait()
    pids = [int(marker.read_text()) for marker in markers]
    asyncio.run(until(lambda: not any(map(alive, pids))))


def test_descriptors_and_memory_of_the_driver_stay_flat(drive: Drive) -> None:
    async def scenario(engine: Engine) -> None:
        async def forty_items_and_a_death() -> int:
            work = [engine.run(double, n, deadline_s=PATIENCE_S) for n in range(40)]
            assert len(await asyncio.gather(*work)) == 40
            await failure_of(engine.run(leave, 1, deadline_s=PATIENCE_S))
            await engine.run(double, 1, deadline_s=PATIENCE_S)
            return sum(1 for _ in Path("/proc/self/fd").iterdir())

        counts = [await forty_items_and_a_death() for _ in range(5)]
        assert max(counts[1:]) <= counts[0] + 2, counts

    drive(scenario)
