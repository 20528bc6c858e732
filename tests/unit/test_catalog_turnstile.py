"""The fair lock before the catalog: it dies with its holder, counts waits and leaks nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from catalog_world import World

from voicesieve.catalog import schema
from voicesieve.catalog.opening import open_catalog
from voicesieve.catalog.turnstile import Turnstile, TurnstileTimeoutError

HOLD = """
    import sys
    from pathlib import Path
    from voicesieve.catalog.turnstile import Turnstile
    with Turnstile(Path(sys.argv[1]), timeout_s=30).hold():
        print("held", flush=True)
        sys.stdin.read()
"""


@contextmanager
def held_elsewhere(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process holds the turnstile until its input is closed or it is killed."""
    command = [sys.executable, "-c", textwrap.dedent(HOLD), str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def open_descriptors(path: Path) -> int:
    """How often this process has ``path`` open."""
    return [os.path.realpath(link) for link in Path("/proc/self/fd").iterdir()].count(str(path))


def wait_until(true: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def test_a_killed_holder_frees_it_at_once(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with held_elsewhere(path) as holder:
        turnstile = Turnstile(path, timeout_s=0.1)
        with pytest.raises(TurnstileTimeoutError), turnstile.hold():
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        with Turnstile(path, timeout_s=5.0).hold():
            pass


def test_giving_up_is_counted_and_gives_everything_back(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    turnstile = Turnstile(path, timeout_s=0.05)
    with held_elsewhere(path) as holder:
        for _ in range(3):
            with pytest.raises(TurnstileTimeoutError, match="held by another process"), turnstile.hold():
                pass
        waits = turnstile.waits.take()
        assert (waits.busy_waits, waits.timeouts) == (3, 3)
        assert 0.15 <= waits.wait_s < 30
        assert not turnstile.waits.any()
        holder.stdin.close()  # type: ignore[union-attr]
        holder.wait()
        wait_until(lambda: open_descriptors(path) == 0)
    with turnstile.hold():
        assert open_descriptors(path) == 1
    assert open_descriptors(path) == 0


def test_an_interrupted_wait_does_not_keep_the_lock(tmp_path: Path) -> None:
    """Ctrl-C in the line: the place in it must not turn into a lock that nobody gives back."""
    path = tmp_path / "lock"

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    earlier = signal.signal(signal.SIGALRM, interrupt)
    try:
        with held_elsewhere(path) as holder:
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            with pytest.raises(KeyboardInterrupt), Turnstile(path, timeout_s=30).hold():
                pass
            holder.kill()
            holder.wait()
    finally:
        signal.signal(signal.SIGALRM, earlier)
    wait_until(lambda: open_descriptors(path) == 0)
    with Turnstile(path, timeout_s=1.0).hold():
        pass


def test_a_free_turnstile_costs_no_wait(tmp_path: Path) -> None:
    turnstile = Turnstile(tmp_path / "lock", timeout_s=1.0)
    for _ in range(3):
        with turnstile.hold():
            pass
    assert not turnstile.waits.any()


COUNT = """
    import sys
    from pathlib import Path
    from voicesieve.catalog.counters import add_to_counter
    from voicesieve.catalog.opening import open_catalog
    catalog = open_catalog(Path(sys.argv[1]), create=False)
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(50):
        with catalog.write() as connection:
            add_to_counter(connection, "n", 1)
    with catalog.write():
        pass
    catalog.close()
"""


def test_eight_processes_lose_no_write_and_count_their_waits(tmp_path: Path) -> None:
    open_catalog(tmp_path, create=True).close()
    command = [sys.executable, "-c", textwrap.dedent(COUNT), str(tmp_path)]
    writers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(8)
    ]
    for writer in writers:
        assert writer.stdout is not None and writer.stdin is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("go\n")  # type: ignore[union-attr]
        writer.stdin.flush()  # type: ignore[union-attr]
    for writer in writers:
        _out, errors = writer.communicate(timeout=60)
        assert writer.returncode == 0, errors
    catalog = open_catalog(tmp_path, create=False)
    counters = {row.name: row.value for row in World(catalog).rows(schema.counter)}
    catalog.close()
    assert counters["n"] == 400
    assert counters["catalog:busy_waits"] > 0
    assert "catalog:timeouts" not in counters
