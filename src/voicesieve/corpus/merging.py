"""Duplicates joined: which recordings of a plan are left out, and which take over their sources."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from voicesieve.corpus.duplicates import Groups, join_equal_packets, join_equal_sound
from voicesieve.corpus.options import Duplicates
from voicesieve.corpus.plan import SourceVideo, read_plan
from voicesieve.corpus.staging import Staging
from voicesieve.files import new_file


@dataclass(frozen=True)
class Merged:
    """The result, by the number of a recording's row in the plan.

    ``left_out``: duplicates of another recording. ``sources``: all sources of a recording that has duplicates.
    """

    left_out: frozenset[int] = frozenset()
    sources: Mapping[int, tuple[SourceVideo, ...]] = field(default_factory=dict)


def merge_duplicates(staging: Staging, duplicates: Duplicates) -> Merged:
    """Find the recordings that are the same. Of each group, the one that was discovered first stays."""
    if duplicates is Duplicates.KEEP:
        return Merged()
    hashes: list[bytes] = []
    lengths, durations = array("q"), array("d")
    with new_file(staging.prints) as prints:
        for row in read_plan(staging.plan):
            outcome = staging.outcome_of(row.id)
            hashes.append(bytes.fromhex((outcome.packets if outcome else None) or ""))
            values = array("I", (outcome.print if outcome else None) or ())
            prints.write(values.tobytes())
            lengths.append(len(values))
            durations.append(row.duration_s)
    groups = Groups()
    join_equal_packets(groups, hashes)
    if duplicates is Duplicates.ACOUSTIC:
        join_equal_sound(groups, staging.prints, lengths, durations)
    return _choose(list(groups.members().values()), staging)


def _choose(groups: Sequence[list[int]], staging: Staging) -> Merged:
    if not groups:
        return Merged()
    wanted = {number for numbers in groups for number in numbers}
    rows = {number: row for number, row in enumerate(read_plan(staging.plan)) if number in wanted}
    left_out: set[int] = set()
    sources = {}
    for numbers in groups:
        first, *others = sorted(numbers, key=lambda number: (rows[number].place, rows[number].sha256))
        left_out |= set(others)
        sources[first] = tuple(source for number in (first, *others) for source in rows[number].sources)
    return Merged(frozenset(left_out), sources)
