"""``voicesieve eval``, ``labels`` and ``calibrate``: detectors held against labelled stretches, and taught by them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from voicesieve.cli.options import DEFAULT_DATA, AsJson, Config, Data

Labels = Annotated[Path, typer.Argument(metavar="LABELS.csv", help="path (or url), start, end, label, speaker, ...")]


def register(app: typer.Typer) -> None:
    app.command("eval")(evaluate)
    app.command()(labels)
    app.command()(calibrate)


def evaluate(
    file: Labels,
    detector: Annotated[
        list[str] | None, typer.Option(help="NAME or NAME@CALIBRATION; repeatable, to compare [analysis.detector].")
    ] = None,
    plots: Annotated[Path | None, typer.Option(metavar="DIR", help="Write PNG plots into this folder.")] = None,
    data: Data = DEFAULT_DATA,
    config: Config = None,
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Measure detectors on labelled clips: AUC, recall, calibration, verdicts, with 95 % intervals over speakers.

    Labels are child, woman, man, adult, teen or nonspeech. `voicesieve labels DIR` makes such a file from a corpus
    folder. The exit code is 1 if rows could not be used; they are told by line.
    """
    from voicesieve.cli.evaluation import run_evaluation

    raise typer.Exit(run_evaluation(file, detector or [], plots, data, config, as_json=as_json, quiet=quiet))


def labels(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR", help="Corpora, or folders of corpora.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="LABELS.csv", help="File to write.")],
    split: Annotated[str, typer.Option(help="Only rows with this value in the column split, such as test.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Make a labels file from folders with a metadata.csv (path, speaker, age, gender; or path, sound).

    Rows whose age is not stated are left out and counted.
    """
    from voicesieve.cli.corpus_labels import write_labels

    write_labels(folders, output, split, force=force)


def calibrate(
    file: Annotated[Path | None, typer.Argument(metavar="LABELS.csv", help="About 200 reviewed clips.")] = None,
    name: Annotated[str, typer.Option(help="What to call the calibration.")] = "default",
    force: Annotated[bool, typer.Option("--force", help="Store it even if it is not for the better.")] = False,
    list_: Annotated[bool, typer.Option("--list", help="Show the calibrations of the data folder.")] = False,
    remove: Annotated[str, typer.Option(metavar="NAME", help="Remove a calibration.")] = "",
    data: Data = DEFAULT_DATA,
    config: Config = None,
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Refit the network's last layer on reviewed clips of a new domain; takes minutes, the network stays as it is.

    Clips of at least four children and four adults are needed, labelled as for `voicesieve eval`. Figures come from
    speakers left out of the fit; if these are not told apart better, nothing is stored.
    """
    from voicesieve.cli import calibration

    if list_:
        calibration.list_calibrations(data, as_json=as_json)
    elif remove:
        calibration.remove_calibration(remove, data)
    elif file is None:
        raise typer.BadParameter("name a labels file, or use --list or --remove NAME")
    else:
        code = calibration.calibrate(file, name, data, config, force=force, as_json=as_json, quiet=quiet)
        raise typer.Exit(code)
