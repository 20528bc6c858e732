"""Titles, channels and ids that attack paths, shells, SQL, pages, tables and terminals are shown, never obeyed."""

from __future__ import annotations

import asyncio
import csv
import json
import re
import sqlite3
from pathlib import Path
from xml.etree import ElementTree

import pytest
from crawling import CLIPS, log_of, nothing_left_over, voicesieve
from in_process import crawled

from demo.answers import Content
from demo.server import serving
from voicesieve.catalog.columns import storable
from voicesieve.domain.candidates import Budget, Candidate, Cursor, Page, Query
from voicesieve.domain.quotas import Price

HOSTILE = (
    "../../../../tmp/escaped",
    "/etc/passwd",
    "C:\\Windows\\system32\\x",
    "nul\0byte",
    "line\nbreak\r\nSet-Cookie: x",
    "\x1b[2J\x1b]0;owned\x07red",
    "\u202egnp.exe\u202c reversed \u2066isolated\u2069",
    "half a pair \ud800 alone",
    "'); DROP TABLE video; --",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    '"quoted", and; separated\t| cells',
    '=HYPERLINK("http://x","y")',
    "+1+cmd|' /C calc'!A0",
    "@SUM(1)",
    "-2+3",
    "$(touch /tmp/escaped) `touch /tmp/escaped` ; rm -rf ~",
    "{{7*7}} %s %(x)s {0}",
    "a" * 1_000_000,
    "Zalgo " + "\u0301" * 5_000,
    "con.json.flac",
    "",
)
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
SAFE_NAME = re.compile(r"\.?[A-Za-z0-9][A-Za-z0-9._=+-]*")
MOVING = [number for number, text in enumerate(HOSTILE) if CONTROL.search(text) or len(text) > 5_000]
FORMATS = ("jsonl", "kaldi", "audiofolder", "manifest")


class HostileSource:
    """A source that keeps the least that the protocol asks for: text without NUL and half pairs, an id of its own."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url

    def fair_host(self, query: Query) -> str | None:
        return None

    def price(self, query: Query, cursor: Cursor | None, memory: Cursor) -> Price | None:
        return None

    async def page(self, query: Query, cursor: Cursor | None, memory: Cursor, budget: Budget) -> Page:
        return Page(
            tuple(
                Candidate(
                    "url",
                    str(number),
                    f"{self._base_url}/{number}.opus",
                    title=text,
                    channel=text,
                    licence=text,
                    language=text[:40],
                    metadata={"description": text, "tags": [text, text]},
                )
                for number, text in enumerate(storable(text) for text in HOSTILE)
            )
        )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog in which every text is hostile and every recording is accepted."""
    folder = tmp_path_factory.mktemp("hostile") / "data"
    sound = CLIPS["child-en-zoo"].body

    def routes(base_url: str) -> dict[str, Content]:
        # Equal sound would enter an export once, so each file carries bytes of its own at its end.
        return {f"/{number}.opus": Content(sound + bytes([number]), "audio/ogg") for number in range(len(HOSTILE))}

    with serving(routes) as server:
        result = asyncio.run(crawled(folder, [(Query("urls", "hostile"), HostileSource(server.base_url))]))
    assert result.fault is None
    return folder


def test_every_video_is_stored_and_the_tables_are_intact(data: Path) -> None:
    with sqlite3.connect(data / "catalog.sqlite3") as connection:
        states = dict(connection.execute("SELECT state, count(*) FROM video GROUP BY state"))
    assert states == {"accepted": len(HOSTILE)}
    nothing_left_over(data)


def test_no_path_holds_remote_text(data: Path) -> None:
    own = {"catalog.sqlite3", "catalog.sqlite3-wal", "catalog.sqlite3-shm"}
    for path in data.rglob("*"):
        assert path.name in own or SAFE_NAME.fullmatch(path.name) or path.name.startswith("."), path
        assert "escaped" not in path.name
    assert not Path("/tmp/escaped").exists()


def test_what_commands_print_moves_no_cursor(data: Path) -> None:
    printed = [voicesieve("status", "--data", data), voicesieve("audit", "--data", data)]
    printed += [voicesieve("why", f"url:{number}", "--data", data) for number in MOVING]
    for text in printed:
        assert not CONTROL.search(text.out.replace("\n", "")), text.out[:500]
        assert not CONTROL.search(text.err.replace("\n", "")), text.err[:500]
        assert max(map(len, text.out.splitlines()), default=0) < 5_000
    story = voicesieve("why", f"url:{MOVING[0]}", "--json", "--data", data)
    assert story.json["title"] == storable(HOSTILE[MOVING[0]])
    assert not CONTROL.search(story.out.replace("\n", ""))


def test_the_log_is_one_object_a_line(data: Path) -> None:
    log = log_of(data)
    assert {event["event"] for event in log} >= {"video_fetched", "video_decided"}
    raw = (data / "logs" / "voicesieve.jsonl").read_text(encoding="utf-8")
    assert not CONTROL.search(raw.replace("\n", ""))


@pytest.mark.parametrize("form", FORMATS)
def test_an_export_shows_hostile_text_as_text(data: Path, tmp_path: Path, form: str) -> None:
    corpus = tmp_path / "corpus"
    voicesieve("export", form, corpus, "--data", data, "--quiet", "--no-measure")
    for path in corpus.rglob("*"):
        assert path.resolve().is_relative_to(corpus.resolve())
        assert all(SAFE_NAME.fullmatch(part) for part in path.relative_to(corpus).parts), path
    for path in corpus.rglob("*.jsonl"):
        assert all(isinstance(json.loads(line), dict) for line in path.read_text(encoding="utf-8").splitlines())
    for path in corpus.rglob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        assert len({len(row) for row in rows}) == 1
        assert not [cell for row in rows for cell in row if cell[:1] in ("=", "+", "-", "@", "\t", "\r") and cell[1:]]
    for path in corpus.rglob("*.svg"):
        names = {element.tag.rpartition("}")[2] for element in ElementTree.parse(path).iter()}
        assert not names & {"script", "img", "a", "foreignObject"}
    for path in corpus.rglob("*.md"):
        text = path.read_text(encoding="utf-8")
        assert "<script" not in text
        assert "<img" not in text
        assert not CONTROL.search(text.replace("\n", "").replace("\t", ""))
    assert not Path("/tmp/escaped").exists()


def test_a_list_of_removals_is_safe_in_a_spreadsheet(data: Path, tmp_path: Path) -> None:
    removed = tmp_path / "REMOVED.csv"
    voicesieve("removed", removed, "--data", data)
    assert not CONTROL.search(removed.read_text(encoding="utf-8").replace("\r\n", "").replace("\n", ""))
