"""From the plan and the cut sound to a finished tree: each item goes to the writer, each recording into the index."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from voicesieve.corpus.facts import CorpusFacts
from voicesieve.corpus.formats.files import create
from voicesieve.corpus.formats.protocol import Order, Place, Writer
from voicesieve.corpus.index import INDEX, IndexEntry, index_line
from voicesieve.corpus.items import items_of
from voicesieve.corpus.merging import Merged
from voicesieve.corpus.options import Filters
from voicesieve.corpus.outcomes import Outcome
from voicesieve.corpus.plan import PlanRow, read_plan
from voicesieve.corpus.staging import Staging


def assemble(
    staging: Staging,
    order: Order,
    merged: Merged,
    source_of: Callable[[PlanRow], Path],
    facts: CorpusFacts,
    progressed: Callable[[int], None],
) -> None:
    """Fill ``staging.tree``: the format's files and the index. ``source_of`` returns the stored file of a recording."""
    writer = order.format.writer(order)
    opened = order.options.opens_recordings
    with create(order.folder / INDEX) as index:
        for number, planned in enumerate(read_plan(staging.plan)):
            progressed(number)
            outcome = staging.outcome_of(planned.id) if opened else None
            reason = "duplicate" if number in merged.left_out else _left_out_whole(planned, order.options.filters)
            if reason:
                facts.leave_out(reason)
                index.write(index_line(_entry(planned, outcome, left_out=reason)))
                continue
            if outcome is None and opened:
                facts.leave_out("unusable")
                continue
            row = replace(planned, sources=merged.sources.get(number, planned.sources))
            places = _add_items(writer, order, row, outcome, staging.folder_of(row.id), source_of, facts)
            index.write(index_line(replace(_entry(row, outcome), places=places)))
    writer.close()


def _entry(row: PlanRow, outcome: Outcome | None, left_out: str = "") -> IndexEntry:
    videos = tuple(source.video for source in row.sources)
    return IndexEntry(row.id, row.sha256, videos, left_out, outcome)


def _left_out_whole(row: PlanRow, filters: Filters) -> str:
    spoken = {row.spoken, *(part.code for part in row.parts)}
    return "" if any(filters.wants(code) for code in spoken) else "language"


def _add_items(
    writer: Writer,
    order: Order,
    row: PlanRow,
    outcome: Outcome | None,
    folder: Path,
    source_of: Callable[[PlanRow], Path],
    facts: CorpusFacts,
) -> dict[str, Place]:
    places: dict[str, Place] = {}
    for item in items_of(order, row, outcome, folder, source_of, facts):
        if not order.options.filters.wants(item.language):
            facts.leave_out("language")
            continue
        place = writer.add(item)
        facts.add(item)
        if place is not None:
            places[item.id] = place
    return places
