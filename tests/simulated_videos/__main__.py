"""The command line: make videos, write them with their truth, and hold detectors against them."""

from __future__ import annotations

import argparse
import csv
import dataclasses
import functools
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from tests.simulated_videos.making import LENGTHS_S, SHARES, Part, Video, make_video
from tests.simulated_videos.material import from_corpora, from_demo
from tests.simulated_videos.measuring import Judged, figures
from voicesieve.files import write_text
from voicesieve.voices.recordings import ScoredRecording, score_recording
from voicesieve.voices.registry import load_detector

T = TypeVar("T")
R = TypeVar("R")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.simulated_videos", description=__doc__)
    parser.add_argument("--corpora", type=Path, help="corpora with metadata.csv [the demo's synthetic voices]")
    parser.add_argument("--output", type=Path, required=True, help="folder for videos, truth.jsonl and labels.csv")
    parser.add_argument("--count", type=int, default=70)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--longest", type=float, default=LENGTHS_S[1], help="longest video in seconds")
    parser.add_argument("--shares", type=float, nargs="+", default=SHARES, help="of child speech, taken in turn")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--evaluate", action="append", default=[], metavar="DETECTOR", help="print figures; repeatable")
    parser.add_argument("--reuse", action="store_true", help="take the videos that lie in --output already")
    chosen = parser.parse_args(arguments)
    if not chosen.reuse:
        material = from_corpora(chosen.corpora) if chosen.corpora else from_demo()
        make = partial(make_video, material, chosen.seed, longest_s=chosen.longest, shares=chosen.shares)
        write_videos(make, chosen.output, chosen.count, chosen.workers)
    for name in chosen.evaluate:
        measured = figures(judge(chosen.output, name, chosen.workers))
        model = load_detector(name).model
        print(json.dumps({"detector": model.name, "revision": model.revision, **measured}, indent=1))


def write_videos(make: Callable[[int], Video], output: Path, count: int, workers: int = 1) -> list[Path]:
    """Make ``count`` videos. ``truth.jsonl`` has a line for each, ``labels.csv`` one for each stretch of speech."""
    output.mkdir(parents=True, exist_ok=True)
    lines, labels, paths = [], [], []
    for number, video in enumerate(_mapped(make, range(count), workers, "made")):
        path = output / f"{number:05}{video.suffix}"
        path.write_bytes(video.data)
        paths.append(path)
        lines.append(json.dumps(_facts(path, video)))
        labels += [_label_row(path, part) for part in video.truth]
    write_text(output / "truth.jsonl", "\n".join(lines) + "\n")
    with (output / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("path", "start", "end", "label", "speaker"), *labels])
    return paths


def judge(folder: Path, detector: str, workers: int = 1) -> list[Judged]:
    """What ``detector`` says of each video of ``folder``."""
    truths = [json.loads(line) for line in (folder / "truth.jsonl").read_text("utf-8").splitlines()]
    paths = [folder / truth["path"] for truth in truths]
    analyses = _mapped(partial(_analysed, detector), paths, workers, f"scored by {detector}")
    return [
        Judged(path, tuple(Part(**part) for part in truth["truth"]), analysis)
        for path, truth, analysis in zip(paths, truths, analyses, strict=True)
    ]


_detector = functools.cache(load_detector)


def _analysed(name: str, path: Path) -> ScoredRecording:
    return score_recording(path, _detector(name))


def _mapped(function: Callable[[T], R], items: Sequence[T], workers: int, what: str) -> Iterator[R]:
    """``function`` over ``items`` in order, with a line of progress every ten seconds."""
    shown = time.monotonic()
    pool = ProcessPoolExecutor(workers) if workers > 1 else None
    try:
        for done, result in enumerate((pool.map if pool else map)(function, items), start=1):
            yield result
            if time.monotonic() - shown > 10:
                shown = time.monotonic()
                print(f"{done} of {len(items)} {what}", file=sys.stderr)
    finally:
        if pool:
            pool.shutdown(cancel_futures=True)


def _facts(path: Path, video: Video) -> dict:
    facts = {name: getattr(video, name) for name in ("duration_s", "child_share", "adults", "codec", "child_s")}
    return {"path": path.name, **facts, "truth": [dataclasses.asdict(part) for part in video.truth]}


def _label_row(path: Path, part: Part) -> tuple[str, str, str, str, str]:
    return path.name, f"{part.start_s:.3f}", f"{part.end_s:.3f}", part.label, part.who


if __name__ == "__main__":
    main()
