"""A failure after every single step between a fetched file and a published decision, and while pages are stored.

The earlier crawler wrote an address into its list before everything that must precede it had succeeded. Here no
export, at any moment, names a video that is not wholly accepted; the next run neither repeats nor loses work.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import LONG, SHARE
from crawling import CLIPS
from injection import (
    Recorded,
    Victim,
    corpus_of,
    export_names_only_the_accepted,
    holds_its_promises,
    nothing_is_left,
    nothing_was_repeated,
)

PUBLISHING = (
    "audio/store.py:adopt",
    "files.py:move_durably",
    "catalog/writes/changes.py",
    "catalog/writes/results.py",
    "catalog/writes/leases.py:start_attempt",
    "catalog/writes/leases.py:finish_attempt",
    "crawl/fetch.py",
    "crawl/analyse.py",
    "crawl/failing.py",
)
"""From the finished download to the decision."""

DISCOVERING = ("catalog/writes/discovery.py", "crawl/discover.py")
"""Network, screening and the storing of pages."""

FAILURES = ("internal_error", "disk_full", "catalog_unavailable", "out_of_memory", "network", "defect")
DOCUMENTED = (0, 1, 3)
"""Exit codes of a crawl that nobody interrupted; 1 is also how Python ends with a defect while a run is planned."""


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    audio = tmp_path_factory.mktemp("audio")
    for name in ("child-vi-counting", "silence", "child-en-zoo"):
        (audio / f"{name}.opus").write_bytes(CLIPS[name].body)
    (audio / "twin.opus").write_bytes(CLIPS["child-en-zoo"].body)
    return ("crawl", "--source", f"folder:{audio}", "--wait", "30", "--quiet", "--data")


@pytest.fixture(scope="module")
def undisturbed(
    program: Victim, command: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, bytes], Recorded]:
    folder = tmp_path_factory.mktemp("undisturbed")
    recorded = program.record(*command, folder / "data")
    return corpus_of(program, folder / "data", folder), recorded


@pytest.mark.parametrize("steps", [PUBLISHING, DISCOVERING], ids=["publishing", "discovering"])
def test_a_failure_after_any_step(
    program: Victim,
    command: tuple[str, ...],
    undisturbed: tuple[dict[str, bytes], Recorded],
    tmp_path: Path,
    chance: random.Random,
    figure: Callable[[str, str], None],
    steps: tuple[str, ...],
) -> None:
    corpus, recorded = undisturbed
    points = [point for point in recorded.points if point.startswith(steps)]
    unused = [step for step in steps if not any(point.startswith(step) for point in points)]
    assert unused == [], "no run executes a line of these: they were renamed or moved"
    assert len(points) > 50
    ends: Counter[int] = Counter()
    chosen = chance.sample(points, max(10, round(len(points) * SHARE)) if LONG else 10)
    for number, point in enumerate(chosen):
        data = tmp_path / f"data{number}"
        failure = chance.choice(FAILURES)
        ended = program.run(*command, data, at=point, nth=chance.choice((1, 1, 2)), raises=failure, code=None)
        assert ended.code in DOCUMENTED, f"{failure} at {point}: exit {ended.code}\n{ended.err}"
        assert failure == "defect" or "Traceback" not in ended.err, f"{failure} at {point}: {ended.err}"
        ends[ended.code] += 1
        holds_its_promises(data)
        export_names_only_the_accepted(program, data, tmp_path)
        program.run(*command, data)
        assert corpus_of(program, data, tmp_path) == corpus, f"{failure} at {point}"
        nothing_is_left(program, data)
        nothing_was_repeated(data)
        shutil.rmtree(data)
    summary = f"{len(chosen)} of {len(points)} steps; exit codes {dict(sorted(ends.items()))}"
    figure(f"A failure injected while {'publishing' if steps is PUBLISHING else 'discovering'}", summary)
