"""What a run stands on is taken away while it works: it stops and says so, whoever did it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from crawling import (
    QUICK,
    Gate,
    Running,
    clip,
    events_named,
    feed_site,
    nothing_left_over,
    one_paragraph,
    running,
    status,
    until,
    voicesieve,
)

from voicesieve.catalog.opening import open_catalog
from voicesieve.domain.failures import FailureError

PATIENT = {**QUICK, "VOICESIEVE_FETCHING__STALL_S": "120", "VOICESIEVE_DISCOVERY__REFRESH_S": "0"}


@dataclass(frozen=True)
class Busy:
    """A crawl that has decided one video and hangs in the download of the next."""

    crawl: Running
    gate: Gate
    command: tuple[str | Path, ...]


@contextmanager
def busy_crawl(data: Path) -> Iterator[Busy]:
    gate = Gate(clip("child-vi-counting"))
    with feed_site({"/story.opus": clip("child-vi-story"), "/held.opus": gate}) as site:
        command = ("crawl", "--source", site.feed, "--wait", "30", "--data", data)
        with running(*command, output=data.parent / "crawl", settings=PATIENT) as crawl:
            until(gate.reached.is_set, "the download has begun")
            until(lambda: events_named(data, "video_decided"), "the other video is decided")
            yield Busy(crawl, gate, command)
            gate.open.set()


def remove_catalog(data: Path) -> None:
    for name in ("", "-wal", "-shm"):
        (data / f"catalog.sqlite3{name}").unlink()


def remove_folder(data: Path) -> None:
    """Again, where the run takes something away at the same time."""
    while data.exists():
        shutil.rmtree(data, ignore_errors=True)


def replace_catalog(data: Path) -> None:
    copy = data.parent / "other.sqlite3"
    copy.write_bytes((data / "catalog.sqlite3").read_bytes())
    copy.replace(data / "catalog.sqlite3")


def replace_recordings(data: Path) -> None:
    shutil.rmtree(data / "recordings")
    (data / "recordings").mkdir()


DEEDS: dict[str, tuple[Callable[[Path], object], str]] = {
    "the catalog is removed": (remove_catalog, "catalog.sqlite3 was removed"),
    "the catalog is moved away": (lambda data: (data / "catalog.sqlite3").rename(data / "x"), "catalog.sqlite3 was"),
    "the catalog is replaced": (replace_catalog, "catalog.sqlite3 was removed, moved or replaced"),
    "its log is removed": (lambda data: (data / "catalog.sqlite3-wal").unlink(), "catalog.sqlite3-wal was removed"),
    "the recordings are removed": (lambda data: shutil.rmtree(data / "recordings"), "recordings was removed"),
    "the recordings are replaced": (replace_recordings, "recordings was removed, moved or replaced"),
    "the data folder is renamed": (lambda data: data.rename(data.with_name("elsewhere")), "was removed, moved"),
    "the data folder is removed": (remove_folder, "was removed, moved"),
}


@pytest.mark.parametrize("deed", DEEDS)
def test_a_run_whose_folder_or_catalog_is_gone_stops_and_reports_it(tmp_path: Path, deed: str) -> None:
    """It once went on, printed decisions that were in no catalog any more, and ended with exit code 0."""
    data = tmp_path / "data"
    take_away, words = DEEDS[deed]
    with busy_crawl(data) as busy:
        take_away(data)
        busy.gate.open.set()
        ended = busy.crawl.wait()
    assert ended.code == 3, ended.err
    (stopped,) = [line for line in ended.err.splitlines() if line.startswith(("Stopped:", "voicesieve:"))]
    assert words in stopped
    assert "recordings and logs are in" not in ended.err and "accepted" not in ended.out, "no word of success"
    if "data folder" in deed:
        assert not data.exists(), "nothing is made anew under the old name"


def test_a_catalog_that_is_removed_with_its_log_while_it_is_written_is_what_is_named(tmp_path: Path) -> None:
    """Only the log was named when both went between the looks at the one and at the other."""
    with (
        closing(open_catalog(tmp_path, create=True)) as catalog,
        pytest.raises(FailureError, match=r"catalog\.sqlite3 was removed"),
        catalog.write(),
    ):
        remove_catalog(tmp_path)


def test_after_the_recordings_were_removed_doctor_and_a_crawl_bring_them_back(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with busy_crawl(data) as busy:
        shutil.rmtree(data / "recordings")
        busy.gate.open.set()
        assert busy.crawl.wait().code == 3
        voicesieve("crawl", "--data", data, "--quiet", settings=PATIENT)
        voicesieve("doctor", "--fix", "--data", data)
        voicesieve(*busy.command, "--quiet", settings=PATIENT)
    assert status(data)["videos"]["accepted"] == 2
    nothing_left_over(data)


def test_a_lock_file_that_is_removed_lets_no_second_run_in(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with busy_crawl(data) as busy:
        (data / "run.lock").unlink()
        one_paragraph(voicesieve("crawl", "--data", data, code=1), "Another run is working")
        busy.gate.open.set()
        assert busy.crawl.wait().code == 0
