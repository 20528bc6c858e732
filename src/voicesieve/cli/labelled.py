"""What ``eval`` and ``calibrate`` share: usable rows of a labels file, recordings at hand, work in processes."""

from __future__ import annotations

import asyncio
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from voicesieve.cli.output import OperatorError
from voicesieve.cli.progress import Steps, steps
from voicesieve.cli.wiring import worker_count
from voicesieve.crawl import work
from voicesieve.domain.failures import FailureError, Remedy
from voicesieve.domain.passwords import without_password
from voicesieve.engines.local import LocalEngine
from voicesieve.evaluation import scoring
from voicesieve.evaluation.labels import LabelsError, Problem, Stretch, read_labels
from voicesieve.evaluation.scoring import SpansOrder
from voicesieve.observability.terminal import safe_text
from voicesieve.settings import Settings
from voicesieve.voices.detector import DetectorChoice

SHOWN_PROBLEMS = 20

K = TypeVar("K")
R = TypeVar("R")


class SpanResult(Protocol):
    @property
    def problem(self) -> str: ...


S = TypeVar("S", bound=SpanResult)


@dataclass
class Workshop:
    """Workers and scratch for one command. ``problems`` collects the rows that could not be used.

    ``data`` is the folder whose catalog paces what is fetched.
    """

    settings: Settings
    data: Path
    engine: LocalEngine
    scratch: Path
    progress: Steps
    problems: list[Problem] = field(default_factory=list)

    async def located(self, stretches: Sequence[Stretch]) -> list[tuple[Stretch, Path]]:
        """Each stretch with the path of its recording; web addresses are fetched one after another."""
        addresses = list(dict.fromkeys(stretch.location for stretch in stretches if stretch.is_address))
        fetched: dict[str, Path | str] = {}
        if addresses:
            from voicesieve.cli.single_fetches import fetch_all

            async for address, result in fetch_all(addresses, self.scratch, self.settings, self.data):
                fetched[address] = result
                self.progress("fetched", len(fetched), len(addresses))
        pairs = []
        for stretch in stretches:
            place = fetched[stretch.location] if stretch.is_address else Path(stretch.location)
            if isinstance(place, str):
                self._problem(stretch, place)
            else:
                pairs.append((stretch, place))
        return pairs

    async def each_span(
        self,
        located: Sequence[tuple[Stretch, Path]],
        detectors: tuple[DetectorChoice, ...],
        stage: Callable[[SpansOrder], list[S]],
    ) -> list[tuple[Stretch, S]]:
        """The result of ``stage`` for each stretch, a file at a time, in the order of the rows."""
        by_file: dict[Path, list[Stretch]] = defaultdict(list)
        for stretch, path in located:
            by_file[path].append(stretch)
        jobs = [(group, self._spans_job(path, group, detectors, stage)) for path, group in by_file.items()]
        results_by_stretch: list[tuple[Stretch, S]] = []
        done = 0
        async for group, results in self.at_once(jobs):
            if isinstance(results, str):
                for stretch in group:
                    self._problem(stretch, results)
            else:
                for stretch, result in zip(group, results, strict=True):
                    if result.problem:
                        self._problem(stretch, result.problem)
                    else:
                        results_by_stretch.append((stretch, result))
            done += len(group)
            self.progress("rows scored", done, len(located))
        return sorted(results_by_stretch, key=lambda pair: pair[0].line)

    async def at_once(
        self, jobs: Iterable[tuple[K, Callable[[], Coroutine[Any, Any, R]]]]
    ) -> AsyncIterator[tuple[K, R]]:
        """Results with their keys as they become ready; at most twice as many jobs at once as there are workers."""
        waiting: Iterator[tuple[K, Callable[[], Coroutine[Any, Any, R]]]] = iter(jobs)
        running: dict[asyncio.Task[R], K] = {}
        while True:
            while len(running) < 2 * self.engine.workers and (job := next(waiting, None)) is not None:
                running[asyncio.create_task(job[1]())] = job[0]
            if not running:
                return
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                yield running.pop(task), task.result()

    def _spans_job(
        self,
        path: Path,
        group: Sequence[Stretch],
        detectors: tuple[DetectorChoice, ...],
        stage: Callable[[SpansOrder], list[S]],
    ) -> Callable[[], Coroutine[Any, Any, list[S] | str]]:
        spans = tuple((stretch.start_s, stretch.end_s) for stretch in group)
        order = SpansOrder(path, spans, detectors, self.settings.fetching.max_duration_s)

        async def score() -> list[S] | str:
            try:
                return await self.engine.run(stage, order, deadline_s=self.deadline_s * len(detectors))
            except FailureError as error:
                if error.failure.remedy is Remedy.STOP_RUN:
                    raise
                return scoring.explained(error)
            except OSError as error:
                return scoring.explained(error)

        return score

    @property
    def deadline_s(self) -> float:
        return self.settings.analysis.deadline_s

    def _problem(self, stretch: Stretch, message: str) -> None:
        self.problems.append(Problem(stretch.line, f"{without_password(stretch.location)[:200]}: {message}"))


@asynccontextmanager
async def workshop(settings: Settings, data: Path, *, quiet: bool) -> AsyncIterator[Workshop]:
    engine = LocalEngine(
        worker_count(settings),
        memory_mb=settings.analysis.memory_mb,
        preload=("voicesieve.evaluation.scoring",),
        trial=work.prove_decoder,
    )
    try:
        with (
            tempfile.TemporaryDirectory(prefix="voicesieve-eval-") as scratch,
            steps(quiet=quiet, lines=True) as progress,
        ):
            yield Workshop(settings, data, engine, Path(scratch), progress)
    finally:
        await engine.close()


def usable_labels(file: Path) -> tuple[list[Stretch], list[Problem]]:
    """Raises `OperatorError` if no row of the file can be used."""
    try:
        stretches, problems = read_labels(file)
    except LabelsError as error:
        raise OperatorError(safe_text(str(error), limit=600)) from error
    if not stretches:
        raise OperatorError(f"{safe_text(str(file))}: no row can be used.\n{problem_lines(problems)}")
    return stretches, problems


def problem_lines(problems: Sequence[Problem]) -> str:
    """Problems for a person, a line each."""
    lines = [f"line {problem.line}: {safe_text(problem.message, limit=300)}" for problem in problems[:SHOWN_PROBLEMS]]
    if len(problems) > SHOWN_PROBLEMS:
        lines.append(f"... and {len(problems) - SHOWN_PROBLEMS} more (--json lists all)")
    rows = "1 row was" if len(problems) == 1 else f"{len(problems)} rows were"
    return "\n".join([f"{rows} left out:", *lines])
