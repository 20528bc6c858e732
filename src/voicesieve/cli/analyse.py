"""``voicesieve analyse``: scores of local files, without a catalog."""

from __future__ import annotations

import asyncio
import functools
import os
import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from voicesieve.api.analysis import analysis_of, shown_path, unreadable
from voicesieve.api.opening import settings_for
from voicesieve.cli.detectors import configured_model, detector_choice
from voicesieve.cli.output import DEFAULT_DATA, AsJson, Config, Data, OperatorError, print_json
from voicesieve.cli.report import tracks_line
from voicesieve.cli.wiring import acceptance_of, worker_count
from voicesieve.crawl import work
from voicesieve.domain.errors import EXIT_OK, EXIT_OPERATOR
from voicesieve.domain.failures import Failure, FailureError, Remedy
from voicesieve.domain.verdicts import OperatingPoint
from voicesieve.engines.local import LocalEngine
from voicesieve.engines.loop import run_loop
from voicesieve.observability.terminal import safe_text
from voicesieve.settings import Settings
from voicesieve.voices.detector import DetectorChoice


def analyse(
    files: Annotated[list[str], typer.Argument(help="Audio files; - reads one path per line from standard input.")],
    as_json: AsJson = False,
    data: Data = DEFAULT_DATA,
    config: Config = None,
) -> None:
    """Each result is printed as soon as it is ready. The exit code is 1 if a file could not be analysed."""
    settings = settings_for(data, config)
    choice = detector_choice(settings, data)
    configured_model(choice)
    raise typer.Exit(run_loop(_analyse(_paths(files), settings, choice, as_json=as_json)))


def _paths(arguments: list[str]) -> Iterator[Path]:
    """The named files; ``-`` stands for the paths in standard input, one per line (any bytes but newline)."""
    for argument in arguments:
        if argument == "-":
            for line in sys.stdin.buffer:
                if name := line.rstrip(b"\r\n"):
                    yield Path(os.fsdecode(name))
        else:
            yield Path(argument)


async def _analyse(paths: Iterable[Path], settings: Settings, choice: DetectorChoice, *, as_json: bool) -> int:
    point = acceptance_of(settings).operating_point
    engine = LocalEngine(
        worker_count(settings),
        memory_mb=settings.analysis.memory_mb,
        preload=("voicesieve.crawl.work",),
        trial=functools.partial(work.prove_detector, choice),
    )
    code, count = EXIT_OK, 0
    try:
        async for facts in _results(paths, engine, settings, choice, point):
            count += 1
            if "error" in facts:
                code = EXIT_OPERATOR
            if as_json:
                print_json(facts)
            else:
                print(_line(facts), flush=True)
    finally:
        await engine.close()
    if count == 0:
        raise OperatorError(
            "No file was named, so nothing was analysed. With -, standard input must hold one path per line."
        )
    return code


async def _results(
    paths: Iterable[Path], engine: LocalEngine, settings: Settings, choice: DetectorChoice, point: OperatingPoint
) -> AsyncIterator[dict[str, Any]]:
    """Results as they become ready; at most twice as many files at once as there are workers."""
    running: set[asyncio.Task[dict[str, Any]]] = set()
    names = iter(paths)
    more = True
    try:
        while more or running:
            while more and len(running) < 2 * engine.workers:
                # Standard input may be a pipe that is still being written to.
                path = await asyncio.to_thread(next, names, None)
                if path is None:
                    more = False
                else:
                    running.add(asyncio.create_task(_result(path, engine, settings, choice, point)))
                if any(task.done() for task in running):
                    break
            if running:
                await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in [task for task in running if task.done()]:
                    running.remove(task)
                    yield task.result()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _result(
    path: Path, engine: LocalEngine, settings: Settings, choice: DetectorChoice, point: OperatingPoint
) -> dict[str, Any]:
    order = work.LocalFile(path, choice, settings.fetching.max_duration_s)
    try:
        answer = await engine.run(work.analyse_local, order, deadline_s=settings.analysis.deadline_s)
    except FailureError as error:
        if error.failure.remedy is Remedy.STOP_RUN:
            raise
        return _error(path, error.failure)
    except OSError as error:
        return _error(path, unreadable(error))
    return analysis_of(path, answer, point).to_dict()


def _error(path: Path, failure: Failure) -> dict[str, Any]:
    return {"path": shown_path(path), "error": {"kind": failure.kind.value, "message": failure.message}}


def _line(facts: dict[str, Any]) -> str:
    path = safe_text(facts["path"], limit=120)
    if "error" in facts:
        return f"{path}: {facts['error']['kind']}: {safe_text(facts['error']['message'], limit=300)}"
    speech = f"{facts['child_s']:.1f} s child of {facts['speech_s']:.1f} s speech in {facts['duration_s']:.1f} s"
    tracks = f"; {tracks_line(facts['sound_tracks'])}" if "sound_tracks" in facts else ""
    return f"{path}: {facts['verdict']}, score {facts['score']:.2f}, {speech}{tracks}"
