"""Lists of addresses as people and programs write them."""

from __future__ import annotations

import asyncio
import os
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from voicesieve.domain.candidates import Budget, Cursor, Page, Query
from voicesieve.domain.failures import FailureError, FailureKind
from voicesieve.sources.urls import UrlListSource

ID = "dQw4w9WgXcQ"
WATCH = f"https://www.youtube.com/watch?v={ID}"


def read_page(path: Path, cursor: Cursor | None = None, **budget: int) -> Page:
    return asyncio.run(UrlListSource().page(Query("urls", str(path)), cursor, {}, Budget(**budget)))


def read(tmp_path: Path, content: bytes | str) -> Page:
    path = tmp_path / "list.txt"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_page(path)


def addresses(page: Page) -> list[str]:
    return [candidate.url for candidate in page.candidates]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("http://a.example/1\nhttp://a.example/2\n", ["http://a.example/1", "http://a.example/2"]),
        ("http://a.example/1\nhttp://a.example/2", ["http://a.example/1", "http://a.example/2"]),
        ("http://a.example/1\r\nhttp://a.example/2\r\n", ["http://a.example/1", "http://a.example/2"]),
        ("http://a.example/1\rhttp://a.example/2\r", ["http://a.example/1", "http://a.example/2"]),
        ("\ufeffhttp://a.example/1\n\ufeffhttp://a.example/2", ["http://a.example/1", "http://a.example/2"]),
        ("\n\n  \t\nhttp://a.example/1\n\n", ["http://a.example/1"]),
        ("# mine\nhttp://a.example/1 # good\n  # end\n", ["http://a.example/1"]),
        ("http://a.example/1#part\n", ["http://a.example/1"]),
        ("https://ahttps://b\n", ["https://a/", "https://b/"]),
        (f"{WATCH}https://youtu.be/aaaaaaaaaaa\n", [WATCH, "https://www.youtube.com/watch?v=aaaaaaaaaaa"]),
        ("http://a.example/1,http://a.example/2;\n", ["http://a.example/1", "http://a.example/2"]),
        ("http://a.example/1 http://a.example/2\n", ["http://a.example/1", "http://a.example/2"]),
        ('"http://a.example/1",\n<http://a.example/2>\n', ["http://a.example/1", "http://a.example/2"]),
        ("'http://a.example/1'\n“http://a.example/2”", ["http://a.example/1", "http://a.example/2"]),
        (f"youtu.be/{ID}\n", [WATCH]),
        (f"www.youtube.com/watch?v={ID}&list=PL1\n", [WATCH]),
        (f"youtu.be/{ID}\n{WATCH}\n{WATCH}&t=1\n", [WATCH]),
        ("https://archive.example/2020/https://b.example/x\n", ["https://archive.example/2020/https://b.example/x"]),
        ("https://a.example/?u=https://b.example/x\n", ["https://a.example/?u=https://b.example/x"]),
        ("HTTP://A.example/1\n", ["http://a.example/1"]),
    ],
)
def test_addresses_are_read_without_a_problem(tmp_path: Path, content: str, expected: list[str]) -> None:
    page = read(tmp_path, content)

    assert addresses(page) == expected
    assert page.problems == ()
    assert page.cursor is None
    assert page.requests == 0


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"hello world", "white space"),
        (b"hello", "not an http or https address"),
        (ID.encode(), "YouTube video ID"),
        (b"example.org/a.mp3", "not an http or https address"),
        (b"file:///etc/passwd", "not an http or https address"),
        (b"javascript:alert(1)", "not an http or https address"),
        (b"http://", "host name"),
        (b"http://user:pw@example.org/", "password"),
        (b"https://www.youtube.com/@channel", "no single video"),
        (b"https://www.youtube.com/playlist?list=PL1", "no single video"),
        (b"http://a.example/my file.mp3", "%20"),
        (b"http://a.example/\xff\xfe", "not UTF-8"),
        (b"http://a.example/" + b"x" * 5000, "more than 4000"),
        (b"http://a.example/" + b"x" * 300_000, "longer than 100000 bytes"),
        (b"\x1b[31mred", "\\x1b[31m"),
        (b"-----BEGIN RSA PRIVATE KEY-----", "white space"),
    ],
)
def test_a_bad_line_costs_only_itself(tmp_path: Path, line: bytes, reason: str) -> None:
    page = read(tmp_path, b"http://a.example/1\n" + line + b"\nhttp://a.example/2\n")

    assert addresses(page) == ["http://a.example/1", "http://a.example/2"]
    [problem] = page.problems
    assert problem.where == "line 2"
    assert reason in problem.message
    assert len(problem.message) < 400
    assert problem.message.isprintable()


def test_a_nul_byte_far_inside_costs_only_its_line(tmp_path: Path) -> None:
    page = read(tmp_path, b"# " + b"x" * 10_000 + b"\nhttp://a.example/\x00\nhttp://a.example/2\n")

    assert addresses(page) == ["http://a.example/2"]
    assert [problem.where for problem in page.problems] == ["line 2"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("http://a.example/1\n".encode("utf-16"), "UTF-16"),
        ("http://a.example/1\n".encode("utf-16-le"), "binary"),
        (b"RIFF\x00\x00\x00\x00WAVE", "binary"),
    ],
)
def test_a_file_that_is_no_list_fails_with_what_to_do(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(FailureError) as raised:
        read(tmp_path, content)

    assert raised.value.failure.kind is FailureKind.UNSUPPORTED
    assert message in raised.value.failure.message
    assert "UTF-8" in raised.value.failure.message


def test_a_missing_list_is_gone(tmp_path: Path) -> None:
    with pytest.raises(FailureError, match="there is no file") as raised:
        read_page(tmp_path / "nowhere.txt")

    assert raised.value.failure.kind is FailureKind.GONE


def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    for path in (pipe, tmp_path):
        with pytest.raises(FailureError, match="not a regular file") as raised:
            read_page(path)
        assert raised.value.failure.kind is FailureKind.UNSUPPORTED


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_list_says_so(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("http://a.example/1\n")
    path.chmod(0)

    with pytest.raises(FailureError, match="right to read"):
        read_page(path)


def test_an_empty_list_is_an_empty_page(tmp_path: Path) -> None:
    assert read(tmp_path, b"") == Page()


def test_pages_join_to_the_whole_list(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("".join(f"http://a.example/{n}http://b.example/{n}\nbad{n}\n\n# c\n" for n in range(10)))
    whole = read_page(path)

    for size in (1, 3, 19, 20, 21):
        seen: list[str] = []
        problems: list[str] = []
        cursor: Cursor | None = None
        pages = 0
        while pages == 0 or cursor is not None:
            page = read_page(path, cursor, max_candidates=size)
            assert len(page.candidates) <= size
            seen += addresses(page)
            problems += [problem.where for problem in page.problems]
            cursor = page.cursor
            pages += 1
        assert seen == addresses(whole)
        assert problems == [problem.where for problem in whole.problems]
    assert [problem.where for problem in whole.problems][:2] == ["line 2", "line 6"]


def test_a_list_that_changed_between_pages_is_read_from_its_start(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("http://a.example/1\nhttp://a.example/2\n")
    cursor = read_page(path, max_candidates=1).cursor
    assert cursor is not None
    path.write_text("http://a.example/0\nhttp://a.example/1\nhttp://a.example/2\n")

    assert addresses(read_page(path, cursor)) == [f"http://a.example/{n}" for n in range(3)]


def test_garbage_without_end_comes_in_pages(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("garbage\n" * 250 + "http://a.example/1\n")
    problems = 0
    cursor: Cursor | None = None
    while True:
        page = read_page(path, cursor)
        assert len(page.problems) <= 100
        problems += len(page.problems)
        cursor = page.cursor
        if cursor is None:
            break

    assert problems == 250
    assert addresses(page) == ["http://a.example/1"]


def test_very_many_lines_and_endless_lines_stay_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    with path.open("wb") as handle:
        handle.write(b"x" * 10_000_000 + b"\n")
        for start in range(0, 100_000, 1_000):
            handle.write(b"".join(b"# %d\n" % n for n in range(start, start + 1_000)))
        handle.write(b"http://a.example/1\n" * 1_000)

    tracemalloc.start()
    page = read_page(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert addresses(page) == ["http://a.example/1"]
    assert [problem.where for problem in page.problems] == ["line 1"]
    assert peak < 2_000_000


@given(st.binary(max_size=300) | st.text(alphabet="htps:/.a?=&#%, <>\"'\n\r\ufeff", max_size=200).map(str.encode))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_list_holds_it_gives_clean_candidates_or_a_typed_failure(tmp_path: Path, content: bytes) -> None:
    try:
        page = read(tmp_path, content)
    except FailureError as error:
        assert error.failure.kind is FailureKind.UNSUPPORTED
        return

    assert all(url.startswith(("http://", "https://")) and url.isascii() for url in addresses(page))
    assert all(problem.message.isprintable() for problem in page.problems)
