"""The kill matrix: SIGKILL at every line that writes, moves or decides; the same command again gives the same corpus.

`make reliability` kills at each line once and at hundreds of random moments; the quick version takes a random sample.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
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
    nothing_is_left,
    nothing_was_repeated,
    victim,
)

from demo.answers import AtFirst, Refusal

SAMPLE = 8
Figure = Callable[[str, str], None]
RANDOM_KILLS = often(14, 300)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    with victim(tmp_path_factory.mktemp("victim")) as started:
        yield started


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


@pytest.fixture(scope="module")
def undisturbed(
    program: Victim, command: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, bytes], Recorded]:
    """Data folder and corpus of a run that nobody disturbed, and the lines that it executed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    program.run(*command, folder / "first")  # the next ones need not analyse
    recorded = program.record(*command, folder / "data")
    assert holds_its_promises(folder / "data") >= 3
    return folder / "data", corpus_of(program, folder / "data", folder), recorded


def some(points: tuple[str, ...], chance: random.Random, sample: int = SAMPLE) -> list[str]:
    """All of the lines, or a sample of them."""
    wanted = max(sample, round(len(points) * SHARE)) if LONG else sample
    return chance.sample(points, min(wanted, len(points)))


def is_killed(
    at: str | int,
    program: Victim,
    command: tuple[str, ...],
    undisturbed: tuple[Path, dict[str, bytes], Recorded],
    work: Path,
) -> bool:
    """Kill a fresh crawl there, start it again, and compare all that can be seen. False: it was never there."""
    _, corpus, _ = undisturbed
    data = work / "data"
    ended = program.run(*command, data, at=at, code=None)
    assert ended.code in (KILLED, 0), f"{at}: {ended.err}"
    holds_its_promises(data)
    export_names_only_the_accepted(program, data, work)
    program.run(*command, data)
    assert corpus_of(program, data, work) == corpus, f"killed at {at}"
    nothing_is_left(program, data)
    nothing_was_repeated(data)
    shutil.rmtree(data)
    return ended.code == KILLED


SAME_AGAIN = "then the same command again: same corpus, nothing repeated, nothing left"


def test_a_crawl_killed_at_any_line(
    program: Victim,
    command: tuple[str, ...],
    undisturbed: tuple[Path, dict[str, bytes], Recorded],
    tmp_path: Path,
    chance: random.Random,
    figure: Figure,
) -> None:
    lines = undisturbed[2].points
    chosen = some(lines, chance)
    kills = sum(is_killed(line, program, command, undisturbed, tmp_path) for line in chosen)
    told = f"{len(chosen):,} of the {len(lines):,} lines that a run executes there, {kills:,} kills, none left a trace"
    figure(f"SIGKILL of a crawl at a line that writes, moves or decides, {SAME_AGAIN}", told)
    assert kills > 0.7 * len(chosen), "some lines are reached by chance only; most are not"


def test_a_crawl_killed_at_random_moments(
    program: Victim,
    command: tuple[str, ...],
    undisturbed: tuple[Path, dict[str, bytes], Recorded],
    tmp_path: Path,
    chance: random.Random,
    figure: Figure,
) -> None:
    """Moments are counted in lines executed, so that they lie where the program is at work."""
    lines = undisturbed[2].count
    kills = tries = 0
    while kills < RANDOM_KILLS:
        kills += is_killed(chance.randint(1, lines), program, command, undisturbed, tmp_path)
        tries += 1
        assert tries < 2 * RANDOM_KILLS, "runs differ in length, but not by so much"
    figure(f"SIGKILL of a crawl at a random moment, {SAME_AGAIN}", f"{kills} kills, none left a trace")


def test_a_crawl_killed_again_and_again_still_gets_there(
    program: Victim,
    command: tuple[str, ...],
    undisturbed: tuple[Path, dict[str, bytes], Recorded],
    tmp_path: Path,
    chance: random.Random,
    figure: Figure,
) -> None:
    _, corpus, recorded = undisturbed
    data = tmp_path / "data"
    times = often(8, 60)
    for _ in range(times):
        at = min(recorded.count, int(chance.expovariate(4 / recorded.count)) + 1)
        ended = program.run(*command, data, at=at, code=None)
        assert ended.code in (KILLED, 0), ended.err
        holds_its_promises(data)
    program.run(*command, data)
    assert corpus_of(program, data, tmp_path) == corpus
    nothing_is_left(program, data)
    nothing_was_repeated(data)
    figure("SIGKILL again and again in one data folder", f"{times} kills, then the same corpus")


def killed_at_each_line(
    what: str,
    program: Victim,
    arguments: tuple[str, ...],
    start: Path,
    work: Path,
    chance: random.Random,
    figure: Figure,
) -> Iterator[Path]:
    """Fresh copies of the data folder ``start`` in which ``arguments``, told as ``what``, were killed at a line each."""
    shutil.copytree(start, work / "recorded")
    recorded = program.record(*arguments, "--data", work / "recorded")
    assert len(recorded.points) > 5
    kills = 0
    chosen = some(recorded.points, chance)
    for number, point in enumerate(chosen):
        data = work / f"data{number}"
        shutil.copytree(start, data)
        ended = program.run(*arguments, "--data", data, at=point, code=None)
        assert ended.code in (KILLED, 0), f"{point}: {ended.err}"
        kills += ended.code == KILLED
        holds_its_promises(data)
        yield data
        shutil.rmtree(data)
    told = f"{kills:,} kills at {len(chosen):,} of {len(recorded.points):,} lines, none left a trace"
    figure(f"SIGKILL during {what}", told)
    assert kills > 0.7 * len(chosen)


@pytest.mark.parametrize("kind", ["jsonl", "urls"])
def test_an_export_killed_at_any_line(
    program: Victim,
    undisturbed: tuple[Path, dict[str, bytes], Recorded],
    tmp_path: Path,
    chance: random.Random,
    figure: Figure,
    kind: str,
) -> None:
    """The name shows the old export or the new one, whole, or in between nothing; never a part of one."""
    data, _, _ = undisturbed
    target = tmp_path / "out" / "corpus"
    target.parent.mkdir()
    arguments = ("export", kind, str(target), "--quiet")
    program.run(*arguments, "--data", data)
    whole = files_below(target.parent)
    for _ in killed_at_each_line(f"`export {kind}`", program, arguments, data, tmp_path, chance, figure):
        shown = files_below(target.parent).items()
        now = {path: content for path, content in shown if path.split("/")[0] == target.name}
        assert now in (whole, {})
        program.run(*arguments, "--data", data)
        assert files_below(target.parent) == whole, "and what the dead one left is gone"


def test_a_backup_killed_at_any_line(
    program: Victim,
    undisturbed: tuple[Path, dict[str, bytes], Recorded],
    tmp_path: Path,
    chance: random.Random,
    figure: Figure,
) -> None:
    data, _, _ = undisturbed
    for killed in killed_at_each_line("`backup`", program, ("backup",), data, tmp_path, chance, figure):
        made = program.run("restore", "--json", "--data", killed).json
        assert [row["error"] for row in made] in ([], [None]), "a copy is whole or not there"
        program.run("backup", "--data", killed)
        nothing_is_left(program, killed)


def test_a_restore_killed_at_any_line(
    program: Victim,
    undisturbed: tuple[Path, dict[str, bytes], Recorded],
    tmp_path: Path,
    chance: random.Random,
    figure: Figure,
) -> None:
    """It has happened or it has not; whoever opens the catalog next finishes what was begun."""
    start = tmp_path / "start"
    shutil.copytree(undisturbed[0], start)
    copy = Path(program.run("backup", tmp_path / "copies", "--json", "--data", start).json["path"])
    program.run("export", "urls", tmp_path / "urls.txt", "--data", start)
    gone, *kept = (tmp_path / "urls.txt").read_text().splitlines()
    program.run("withdraw", gone, "--yes", "--data", start)
    for killed in killed_at_each_line("`restore`", program, ("restore", str(copy)), start, tmp_path, chance, figure):
        program.run("export", "urls", tmp_path / "urls.txt", "--data", killed)
        assert (tmp_path / "urls.txt").read_text().splitlines() == kept, "no moment brings back what was withdrawn"
        program.run("restore", copy, "--data", killed)
        program.run("crawl", "--data", killed, "--quiet")
        nothing_is_left(program, killed)


def test_a_takedown_killed_at_any_line(
    program: Victim,
    undisturbed: tuple[Path, dict[str, bytes], Recorded],
    tmp_path: Path,
    chance: random.Random,
    figure: Figure,
) -> None:
    """Once the transaction is through, the next run deletes the file; before, nothing has happened."""
    data, _, _ = undisturbed
    program.run("export", "urls", tmp_path / "urls.txt", "--data", data)
    gone, *kept = (tmp_path / "urls.txt").read_text().splitlines()
    for killed in killed_at_each_line(
        "`withdraw`", program, ("withdraw", gone, "--yes"), data, tmp_path, chance, figure
    ):
        withdrawn = program.run("status", "--json", "--data", killed).json["videos"]["withdrawn"]
        if not withdrawn:
            program.run("withdraw", gone, "--yes", "--data", killed)
        program.run("crawl", "--data", killed, "--quiet")
        program.run("export", "urls", tmp_path / "urls.txt", "--data", killed)
        assert set((tmp_path / "urls.txt").read_text().splitlines()) <= set(kept)
        nothing_is_left(program, killed)


def test_a_redecision_killed_at_any_line(
    program: Victim,
    undisturbed: tuple[Path, dict[str, bytes], Recorded],
    tmp_path: Path,
    chance: random.Random,
    figure: Figure,
) -> None:
    data, corpus, _ = undisturbed
    for killed in killed_at_each_line("`redecide`", program, ("redecide",), data, tmp_path, chance, figure):
        program.run("redecide", "--data", killed)
        assert corpus_of(program, killed, tmp_path) == corpus
        nothing_is_left(program, killed)


def test_an_update_of_the_tables_killed_at_any_line(
    program: Victim, tmp_path: Path, chance: random.Random, figure: Figure
) -> None:
    from voicesieve.catalog import versions
    from voicesieve.catalog.store import open_catalog

    start = tmp_path / "start"
    with pytest.MonkeyPatch.context() as earlier:
        earlier.setattr(versions, "HEAD", "0001")
        start.mkdir()
        open_catalog(start, create=True).close()
    for killed in killed_at_each_line("an update of the tables", program, ("status",), start, tmp_path, chance, figure):
        assert program.run("status", "--json", "--data", killed).json["backups"]["made"] <= 1
        program.run("crawl", "--data", killed, "--quiet")
        nothing_is_left(program, killed)
