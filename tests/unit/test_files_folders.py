"""The data folder with its one run at a time, and folders that are published whole."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.integration.crawling import files_below
from voicesieve.corpus.errors import ExportError
from voicesieve.corpus.marker import MARKER
from voicesieve.corpus.publishing import publish
from voicesieve.corpus.staging import open_staging
from voicesieve.datafolder.folder import AnotherRunError, DataFolder, DataFolderError
from voicesieve.datafolder.names import MARK

HOLD = """
    import sys
    from pathlib import Path
    from voicesieve.datafolder.folder import DataFolder
    with DataFolder(Path(sys.argv[1])).exclusive():
        print("held", flush=True)
        sys.stdin.read()
"""


@contextmanager
def run_elsewhere(folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", textwrap.dedent(HOLD), str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_second_run_is_refused_at_once_and_names_the_first(tmp_path: Path) -> None:
    with run_elsewhere(tmp_path) as first:
        refused = pytest.raises(AnotherRunError, match=f"process {first.pid}, since .*Ctrl-C")
        with refused, DataFolder(tmp_path).exclusive():
            pass
        first.send_signal(signal.SIGKILL)
        first.wait()
        with DataFolder(tmp_path).exclusive():
            pass


def test_a_lock_file_with_anything_in_it_still_only_names_another_process(tmp_path: Path) -> None:
    with run_elsewhere(tmp_path):
        for content in (b"", b"\xff\xfe", b"[]", b'{"pid": "x", "since": null}'):
            (tmp_path / "run.lock").write_bytes(content)
            with pytest.raises(AnotherRunError, match="another process"), DataFolder(tmp_path).exclusive():
                pass


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_dead_attempts_left_behind_is_swept_and_nothing_else(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    assert folder.sweep_scratch() == []
    folder.prepare()
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_bytes(b"mine")
    attempt = folder.scratch / "0123456789abcdef"
    (attempt / "http").mkdir(parents=True)
    (attempt / "http" / "part").write_bytes(b"half")
    imported = folder.scratch / "import-01234567"
    imported.mkdir()
    (imported / "fedcba9876543210").write_bytes(b"half")
    (folder.scratch / "1111111111111111").mkdir()
    (folder.scratch / "notes.txt").write_bytes(b"mine")
    (folder.scratch / "work").mkdir()
    (folder.scratch / "2222222222222222").mkdir()
    (folder.scratch / "2222222222222222" / "of a cache with such names").write_bytes(b"mine")
    (folder.scratch / "import-89abcdef").mkdir()
    (folder.scratch / "import-89abcdef" / "list.csv").write_bytes(b"mine")
    (folder.scratch / "3333333333333333").symlink_to(precious)
    swept = ["0123456789abcdef", "1111111111111111", "import-01234567"]
    assert [path.name for path in folder.sweep_scratch()] == swept
    foreign = ["2222222222222222", "3333333333333333", "import-89abcdef", "notes.txt", "work"]
    assert names(folder.scratch) == foreign
    assert (precious / "file").read_bytes() == b"mine"


def test_only_unfinished_files_under_names_of_ours_are_swept(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    folder.prepare()
    ours = [
        *("voicesieve.toml.tmp-0123456789ab", "restoring.tmp-0123456789ab", "logs/metrics.prom.tmp-0123456789ab"),
        "backups/catalog-20251126T101112.123Z.sqlite3.tmp-0123456789ab",
        "backups/catalog-20251126T101112.123Z.sqlite3.tmp-0123456789ab-wal",
        "backups/catalog-20251126T101112.123Z-before-0009.tmp-0123456789ab",
    ]
    others = [
        *("report.tmp-1.docx", ".tmp-draft.txt", "thesis.tmp-202511261012", "metrics.prom.tmp-0123456789ab"),
        *("logs/app.log.tmp-0123456789ab", "backups/photos.tmp-0123456789ab", "voicesieve.toml.tmp-0123456789abc"),
    ]
    (folder.root / "backups").mkdir()
    for name in (*ours, *others):
        (folder.root / name).write_bytes(b"x")
    assert sorted(str(path.relative_to(folder.root)) for path in folder.sweep_unfinished()) == sorted(ours)
    assert all((folder.root / name).exists() for name in others)


def test_a_folder_with_anything_else_in_it_is_no_data_folder(tmp_path: Path) -> None:
    for name in ("thesis.txt", "recordings/family/birthday.opus", "scratch/notes.txt", "logs/app.log", "run.lock"):
        root = tmp_path / name.replace("/", "-")
        (root / name).parent.mkdir(parents=True)
        (root / name).write_bytes(b"mine")
        top = "recordings/family" if "family" in name else name
        with pytest.raises(DataFolderError, match=f"is not empty and is no data folder.*{top}.*voicesieve init"):
            DataFolder(root).prepare()
        assert files_below(root) == {name: b"mine"}


def test_a_database_of_another_program_is_no_catalog(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "catalog.sqlite3")) as connection, connection:
        connection.execute("CREATE TABLE books (title TEXT)")
    with pytest.raises(DataFolderError, match=r"it holds catalog\.sqlite3"):
        DataFolder(tmp_path).prepare()


def test_what_may_lie_in_a_data_folder_before_its_first_run(tmp_path: Path) -> None:
    root, fast = tmp_path / "data", tmp_path / "fast"
    for folder in (root / "calibrations", root / "recordings", root / "lost+found", fast / "photos"):
        folder.mkdir(parents=True)
    (fast / "photos" / "a.jpg").write_bytes(b"mine")
    (root / "scratch").symlink_to(fast)
    for name in ("voicesieve.toml", "queries.toml", "calibrations/home.json"):
        (root / name).write_bytes(b"")
    DataFolder(root).prepare()
    assert (root / MARK).is_file()
    assert names(fast) == ["photos", MARK]
    assert root.stat().st_mode & 0o777 == 0o700


def test_init_is_a_word_that_a_folder_with_other_files_is_meant(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_bytes(b"mine")
    DataFolder(tmp_path).claim(among_others=True)
    DataFolder(tmp_path).prepare()
    mixed = tmp_path / "mixed"
    (mixed / "scratch").mkdir(parents=True)
    (mixed / "scratch" / "notes.txt").write_bytes(b"mine")
    with pytest.raises(DataFolderError, match=r"cannot become a data folder: scratch/notes\.txt"):
        DataFolder(mixed).claim(among_others=True)


def test_two_data_folders_do_not_share_a_folder_behind_a_link(tmp_path: Path) -> None:
    fast = tmp_path / "fast"
    fast.mkdir()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "scratch").symlink_to(fast)
    DataFolder(tmp_path / "one").prepare()
    DataFolder(tmp_path / "one").prepare()
    with pytest.raises(DataFolderError, match=r"fast, where the data folder .*/one keeps its files"):
        DataFolder(tmp_path / "two").prepare()
    (tmp_path / "three").mkdir()
    (tmp_path / "three" / "recordings").symlink_to(tmp_path / "unmounted")
    with pytest.raises(DataFolderError, match=r"a link to .*unmounted, which is no folder"):
        DataFolder(tmp_path / "three").prepare()


@pytest.mark.parametrize("how", ["link", "hard link", "file", "pipe"])
def test_a_lock_file_that_is_not_ours_is_not_written_to(tmp_path: Path, how: str) -> None:
    mine, lock = tmp_path / "mine", tmp_path / "data" / "run.lock"
    mine.write_bytes(b"years of work")
    DataFolder(lock.parent).prepare()
    if how == "link":
        lock.symlink_to(mine)
    elif how == "hard link":
        lock.hardlink_to(mine)
    elif how == "file":
        lock.write_bytes(b"years of work")
    else:
        os.mkfifo(lock)
    with pytest.raises(DataFolderError, match=r"run\.lock .*Move it away"), DataFolder(lock.parent).exclusive():
        pass
    assert mine.read_bytes() == b"years of work"
    assert how != "file" or lock.read_bytes() == b"years of work"


@pytest.mark.parametrize("left", [b"", b'{"pid"', b"\0" * 40, b'{"pid": 17, "since": 1}'])
def test_whatever_a_crash_leaves_in_the_lock_file_blocks_no_run(tmp_path: Path, left: bytes) -> None:
    (tmp_path / "run.lock").write_bytes(left)
    with DataFolder(tmp_path).exclusive():
        pass


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataFolderError, match=r"file/data cannot be written.*--data"):
        DataFolder(tmp_path / "file" / "data").prepare()


def publish_files(target: Path, *files: str) -> None:
    with open_staging(target) as staging:
        staging.tree.mkdir()
        for name in (*files, MARKER):
            (staging.tree / name).write_text(name)
        publish(staging.tree, target)
        shutil.rmtree(staging.root)


def test_a_published_folder_replaces_its_predecessor_whole(tmp_path: Path) -> None:
    target = tmp_path / "corpus"
    publish_files(target, "a", "b")
    publish_files(target, "c")
    assert names(target) == ["c", MARKER]
    assert names(tmp_path) == ["corpus"]


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_a_failed_export_leaves_the_earlier_one_and_what_it_had_cut(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "corpus"
    publish_files(target, "a")
    with pytest.raises(error), open_staging(target) as staging:
        staging.tree.mkdir()
        (staging.root / "cut").write_text("b")
        raise error
    assert names(target) == ["a", MARKER]
    assert names(tmp_path) == [".corpus.voicesieve-part", "corpus"]
    with open_staging(target) as staging:
        assert names(staging.root) == ["cut"], "the next start goes on with it"


def test_two_exports_to_one_folder_do_not_meet(tmp_path: Path) -> None:
    refused = pytest.raises(ExportError, match="Another export is writing")
    with open_staging(tmp_path / "corpus"), refused, open_staging(tmp_path / "corpus"):
        pass


def test_a_folder_that_is_not_ours_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "me.jpg").write_bytes(b"precious")
    (tmp_path / "file").write_bytes(b"precious")
    (tmp_path / "link").symlink_to(tmp_path / "photos")
    for name in ("photos", "file", "link"):
        with pytest.raises(ExportError, match=f"{name} is not"), open_staging(tmp_path / name):
            pass
    assert names(tmp_path) == ["file", "link", "photos"]
    assert (tmp_path / "photos" / "me.jpg").read_bytes() == b"precious"


def test_an_empty_folder_may_be_filled(tmp_path: Path) -> None:
    target = tmp_path / "corpus"
    target.mkdir()
    publish_files(target, "a")
    assert names(target) == ["a", MARKER]
