"""Events: what the pipeline tells the outside. Every sink (log, metrics, display) hears the same ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

LEVELS = {
    "attempt_failed": "warning",
    "source_failed": "warning",
    "source_problem": "warning",
    "host_paused": "warning",
    "backup_failed": "warning",
    "clock_set_back": "warning",
    "folder_open": "warning",
    "language_unavailable": "warning",
    "run_fault": "error",
    "http_request": "debug",
}
"""Levels of the events that are not plain information."""


@dataclass(frozen=True)
class Event:
    """A name from the fixed list in ``docs/observability.md`` and plain JSON values."""

    name: str
    fields: dict[str, Any] = field(default_factory=dict)

    @property
    def level(self) -> str:
        return LEVELS.get(self.name, "info")


class Sink(Protocol):
    def __call__(self, event: Event) -> None: ...


class Events:
    """Hands each event to all sinks, in order."""

    def __init__(self, sinks: Sequence[Sink] = ()) -> None:
        self._sinks = tuple(sinks)

    def emit(self, name: str, **fields: Any) -> None:
        event = Event(name, fields)
        for sink in self._sinks:
            sink(event)
