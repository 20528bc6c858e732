"""How a run is asked to stop."""

from __future__ import annotations

import asyncio


class Ending:
    """Asked once, the run finishes what is in hand; asked twice, it stops now."""

    def __init__(self) -> None:
        self.requested = asyncio.Event()
        self.urgent = asyncio.Event()

    def ask(self) -> None:
        (self.urgent if self.requested.is_set() else self.requested).set()
