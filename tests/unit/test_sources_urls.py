"""Lists of addresses as people and programs write them."""

from __future__ import annotations

import asyncio
import os
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from voicesieve.domain.candidates import Budget, Cursor, Page, PassedOver, Query
from voicesieve.domain.failures import FailureError, FailureKind
from voicesieve.sources.registry import NAMES
from voicesieve.sources.urls import UrlListSource

ID = "dQw4w9WgXcQ"
WATCH = f"https://www.youtube.com/watch?v={ID}"


def read_page(path: Path, cursor: Cursor | None = None, **budget: int) -> Page:
    return asyncio.run(UrlListSource(NAMES).page(Query("urls", str(path)), cursor, {}, Budget(**budget)))


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
        (b"hello world", "not an http or https address"),
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
        (b"-----BEGIN RSA PRIVATE KEY-----", "not an http or https address"),
        (b"www.example.org/a", "write https:// before it"),
        (b"example.org", "write https:// before it"),
        (b"file:///home/me/a.mp3", "--source folder:DIR"),
        (b"/home/me/a.mp3", "--source folder:DIR"),
        (b"~/a.mp3", "--source folder:DIR"),
        (b"C:\\me\\a.mp3", "--source folder:DIR"),
        (b"a.ogg", "--source folder:DIR"),
        (b"B\xc3\xa9 k\xe1\xbb\x83 chuy\xe1\xbb\x87n.mp3", "--source folder:DIR"),
        (b"rss:https://a.example/feed", "https://a.example"),
        (b"youtube:truyen", "add it as --source"),
        (b"itpc://a.example/feed", "--source rss:"),
        (b"ftp://a.example/1.mp3", "not an http or https address"),
        (b"http://a.example/b\xe9 na.mp3", "%20"),
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
        (b"RIFF\x00\x00\x00\x00WAVE", "binary"),
        (b"RIFF" + b"\x01\x00\x02\x00" * 500, "binary"),
        (b"PK\x03\x04" + bytes(range(256)), "binary"),
        ("http://a.example/1\n".encode("utf-32"), "binary"),
    ],
)
def test_a_file_that_is_not_a_list_fails_with_advice(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(FailureError) as raised:
        read(tmp_path, content)

    assert raised.value.failure.kind is FailureKind.UNSUPPORTED
    assert message in raised.value.failure.message
    assert "UTF-8" in raised.value.failure.message


def test_a_missing_list_is_gone(tmp_path: Path) -> None:
    with pytest.raises(FailureError, match="there is no file") as raised:
        read_page(tmp_path / "nowhere.txt")

    assert raised.value.failure.kind is FailureKind.GONE


def test_a_path_that_is_not_a_regular_file_is_refused_without_waiting(tmp_path: Path) -> None:
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


def test_endless_garbage_comes_in_pages(tmp_path: Path) -> None:
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
@example(content="\u05f5 \u3000x".encode())  # what Unicode has not assigned, and a wide blank
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_list_holds_it_gives_clean_candidates_or_a_typed_failure(tmp_path: Path, content: bytes) -> None:
    try:
        page = read(tmp_path, content)
    except FailureError as error:
        assert error.failure.kind is FailureKind.UNSUPPORTED
        return

    assert all(url.startswith(("http://", "https://")) and url.isascii() for url in addresses(page))
    assert all(problem.message.isprintable() for problem in page.problems)


WRITTEN = {
    "comments of yt-dlp": "; comment\n] comment\n# comment\nhttp://a.example/1.mp3\n",
    "a title behind a tab": "http://a.example/1.mp3\tTấm Cám\n",
    "a title behind a bar": "http://a.example/1.mp3|Tấm Cám\n",
    "a remark": "http://a.example/1.mp3 Tấm Cám\n",
    "a number before": "1. http://a.example/1.mp3\n",
    "a bullet before": "- http://a.example/1.mp3\n",
    "a label before": "Link: http://a.example/1.mp3\n",
    "a title before": "Tấm Cám\thttp://a.example/1.mp3\n",
    "in angle brackets": "<http://a.example/1.mp3>\n",
    "in quotes with commas": '"http://a.example/1.mp3",\n',
    "in a link of Markdown": "* [Tấm Cám](http://a.example/1.mp3)\n",
    "in a link of HTML": '<a href="http://a.example/1.mp3">Tấm Cám</a>\n',
    "in JSON": '{"url": "http://a.example/1.mp3", "title": "x"}\n',
    "a table without heading": "http://a.example/1.mp3,Tấm Cám,120\n",
    "a table with the title first": '"Tấm, Cám",http://a.example/1.mp3,120\n',
    "a quoted table": '"http://a.example/1.mp3","Tấm Cám"\n',
    "an m3u playlist": "#EXTM3U\n#EXTINF:120,Tấm Cám\nhttp://a.example/1.mp3\n",
    "a pls playlist": "[playlist]\nNumberOfEntries=1\nFile1=http://a.example/1.mp3\nTitle1=x\nLength1=120\nVersion=2\n",
    "an XSPF line": "<location>http://a.example/1.mp3</location>\n",
    "left-to-right marks": "\u200ehttp://a.example/1.mp3\u200f\n",
}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_good_address_is_read_whatever_stands_around_it(tmp_path: Path, name: str) -> None:
    page = read(tmp_path, WRITTEN[name].replace("\n", "\r\n") if "table" in name else WRITTEN[name])

    assert addresses(page) == ["http://a.example/1.mp3"]
    assert page.problems == ()


def test_text_after_a_tab_is_the_title_and_a_remark_is_listed(tmp_path: Path) -> None:
    page = read(tmp_path, "http://a.example/1\t Tấm  Cám \nhttp://a.example/2 not yet\nhttp://a.example/3\n")

    assert [candidate.title for candidate in page.candidates] == ["Tấm Cám", "", ""]
    assert page.passed_over == (PassedOver("remarks behind an address", 1, "line 2: “not yet”"),)


@pytest.mark.parametrize(
    ("line", "title"),
    [("{}\tTấm Cám\t120", "Tấm Cám"), ("Tấm Cám\t{}", "Tấm Cám"), ("7\t{}\tTấm Cám", "Tấm Cám"), ("{}\t120", "")],
)
def test_the_cell_beside_an_address_is_its_title(tmp_path: Path, line: str, title: str) -> None:
    page = read(tmp_path, line.format("http://a.example/1.mp3"))

    assert [candidate.title for candidate in page.candidates] == [title]
    assert page.problems == ()


def test_one_word_at_the_top_heads_a_plain_list(tmp_path: Path) -> None:
    page = read(tmp_path, "Links\nhttp://a.example/1,2\nurl\n")

    assert addresses(page) == ["http://a.example/1,2"]
    assert [problem.where for problem in page.problems] == ["line 3"]


def test_bytes_that_are_not_text_after_an_address_cost_nothing(tmp_path: Path) -> None:
    page = read(tmp_path, "http://a.example/1.mp3\tKể".encode() + b"\xff\n" + b"http://a.example/2 # \xe9t\xe9\n")

    assert addresses(page) == ["http://a.example/1.mp3", "http://a.example/2"]
    assert page.problems == ()


@pytest.mark.parametrize(
    ("line", "address"),
    [
        ('"http://a.example/my file.mp3"', "http://a.example/my%20file.mp3"),
        ("http://a.example/it's,here;now.mp3", "http://a.example/it's,here;now.mp3"),
        ("http://a.example/a,b", "http://a.example/a,b"),
        ("http://a.example/?a=1,2;b=(3)", "http://a.example/?a=1,2;b=(3)"),
        ("http://a.example/1.mp3?Policy=x,y~&Signature=z", "http://a.example/1.mp3?Policy=x,y~&Signature=z"),
        ("http://a.example/1.mp3?a=1&amp;b=2", "http://a.example/1.mp3?a=1&amp;b=2"),
        ("http://a.example/1.mp3?parts=1|2;3,4", "http://a.example/1.mp3?parts=1|2;3,4"),
        ("http://a.example/1.mp3?parts=1,2\tA title", "http://a.example/1.mp3?parts=1,2"),
        ("http://a.example/1.mp3;session=2", "http://a.example/1.mp3;session=2"),
        ("http://a.example/wiki/X_(y)", "http://a.example/wiki/X_(y)"),
        ("http://a.example/#;x", "http://a.example/"),
    ],
)
def test_delimiters_inside_an_address_stay_in_it(tmp_path: Path, line: str, address: str) -> None:
    page = read(tmp_path, line + "\n")

    assert addresses(page) == [address]
    assert page.problems == ()


@pytest.mark.parametrize(
    "content",
    [
        'title,url,duration\n"Tấm, Cám","http://a.example/get?id=1,2",90\nSọ Dừa,http://a.example/my file,\n',
        "# exported\n\nid;Title;URL\n1;Tấm, Cám;http://a.example/get?id=1,2\n2;Sọ Dừa;http://a.example/my file\n",
        "\ufeffurl\ttitle\nhttp://a.example/get?id=1,2\tTấm, Cám\nhttp://a.example/my file\tSọ Dừa\n",
    ],
)
def test_a_table_is_read_by_its_heading(tmp_path: Path, content: str) -> None:
    path = tmp_path / "list.csv"
    path.write_text(content + "no address here\n")

    first = read_page(path, max_candidates=1)
    second = read_page(path, first.cursor)

    seen = [(candidate.url, candidate.title) for page in (first, second) for candidate in page.candidates]
    assert seen == [("http://a.example/get?id=1,2", "Tấm, Cám"), ("http://a.example/my%20file", "Sọ Dừa")]
    assert len(first.problems + second.problems) == 1


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_list_is_read_in_the_encodings_of_windows(tmp_path: Path, encoding: str, end: str) -> None:
    # Characters that hold the byte of a line feed are among them: U+0A05, U+010A.
    lines = ["# Tấm Cám ਅ Ċ", *(f"http://a.example/{n}\tTập {n} ਅĊ" for n in range(5)), "wrong", "http://a.example/5"]
    path = tmp_path / "list.txt"
    path.write_bytes((end.join(lines) + end).encode(encoding))

    pages = [read_page(path, max_candidates=2)]
    while pages[-1].cursor is not None:
        pages.append(read_page(path, pages[-1].cursor, max_candidates=2))

    assert [url for page in pages for url in addresses(page)] == [f"http://a.example/{n}" for n in range(6)]
    assert pages[0].candidates[0].title == "Tập 0 ਅĊ"
    assert [problem.where for page in pages for problem in page.problems] == ["line 7"]
