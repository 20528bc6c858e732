"""The data folder with its one run at a time, and folders that are published whole."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from voicesieve.corpus.publishing import MARKER, ExportError, publish
from voicesieve.corpus.staging import open_staging
from voicesieve.pipeline.folder import AnotherRunError, DataFolder, DataFolderError

HOLD = """
    import sys
    from pathlib import Path
    from voicesieve.pipeline.folder import DataFolder
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


def test_a_second_run_is_refused_at_once_and_told_who_is_first(tmp_path: Path) -> None:
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


def test_what_dead_attempts_left_behind_is_swept_and_nothing_else(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    assert folder.sweep_scratch() == []
    folder.prepare()
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_bytes(b"mine")
    (folder.scratch / "token" / "http").mkdir(parents=True)
    (folder.scratch / "token" / "http" / "part").write_bytes(b"half")
    (folder.scratch / "stray").write_bytes(b"x")
    (folder.scratch / "link").symlink_to(precious)
    assert [path.name for path in folder.sweep_scratch()] == ["link", "stray", "token"]
    assert list(folder.scratch.iterdir()) == []
    assert (precious / "file").read_bytes() == b"mine"


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataFolderError, match=r"file/data cannot be written.*--data"):
        DataFolder(tmp_path / "file" / "data").prepare()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


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
