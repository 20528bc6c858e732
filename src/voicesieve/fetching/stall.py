"""Distinguishing a slow transfer from one that has stopped."""

from __future__ import annotations


class StallClock:
    """Requires ``stall_bytes`` more within every ``stall_s`` seconds.

    ``due`` is the moment (on the caller's clock, seconds) at which the transfer counts as stalled. It moves on
    whenever enough bytes have come, so a fast start does not excuse a trickle afterwards.
    """

    def __init__(self, *, stall_s: float, stall_bytes: int, now: float) -> None:
        self._stall_s = stall_s
        self._stall_bytes = stall_bytes
        self._credited = 0
        self.due = now + stall_s

    def saw(self, total_bytes: int, now: float) -> None:
        """Note that ``total_bytes`` have come since the start."""
        if total_bytes - self._credited >= self._stall_bytes:
            self._credited = total_bytes
            self.due = now + self._stall_s
