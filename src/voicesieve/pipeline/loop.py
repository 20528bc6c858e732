"""The event loop of a command that may be interrupted at any moment."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


def run_loop(work: Coroutine[Any, Any, Result]) -> Result:
    """`asyncio.run`, with an interruption held back while the loop is made.

    Half a loop cannot be closed: when it is collected it prints a traceback, and the work was never awaited.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    with asyncio.Runner() as runner:
        try:
            runner.get_loop()
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            return runner.run(work)
        finally:
            work.close()
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
