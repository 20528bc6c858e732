"""Recordings below a local folder."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from voicesieve.domain.candidates import Budget, Cursor, Page, Query, added_up
from voicesieve.domain.failures import FailureError, FailureKind
from voicesieve.sources.folder import FolderSource
from voicesieve.sources.identity import candidate_identity


def walk(source: FolderSource, top: Path, size: int) -> Iterator[Page]:
    cursor: Cursor | None = None
    while True:
        page = asyncio.run(source.page(Query("folder", str(top)), cursor, {}, Budget(max_candidates=size)))
        assert len(page.candidates) <= size
        yield page
        cursor = page.cursor
        if cursor is None:
            return


def whole(top: Path) -> Page:
    [page] = walk(FolderSource(), top, 10_000)
    return page


def names(*pages: Page) -> list[str]:
    return [candidate.title for page in pages for candidate in page.candidates]


def write(top: Path, *relative: str) -> None:
    for name in relative:
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"sound")


def test_media_files_come_in_byte_order_with_their_facts(tmp_path: Path) -> None:
    top = tmp_path / "giọng nói"
    write(top, "b.wav", "a/2.MP3", "a/1.Opus", "a.flac", "Z.webm", "notes.txt", "a/cover.jpg", "mp3", "c/.hidden.wav")
    write(top, ".git/x.wav", "a.b/3.m4a")

    page = whole(top)

    assert names(page) == ["Z", "1", "2", "3", "a", "b"]
    assert page.problems == ()
    assert page.requests == 0
    first, second = page.candidates[:2]
    assert (first.source, first.channel, dict(first.metadata)) == ("file", "giọng nói", {"size": 5})
    assert second.channel == "a"
    assert second.url == "file://" + str(tmp_path) + "/gi%E1%BB%8Dng%20n%C3%B3i/a/1.Opus"
    assert all(candidate_identity(item.url)[:2] == (item.source, item.native_id) for item in page.candidates)


def test_files_whose_names_are_any_bytes_are_listed_and_shown_clean(tmp_path: Path) -> None:
    raw_names = [b"line\nbreak.wav", "שלום\u202e.wav".encode(), b"\xff\xfe.wav", b"%41 quote'.wav", b"-rf.wav"]
    for raw in raw_names:
        (tmp_path / os.fsdecode(raw)).write_bytes(b"")

    page = whole(tmp_path)

    assert len({candidate.id for candidate in page.candidates}) == len(raw_names)
    titles = set(names(page))
    assert {"line break", "%41 quote'", "-rf", "\ufffd\ufffd"} <= titles
    assert all(title.encode("utf-8") for title in titles)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("restarts", [False, True])
def test_pages_join_to_the_whole_folder_also_after_restarts(tmp_path: Path, size: int, restarts: bool) -> None:
    write(
        tmp_path, "a/b/c/1.wav", "a/b/2.wav", "a/3.wav", "a.wav", "b/4.wav", "b-/5.wav", "b.wav", "é/6.wav", "z\n/7.wav"
    )
    expected = names(whole(tmp_path))
    assert len(expected) == 9

    seen: list[str] = []
    cursor: Cursor | None = None
    source = FolderSource()
    while True:
        query = Query("folder", str(tmp_path))
        page = asyncio.run(source.page(query, cursor, {}, Budget(max_candidates=size)))
        seen += names(page)
        cursor = page.cursor
        if cursor is None:
            break
        if restarts:
            source = FolderSource()

    assert seen == expected


def test_the_same_cursor_gives_the_same_continuation_twice(tmp_path: Path) -> None:
    write(tmp_path, "1.wav", "2.wav", "3.wav", "4.wav")
    source = FolderSource()
    query, budget = Query("folder", str(tmp_path)), Budget(max_candidates=2)
    first = asyncio.run(source.page(query, None, {}, budget))

    once = asyncio.run(source.page(query, first.cursor, {}, budget))
    again = asyncio.run(source.page(query, first.cursor, {}, budget))

    assert names(once) == names(again) == ["3", "4"]


def test_files_that_vanish_between_pages_cost_only_themselves(tmp_path: Path) -> None:
    write(tmp_path, "a/1.wav", "a/2.wav", "a/3.wav", "b/4.wav")
    source = FolderSource()
    query, budget = Query("folder", str(tmp_path)), Budget(max_candidates=1)
    first = asyncio.run(source.page(query, None, {}, budget))
    shutil.rmtree(tmp_path / "a")

    restarted = asyncio.run(FolderSource().page(query, first.cursor, {}, Budget()))

    assert names(restarted) == ["4"]
    assert restarted.cursor is None


def passed_over(*pages: Page) -> dict[str, tuple[int, str]]:
    things = added_up(thing for page in pages for thing in page.passed_over)
    return {thing.what: (thing.count, thing.example) for thing in things}


def test_links_into_the_folder_itself_are_passed_over_and_odd_files_are_named(tmp_path: Path) -> None:
    write(tmp_path, "real/1.wav")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "broken.wav").symlink_to(tmp_path / "nowhere.wav")
    (tmp_path / "itself.wav").symlink_to("itself.wav")
    (tmp_path / "linked.wav").symlink_to(tmp_path / "real/1.wav")
    (tmp_path / "dir.wav").symlink_to(tmp_path / "real")
    os.mkfifo(tmp_path / "pipe.wav")

    page = whole(tmp_path)

    assert names(page) == ["1"]
    assert [problem.where for problem in page.problems] == ["“broken.wav”", "“itself.wav”", "“pipe.wav”"]
    assert passed_over(page) == {
        "linked folders that are read under another name": (1, "“dir.wav”"),
        "links to files that are read under their own names": (1, "“linked.wav”"),
        "folders that lead in a circle": (1, "“loop”"),
    }


def test_files_that_are_not_recordings_are_counted_by_kind(tmp_path: Path) -> None:
    write(tmp_path, "1.wav", "a/notes.TXT", "b/more.txt", "cover.jpg", "README", ".git/x.wav", ".hidden.wav", "x.Bé Na")
    write(tmp_path, "data/recordings/1.wav")
    (tmp_path / "data-link").symlink_to(tmp_path / "data/recordings")
    source = FolderSource(left_out=tmp_path / "data")

    for size in (1, 100):
        pages = list(walk(source, tmp_path, size))
        assert names(*pages) == ["1"]
        assert passed_over(*pages) == {
            "hidden files and folders": (2, "“.git”"),
            "files without a suffix": (1, "“README”"),
            "files with suffix .txt": (2, "“a/notes.TXT”"),
            "files with suffix .jpg": (1, "“cover.jpg”"),
            "folders of voicesieve itself": (2, "“data”"),
            "files with an odd suffix": (1, "“x.Bé Na”"),
        }


@pytest.fixture
def linked(tmp_path: Path) -> Path:
    """A folder whose files lie in a library beside it, reached by links that overlap and lead in circles."""
    write(tmp_path, "lib/disk1/1.wav", "lib/disk1/deep/2.wav", "lib/disk2/3.wav", "lib/other/4.wav", "top/a/5.wav")
    top = tmp_path / "top"
    (top / "b").symlink_to("../lib/disk1")
    (top / "c").symlink_to("../lib")  # holds what b leads to
    (top / "d").symlink_to("../lib/disk2")  # is held by what c leads to
    (top / "e").symlink_to("..")  # holds this folder
    (tmp_path / "lib/back").symlink_to("../top")
    (tmp_path / "lib/disk2/round").symlink_to("../../lib")
    (tmp_path / "lib/twin").symlink_to("disk2")
    return top


@pytest.mark.parametrize("size", [1, 2, 100])
@pytest.mark.parametrize("restarts", [False, True])
def test_linked_folders_are_entered_once(linked: Path, size: int, restarts: bool) -> None:
    source = FolderSource()
    pages: list[Page] = []
    while not pages or pages[-1].cursor is not None:
        cursor = pages[-1].cursor if pages else None
        source = FolderSource() if restarts else source
        query, budget = Query("folder", str(linked)), Budget(max_candidates=size)
        pages.append(asyncio.run(source.page(query, cursor, {}, budget)))
        if restarts:
            assert asyncio.run(FolderSource().page(query, cursor, {}, budget)) == pages[-1]

    assert names(*pages) == ["5", "1", "2", "3", "4"]
    assert passed_over(*pages)["linked folders that are read under another name"][0] == 4
    assert sum(count for count, _ in passed_over(*pages).values()) == 6
    first = next(candidate for page in pages for candidate in page.candidates if candidate.title == "1")
    assert first.url == f"file://{linked.parent}/lib/disk1/1.wav"
    assert first.channel == "b"


def test_many_links_to_one_folder_do_not_multiply_the_walk(tmp_path: Path) -> None:
    """A chain of folders with two links each to the next would be walked in 2^30 ways."""
    for number in range(30):
        (tmp_path / f"lib/{number}").mkdir(parents=True)
        for link in "ab":
            (tmp_path / f"lib/{number}/{link}").symlink_to(f"../{number + 1}")
    write(tmp_path, "lib/30/1.wav")
    (tmp_path / "top").mkdir()
    (tmp_path / "top/start").symlink_to("../lib/0")

    assert names(whole(tmp_path / "top")) == ["1"]


def test_a_linked_folder_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    write(tmp_path, "top/1.wav")
    (tmp_path / "top/gone").symlink_to("../nowhere")

    page = whole(tmp_path / "top")

    assert names(page) == ["1"]
    assert passed_over(page) == {"links that lead nowhere": (1, "“gone”")}


def test_a_file_has_one_id_however_it_is_reached(tmp_path: Path) -> None:
    write(tmp_path, "lib/1.wav")
    (tmp_path / "one").symlink_to("lib")
    (tmp_path / "files").mkdir()
    (tmp_path / "files/named otherwise.wav").symlink_to("../lib/1.wav")

    by_way = [whole(tmp_path / way).candidates for way in ("lib", "one", "files")]

    assert len({candidate.id for (candidate,) in by_way}) == 1
    assert [candidate.title for (candidate,) in by_way] == ["1", "1", "named otherwise"]


def test_folders_nested_deeper_than_python_recurses_are_walked(tmp_path: Path) -> None:
    levels = [tmp_path / ("d/" * depth) for depth in range(1, 1_101)]
    for level in levels:
        level.mkdir()
    deep = levels[-1] / "deep.wav"
    deep.touch()
    try:
        assert names(whole(tmp_path)) == ["deep"]
    finally:
        deep.unlink()
        for level in reversed(levels):  # clearing up by recursion would fail
            level.rmdir()


def test_a_sub_folder_that_cannot_be_listed_is_a_problem_and_the_walk_continues(tmp_path: Path) -> None:
    write(tmp_path, "a/1.wav", "z.wav")
    here = os.open(tmp_path / "a", os.O_RDONLY)
    for _ in range(21):  # 21 times 200 bytes is more than the 4096 that a path may have
        os.mkdir("d" * 200, dir_fd=here)
        below = os.open("d" * 200, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)

    page = whole(tmp_path)

    assert names(page) == ["1", "z"]
    [problem] = page.problems
    assert problem.where.startswith("“a/ddd")
    assert "File name too long" in problem.message


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_sub_folder_is_a_problem_and_the_walk_continues(tmp_path: Path) -> None:
    write(tmp_path, "a/1.wav", "b/2.wav")
    (tmp_path / "a").chmod(0)
    try:
        page = whole(tmp_path)
    finally:
        (tmp_path / "a").chmod(0o700)

    assert names(page) == ["2"]
    assert [problem.where for problem in page.problems] == ["“a”"]
    assert "cannot be read" in page.problems[0].message


def test_a_folder_that_was_removed_during_the_walk_is_gone(tmp_path: Path) -> None:
    top = tmp_path / "top"
    write(top, "1.wav", "2.wav")
    pages = walk(FolderSource(), top, 1)
    next(pages)
    shutil.rmtree(top)

    with pytest.raises(FailureError, match="there is no folder") as raised:
        next(pages)
    assert raised.value.failure.kind is FailureKind.GONE


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "1.wav")

    with pytest.raises(FailureError, match="not a folder") as raised:
        whole(tmp_path / "1.wav")
    assert raised.value.failure.kind is FailureKind.UNSUPPORTED


def test_a_folder_without_media_says_which_suffixes_are_recognised(tmp_path: Path) -> None:
    write(tmp_path, "notes.txt", "a/b.pdf")

    page = whole(tmp_path)

    assert page.candidates == ()
    assert ".mp3" in page.problems[0].message
    assert ".opus" in page.problems[0].message


def test_a_folder_whose_last_page_is_empty_of_media_is_not_called_empty(tmp_path: Path) -> None:
    write(tmp_path, "1.wav")
    (tmp_path / "2.wav").symlink_to("nowhere")

    pages = list(walk(FolderSource(), tmp_path, 1))

    assert [len(page.candidates) for page in pages] == [1, 0]
    assert [problem.where for page in pages for problem in page.problems] == ["“2.wav”"]
