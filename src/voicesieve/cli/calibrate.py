"""``voicesieve calibrate``: refit the network's last layer on reviewed clips, list and remove such refits."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from voicesieve.api.opening import settings_for
from voicesieve.cli.detectors import calibration_file
from voicesieve.cli.labelled import problem_lines, usable_labels, workshop
from voicesieve.cli.output import DEFAULT_DATA, AsJson, Config, Data, OperatorError, Quiet, note, print_json, say
from voicesieve.datafolder.folder import DataFolder
from voicesieve.domain.errors import EXIT_OK, EXIT_OPERATOR
from voicesieve.engines.loop import run_loop
from voicesieve.evaluation import scoring, statistics
from voicesieve.evaluation.figures import Voice
from voicesieve.evaluation.labels import ADULTS, Problem, SoundLabel, Stretch
from voicesieve.evaluation.refitting import Clips, Refit, TooFewError, refit
from voicesieve.evaluation.scoring import EmbeddedSpan
from voicesieve.files import make_folder, write_text
from voicesieve.observability.terminal import safe_text
from voicesieve.settings import Settings
from voicesieve.voices.calibration import Calibration, read_calibration
from voicesieve.voices.detector import DetectorChoice
from voicesieve.voices.network import NetworkDetector

NETWORK = "network"


def calibrate(
    file: Annotated[Path | None, typer.Argument(metavar="LABELS.csv", help="About 200 reviewed clips.")] = None,
    name: Annotated[str, typer.Option(help="Name of the calibration.")] = "default",
    force: Annotated[bool, typer.Option("--force", help="Store the result even if it is not better.")] = False,
    list_: Annotated[bool, typer.Option("--list", help="Show the calibrations of the data folder.")] = False,
    remove: Annotated[str, typer.Option(metavar="NAME", help="Remove a calibration.")] = "",
    data: Data = DEFAULT_DATA,
    config: Config = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """For recordings unlike those that the network was trained on. Takes minutes; the network itself is not changed.

    Needs clips of at least four children and four adults, labelled as for `voicesieve eval`. The figures are
    measured on speakers left out of the fit; if these are not distinguished better than before, nothing is stored.
    """
    if list_:
        _list(data, as_json=as_json)
    elif remove:
        _remove(remove, data)
    elif file is None:
        raise typer.BadParameter("name a labels file, or use --list or --remove NAME")
    else:
        raise typer.Exit(_calibrate(file, name, data, config, force=force, as_json=as_json, quiet=quiet))


def _calibrate(
    file: Path, name: str, data: Path, config: Path | None, *, force: bool, as_json: bool, quiet: bool
) -> int:
    """Fit, measure on left-out speakers, and store the result if it is better; the exit code is 1 if it is not."""
    target = calibration_file(data, name)
    settings = settings_for(data, config)
    stretches, problems = usable_labels(file)
    spoken = [stretch for stretch in stretches if stretch.label is SoundLabel.CHILD or stretch.label in ADULTS]
    spans, unusable = run_loop(_embed(spoken, settings, data, quiet=quiet))
    problems = sorted([*problems, *unusable], key=lambda problem: problem.line)
    if problems:
        note(problem_lines(problems))
    embedded = [(stretch, span) for stretch, span in spans if span.odds is not None]
    try:
        result = refit(_clips(embedded), NetworkDetector.embedded().base)
    except TooFewError as error:
        raise OperatorError(f"{safe_text(str(file))}: {error}.") from error
    facts = _facts(file, embedded, result)
    is_stored = result.is_better or force
    if is_stored:
        _store(target, replace(result.calibration, facts=facts))
    if as_json:
        print_json({"name": name, "file": str(target), "stored": is_stored, **facts})
    else:
        say(_result_lines(facts))
    if not is_stored:
        note(
            "Not stored: the speakers left out of the fit are not distinguished any better. More speakers help most; "
            "--force stores it anyway."
        )
        return EXIT_OPERATOR
    note(
        f'Stored {target}. Runs use it with calibration = "{name}" below [voices] in the settings; '
        f"`voicesieve eval LABELS.csv --detector network --detector network@{name}` compares."
    )
    return EXIT_OK


def _list(data: Path, *, as_json: bool) -> None:
    base = NetworkDetector.embedded().base
    for file in sorted(DataFolder(data).calibrations.glob("*.json")):
        try:
            calibration = read_calibration(file)
            calibration.check(base)
            state = "usable"
        except ValueError as error:
            state = str(error)
            calibration = None
        facts = {} if calibration is None else dict(calibration.facts)
        if as_json:
            revision = None if calibration is None else calibration.revision
            print_json({"name": file.stem, "revision": revision, "state": state, **facts})
        else:
            what = f"{facts.get('made_at')}, {facts.get('child_clips')} + {facts.get('adult_clips')} clips, "
            print(safe_text(f"{file.stem}: {what if calibration else ''}{state}", limit=500))


def _remove(name: str, data: Path) -> None:
    file = calibration_file(data, name)
    try:
        file.unlink()
    except FileNotFoundError:
        raise OperatorError(f"There is no calibration {name!r} in {data}; --list shows all.") from None
    except OSError as error:
        raise OperatorError(f"{file} cannot be removed: {error.strerror}.") from error
    note(f"Removed {file}. Recordings that were analysed with it keep their scores.")


async def _embed(
    stretches: Sequence[Stretch], settings: Settings, data: Path, *, quiet: bool
) -> tuple[list[tuple[Stretch, EmbeddedSpan]], list[Problem]]:
    async with workshop(settings, data, quiet=quiet) as shop:
        located = await shop.located(stretches)
        return await shop.each_span(located, (DetectorChoice(NETWORK),), scoring.embed_spans), shop.problems


def _clips(embedded: Sequence[tuple[Stretch, EmbeddedSpan]]) -> Clips:
    return Clips(
        np.array([span.odds for _, span in embedded], float),
        np.array([span.embedding for _, span in embedded], float).reshape(len(embedded), -1),
        np.array([stretch.label is SoundLabel.CHILD for stretch, _ in embedded], bool),
        statistics.numbered([Voice.of(stretch) for stretch, _ in embedded]),
    )


def _facts(file: Path, embedded: Sequence[tuple[Stretch, EmbeddedSpan]], result: Refit) -> dict[str, Any]:
    children = [stretch for stretch, _ in embedded if stretch.label is SoundLabel.CHILD]
    adults = [stretch for stretch, _ in embedded if stretch.label is not SoundLabel.CHILD]
    return {
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "labels": file.name,
        "labels_sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "child_clips": len(children),
        "child_speakers": len({Voice.of(stretch) for stretch in children}),
        "adult_clips": len(adults),
        "adult_speakers": len({Voice.of(stretch) for stretch in adults}),
        "base": result.calibration.base.revision,
        "revision": result.calibration.revision,
        "auc_before": round(result.auc_before, 4),
        "auc_after": round(result.auc_after, 4),
        "loss_before": round(result.loss_before, 4),
        "loss_after": round(result.loss_after, 4),
    }


def _store(target: Path, calibration: Calibration) -> None:
    try:
        make_folder(target.parent, private=True)
        write_text(target, calibration.to_json())
    except OSError as error:
        raise OperatorError(f"{target} cannot be written: {error.strerror}.") from error


def _result_lines(facts: dict[str, Any]) -> str:
    return (
        f"{facts['child_clips']} clips of {facts['child_speakers']} children, "
        f"{facts['adult_clips']} of {facts['adult_speakers']} adults.\n"
        "On speakers left out of the fit:\n"
        f"  AUC, child against adult   {facts['auc_before']:.3f} -> {facts['auc_after']:.3f}\n"
        f"  surprise in nats           {facts['loss_before']:.3f} -> {facts['loss_after']:.3f}"
    )
