"""Parses untrusted documents in a separate process, which can neither fill the memory nor run forever."""

from __future__ import annotations

import asyncio
import multiprocessing
import resource
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import ForkingPickler
from typing import Any, TypeVar

from voicesieve.domain.failures import Failure, FailureError, FailureKind

T = TypeVar("T")
R = TypeVar("R")

MEMORY_BYTES = 1 << 30
"""Memory of one reading process. Measured: 260 MB for a feed of 33 MB that is not well-formed, 60 MB for a page of 2 MB
that consists of links."""
CPU_S = 60
"""Processor time of one reading process. Measured: 7 s for a feed of 33 MB that is not well-formed, the slowest
legitimate case. Elapsed time is limited apart: that the machine is busy is no fault of the document."""
DEADLINE_S = 600.0
"""Elapsed time. A machine that needs more is too busy to read anything."""
MAX_ANSWER_BYTES = 64 << 20
"""Largest answer for one document, pickled. 50,000 entries of a podcast take a third of it."""


async def in_confinement(read: Callable[[T, bytes], R], about: T, body: bytes) -> R:
    """Run ``read(about, body)`` in a process with a memory limit and a deadline, which ends with this call.

    ``read`` is a function of a module; ``about`` and its answer are plain data.

    Raises the `FailureError` that ``read`` raised; ``unsupported`` if the limits of memory or processor time were
    reached; ``timeout`` if the machine is too busy; ``out_of_memory`` if something else killed the process;
    ``internal_error`` if it could not be started or has a defect.
    """
    try:
        child = await asyncio.to_thread(_start, read, about)
    except OSError as error:
        message = f"no process can be started to read a document in: {error.strerror or error}"
        raise FailureError(Failure.from_exception(FailureKind.INTERNAL_ERROR, error, message)) from error
    try:
        async with asyncio.timeout(DEADLINE_S):
            outcome = await asyncio.to_thread(child.answer, body)
    except TimeoutError as error:
        message = f"reading it took more than {DEADLINE_S:g} s: this machine is too busy"
        raise FailureError(Failure.from_exception(FailureKind.TIMEOUT, error, message)) from error
    finally:
        child.end()  # this also ends the thread that waits for its answer
    if isinstance(outcome, Failure):
        raise FailureError(outcome)
    answer: R = outcome
    return answer


@dataclass(frozen=True)
class _Child:
    process: BaseProcess
    pipe: Connection

    def answer(self, body: bytes) -> Any:
        """The answer of the process to ``body``, or a `Failure`; blocks until there is one or the process is dead."""
        with self.pipe:
            try:
                self.pipe.send_bytes(body)
                return self.pipe.recv()
            except (EOFError, OSError) as error:
                self.process.join()
                return _death(self.process.exitcode, error)

    def end(self) -> None:
        if self.process.is_alive():
            self.process.kill()


def _start(read: Callable[[T, bytes], R], about: T) -> _Child:
    processes = multiprocessing.get_context("forkserver")  # never forked from a process with threads
    ours, theirs = processes.Pipe()
    process = processes.Process(target=_serve, args=(theirs, read, about), name="document-reader", daemon=True)
    try:
        with theirs:
            process.start()
    except BaseException:
        ours.close()
        raise
    return _Child(process, ours)


def _serve(pipe: Connection, read: Callable[[T, bytes], R], about: T) -> None:
    """The main function of the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the driver decides what it means
    _limit(resource.RLIMIT_DATA, MEMORY_BYTES)
    _limit(resource.RLIMIT_CPU, CPU_S)  # this also ends it after its driver was killed
    # A driver that died sends nothing more and waits for no answer.
    with pipe, suppress(EOFError, OSError):
        pipe.send_bytes(_outcome(read, about, pipe.recv_bytes()))


def _limit(what: int, amount: int) -> None:
    """Set a limit, unless a batch system already allows less than ``amount``."""
    _, hard = resource.getrlimit(what)
    amount = amount if hard == resource.RLIM_INFINITY else min(amount, hard)
    resource.setrlimit(what, (amount, hard))


def _outcome(read: Callable[[T, bytes], R], about: T, body: bytes) -> bytes:
    """The answer or the `Failure`, pickled."""
    try:
        answer = bytes(ForkingPickler.dumps(read(about, body)))
    except FailureError as error:
        return bytes(ForkingPickler.dumps(error.failure))
    except MemoryError:
        pass  # typed below, once the memory is free again
    except Exception as error:  # noqa: BLE001 - the edge of the process: any error of a parser leaves it as a failure
        message = f"a defect of voicesieve: {type(error).__name__}: {error}"
        return bytes(ForkingPickler.dumps(Failure.from_exception(FailureKind.INTERNAL_ERROR, error, message)))
    else:
        if len(answer) <= MAX_ANSWER_BYTES:
            return answer
        return bytes(ForkingPickler.dumps(_unsupported("it lists more than any real document does")))
    return bytes(ForkingPickler.dumps(_unsupported(f"reading it takes more than {MEMORY_BYTES >> 20} MiB of memory")))


def _death(code: int | None, error: Exception) -> Failure:
    if code == -signal.SIGXCPU:
        return _unsupported(f"reading it takes more than {CPU_S} s of processor time")
    if code == -signal.SIGKILL:
        message = "the process that read it was killed (SIGKILL), most often by the kernel when memory runs out"
        return Failure.from_exception(FailureKind.OUT_OF_MEMORY, error, message)
    message = f"the process that read it ended without an answer (exit code {code})"
    return Failure.from_exception(FailureKind.INTERNAL_ERROR, error, message)


def _unsupported(message: str) -> Failure:
    return Failure(FailureKind.UNSUPPORTED, message)
