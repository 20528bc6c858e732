"""Logs tell everything but secrets, and remote text cannot command a terminal."""

from __future__ import annotations

import json
import logging
import time
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicesieve.observability.events import Event
from voicesieve.observability.logs import LogSink
from voicesieve.observability.redaction import redact
from voicesieve.observability.terminal import safe_text

CANARY = "canary-5f1c"


@pytest.mark.parametrize(
    "text",
    [
        f"https://me:{CANARY}@a.example/feed",
        f"postgresql://me:{CANARY}@:5432/db",
        f"postgresql://me:a@{CANARY}@host/db",
        f"https://a.example/?key={CANARY}",
        f"https://a.example/?x=1&API_KEY={CANARY}&y=2",
        f"https://a.example/f.mp3?X-Amz-Signature={CANARY}",
        f"https://a.example/f.mp3?X-Goog-Credential={CANARY}#t",
        f"https://a.example/videoplayback?ip=1.2.3.4&sig={CANARY}",
        f"https://a.example/videoplayback;lsig={CANARY};x=1",
        f"https://a.example/rss?access_token={CANARY}",
        f"cannot open 'https://a.example/rss?token={CANARY}': refused",
    ],
)
def test_credentials_in_addresses_are_redacted(text: str) -> None:
    assert CANARY not in redact(text)
    assert "example" in redact(text) or "db" in redact(text)


def test_what_is_no_secret_stays_readable() -> None:
    for text in (
        "https://a.example/watch?v=abc&list=42",
        "mail me@a.example, or see https://a.example/@channel/videos",
        "monkey=1 tokens=2",
        "Bé Na và 3 câu chuyện?",
    ):
        assert redact(text) == text


def test_secrets_are_found_wherever_they_hide() -> None:
    class Odd:
        def __str__(self) -> str:
            return f"odd {CANARY}"

    facts = {
        "plain": CANARY,
        CANARY: 1,
        "nested": {"list": [1, None, True, 2.5, (CANARY, {"deep": f"x{CANARY}x"})]},
        "path": Path("/tmp") / CANARY,
        "error": ValueError(f"bad {CANARY}"),
        "odd": Odd(),
        "bytes": CANARY.encode(),
        "set": {CANARY},
    }
    shown = redact(facts, [CANARY])
    assert CANARY not in json.dumps(shown)
    assert shown["nested"]["list"][:4] == [1, None, True, 2.5]


@pytest.mark.parametrize("text", ["a" * 1_000_000, "?" * 1_000_000, "?key" * 250_000, "a://" * 250_000, "&-" * 500_000])
def test_a_megabyte_of_anything_is_redacted_in_no_time(text: str) -> None:
    started = time.process_time()
    redact(text)
    assert time.process_time() - started < 2.0


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("gnp.\u202egpj", "gnp.\\u202egpj"),
        ("a\0b\r\nc\td", "a\\x00b\\r\\nc\\td"),
        ("line\u2028paragraph\u2029", "line\\u2028paragraph\\u2029"),
        ("half \ud800", "half \\ud800"),
        ("bell\x07 c1\x9b0m", "bell\\x07 c1\\x9b0m"),
        ("Bé Na kể chuyện 😀 العربية", "Bé Na kể chuyện 😀 العربية"),
    ],
)
def test_remote_text_is_shown_not_obeyed(text: str, shown: str) -> None:
    assert safe_text(text) == shown


@given(st.text(max_size=400), st.integers(1, 300))
def test_shown_text_is_one_harmless_line_within_its_limit(text: str, limit: int) -> None:
    shown = safe_text(text, limit=limit)
    assert len(shown) <= limit
    assert not any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") for char in shown)


def test_a_megabyte_of_title_costs_no_more_than_a_title() -> None:
    started = time.process_time()
    for _ in range(100):
        assert len(safe_text("\x1b" * 1_000_000)) == 200
    assert time.process_time() - started < 2.0


def sink(file: Path, **options: Any) -> LogSink:
    given = {"run": "run-1", "file_bytes": 1_000_000, "file_count": 2, "console_level": None, **options}
    return LogSink(file, **given)


def test_each_event_is_one_line_of_json_with_its_run_and_level(tmp_path: Path) -> None:
    log = sink(tmp_path / "logs" / "log.jsonl")
    log(Event("page_committed", {"query": "urls:list", "new": 2, "title": "Bé\nNa \ud800"}))
    log(Event("attempt_failed", {"video": "url:1", "kind": "gone"}))
    log.close()
    first, second = map(json.loads, (tmp_path / "logs" / "log.jsonl").read_text(encoding="utf-8").splitlines())
    assert (first["event"], first["run"], first["level"], first["new"]) == ("page_committed", "run-1", "info", 2)
    assert first["title"].startswith("Bé\nNa ")
    assert first["timestamp"].endswith("Z")
    assert (second["level"], second["kind"]) == ("warning", "gone")


def test_no_secret_reaches_the_file_or_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = sink(tmp_path / "log.jsonl", console_level=logging.DEBUG, secrets=["", CANARY])
    facts = {"message": f"no {CANARY}", "error": OSError(CANARY), "path": Path(CANARY), "title": "\x1b[2J"}
    log(Event("run_fault", facts))
    log.close()
    written, shown = (tmp_path / "log.jsonl").read_text(), capsys.readouterr()
    assert shown.out == ""
    for text in (written, shown.err):
        assert "[secret]" in text
        assert CANARY not in text
        assert "\x1b" not in text


def test_the_terminal_shows_only_what_was_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = sink(tmp_path / "log.jsonl", console_level=logging.WARNING)
    log(Event("video_fetched", {"video": "url:1"}))
    log(Event("source_failed", {"query": "rss:x"}))
    log.close()
    assert capsys.readouterr().err == "warning: source_failed query='rss:x'\n"
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 2


def test_the_log_is_rotated_and_old_files_go(tmp_path: Path) -> None:
    log = sink(tmp_path / "log.jsonl", file_bytes=4_096, file_count=2)
    for number in range(200):
        log(Event("video_fetched", {"number": number, "title": "x" * 100}))
    log.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log.jsonl", "log.jsonl.1", "log.jsonl.2"]
    assert all(path.stat().st_size <= 4_096 for path in tmp_path.iterdir())
    newest = [json.loads(line)["number"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert newest[-1] == 199


def test_a_later_run_adds_to_the_log(tmp_path: Path) -> None:
    for run in ("run-1", "run-2"):
        log = sink(tmp_path / "log.jsonl", run=run)
        log(Event("run_started"))
        log.close()
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["run"] for line in lines] == ["run-1", "run-2"]
