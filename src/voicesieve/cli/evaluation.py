"""What ``voicesieve eval`` does: score labelled stretches with each detector, tell figures, draw plots."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voicesieve.cli.detectors import choice_named, tell_licence
from voicesieve.cli.evaluation_table import print_table
from voicesieve.cli.labelled import Workshop, told, usable_labels, workshop
from voicesieve.cli.output import EXIT_OK, EXIT_OPERATOR, OperatorError, note, print_json
from voicesieve.cli.wiring import settings_for
from voicesieve.domain.failures import FailureError, Remedy
from voicesieve.domain.verdicts import Model
from voicesieve.engines.loop import run_loop
from voicesieve.evaluation import figures, scoring
from voicesieve.evaluation.figures import Scored, Voice, all_figures
from voicesieve.evaluation.labels import Problem, Stretch
from voicesieve.evaluation.scoring import CutsOrder, ScoredCuts, ScoredSpan, Span
from voicesieve.files import SHARED_FILE, atomic_file, make_folder
from voicesieve.observability.terminal import safe_text
from voicesieve.settings import Settings
from voicesieve.voices.detector import DetectorChoice, WindowScores, load_detector


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
    choices = tuple(choice_named(name, settings, data) for name in dict.fromkeys(names or [""]))
    models = [_model(choice) for choice in choices]
    if plots is not None:
        _check_plots(plots)
    stretches, problems = usable_labels(file)
    found = run_loop(_score(stretches, choices, settings, data, quiet=quiet))
    problems = sorted([*problems, *found.problems], key=lambda problem: problem.line)
    if not found.spans:
        raise OperatorError(f"{safe_text(str(file))}: no row could be used.\n{told(problems)}")
    facts = _facts(file, found, models, problems)
    if as_json:
        print_json(facts)
    else:
        print_table(facts)
    if problems:
        note(told(problems))
    if plots is not None:
        shown = {f"{model.name} {model.revision}": found.scored(number) for number, model in enumerate(models)}
        _write_plots(plots, shown)
    return EXIT_OPERATOR if problems else EXIT_OK


def _facts(file: Path, found: Evaluated, models: Sequence[Model], problems: Sequence[Problem]) -> dict[str, Any]:
    """The contract of ``eval --json``."""
    return {
        "labels": str(file),
        "rows_used": dict(Counter(stretch.heard.value for stretch, _ in found.spans)),
        "problems": [{"line": problem.line, "message": problem.message} for problem in problems],
        "detectors": [
            all_figures(found.scored(number), figures.cuts_of(found.cuts, number), model)
            for number, model in enumerate(models)
        ],
    }


async def _score(
    stretches: Sequence[Stretch], choices: tuple[DetectorChoice, ...], settings: Settings, data: Path, *, quiet: bool
) -> Evaluated:
    async with workshop(settings, data, quiet=quiet) as shop:
        located = await shop.located(stretches)
        spans = await shop.each_span(located, choices, scoring.score_spans)
        paths = {stretch.line: path for stretch, path in located}
        cuts = await _score_cuts([(stretch, paths[stretch.line]) for stretch, _ in spans], choices, shop)
    return Evaluated(spans, cuts, shop.problems)


async def _score_cuts(
    usable: Sequence[tuple[Stretch, Path]], choices: tuple[DetectorChoice, ...], shop: Workshop
) -> dict[Voice, ScoredCuts]:
    by_voice: dict[Voice, list[tuple[Path, Span]]] = defaultdict(list)
    for stretch, path in usable:
        by_voice[Voice.of(stretch)].append((path, (stretch.start_s, stretch.end_s)))
    jobs = [(voice, _cuts_job(parts, choices, shop)) for voice, parts in by_voice.items()]
    found: dict[Voice, ScoredCuts] = {}
    async for voice, cuts in shop.at_once(jobs):
        found[voice] = cuts
        shop.progress.step("voices cut to pieces", len(found), len(by_voice))
    return dict(sorted(found.items(), key=lambda item: (item[0].name, item[0].heard, item[0].line)))


def _cuts_job(
    parts: Sequence[tuple[Path, Span]], choices: tuple[DetectorChoice, ...], shop: Workshop
) -> Callable[[], Coroutine[Any, Any, ScoredCuts]]:
    order = CutsOrder(tuple(parts), choices, shop.settings.fetching.max_duration_s)

    async def score() -> ScoredCuts:
        try:
            return await shop.engine.run(scoring.score_cuts, order, deadline_s=shop.deadline_s * len(choices))
        except (FailureError, OSError) as error:
            if isinstance(error, FailureError) and error.failure.remedy is Remedy.STOP_RUN:
                raise
            # The same files were read a moment ago, so this is worth a word; the other figures stand.
            note(f"voicesieve: no pieces of one speaker: {safe_text(scoring.explained(error))}")
            return {}

    return score


def _model(choice: DetectorChoice) -> Model:
    try:
        model = load_detector(choice).model
    except ValueError as error:
        raise OperatorError(f"--detector: {safe_text(str(error), limit=600)}.") from error
    tell_licence(choice)
    return model


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
        with atomic_file(folder / name, mode=SHARED_FILE) as file:
            file.write(data)
        note(f"Wrote {folder / name}")
