"""Noticing that this process stood still: stopped by a signal, a debugger, or a virtual machine that was paused."""

from __future__ import annotations

import asyncio
import math
import time

BEAT_S = 1.0
STANDSTILL_S = 10.0
"""More than this between two beats is a standstill. A busy machine delays the loop by a second or two; the shortest
limit that a standstill alone can exceed, ``fetching.stall_s``, is 30 s by default."""


class Pulse:
    """Beats once a second for as long as the process runs. Times are those of `time.monotonic`."""

    def __init__(self) -> None:
        self._last_beat = math.inf
        self._stood_still_at = -math.inf

    async def beat(self) -> None:
        """Never returns; to be cancelled when the run ends."""
        self._last_beat = time.monotonic()
        while True:
            await asyncio.sleep(BEAT_S)
            self._look()

    def stood_still_since(self, started: float) -> bool:
        """Whether the process stood still at any time after ``started``."""
        self._look()
        return self._stood_still_at >= started

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._last_beat > STANDSTILL_S:
            self._stood_still_at = now
        if self._last_beat != math.inf:
            self._last_beat = now
