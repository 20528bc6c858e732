"""Orders to `victim`, and what must hold of a data folder at every moment, however its program ended."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crawling import Ended, environment, files_below

KILLED = -9
CALM = {
    "VOICESIEVE_RETRY__FIRST_DELAY_S": "0.05",
    "VOICESIEVE_RETRY__MAX_ITEM_FAILURES": "4",
    "VOICESIEVE_DISCOVERY__PAGE_SIZE": "2",
    "VOICESIEVE_DISCOVERY__REFRESH_S": "0",
    "VOICESIEVE_BACKUP__EVERY_S": "0",
    "VOICESIEVE_ANALYSIS__WORKERS": "2",
    "OPENBLAS_NUM_THREADS": "1",
}
"""Quick retries, pages small enough that a query has several, and no copies beside the command under test."""


@dataclass(frozen=True)
class Recorded:
    """What a command executes when nothing happens to it: lines in all, and each line once, in order."""

    count: int
    points: tuple[str, ...]


class Victim:
    """A server of `victim`; every command is a process of its own."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process = process
        self._folder = folder

    def run(self, *arguments: str | Path, code: int | None = 0, **order: Any) -> Ended:
        """Run a command. ``at``, ``nth``, ``raises``: see `victim.Tracer`. ``code`` ``None``: any documented one."""
        self._order(arguments, order)
        return self._ended(order, code)

    def start(self, *arguments: str | Path) -> int:
        """Start a command and return its process id; `wait` must follow."""
        self._order(arguments, {"start": True})
        return int(self._answer())

    def wait(self) -> Ended:
        return self._ended({}, None)

    def _order(self, arguments: tuple[str | Path, ...], order: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        order |= {"arguments": [str(argument) for argument in arguments]}
        order |= {name: str(self._folder / name) for name in ("out", "err")}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def _ended(self, order: dict[str, Any], code: int | None) -> Ended:
        status = int(self._answer())
        out, err = (self._folder / name for name in ("out", "err"))
        ended = Ended(status, out.read_text(), err.read_text(errors="replace"))
        assert code is None or ended.code == code, f"{order}: exit {ended.code}\n{ended.err}"
        return ended

    def record(self, *arguments: str | Path) -> Recorded:
        points = self._folder / "points"
        self.run(*arguments, points=str(points))
        recorded = json.loads(points.read_text())
        return Recorded(recorded["count"], tuple(recorded["points"]))


@contextmanager
def victim(folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[Victim]:
    """Start the server; its commands have the settings of the demo site, `CALM`, and ``settings`` on top."""
    (folder / "memory").mkdir(parents=True, exist_ok=True)
    with (folder / "server.err").open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("victim.py")), str(folder / "memory")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment({**CALM, **(settings or {})}),
        )
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n", (folder / "server.err").read_text()
            yield Victim(process, folder)
        finally:
            process.kill()
            process.wait()


def catalog_of(data: Path) -> sqlite3.Connection:
    """The catalog as SQLite itself sees it, without any code of ours."""
    connection = sqlite3.connect(data / "catalog.sqlite3")
    connection.row_factory = sqlite3.Row
    return connection


def holds_its_promises(data: Path) -> int:
    """What must be true at any moment, also right after a kill. Returns how many videos are accepted.

    The file is whole; whoever is accepted has a decision that says so, a verdict and an undamaged file; nothing else
    does; counters are what they count.
    """
    if not (data / "catalog.sqlite3").exists():
        return 0
    with closing(catalog_of(data)) as catalog:
        assert catalog.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        if not catalog.execute("SELECT 1 FROM sqlite_schema WHERE name = 'video'").fetchone():
            return 0
        accepted = catalog.execute("SELECT * FROM video WHERE state = 'accepted'").fetchall()
        for video in accepted:
            outcome = catalog.execute(
                "SELECT outcome FROM decision WHERE video = ? ORDER BY id DESC", (video["key"],)
            ).fetchone()
            assert outcome is not None, dict(video)
            assert outcome["outcome"] == "accepted"
            verdict = catalog.execute("SELECT 1 FROM verdict WHERE recording = ?", (video["recording"],)).fetchone()
            assert verdict is not None, dict(video)
        for recording in catalog.execute("SELECT * FROM recording"):
            stored = data / "recordings" / recording["path"]
            assert hashlib.sha256(stored.read_bytes()).hexdigest() == recording["sha256"]
        counted = {
            row["name"].removeprefix("state:"): int(row["value"])
            for row in catalog.execute("SELECT name, value FROM counter WHERE name LIKE 'state:%' AND value != 0")
        }
        truth = dict(catalog.execute("SELECT state, count(*) FROM video GROUP BY state").fetchall())
        assert counted == truth
    return len(accepted)


def export_names_only_the_accepted(victim: Victim, data: Path, folder: Path) -> None:
    """Also an export made right now holds nothing but whole, accepted videos."""
    if not (data / "catalog.sqlite3").exists():
        return
    assert set(listed(victim, data, folder / "now.txt")) == accepted_in(data)


def accepted_in(data: Path) -> set[str]:
    with closing(catalog_of(data)) as catalog:
        return {row["url"] for row in catalog.execute("SELECT url FROM video WHERE state = 'accepted'")}


def listed(victim: Victim, data: Path, file: Path) -> list[str]:
    """The addresses of the corpus, in order, written to ``file``. No list is written where nothing is accepted."""
    ended = victim.run("export", "urls", file, "--replace", "--data", data, code=None)
    if ended.code == 1 and not accepted_in(data):
        assert "Nothing to export" in ended.err
        return []
    assert ended.code == 0, ended.err
    return file.read_text().splitlines()


def corpus_of(victim: Victim, data: Path, folder: Path) -> dict[str, bytes]:
    """Both exports of a data folder, by path. Clips that an earlier one in ``folder`` has cut are not cut again."""
    victim.run("export", "jsonl", folder / "corpus", "--update", "--data", data, "--quiet")
    victim.run("export", "urls", folder / "urls.txt", "--update", "--data", data)
    return files_below(folder / "corpus") | {"urls.txt": (folder / "urls.txt").read_bytes()}


def nothing_is_left(victim: Victim, data: Path) -> None:
    """The doctor is content, scratch is empty, no unfinished file lies anywhere, and no lease or attempt is open."""
    report = victim.run("doctor", "--json", "--data", data, code=None)
    assert report.json["ok"] is True, report.out
    assert list((data / "scratch").iterdir()) == []
    assert [path for path in data.rglob("*") if ".tmp-" in path.name] == []
    with closing(catalog_of(data)) as catalog:
        assert catalog.execute("SELECT count(*) FROM video WHERE lease_token IS NOT NULL").fetchone()[0] == 0
        assert catalog.execute("SELECT count(*) FROM attempt WHERE outcome = 'running'").fetchone()[0] == 0


def nothing_was_repeated(data: Path) -> None:
    """Each video was fetched with success once, and each recording analysed once."""
    with closing(catalog_of(data)) as catalog:
        for row in catalog.execute(
            "SELECT video, stage, count(*) AS times FROM attempt WHERE outcome = 'ok' GROUP BY video, stage"
        ):
            assert row["times"] == 1, dict(row)
