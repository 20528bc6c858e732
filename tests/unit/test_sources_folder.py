"""Recordings below a local folder."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from voicesieve.domain.candidates import Budget, Cursor, Page, Query
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


def test_media_files_come_in_byte_order_with_what_is_known_of_them(tmp_path: Path) -> None:
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


def test_names_of_any_bytes_are_found_and_shown_clean(tmp_path: Path) -> None:
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


def test_links_to_folders_are_not_followed_and_odd_files_are_named(tmp_path: Path) -> None:
    write(tmp_path, "real/1.wav")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "broken.wav").symlink_to(tmp_path / "nowhere.wav")
    (tmp_path / "linked.wav").symlink_to(tmp_path / "real/1.wav")
    (tmp_path / "dir.wav").symlink_to(tmp_path / "real")
    os.mkfifo(tmp_path / "pipe.wav")

    page = whole(tmp_path)

    assert names(page) == ["linked", "1"]
    assert [problem.where for problem in page.problems] == ["“broken.wav”", "“dir.wav”", "“pipe.wav”"]


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


def test_a_sub_folder_that_cannot_be_listed_is_a_problem_and_the_rest_goes_on(tmp_path: Path) -> None:
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
def test_an_unreadable_sub_folder_is_a_problem_and_the_rest_goes_on(tmp_path: Path) -> None:
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


def test_a_folder_without_media_says_which_suffixes_are_looked_for(tmp_path: Path) -> None:
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
