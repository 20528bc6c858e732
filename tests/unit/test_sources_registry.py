"""Naming a source on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from voicesieve.domain.candidates import Query
from voicesieve.sources.registry import parse_query


def test_arguments_come_in_normal_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/lan")

    assert parse_query("folder:clips") == Query("folder", str(tmp_path / "clips"))
    assert parse_query("urls:~/list.txt") == Query("urls", "/home/lan/list.txt")
    assert parse_query("folder:/a:b") == Query("folder", "/a:b")
    assert parse_query("rss:HTTPS://Example.org:443/feed#top") == Query("rss", "https://example.org/feed")
    assert parse_query(" page:http://127.0.0.1:8000/ ") == Query("page", "http://127.0.0.1:8000/")


def test_a_query_reads_back_from_its_text() -> None:
    query = parse_query("rss:https://example.org/feed?x=1")

    assert parse_query(str(query)) == query


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rs:https://example.org/feed", "did you mean rss:?"),
        ("Folder:/a", "did you mean folder:?"),
        ("teapot:/a", "The kinds are: folder:"),
        ("", "The kinds are: folder:"),
        ("clips", "The kinds are: folder:"),
        ("folder:", "needs an argument"),
        ("rss:   ", "needs an argument"),
        ("https://example.org/feed", "write “rss:https://example.org/feed” for a feed"),
        ("rss:example.org/feed", "not an http or https address"),
        ("rss:file:///etc/passwd", "not an http or https address"),
        ("page:ftp://example.org", "not an http or https address"),
        ("folder:/a\x00b", "NUL"),
        ("folder:/a\udcff", "not valid UTF-8"),
        ("teapot\x1b[31m:x", "\\x1b[31m"),
    ],
)
def test_a_mistake_is_answered_with_what_to_write(text: str, message: str) -> None:
    with pytest.raises(ValueError) as refusal:
        parse_query(text)

    assert message in str(refusal.value)
    assert "\x1b" not in str(refusal.value)
