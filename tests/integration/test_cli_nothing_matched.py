"""Commands over many things that find nothing: each says so, and none sounds like work done."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import pytest
from crawling import voicesieve

from voicesieve.catalog.opening import open_catalog
from voicesieve.catalog.writes import discovery, takedown
from voicesieve.domain.candidates import Candidate, Query

ID = "url:0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with one video that has not failed."""
    folder = tmp_path_factory.mktemp("nothing") / "data"
    folder.mkdir()
    with closing(open_catalog(folder, create=True)) as catalog, catalog.write() as connection:
        row = discovery.register_query(connection, Query("page", "https://a.example/"), 1.0)
        video = Candidate("url", ID.removeprefix("url:"), "https://a.example/1.mp3")
        discovery.insert_videos(connection, [video], lambda url: "a.example", 1.0, query_id=row.id)
    return folder


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        (("retry", "--kind", "network"), 0, "Nothing to retry: no video or source has failed by network."),
        (("retry", "--all"), 0, "Nothing to retry"),
        (("retry", "--language"), 0, "Nothing to retry"),
        (("retry", ID), 1, "none of those named has failed"),
        (("retain",), 0, "Nothing is due to be purged."),
        (("refresh",), 0, "Nothing to renew"),
        (("redecide",), 0, "Nothing to decide again"),
        (("reanalyse", "--all"), 0, "Nothing to analyse again"),
    ],
)
def test_a_command_that_matches_nothing_says_so(data: Path, command: tuple[str, ...], code: int, words: str) -> None:
    ended = voicesieve(*command, "--data", data, code=code)
    assert words in ended.err and "0 videos" not in ended.err


def test_analyse_without_a_file_is_refused(tmp_path: Path) -> None:
    ended = voicesieve("analyse", "-", "--data", tmp_path, stdin=b"\n", code=1)
    assert "No file was named" in ended.err


def test_a_list_of_removals_is_not_lost_to_a_shorter_one(data: Path, tmp_path: Path) -> None:
    full = shutil.copytree(data, tmp_path / "full")
    with closing(open_catalog(full, create=False)) as catalog, catalog.write() as connection:
        assert takedown.withdraw_video(connection, ID, "asked for", 1_000_000.0) == 1
    file = tmp_path / "REMOVED.csv"
    assert "names nothing" in voicesieve("removed", file, "--data", data).err
    voicesieve("removed", file, "--data", full)
    whole = file.read_bytes()
    for arguments in (("--data", data), ("--data", full, "--since", "2020-01-01")):
        assert "names 1 removals" in voicesieve("removed", file, *arguments, code=1).err
        assert file.read_bytes() == whole
    voicesieve("removed", file, "--data", data, "--replace")
    assert ID.encode() not in file.read_bytes()
