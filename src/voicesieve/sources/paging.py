"""Cutting a stream of findings into pages that keep within their budget."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from voicesieve.domain.candidates import Budget, Candidate, Cursor, PassedOver, SourceProblem, added_up

MAX_PROBLEMS_PER_PAGE = 100
"""A page also ends here, so that a file of garbage stays in bounded memory; the next page goes on."""


@dataclass(frozen=True)
class Finding:
    """One thing that a walk came upon. ``resume`` is the cursor that goes on right behind it."""

    what: Candidate | SourceProblem | PassedOver
    resume: Cursor


class Findings:
    """A walk in progress. It looks one finding ahead, so that the last page knows that it is the last."""

    def __init__(self, walk: Iterator[Finding]) -> None:
        self._walk = walk
        self._ahead = next(walk, None)

    def take(self, budget: Budget) -> Taken:
        """The next findings within ``budget``. A candidate that stands twice among them is passed over in silence.

        Raises ValueError for a budget without room for a candidate: it would look like the end of the walk.
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
    """What one page took. ``resume`` is ``None`` when the walk is at its end."""

    candidates: tuple[Candidate, ...]
    problems: tuple[SourceProblem, ...]
    resume: Cursor | None
    passed_over: tuple[PassedOver, ...] = ()
