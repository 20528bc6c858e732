"""The engine of one machine: a pool of processes, with deadlines and replacement of dead workers (pebble)."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import resource
import signal
import threading
from collections.abc import Callable
from multiprocessing.connection import wait
from typing import Any, TypeVar

from pebble import ProcessExpired, ProcessPool

from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.pipeline.engines.turns import Turns

T = TypeVar("T")
R = TypeVar("R")

TASKS_PER_WORKER = 500
"""A worker is replaced after this many items, so that a leak in a decoder cannot grow without end."""


class LocalEngine:
    """``workers`` processes, each bounded to ``memory_mb`` MiB of address space.

    Workers are started from a clean server process (forkserver), never forked from a process with threads.
    """

    def __init__(self, workers: int, *, memory_mb: int, preload: tuple[str, ...] = ()) -> None:
        self.workers = workers
        # One worker for each core: BLAS threads beside it only get in its way (measured: 47 s for an hour of audio
        # with them, 34 s without). Read when numpy loads, so it is set before the server process starts.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(list(preload))
        self._pool = ProcessPool(
            max_workers=workers,
            max_tasks=TASKS_PER_WORKER,
            initializer=_prepare_worker,
            initargs=(memory_mb,),
            context=context,
        )
        self._turns = Turns()

    async def run(self, function: Callable[[T], R], item: T, *, deadline_s: float, alone: bool = False) -> R:
        async with self._turns.hold(alone=alone):
            try:
                working = self._pool.schedule(_in_worker, (function, item), timeout=deadline_s)
                result: R = await asyncio.wrap_future(working)
            except TimeoutError as error:
                message = f"the worker did not finish in {deadline_s:.0f} s and was stopped"
                raise _failure(FailureKind.ANALYSER_CRASHED, error, message) from error
            except ProcessExpired as error:
                raise _worker_died(error) from error
            except MemoryError as error:
                message = "the worker reached its memory limit (analysis.memory_mb)"
                raise _failure(FailureKind.OUT_OF_MEMORY, error, message) from error
        return result

    async def close(self) -> None:
        self._pool.stop()  # type: ignore[no-untyped-call]
        await asyncio.to_thread(self._pool.join)


def _prepare_worker(memory_mb: int) -> None:
    # Ctrl-C reaches the whole process group; the driver decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    limit = memory_mb << 20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_die_with, args=(parent.sentinel,), name="parent-watch", daemon=True).start()


def _in_worker(function: Callable[[T], R], item: T) -> R:
    """Let out only errors that travel well: one that cannot be unpickled on arrival would end the whole pool."""
    try:
        return function(item)
    except FailureError:
        raise
    except MemoryError as error:
        raise MemoryError(str(error)) from None
    except Exception as error:
        if type(error).__module__ == "builtins":
            raise
        message = f"a defect of voicesieve, not of the video: {type(error).__name__}: {error}"
        raise _failure(FailureKind.INTERNAL_ERROR, error, message) from None


def _die_with(sentinel: Any) -> None:
    """Without this, workers outlive a killed parent: pools notice only when they next use their pipe."""
    wait([sentinel])
    os._exit(1)


def _worker_died(error: ProcessExpired) -> FailureError:
    code = getattr(error, "exitcode", None)
    if code == -signal.SIGKILL:
        message = "the worker was killed (SIGKILL), most often by the kernel when memory runs out"
        return _failure(FailureKind.OUT_OF_MEMORY, error, message)
    how = f"signal {signal.Signals(-code).name}" if isinstance(code, int) and code < 0 else f"exit code {code}"
    return _failure(FailureKind.ANALYSER_CRASHED, error, f"the worker died on this file ({how})")


def _failure(kind: FailureKind, error: BaseException, message: str) -> FailureError:
    return FailureError(Failure.from_exception(kind, error, message))
