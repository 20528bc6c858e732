"""What ``voicesieve eval`` does: read labels, fetch what lies on the web, score in workers, tell figures."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from voicesieve.cli.evaluation_table import print_table
from voicesieve.cli.output import EXIT_OK, EXIT_OPERATOR, OperatorError, note, print_json
from voicesieve.cli.wiring import choice_named, settings_for, worker_count
from voicesieve.domain.failures import FailureError
from voicesieve.evaluation import figures, scoring
from voicesieve.evaluation.figures import Scored, Voice, all_figures
from voicesieve.evaluation.labels import LabelsError, Problem, Stretch, read_labels
from voicesieve.evaluation.scoring import CutsOrder, ScoredCuts, ScoredSpan, SpansOrder
from voicesieve.files import atomic_file, make_folder
from voicesieve.observability.terminal import safe_text
from voicesieve.pipeline.engines.local import LocalEngine
from voicesieve.settings import Settings
from voicesieve.voices.detector import DetectorChoice, WindowScores, load_detector

if TYPE_CHECKING:
    from voicesieve.cli.stepper import Stepper

T = TypeVar("T")
SHOWN_PROBLEMS = 20


@dataclass(frozen=True, eq=False)
class Evaluated:
    """What was scored of a labels file: stretches with their windows by detector, pieces by voice, and what failed."""

    spans: list[tuple[Stretch, ScoredSpan]]
    cuts: dict[Voice, ScoredCuts]
    problems: list[Problem]

    def scored(self, detector: int) -> list[Scored]:
        return [
            Scored(stretch, span.duration_s, WindowScores.from_bytes(span.windows[detector]))
            for stretch, span in self.spans
        ]


def run_evaluation(
    file: Path, names: Sequence[str], plots: Path | None, data: Path, config: Path | None, *, as_json: bool, quiet: bool
) -> int:
    settings = settings_for(data, config)
    choices = {name: choice_named(name, settings, data) for name in dict.fromkeys(names or [""])}
    models = {name: _loaded(choice).model for name, choice in choices.items()}
    if plots is not None:
        _check_plots(plots)
    stretches, problems = usable_labels(file)
    heard = asyncio.run(score_labels(stretches, tuple(choices.values()), settings, quiet=quiet, with_cuts=True))
    problems = sorted([*problems, *heard.problems], key=lambda problem: problem.line)
    if not heard.spans:
        raise OperatorError(f"{file}: no row could be used.\n{_told(problems)}")
    found = [
        all_figures(heard.scored(number), figures.cuts_of(heard.cuts, number), model)
        for number, model in enumerate(models.values())
    ]
    used = Counter(stretch.heard.value for stretch, _ in heard.spans)
    facts = {
        "labels": str(file),
        "rows_used": dict(used),
        "problems": [{"line": problem.line, "message": problem.message} for problem in problems],
        "detectors": found,
    }
    if as_json:
        print_json(facts)
    else:
        print_table(facts)
    if problems:
        note(_told(problems))
    if plots is not None:
        shown = {f"{model.name} {model.revision}": heard.scored(number) for number, model in enumerate(models.values())}
        _write_plots(plots, shown)
    return EXIT_OPERATOR if problems else EXIT_OK


def usable_labels(file: Path) -> tuple[list[Stretch], list[Problem]]:
    try:
        stretches, problems = read_labels(file)
    except LabelsError as error:
        raise OperatorError(safe_text(str(error), limit=600)) from error
    if not stretches:
        raise OperatorError(f"{safe_text(str(file))}: no row can be used.\n{_told(problems)}")
    return stretches, problems


async def score_labels(
    stretches: Sequence[Stretch],
    choices: tuple[DetectorChoice, ...],
    settings: Settings,
    *,
    quiet: bool,
    with_cuts: bool,
) -> Evaluated:
    """Score every stretch with every detector, a file at a time in worker processes."""
    from voicesieve.cli.stepper import stepper

    problems: list[Problem] = []
    engine = LocalEngine(
        worker_count(settings), memory_mb=settings.analysis.memory_mb, preload=("voicesieve.evaluation.scoring",)
    )
    try:
        with tempfile.TemporaryDirectory(prefix="voicesieve-eval-") as scratch, stepper(quiet=quiet) as progress:
            local = await _on_this_machine(stretches, Path(scratch), settings, progress, problems)
            spans = await _score_files(local, choices, settings, engine, progress, problems)
            paths = {id(stretch): path for stretch, path in local}
            usable = [(stretch, paths[id(stretch)]) for stretch, _ in spans]
            cuts = await _score_cuts(usable, choices, settings, engine, progress) if with_cuts else {}
    finally:
        await engine.close()
    return Evaluated(spans, cuts, problems)


async def _on_this_machine(
    stretches: Sequence[Stretch], scratch: Path, settings: Settings, progress: Stepper, problems: list[Problem]
) -> list[tuple[Stretch, Path]]:
    """Each stretch with the path of its recording; what lies on the web is fetched, one after another."""
    addresses = list(dict.fromkeys(stretch.location for stretch in stretches if stretch.is_address))
    fetched: dict[str, Path | str] = {}
    if addresses:
        from voicesieve.cli.single_fetches import fetch_all

        async for address, result in fetch_all(addresses, scratch, settings):
            fetched[address] = result
            progress.step("fetched", len(fetched), len(addresses))
    found = []
    for stretch in stretches:
        place = fetched[stretch.location] if stretch.is_address else Path(stretch.location)
        if isinstance(place, str):
            problems.append(Problem(stretch.line, f"{stretch.location[:200]}: {place}"))
        else:
            found.append((stretch, place))
    return found


async def _score_files(
    local: Sequence[tuple[Stretch, Path]],
    choices: tuple[DetectorChoice, ...],
    settings: Settings,
    engine: LocalEngine,
    progress: Stepper,
    problems: list[Problem],
) -> list[tuple[Stretch, ScoredSpan]]:
    by_file: dict[Path, list[Stretch]] = defaultdict(list)
    for stretch, path in local:
        by_file[path].append(stretch)

    async def score(path: Path, ones: list[Stretch]) -> list[ScoredSpan]:
        spans = tuple((one.start_s, one.end_s) for one in ones)
        order = SpansOrder(path, spans, choices, settings.fetching.max_duration_s)
        try:
            return await engine.run(scoring.score_spans, order, deadline_s=_deadline(settings, len(choices)))
        except (FailureError, OSError) as error:
            return [ScoredSpan(0.0, (), scoring.explained(error))] * len(ones)

    jobs = [(ones, lambda path=path, ones=ones: score(path, ones)) for path, ones in by_file.items()]
    found: list[tuple[Stretch, ScoredSpan]] = []
    async for ones, spans in _at_once(jobs, 2 * engine.workers):
        for stretch, span in zip(ones, spans, strict=True):
            if span.problem:
                problems.append(Problem(stretch.line, f"{stretch.location[:200]}: {span.problem}"))
            else:
                found.append((stretch, span))
        progress.step("rows scored", len(found) + len(problems), len(local) + len(problems))
    return sorted(found, key=lambda one: one[0].line)


async def _score_cuts(
    usable: Sequence[tuple[Stretch, Path]],
    choices: tuple[DetectorChoice, ...],
    settings: Settings,
    engine: LocalEngine,
    progress: Stepper,
) -> dict[Voice, ScoredCuts]:
    by_voice: dict[Voice, list[tuple[Path, scoring.Span]]] = defaultdict(list)
    for stretch, path in usable:
        by_voice[Voice.of(stretch)].append((path, (stretch.start_s, stretch.end_s)))

    async def score(parts: list[tuple[Path, scoring.Span]]) -> ScoredCuts:
        order = CutsOrder(tuple(parts), choices, settings.fetching.max_duration_s)
        try:
            return await engine.run(scoring.score_cuts, order, deadline_s=_deadline(settings, len(choices)))
        except (FailureError, OSError) as error:
            # Each file was read a moment ago, so this is worth a word, and the other figures stand.
            note(f"voicesieve: no pieces of a speaker: {safe_text(scoring.explained(error))}")
            return {}

    jobs = [(voice, lambda parts=parts: score(parts)) for voice, parts in by_voice.items()]
    found: dict[Voice, ScoredCuts] = {}
    async for voice, cuts in _at_once(jobs, 2 * engine.workers):
        found[voice] = cuts
        progress.step("voices cut to 1, 2, 4 and 8 s", len(found), len(by_voice))
    return dict(sorted(found.items(), key=lambda item: (item[0].name, item[0].heard, item[0].line)))


async def _at_once(jobs: Iterable[tuple[Any, Callable[[], Coroutine[Any, Any, Any]]]], limit: int) -> Any:
    """Results with their keys in the order in which they are ready, at most ``limit`` jobs in hand."""
    waiting: Iterator[tuple[Any, Callable[[], Coroutine[Any, Any, Any]]]] = iter(jobs)
    running: dict[asyncio.Task[Any], Any] = {}
    while True:
        while len(running) < limit and (job := next(waiting, None)) is not None:
            running[asyncio.create_task(job[1]())] = job[0]
        if not running:
            return
        done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            yield running.pop(task), task.result()


def _deadline(settings: Settings, detectors: int) -> float:
    return settings.analysis.deadline_s * detectors


def _loaded(choice: DetectorChoice) -> Any:
    try:
        return load_detector(choice)
    except ValueError as error:
        raise OperatorError(f"--detector: {error}.") from error


def _told(problems: Sequence[Problem]) -> str:
    lines = [f"line {problem.line}: {safe_text(problem.message, limit=300)}" for problem in problems[:SHOWN_PROBLEMS]]
    if len(problems) > SHOWN_PROBLEMS:
        lines.append(f"... and {len(problems) - SHOWN_PROBLEMS} more (--json lists all)")
    rows = "1 row was" if len(problems) == 1 else f"{len(problems)} rows were"
    return "\n".join([f"{rows} left out:", *lines])


def _check_plots(folder: Path) -> None:
    """Before an hour of work, not after it."""
    from voicesieve.evaluation.plots import ADVICE

    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise OperatorError(f"{ADVICE}.") from None
    try:
        make_folder(folder)
    except OSError as error:
        raise OperatorError(f"{folder} cannot be used for plots: {error.strerror}.") from error


def _write_plots(folder: Path, scored: Mapping[str, Sequence[Scored]]) -> None:
    from voicesieve.evaluation.plots import plots

    for name, data in plots(scored).items():
        with atomic_file(folder / name) as file:
            file.write(data)
        note(f"Wrote {folder / name}")
