"""Taking turns between work that runs side by side and work that must run alone."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """A queue in order of arrival, so that work which must be alone is not passed by for ever."""

    def __init__(self) -> None:
        self._line: deque[tuple[asyncio.Future[None], bool]] = deque()
        self._running = 0
        self._exclusive = False

    @asynccontextmanager
    async def hold(self, *, alone: bool) -> AsyncIterator[None]:
        """Wait in line, then run beside the others, or with ``alone`` while nothing else runs."""
        place = asyncio.get_running_loop().create_future()
        self._line.append((place, alone))
        self._admit()
        try:
            await place
        except asyncio.CancelledError:
            if place.cancelled():
                self._line.remove((place, alone))
                self._admit()
            else:
                self._leave(alone)
            raise
        try:
            yield
        finally:
            self._leave(alone)

    def _admit(self) -> None:
        while self._line and not self._exclusive:
            place, alone = self._line[0]
            if alone and self._running:
                return
            self._line.popleft()
            self._running += 1
            self._exclusive = alone
            place.set_result(None)

    def _leave(self, alone: bool) -> None:
        self._running -= 1
        if alone:
            self._exclusive = False
        self._admit()
