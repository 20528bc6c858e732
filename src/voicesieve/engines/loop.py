"""The event loop of a command that may be interrupted at any moment."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Coroutine
from types import FrameType
from typing import Any, TypeVar

Result = TypeVar("Result")

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, a job manager or a shutdown, and a terminal that was closed: all ask a command to stop."""


class SignalledExit(SystemExit):
    """SIGTERM or SIGHUP asked the command to stop."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.number = number


def may_answer(number: signal.Signals) -> bool:
    """Whether a signal may be answered: `nohup` has us ignore SIGHUP, and that is not ours to undo."""
    return threading.current_thread() is threading.main_thread() and signal.getsignal(number) is not signal.SIG_IGN


def run_loop(work: Coroutine[Any, Any, Result]) -> Result:
    """`asyncio.run`, with signals held back while the loop is made. Raises `SignalledExit` for SIGTERM and SIGHUP.

    Half a loop cannot be closed: when it is collected it prints a traceback, and the work was never awaited.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    stoppable = _stoppable(work)
    with asyncio.Runner() as runner:
        try:
            runner.get_loop()
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            return runner.run(stoppable)
        finally:
            stoppable.close()
            work.close()
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


async def _stoppable(work: Coroutine[Any, Any, Result]) -> Result:
    """Cancel ``work`` at SIGTERM and SIGHUP, as the loop does at Ctrl-C; a second signal does not wait for it."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None
    asked: list[int] = []

    def ask(number: int, _frame: FrameType | None) -> None:
        if asked:
            raise SignalledExit(number)
        asked.append(number)
        task.cancel()
        loop.call_soon_threadsafe(lambda: None)  # wakes the loop

    numbers = [number for number in (signal.SIGTERM, signal.SIGHUP) if may_answer(number)]
    before = {number: signal.signal(number, ask) for number in numbers}
    try:
        return await work
    except asyncio.CancelledError:
        if asked:
            raise SignalledExit(asked[0]) from None
        raise
    finally:
        for number, answer in before.items():
            signal.signal(number, answer)
