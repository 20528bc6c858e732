"""Cuts a stream of findings into pages that keep within their budget."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from voicesieve.domain.candidates import Budget, Candidate, Cursor, PassedOver, SourceProblem, added_up

MAX_PROBLEMS_PER_PAGE = 100
"""A page also ends after this many problems, so that a file of garbage needs bounded memory."""


@dataclass(frozen=True)
class Finding:
    """One result of a walk. ``resume`` is the cursor that continues directly after it."""

    what: Candidate | SourceProblem | PassedOver
    resume: Cursor


class Findings:
    """A walk in progress. It reads one finding ahead, so that the last page is recognised as the last."""

    def __init__(self, walk: Iterator[Finding]) -> None:
        self._walk = walk
        self._ahead = next(walk, None)

    def take(self, budget: Budget) -> Taken:
        """The next findings within ``budget``. A candidate that occurs twice among them is returned once.

        Raises ValueError for a budget without room for a candidate: its page would look like the end of the walk.
        """
        if budget.max_candidates < 1:
            raise ValueError("a page needs room for at least one candidate")
        candidates: dict[str, Candidate] = {}
        problems: list[SourceProblem] = []
        passed_over: tuple[PassedOver, ...] = ()
        resume: Cursor | None = None
        while (
            self._ahead is not None
            and len(candidates) < budget.max_candidates
            and len(problems) < MAX_PROBLEMS_PER_PAGE
        ):
            finding = self._ahead
            if isinstance(finding.what, SourceProblem):
                problems.append(finding.what)
            elif isinstance(finding.what, PassedOver):
                passed_over = added_up((*passed_over, finding.what))
            else:
                candidates.setdefault(finding.what.id, finding.what)
            resume = finding.resume
            self._ahead = next(self._walk, None)
        resume = resume if self._ahead is not None else None
        return Taken(tuple(candidates.values()), tuple(problems), resume, passed_over)


@dataclass(frozen=True)
class Taken:
    """The findings of one page. ``resume`` is ``None`` at the end of the walk."""

    candidates: tuple[Candidate, ...]
    problems: tuple[SourceProblem, ...]
    resume: Cursor | None
    passed_over: tuple[PassedOver, ...] = ()
