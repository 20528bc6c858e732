"""What a person sees while a command works: bars and a live panel on a terminal, plain lines in a pipe."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from voicesieve.cli.report import STATE_STYLES
from voicesieve.domain.failures import REMEDIES, FailureError, FailureKind, Remedy
from voicesieve.observability.events import Event
from voicesieve.observability.terminal import safe_text


class Progress:
    """A sink that shows each video's outcome as one line, with its reason, and the funnel below on a terminal."""

    def __init__(self, *, quiet: bool, status: Callable[[], dict[str, Any]]) -> None:
        self._console = Console(file=sys.stderr, highlight=False)
        self._quiet = quiet
        self._status = status
        self._started = time.monotonic()
        self._ended = 0
        self._failing: Counter[str] = Counter()
        self._live: Live | None = None

    def __enter__(self) -> Progress:
        if not self._quiet and self._console.is_terminal:
            self._live = Live(console=self._console, refresh_per_second=2, get_renderable=self._panel, transient=True)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def __call__(self, event: Event) -> None:
        facts = event.fields
        if event.name == "video_decided":
            self._ended += 1
            self._line(facts["outcome"], facts["video"], facts["title"], facts["reason"])
        elif event.name == "attempt_failed":
            self._failing[facts["kind"]] += 1
            if REMEDIES[FailureKind(facts["kind"])] is Remedy.STOP_RUN:
                return  # reported once, when the run has stopped
            step = f"{facts['kind']}: {facts['message']} [{facts['method']}; {facts['next']}]"
            self._line(facts["state"], facts["video"], facts["title"], step)
        elif event.name == "page_committed":
            self._line("found", facts["query"], "", f"{facts['found']} videos, {facts['new']} of them new")
        elif event.name == "source_failed":
            self._line("failed", facts["query"], "", f"{facts['kind']}: {facts['message']} [{facts['next']}]")
        elif event.name == "source_problem":
            self._line("skipped", facts["query"], "", f"{facts['where']}: {facts['message']}")
        elif event.name == "host_paused":
            self._line("paused", facts["host"], "", f"paused until {facts['until']}: {facts['reason']}")
        elif event.name == "backup_failed":
            self._line("failed", "copy of the catalog", "", f"{facts['kind']}: {facts['message']} [{facts['next']}]")
        elif event.name == "video_screened_out":
            self._ended += 1
            self._line("screened_out", facts["video"], facts["title"], f"{facts['rule']}: {facts['reason']}")
        elif event.name == "source_sleeps":
            until = f"{facts['reason']}; read again at {facts['until']}, the rest continues"
            self._line("sleeps", facts["bucket"] or facts["query"], "", until)
        elif event.name in ("run_stopping", "query_not_due", "clock_set_back"):
            self._line("note", facts["message"], "", "", subject_limit=300)

    def _line(self, mark: str, subject: str, title: str, reason: str, *, subject_limit: int = 80) -> None:
        if self._quiet:
            return
        line = Text(f"{mark:<9} ", style=STATE_STYLES.get(mark, "cyan"))
        line.append(safe_text(subject, limit=subject_limit))
        if title:
            line.append(f"  {safe_text(title, limit=50)}", style="bold")
        if reason:
            line.append(f"  {safe_text(reason, limit=300)}")
        self._console.print(line, soft_wrap=True)

    def _panel(self) -> Group:
        try:
            status = self._status()
        except FailureError:
            return Group()  # the catalog is missing; the run fails for that reason and reports it
        funnel = Table.grid(padding=(0, 2))
        states = {state: count for state, count in status["videos"].items() if count}
        funnel.add_row(*[Text(state, style="bold") for state in states])
        funnel.add_row(*[str(count) for count in states.values()])
        elapsed = time.monotonic() - self._started
        rate = self._ended / elapsed * 60 if elapsed > 0 else 0.0
        waiting = sum(status["videos"][state] for state in ("discovered", "queued", "fetched"))
        eta = f", about {_duration(waiting / rate * 60)} to go" if rate > 0 and waiting else ""
        child = f"{status['child_s'] / 60:.1f} min of child speech accepted"
        lines: list[Any] = [funnel, Text(f"{child}; {rate:.0f} videos a minute{eta}; {_duration(elapsed)} so far")]
        spent = [f"{row['bucket']} {row['used']:,} of {row['limit']:,}" for row in status["quotas"] if row["used"]]
        if spent:
            lines.append(Text("today: " + ", ".join(spent)))
        if self._failing:
            kinds = ", ".join(f"{kind} {count}" for kind, count in self._failing.most_common(6))
            lines.append(Text(f"failures so far: {kinds}", style="red"))
        return Group(*lines)


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


LINE_EVERY_S = 10.0


class Steps:
    """Called with ``(step, done, total)`` after each piece of work. Each step has a bar of its own."""

    def __init__(self, bars: Bars | None, *, lines: bool) -> None:
        self._bars = bars
        self._lines = lines
        self._tasks: dict[str, TaskID] = {}
        self._printed_at = time.monotonic()

    def __call__(self, step: str, done: int, total: int | None) -> None:
        if self._bars is not None:
            if step not in self._tasks:
                self._tasks[step] = self._bars.add_task(step, total=total)
            self._bars.update(self._tasks[step], completed=done, total=total)
        elif self._lines and time.monotonic() - self._printed_at >= LINE_EVERY_S:
            self._printed_at = time.monotonic()
            print(f"{done} of {total} {step}", file=sys.stderr, flush=True)


@contextmanager
def steps(*, quiet: bool, lines: bool = False) -> Iterator[Steps]:
    """Progress of work that is counted: bars on a terminal; elsewhere nothing, or a line every ten seconds."""
    console = Console(file=sys.stderr)
    if quiet or not console.is_terminal:
        yield Steps(None, lines=lines and not quiet)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bars(*columns, console=console, transient=True) as bars:
        yield Steps(bars, lines=False)
