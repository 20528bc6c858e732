"""The engine of one machine: worker processes with deadlines, replaced when they die (pebble).

Each worker is a pebble pool of one. In a larger pool a worker that dies before its first message is read leaves the
pool unable to say whose item it had: the item waits until its deadline, or all items fail with it.

A worker is given an item only when it has proved itself. What keeps it from starting (limits of this machine, /dev/shm,
a broken installation) is the machine's fault and stops the run; only what happens afterwards can be the item's.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import resource
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.connection import wait
from typing import Any, TypeVar

from pebble import ProcessExpired, ProcessPool

from voicesieve.domain.failures import Failure, FailureError, FailureKind, Remedy
from voicesieve.engines.turns import Turns
from voicesieve.machine import refuse_tight_limits, start_failure, unfit_failure

T = TypeVar("T")
R = TypeVar("R")

FOR_THE_DRIVER = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
"""Signals that ask the whole program to stop."""

ITEMS_PER_WORKER = 500
"""A worker is replaced after this many items, so that a leak in a decoder cannot grow without end."""

START_S = 60.0
"""A worker's deadline counts from its first message. One that sends none for this much longer, the time in which it
has to start on a busy machine, is given up too."""

START_TRIES = 3
"""A worker that was killed while it started may have been unlucky; three of them in a row are not."""

LOOK_S = 1.0
"""How often to look whether a worker still is one: a pool that breaks while it is given an item may never answer it
(seen once in 125 tries in which idle workers were killed and given work at once)."""


@dataclass(eq=False)
class _Worker:
    """A pool of one process, and how many items it has had."""

    pool: ProcessPool
    items: int = 0


class LocalEngine:
    """``workers`` processes, each bounded to ``memory_mb`` MiB of address space, or less where the machine allows less.

    Workers are started from a clean server process (forkserver), never forked from a process with threads. Each calls
    ``trial`` before its first item: what it raises is the machine's fault. Signals that reach the whole process group
    (Ctrl-C, a job manager's SIGTERM) are for the driver alone, so workers and their server ignore them.
    """

    def __init__(
        self,
        workers: int,
        *,
        memory_mb: int,
        preload: tuple[str, ...] = (),
        trial: Callable[[], object] | None = None,
    ) -> None:
        refuse_tight_limits(workers=workers)
        self.workers = workers
        # One worker for each core: BLAS threads beside it only get in its way (measured: 47 s for an hour of audio
        # with them, 34 s without). Read when numpy loads, so it is set before the server process starts.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        self._memory_mb = memory_mb
        self._trial = trial
        self._processes = multiprocessing.get_context("forkserver")
        self._processes.set_forkserver_preload(list(preload))
        self._turns = Turns()
        self._places = asyncio.Semaphore(workers)
        self._idle: list[_Worker] = []
        self._busy: dict[_Worker, asyncio.Future[None]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._closed = False

    async def run(self, function: Callable[[T], R], item: T, *, deadline_s: float, alone: bool = False) -> R:
        async with self._turns.hold(alone=alone), self._places:
            try:
                return await self._on_a_worker(function, item, deadline_s)
            except TimeoutError as error:
                message = f"the worker did not finish in {deadline_s:.0f} s and was stopped"
                raise _failure(FailureKind.ANALYSER_CRASHED, error, message) from error
            except (ProcessExpired, BrokenProcessPool) as error:
                raise _worker_died(error) from error
            except MemoryError as error:
                message = "the worker reached its memory limit (analysis.memory_mb)"
                raise _failure(FailureKind.OUT_OF_MEMORY, error, message) from error

    async def close(self) -> None:
        """End all work in hand. Its callers get their answer here: a pool that is stopped may give none."""
        self._closed = True
        for ended in self._busy.values():
            ended.set_result(None)
        for worker in (*self._idle, *self._busy):
            self._end(worker)
        self._idle.clear()
        await asyncio.gather(*self._ending)

    async def _on_a_worker(self, function: Callable[[T], R], item: T, deadline_s: float) -> R:
        if self._idle:
            # A waiting worker may have died of something else. If a new one dies too, it was this item.
            with suppress(BrokenProcessPool):
                return await self._work(self._idle.pop(), function, item, deadline_s)
        return await self._work(await self._new_worker(), function, item, deadline_s)

    async def _new_worker(self) -> _Worker:
        """A worker that has proved itself. Raises `FailureError` ``machine_fault`` where none can be started."""
        for left in reversed(range(START_TRIES)):
            worker = _Worker(ProcessPool(max_workers=1, context=self._processes))
            try:
                _start(worker.pool)
            except (OSError, RuntimeError) as error:
                self._end(worker)
                raise FailureError(start_failure(error)) from error
            try:
                await self._work(worker, _begin, (self._memory_mb, self._trial), START_S)
            except (ProcessExpired, BrokenProcessPool, TimeoutError) as error:
                if not left:
                    raise FailureError(start_failure(error)) from error
            else:
                self._idle.remove(worker)
                return worker
        raise AssertionError("the last try returns or raises")

    async def _work(self, worker: _Worker, function: Callable[[T], R], item: T, deadline_s: float) -> R:
        if self._closed:
            raise RuntimeError("the engine is closed")
        try:
            working = worker.pool.schedule(_in_worker, (function, item), timeout=deadline_s)
        except RuntimeError as error:
            self._end(worker)
            raise BrokenProcessPool("the worker is gone") from error
        worker.items += 1
        answer: asyncio.Future[R] = asyncio.wrap_future(working)
        closed = self._busy[worker] = asyncio.get_running_loop().create_future()
        try:
            give_up = time.monotonic() + deadline_s + START_S
            while not answer.done() and (left := give_up - time.monotonic()) > 0:
                if not (worker.pool.active or working.done()):
                    raise BrokenProcessPool("the worker died and its pool lost the item")
                await asyncio.wait((answer, closed), timeout=min(left, LOOK_S), return_when=asyncio.FIRST_COMPLETED)
                if self._closed:
                    raise RuntimeError("the engine was closed")
            if not answer.done():
                raise TimeoutError
            if answer.cancelled():
                raise BrokenProcessPool("the worker was ended")
            return answer.result()
        finally:
            answer.cancel()
            self._put_back(worker, working)

    def _put_back(self, worker: _Worker, working: Future[Any]) -> None:
        """Keep a worker that has answered; end one that gave no sign, died (pebble has put a raw one in its place) or
        had its share of items."""
        if worker not in self._busy:
            return  # the engine was closed meanwhile
        del self._busy[worker]
        lost = working.cancelled() or not working.done()
        died = not lost and isinstance(working.exception(), ProcessExpired | BrokenProcessPool | TimeoutError)
        if lost or died or worker.items > ITEMS_PER_WORKER:
            self._end(worker)
        else:
            self._idle.append(worker)

    def _end(self, worker: _Worker) -> None:
        self._busy.pop(worker, None)
        worker.pool.stop()  # type: ignore[no-untyped-call]
        ending = asyncio.create_task(_joined(worker.pool))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)


def _start(pool: ProcessPool) -> None:
    """Start its process. The server that it is forked from, if it does not run yet, inherits what we are deaf to.

    Raises `OSError` or `RuntimeError` where the machine refuses a process, a thread or a descriptor.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, FOR_THE_DRIVER)
    try:
        forkserver.ensure_running()
        if not pool.active:
            raise RuntimeError("the pool ended while it started")
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


async def _joined(pool: ProcessPool) -> None:
    try:
        await asyncio.to_thread(pool.join)
    except RuntimeError:  # no thread may be started: then the wait is ours
        pool.join()


def _begin(order: tuple[int, Callable[[], object] | None]) -> None:
    """A worker's first task: live within its limits, die with its driver, and prove that it can work.

    Raises `FailureError` ``machine_fault`` if it cannot.
    """
    memory_mb, trial = order
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limits = [limit for limit in (memory_mb << 20, soft, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min(limits), min(limits)))
    try:
        parent = multiprocessing.parent_process()
        if parent is not None:
            threading.Thread(target=_die_with, args=(parent.sentinel,), name="parent-watch", daemon=True).start()
            threading.Thread(target=_obey, args=(parent.pid,), name="signal-watch", daemon=True).start()
        if trial is not None:
            trial()
    except Exception as error:
        if isinstance(error, FailureError) and error.failure.remedy is Remedy.STOP_RUN:
            raise
        raise FailureError(unfit_failure(error, min(limits) >> 20)) from None


def _obey(driver: int | None) -> None:
    """End at the driver's SIGTERM only: one that is sent to the whole process group is for the driver."""
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != driver:
        pass
    os._exit(0)


def _in_worker(function: Callable[[T], R], item: T) -> R:
    """Let out only errors that travel well: one that cannot be unpickled on arrival would end the whole pool."""
    try:
        return function(item)
    except FailureError:
        raise
    except MemoryError as error:
        raise MemoryError(str(error)) from None
    except Exception as error:
        # A time-out of the function itself is not one of the engine.
        if type(error).__module__ == "builtins" and not isinstance(error, TimeoutError):
            raise
        message = f"a defect of voicesieve, not of the video: {type(error).__name__}: {error}"
        raise _failure(FailureKind.INTERNAL_ERROR, error, message) from None


def _die_with(sentinel: Any) -> None:
    """Without this, workers outlive a killed parent: pools notice only when they next use their pipe."""
    wait([sentinel])
    os._exit(1)


def _worker_died(error: ProcessExpired | BrokenProcessPool) -> FailureError:
    code = getattr(error, "exitcode", None)
    if code is None:
        return _failure(FailureKind.ANALYSER_CRASHED, error, "the worker died on this file before it sent a message")
    if code == -signal.SIGKILL:
        message = "the worker was killed (SIGKILL), most often by the kernel when memory runs out"
        return _failure(FailureKind.OUT_OF_MEMORY, error, message)
    how = f"signal {signal.Signals(-code).name}" if isinstance(code, int) and code < 0 else f"exit code {code}"
    return _failure(FailureKind.ANALYSER_CRASHED, error, f"the worker died on this file ({how})")


def _failure(kind: FailureKind, error: BaseException, message: str) -> FailureError:
    return FailureError(Failure.from_exception(kind, error, message))
