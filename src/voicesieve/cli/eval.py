"""``voicesieve eval``: detectors measured on labelled stretches, with their figures side by side, and plots."""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from voicesieve.api.opening import settings_for
from voicesieve.cli.detectors import choice_named, report_licence
from voicesieve.cli.labelled import Workshop, problem_lines, usable_labels, workshop
from voicesieve.cli.output import DEFAULT_DATA, AsJson, Config, Data, OperatorError, Quiet, note, print_json
from voicesieve.domain.errors import EXIT_OK, EXIT_OPERATOR
from voicesieve.domain.failures import FailureError, Remedy
from voicesieve.domain.verdicts import Model
from voicesieve.engines.loop import run_loop
from voicesieve.evaluation import figures, scoring
from voicesieve.evaluation.figures import Scored, Voice, all_figures
from voicesieve.evaluation.labels import Problem, Stretch
from voicesieve.evaluation.scoring import CUTS, CutsOrder, ScoredCuts, ScoredSpan, Span
from voicesieve.files import SHARED_FILE, atomic_file, make_folder
from voicesieve.observability.terminal import safe_text
from voicesieve.settings import Settings
from voicesieve.voices.detector import DetectorChoice
from voicesieve.voices.registry import load_detector
from voicesieve.voices.scores import WindowScores

TITLES = {
    "auc_child_adult": "AUC, child against adult",
    "auc_child_woman": "AUC, child against woman",
    "recall_at_1_percent": "children found at 1 % of adults called child",
    "recall_at_5_percent": "children found at 5 % of adults called child",
    "equal_error_rate": "equal error rate",
    "calibration_error": "calibration error (15 bins)",
}
WIDTH_IN_A_PIPE = 160
NAMES_WIDTH = 56
NOTHING = "–"

Rows = Iterator[tuple[str, list[str]]]


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


def evaluate(
    file: Annotated[
        Path, typer.Argument(metavar="LABELS.csv", help="Columns path (or url), start, end, label, speaker, ...")
    ],
    detector: Annotated[
        list[str] | None, typer.Option(help="NAME or NAME@CALIBRATION; repeatable, to compare [analysis.detector].")
    ] = None,
    plots: Annotated[Path | None, typer.Option(metavar="DIR", help="Write PNG plots into this folder.")] = None,
    data: Data = DEFAULT_DATA,
    config: Config = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Prints AUC, recall, calibration error and verdicts, with 95 % intervals over speakers.

    Labels are child, woman, man, adult, teen or nonspeech. `voicesieve labels DIR` makes such a file from a corpus
    folder. The exit code is 1 if rows could not be used; each is listed with its line number.
    """
    raise typer.Exit(_evaluate(file, detector or [], plots, data, config, as_json=as_json, quiet=quiet))


def _evaluate(
    file: Path, names: Sequence[str], plots: Path | None, data: Path, config: Path | None, *, as_json: bool, quiet: bool
) -> int:
    settings = settings_for(data, config)
    choices = tuple(choice_named(name, settings, data) for name in dict.fromkeys(names or [""]))
    models = [_model(choice) for choice in choices]
    if plots is not None:
        _check_plots(plots)
    stretches, problems = usable_labels(file)
    evaluated = run_loop(_score(stretches, choices, settings, data, quiet=quiet))
    problems = sorted([*problems, *evaluated.problems], key=lambda problem: problem.line)
    if not evaluated.spans:
        raise OperatorError(f"{safe_text(str(file))}: no row could be used.\n{problem_lines(problems)}")
    facts = _facts(file, evaluated, models, problems)
    if as_json:
        print_json(facts)
    else:
        _print(facts)
    if problems:
        note(problem_lines(problems))
    if plots is not None:
        shown = {f"{model.name} {model.revision}": evaluated.scored(number) for number, model in enumerate(models)}
        _write_plots(plots, shown)
    return EXIT_OPERATOR if problems else EXIT_OK


def _facts(file: Path, evaluated: Evaluated, models: Sequence[Model], problems: Sequence[Problem]) -> dict[str, Any]:
    """The contract of ``eval --json``."""
    return {
        "labels": str(file),
        "rows_used": dict(Counter(stretch.label.value for stretch, _ in evaluated.spans)),
        "problems": [{"line": problem.line, "message": problem.message} for problem in problems],
        "detectors": [
            all_figures(evaluated.scored(number), figures.cuts_of(evaluated.cuts, number), model)
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
    cuts_by_voice: dict[Voice, ScoredCuts] = {}
    async for voice, cuts in shop.at_once(jobs):
        cuts_by_voice[voice] = cuts
        shop.progress("voices cut into pieces", len(cuts_by_voice), len(by_voice))
    return dict(sorted(cuts_by_voice.items(), key=lambda item: (item[0].name, item[0].label, item[0].line)))


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
            # The same files were read a moment ago, so this is unexpected and reported; the other figures stand.
            note(f"voicesieve: no pieces of one speaker: {safe_text(scoring.explained(error))}")
            return {}

    return score


def _model(choice: DetectorChoice) -> Model:
    try:
        model = load_detector(choice).model
    except ValueError as error:
        raise OperatorError(f"--detector: {safe_text(str(error), limit=600)}.") from error
    report_licence(choice)
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


def _print(facts: Mapping[str, Any]) -> None:
    """Print on standard output. Intervals are 95 %, over speakers where they concern scores, else Wilson's."""
    console = Console(file=sys.stdout, highlight=False, emoji=False, markup=False)
    if not console.is_terminal:
        console.width = WIDTH_IN_A_PIPE
    detectors: Sequence[Mapping[str, Any]] = facts["detectors"]
    used = ", ".join(f"{count} {label}" for label, count in facts["rows_used"].items())
    console.print(f"{safe_text(facts['labels'])}: {used}")
    _section(console, "Clips", detectors, _measures([detector["clips"] for detector in detectors]))
    _section(
        console,
        "Speakers (all clips of each pooled)",
        detectors,
        _measures([detector["speakers"] for detector in detectors]),
    )
    for duration in detectors[0]["by_duration"]:
        parts = [detector["by_duration"][duration] for detector in detectors]
        _section(console, f"Pieces of {duration} s, up to {CUTS} of each speaker", detectors, _measures(parts))
    groups = detectors[0]["by_group"]
    for group in groups if len(groups) > 1 else ():  # a single group repeats the figures above
        parts = [detector["by_group"][group] for detector in detectors]
        title = f"Group {safe_text(group, limit=60)}"
        _section(console, title, detectors, (*_measures(parts), *_shares(parts, "closer_to_child", "closer to child")))
    for point in detectors[0]["called_child"]:
        rows = _shares([detector["called_child"] for detector in detectors], point, "called child")
        _section(console, f"Verdicts on clips at operating point {point}", detectors, rows)
    for point, verdicts in detectors[0]["verdicts"].items():
        for unit in verdicts:
            counted = [detector["verdicts"][point][unit] for detector in detectors]
            title = f"Verdicts on {unit} at {point}: child / unsure / no child"
            _section(console, title, detectors, _verdicts(counted))
    silent = _shares(detectors, "no_speech_heard", "without detected speech")
    _section(console, "Clips in which no speech was detected", detectors, silent)
    _section(
        console, "Mean probability of a child by age", detectors, _ages([detector["by_age"] for detector in detectors])
    )


def _section(
    console: Console, title: str, detectors: Sequence[Mapping[str, Any]], rows: Iterator[Any] | Sequence[Any]
) -> None:
    lines = list(rows)
    if not lines:
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="")
    table.add_column(Text(title, style="bold"), min_width=NAMES_WIDTH)
    for detector in detectors:
        table.add_column(f"{safe_text(detector['detector'])} {safe_text(detector['revision'])}")
    for name, cells in lines:
        table.add_row(f"  {name}", *cells)
    console.print()
    console.print(table)


def _measures(parts: Sequence[Mapping[str, Any]]) -> Rows:
    counts = parts[0]["counts"]
    if any(parts[0][name]["value"] is not None for name in TITLES):
        counted = ", ".join(f"{label} {n['examples']} of {n['speakers']} speakers" for label, n in counts.items())
        yield counted, [""] * len(parts)
    for name, title in TITLES.items():
        if any(part[name]["value"] is not None for part in parts):
            yield title, [_figure(part[name]) for part in parts]


def _shares(parts: Sequence[Mapping[str, Any]], key: str, what: str) -> Rows:
    for label in parts[0][key]:
        yield f"{label} {what}", [_figure(part[key][label]) for part in parts]


def _verdicts(counted: Sequence[Mapping[str, Mapping[str, int]]]) -> Rows:
    for label in counted[0]:
        cells = [verdicts[label] for verdicts in counted]
        yield label, [f"{cell['child']} / {cell['unsure']} / {cell['no_child']}" for cell in cells]


def _ages(parts: Sequence[Sequence[Mapping[str, Any]]]) -> Rows:
    by_band = [{row["age"]: row for row in part} for part in parts]
    for row in parts[0]:
        cells = [f"{rows[row['age']]['mean_probability']:.2f}" if row["age"] in rows else NOTHING for rows in by_band]
        yield f"{row['age']} years, {row['clips']} clips of {row['speakers']} speakers", cells


def _figure(figure: Mapping[str, float | None]) -> str:
    value, low, high = (figure[key] for key in ("value", "low", "high"))
    if value is None:
        return NOTHING
    return f"{value:.3f}" if low is None or high is None else f"{value:.3f} ({low:.2f}–{high:.2f})"
