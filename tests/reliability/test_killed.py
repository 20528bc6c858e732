"""The kill matrix: SIGKILL at every line that writes, moves or decides; the same command again gives the same corpus.

`make reliability` kills at each line once and at hundreds of random moments; the quick version takes a random sample.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import LONG, SHARE, often
from crawling import CLIPS, FeedSite, clip, feed_site, files_below
from injection import (
    KILLED,
    Recorded,
    Victim,
    corpus_of,
    export_names_only_the_accepted,
    holds_its_promises,
    listed,
    nothing_is_left,
    nothing_was_repeated,
)
from victim import HOUSE, WATCHED

from demo.answers import AtFirst, Refusal

SAMPLE = 8
RANDOM_KILLS = often(14, 300)
SAME_AGAIN = "then the same command again: same corpus, nothing repeated, nothing left"


@pytest.fixture(scope="module")
def site() -> Iterator[FeedSite]:
    episodes = {
        "/story.opus": clip("child-vi-story"),
        "/again.opus": clip("child-vi-story"),
        "/busy.opus": AtFirst(0, Refusal(503), clip("child-en-zoo")),
        "/news.opus": clip("adult-man-news"),
        "/removed.opus": Refusal(404),
    }
    with feed_site(episodes) as served:
        yield served


@pytest.fixture(scope="module")
def command(site: FeedSite, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """A crawl of a feed and of a folder, so that both ways of fetching and of paging are in it."""
    audio = tmp_path_factory.mktemp("audio")
    for name in ("child-vi-counting", "silence", "mixed-interview"):
        (audio / f"{name}.opus").write_bytes(CLIPS[name].body)
    return ("crawl", "--source", site.feed, "--source", f"folder:{audio}", "--wait", "30", "--quiet", "--data")


@dataclass(frozen=True)
class Undisturbed:
    """Data folder and corpus of a crawl that nobody disturbed, and the lines that it executed."""

    data: Path
    corpus: dict[str, bytes]
    recorded: Recorded


@pytest.fixture(scope="module")
def undisturbed(program: Victim, command: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    folder = tmp_path_factory.mktemp("undisturbed")
    program.run(*command, folder / "first")  # the next ones need not analyse
    recorded = program.record(*command, folder / "data")
    assert holds_its_promises(folder / "data") >= 3
    return Undisturbed(folder / "data", corpus_of(program, folder / "data", folder), recorded)


@dataclass(frozen=True)
class Matrix:
    """What every test here needs. ``work`` is a folder of its own."""

    program: Victim
    work: Path
    chance: random.Random
    figure: Callable[[str, str], None]

    def some(self, points: tuple[str, ...]) -> list[str]:
        """All of the lines, or a sample of them."""
        wanted = max(SAMPLE, round(len(points) * SHARE)) if LONG else SAMPLE
        return self.chance.sample(points, min(wanted, len(points)))

    def survives(self, command: tuple[str, ...], at: str | int, corpus: dict[str, bytes]) -> bool:
        """Kill a fresh crawl there, start it again, and compare all that can be seen. False: it was never there."""
        data = self.work / "data"
        ended = self.program.run(*command, data, at=at, code=None)
        assert ended.code in (KILLED, 0), f"{at}: {ended.err}"
        holds_its_promises(data)
        export_names_only_the_accepted(self.program, data, self.work)
        self.program.run(*command, data)
        assert corpus_of(self.program, data, self.work) == corpus, f"killed at {at}"
        nothing_is_left(self.program, data)
        nothing_was_repeated(data)
        shutil.rmtree(data)
        return ended.code == KILLED

    def killed(self, what: str, arguments: tuple[str, ...], start: Path) -> Iterator[Path]:
        """Fresh copies of the data folder ``start`` in which ``arguments``, told as ``what``, died at a line each."""
        shutil.copytree(start, self.work / "recorded")
        recorded = self.program.record(*arguments, "--data", self.work / "recorded")
        assert len(recorded.points) > 5
        kills = 0
        chosen = self.some(recorded.points)
        for number, point in enumerate(chosen):
            data = self.work / f"data{number}"
            shutil.copytree(start, data)
            ended = self.program.run(*arguments, "--data", data, at=point, code=None)
            assert ended.code in (KILLED, 0), f"{point}: {ended.err}"
            kills += ended.code == KILLED
            holds_its_promises(data)
            yield data
            shutil.rmtree(data)
        summary = f"{kills:,} kills at {len(chosen):,} of {len(recorded.points):,} lines, none left a trace"
        self.figure(f"SIGKILL during {what}", summary)
        assert kills > 0.7 * len(chosen)

    def listed(self, data: Path) -> list[str]:
        """The addresses of the corpus, in order."""
        return listed(self.program, data, self.work / "urls.txt")

    def ends_clean(self, data: Path) -> None:
        """Nothing is left after the next run."""
        self.program.run("crawl", "--data", data, "--quiet")
        nothing_is_left(self.program, data)


@pytest.fixture
def matrix(program: Victim, tmp_path: Path, chance: random.Random, figure: Callable[[str, str], None]) -> Matrix:
    return Matrix(program, tmp_path, chance, figure)


def test_a_crawl_killed_at_any_line(matrix: Matrix, command: tuple[str, ...], undisturbed: Undisturbed) -> None:
    lines = undisturbed.recorded.points
    chosen = matrix.some(lines)
    kills = sum(matrix.survives(command, line, undisturbed.corpus) for line in chosen)
    summary = (
        f"{len(chosen):,} of the {len(lines):,} lines that a run executes there, {kills:,} kills, none left a trace"
    )
    matrix.figure(f"SIGKILL of a crawl at a line that writes, moves or decides, {SAME_AGAIN}", summary)
    assert kills > 0.7 * len(chosen), "some lines are reached by chance only; most are not"


def test_a_crawl_killed_at_random_moments(matrix: Matrix, command: tuple[str, ...], undisturbed: Undisturbed) -> None:
    """Moments are counted in lines executed, so that they lie where the program is at work."""
    lines = undisturbed.recorded.count
    kills = tries = 0
    while kills < RANDOM_KILLS:
        kills += matrix.survives(command, matrix.chance.randint(1, lines), undisturbed.corpus)
        tries += 1
        assert tries < 2 * RANDOM_KILLS, "runs differ in length, but not by so much"
    matrix.figure(f"SIGKILL of a crawl at a random moment, {SAME_AGAIN}", f"{kills} kills, none left a trace")


def test_a_crawl_killed_again_and_again_still_gets_there(
    matrix: Matrix, command: tuple[str, ...], undisturbed: Undisturbed
) -> None:
    data, lines = matrix.work / "data", undisturbed.recorded.count
    times = often(8, 60)
    for _ in range(times):
        at = min(lines, int(matrix.chance.expovariate(4 / lines)) + 1)
        ended = matrix.program.run(*command, data, at=at, code=None)
        assert ended.code in (KILLED, 0), ended.err
        holds_its_promises(data)
    matrix.program.run(*command, data)
    assert corpus_of(matrix.program, data, matrix.work) == undisturbed.corpus
    nothing_is_left(matrix.program, data)
    nothing_was_repeated(data)
    matrix.figure("SIGKILL again and again in one data folder", f"{times} kills, then the same corpus")


@pytest.mark.parametrize("kind", ["jsonl", "urls"])
def test_an_export_killed_at_any_line(matrix: Matrix, undisturbed: Undisturbed, kind: str) -> None:
    """The name shows the old export or the new one, whole, or in between nothing; never a part of one."""
    target = matrix.work / "out" / "corpus"
    target.parent.mkdir()
    arguments = ("export", kind, str(target), "--replace", "--quiet")
    matrix.program.run(*arguments, "--data", undisturbed.data)
    whole = files_below(target.parent)
    for _ in matrix.killed(f"`export {kind}`", arguments, undisturbed.data):
        shown = files_below(target.parent).items()
        now = {path: content for path, content in shown if path.split("/")[0] == target.name}
        assert now in (whole, {})
        matrix.program.run(*arguments, "--data", undisturbed.data)
        assert files_below(target.parent) == whole, "and what the dead one left is gone"


def test_a_backup_killed_at_any_line(matrix: Matrix, undisturbed: Undisturbed) -> None:
    for killed in matrix.killed("`backup`", ("backup",), undisturbed.data):
        made = matrix.program.run("restore", "--json", "--data", killed).json
        assert [row["error"] for row in made] in ([], [None]), "a copy is whole or not there"
        matrix.program.run("backup", "--data", killed)
        nothing_is_left(matrix.program, killed)


def test_a_restore_killed_at_any_line(matrix: Matrix, undisturbed: Undisturbed) -> None:
    """It has happened or it has not; whoever opens the catalog next finishes what was begun."""
    program, start = matrix.program, matrix.work / "start"
    shutil.copytree(undisturbed.data, start)
    copy = program.run("backup", matrix.work / "copies", "--json", "--data", start).json["path"]
    gone, *present = matrix.listed(start)
    program.run("withdraw", gone, "--yes", "--data", start)
    for killed in matrix.killed("`restore`", ("restore", copy), start):
        assert matrix.listed(killed) == present, "no moment brings back what was withdrawn"
        program.run("restore", copy, "--data", killed)
        matrix.ends_clean(killed)


def test_a_takedown_killed_at_any_line(matrix: Matrix, undisturbed: Undisturbed) -> None:
    """Once the transaction is through, the next run deletes the file; before, nothing has happened."""
    gone, *present = matrix.listed(undisturbed.data)
    takedown = ("withdraw", gone, "--yes")
    for killed in matrix.killed("`withdraw`", takedown, undisturbed.data):
        if not matrix.program.run("status", "--json", "--data", killed).json["videos"]["withdrawn"]:
            matrix.program.run(*takedown, "--data", killed)
        matrix.ends_clean(killed)
        assert set(matrix.listed(killed)) <= set(present)


def test_a_redecision_killed_at_any_line(matrix: Matrix, undisturbed: Undisturbed) -> None:
    for killed in matrix.killed("`redecide`", ("redecide",), undisturbed.data):
        matrix.program.run("redecide", "--data", killed)
        assert corpus_of(matrix.program, killed, matrix.work) == undisturbed.corpus
        nothing_is_left(matrix.program, killed)


def test_an_update_of_the_tables_killed_at_any_line(matrix: Matrix) -> None:
    from voicesieve.catalog import versions
    from voicesieve.catalog.opening import open_catalog

    start = matrix.work / "start"
    with pytest.MonkeyPatch.context() as earlier:
        earlier.setattr(versions, "HEAD", "0001")
        start.mkdir(0o700)
        open_catalog(start, create=True).close()
    for killed in matrix.killed("an update of the tables", ("status",), start):
        assert matrix.program.run("status", "--json", "--data", killed).json["backups"]["made"] <= 1
        matrix.ends_clean(killed)


def test_each_place_that_is_watched_exists() -> None:
    """One that was renamed would make the matrix smaller without a word."""
    assert [place for place in WATCHED if not (HOUSE / place).exists()] == []
