"""Progress of work that is counted: a bar on a terminal, a line every ten seconds elsewhere, nothing if asked so."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

EVERY_S = 10.0


class Stepper:
    """``step(what, done, total)`` after each piece of work; each ``what`` is a bar of its own."""

    def __init__(self, bars: Progress | None, *, quiet: bool) -> None:
        self._bars = bars
        self._quiet = quiet
        self._tasks: dict[str, object] = {}
        self._told_at = time.monotonic()

    def step(self, what: str, done: int, total: int) -> None:
        if self._bars is not None:
            if what not in self._tasks:
                self._tasks[what] = self._bars.add_task(what, total=total)
            self._bars.update(self._tasks[what], completed=done, total=total)  # type: ignore[arg-type]
        elif not self._quiet and time.monotonic() - self._told_at >= EVERY_S:
            self._told_at = time.monotonic()
            print(f"{done} of {total} {what}", file=sys.stderr, flush=True)


@contextmanager
def stepper(*, quiet: bool) -> Iterator[Stepper]:
    console = Console(file=sys.stderr)
    if quiet or not console.is_terminal:
        yield Stepper(None, quiet=quiet)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        yield Stepper(bars, quiet=False)
