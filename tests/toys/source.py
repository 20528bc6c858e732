"""A source of one recording, ``toy:FILE``: the least that a kind of source consists of."""

from __future__ import annotations

from pathlib import Path

from voicesieve.domain.candidates import Budget, Candidate, Cursor, Page, Query
from voicesieve.domain.quotas import Price
from voicesieve.sources.identity import file_identity
from voicesieve.sources.kinds import SourceKind
from voicesieve.sources.paths import absolute_path


class ToySource:
    def fair_host(self, query: Query) -> str | None:
        return None

    def price(self, query: Query, cursor: Cursor | None, memory: Cursor) -> Price | None:
        return None

    async def page(self, query: Query, cursor: Cursor | None, memory: Cursor, budget: Budget) -> Page:
        path = Path(query.argument)
        return Page((Candidate(*file_identity(path), title=path.stem),))


KIND = SourceKind(
    name="toy",
    argument="FILE",
    summary="one recording",
    examples=("toy:one.wav",),
    parse=absolute_path,
    source=lambda tools: ToySource(),
)
