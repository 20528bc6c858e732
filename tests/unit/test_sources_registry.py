"""Naming a source on the command line."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import voicesieve
from voicesieve.domain.candidates import Query
from voicesieve.domain.languages import EvidenceKind
from voicesieve.domain.platforms import DOMAINS, YOUTUBE
from voicesieve.frontier.costs import LISTING_PAGE
from voicesieve.settings import Settings
from voicesieve.sources.kinds import SourceKind
from voicesieve.sources.registry import KINDS, NAMES, declared_as, page_cost, parse_query, platform_of_query

GUIDE = Path(__file__).parents[2] / "docs" / "guide.md"
HOUSE = Path(voicesieve.__file__).parent


def test_arguments_come_in_normal_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/lan")

    assert parse_query("folder:clips") == Query("folder", str(tmp_path / "clips"))
    assert parse_query("urls:~/list.txt") == Query("urls", "/home/lan/list.txt")
    assert parse_query("folder:/a:b") == Query("folder", "/a:b")
    assert parse_query("rss:HTTPS://Example.org:443/feed#top") == Query("rss", "https://example.org/feed")
    assert parse_query(" page:http://127.0.0.1:8000/ ") == Query("page", "http://127.0.0.1:8000/")


def test_a_query_can_be_parsed_from_its_own_text() -> None:
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
def test_a_wrong_query_is_refused_with_advice(text: str, message: str) -> None:
    with pytest.raises(ValueError) as refusal:
        parse_query(text)

    assert message in str(refusal.value)
    assert "\x1b" not in str(refusal.value)


def test_a_page_of_a_search_costs_more_than_one_of_a_list_and_a_folder_nothing(tmp_path: Path) -> None:
    for name in ("youtube", "youtube-api"):
        search, channel = (parse_query(f"{name}:{argument}") for argument in ("bé kể chuyện", "channel:@name"))
        assert page_cost(search) > page_cost(channel) > 0.0
    assert page_cost(parse_query("rss:https://example.org/feed")) == page_cost(channel)
    assert page_cost(parse_query(f"folder:{tmp_path}")) == page_cost(parse_query(f"urls:{tmp_path}/list")) == 0.0


def test_the_guide_has_a_row_for_every_kind() -> None:
    rows = [line for line in GUIDE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    shown = [row for row in rows if row.removeprefix("| `").partition(":")[0] in NAMES]

    assert [_matches(row, kind) for row, kind in zip(shown, KINDS, strict=True)] == [True] * len(KINDS), shown


def _matches(row: str, kind: SourceKind) -> bool:
    query, summary, again = (cell.strip() for cell in row.strip("| ").split(" | "))
    when = f"after `{kind.refresh_setting}`" if kind.is_remote else "every run"
    return (query, again) == (f"`{kind.name}:{kind.argument}`", when) and summary.startswith(kind.summary)


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_the_settings_that_a_kind_names_exist(kind: SourceKind) -> None:
    for key in filter(None, (kind.refresh_setting, *kind.quotas.values())):
        section, _, name = key.partition(".")
        assert isinstance(getattr(getattr(Settings(), section), name), int | float)


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_every_example_can_be_asked(kind: SourceKind) -> None:
    for example in kind.examples:
        name, _, argument = example.replace("PL...", "PL0123456789").replace("UC...", f"UC{'x' * 22}").partition(":")
        assert name == kind.name
        assert kind.parse(kind.parse(argument)) == kind.parse(argument)


def test_one_module_alone_knows_the_hosts_of_platforms() -> None:
    owner = HOUSE / "domain" / "platforms.py"
    domains = [domain for names in DOMAINS.values() for domain in names]
    texts = {text for file in HOUSE.rglob("*.py") if file != owner for text in _texts(file)}

    assert [text for text in texts if any(domain in text for domain in domains)] == []


def test_nothing_but_its_record_knows_a_kind_by_name() -> None:
    """Held by the two names that mean nothing else. A migration speaks of what was in the catalogs of its time."""
    elsewhere = [file for file in HOUSE.rglob("*.py") if not file.is_relative_to(HOUSE / "catalog" / "migrations")]
    knowing = {file.relative_to(HOUSE).as_posix() for file in elsewhere if {"rss", "youtube-api"} & {*_texts(file)}}

    assert knowing == {"sources/rss.py", "sources/youtube/api/source.py"}


def _texts(file: Path) -> Iterator[str]:
    """The strings of a module that are no documentation."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    about = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in about:
            yield node.value


def test_a_query_of_a_kind_that_is_gone_is_shown_and_counted() -> None:
    """A catalog may hold one; it stopped the analysis of its videos."""
    gone = Query("gone", "https://www.youtube.com/watch?v=abcdefghijk")
    assert declared_as("gone") is EvidenceKind.DECLARED_AUDIO
    assert page_cost(gone) == LISTING_PAGE
    assert platform_of_query(gone) == YOUTUBE
