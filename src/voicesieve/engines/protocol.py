"""What the driver needs of an engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Engine(Protocol):
    """Runs a plain function on plain data in a worker that may die without taking anything with it."""

    workers: int

    async def run(self, function: Callable[[T], R], item: T, *, deadline_s: float, alone: bool = False) -> R:
        """``function(item)``, in a worker. ``alone`` waits until nothing else runs, and lets nothing else start.

        Raises the `FailureError` or the built-in error (`OSError`, say) that the function raised; ``internal_error``
        for errors of other libraries; ``analyser_crashed`` if the worker died or overran ``deadline_s``;
        ``out_of_memory`` if it was killed or refused memory. Cancelling ends the worker.
        """

    async def close(self) -> None:
        """End all workers now. What runs fails, and what waits or comes later is refused with `RuntimeError`."""
