"""``voicesieve analyse``: scores of local files, without a catalog."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import os
import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from voicesieve.cli.detectors import configured_model, detector_choice
from voicesieve.cli.output import DEFAULT_DATA, AsJson, Config, Data, OperatorError, print_json
from voicesieve.cli.report import tracks_line
from voicesieve.cli.wiring import acceptance_of, settings_for, worker_count
from voicesieve.crawl import work
from voicesieve.domain.errors import EXIT_OK, EXIT_OPERATOR
from voicesieve.domain.failures import Failure, FailureError, FailureKind, Remedy
from voicesieve.domain.verdicts import OperatingPoint, Verdict
from voicesieve.engines.local import LocalEngine
from voicesieve.engines.loop import run_loop
from voicesieve.observability.terminal import safe_text
from voicesieve.settings import Settings
from voicesieve.voices.detector import DetectorChoice
from voicesieve.voices.pooling import pool
from voicesieve.voices.scores import WindowScores


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
    shown = os.fsencode(path).decode("utf-8", "backslashreplace")
    order = work.LocalFile(path, choice, settings.fetching.max_duration_s)
    try:
        answer = await engine.run(work.analyse_local, order, deadline_s=settings.analysis.deadline_s)
    except FailureError as error:
        if error.failure.remedy is Remedy.STOP_RUN:
            raise
        return _error(shown, error.failure)
    except OSError as error:
        return _error(
            shown, Failure.from_exception(FailureKind.UNSUPPORTED, error, f"cannot be read: {error.strerror}")
        )
    scores = WindowScores.from_bytes(answer.analysed.windows)
    verdict = pool(scores, answer.analysed.duration_s, point, answer.analysed.model)
    facts = verdict_facts(shown, answer.sha256, verdict)
    if len(answer.tracks) > 1:
        facts["sound_tracks"] = [dataclasses.asdict(track) for track in answer.tracks]
    return facts


def _error(path: str, failure: Failure) -> dict[str, Any]:
    return {"path": path, "error": {"kind": failure.kind.value, "message": failure.message}}


def verdict_facts(path: str, sha256: str, verdict: Verdict) -> dict[str, Any]:
    """The contract of ``analyse --json``. Times in seconds, scores as probabilities."""
    return {
        "path": path,
        "sha256": sha256,
        "duration_s": round(verdict.duration_s, 3),
        "speech_s": round(verdict.speech_s, 3),
        "child_s": round(verdict.child_s, 3),
        "child_share": round(verdict.child_share, 4),
        "child_runs": verdict.child_runs,
        "score": round(verdict.score, 4),
        "verdict": verdict.label.value,
        "segments": [
            {
                "start": round(segment.start, 3),
                "end": round(segment.end, 3),
                "label": segment.label.value,
                "score": round(segment.score, 4),
            }
            for segment in verdict.segments
        ],
        "model": {"name": verdict.model.name, "revision": verdict.model.revision},
    }


def _line(facts: dict[str, Any]) -> str:
    path = safe_text(facts["path"], limit=120)
    if "error" in facts:
        return f"{path}: {facts['error']['kind']}: {safe_text(facts['error']['message'], limit=300)}"
    speech = f"{facts['child_s']:.1f} s child of {facts['speech_s']:.1f} s speech in {facts['duration_s']:.1f} s"
    tracks = f"; {tracks_line(facts['sound_tracks'])}" if "sound_tracks" in facts else ""
    return f"{path}: {facts['verdict']}, score {facts['score']:.2f}, {speech}{tracks}"
