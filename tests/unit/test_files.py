"""Files are complete under their name or not there at all, and stored audio never leaves its folder."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from voicesieve.audio.store import RecordingStore, relative_path, sha256_of
from voicesieve.domain.failures import FailureError, FailureKind
from voicesieve.files import atomic_file, make_folder, move_durably, typed_disk_errors, write_text


def test_a_file_appears_when_it_is_complete_and_not_before(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(b"old")
    with atomic_file(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, OSError])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(b"old")
    with pytest.raises(error), atomic_file(path) as file:
        file.write(b"new")
        raise error
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["n" * 255, "ă" * 127, "😀" * 63, "with space & \n line"])
def test_any_name_that_the_system_allows_will_do(tmp_path: Path, name: str) -> None:
    write_text(tmp_path / name, "tiếng Việt")
    assert (tmp_path / name).read_text(encoding="utf-8") == "tiếng Việt"


FULL = """
    import resource, sys
    from pathlib import Path
    from voicesieve.domain.failures import FailureError
    from voicesieve.files import atomic_file

    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
    try:
        with atomic_file(Path(sys.argv[1])) as file:
            for _ in range(100):
                file.write(b"x" * 10_000)
    except FailureError as error:
        print(error.failure.kind, error.failure.message, sep="\\n")
"""


def test_a_full_disk_is_a_typed_failure_that_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(b"old")
    command = [sys.executable, "-c", textwrap.dedent(FULL), path]
    child = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert child.returncode == 0, child.stderr
    kind, message = child.stdout.splitlines()
    assert kind == "disk_full"
    assert "`ulimit -f`" in message, "a limit on file size is named, or the disk seems to be full with room on it"
    assert str(tmp_path) in message
    assert "MB free" in message
    assert "start the same command again" in message
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_full_disk_quota_and_size_limit_are_one_failure(tmp_path: Path, number: int) -> None:
    with pytest.raises(FailureError) as caught, typed_disk_errors(tmp_path / "not" / "there"):
        raise OSError(number, os.strerror(number))
    assert caught.value.failure.kind is FailureKind.DISK_FULL
    assert str(tmp_path) in caught.value.failure.message


def test_another_error_of_the_disk_passes_unchanged(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), typed_disk_errors(tmp_path):
        raise PermissionError(errno.EACCES, "no")
    with pytest.raises(FileNotFoundError), atomic_file(tmp_path / "missing" / "file"):
        pass


def test_folders_are_made_with_their_parents_and_twice_is_harmless(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b" / "c"
    make_folder(deep)
    make_folder(deep)
    assert deep.is_dir()


def test_a_finished_file_moves_to_its_name(tmp_path: Path) -> None:
    (tmp_path / "from").write_bytes(b"audio")
    move_durably(tmp_path / "from", tmp_path / "new" / "to")
    assert (tmp_path / "new" / "to").read_bytes() == b"audio"
    assert not (tmp_path / "from").exists()


@pytest.fixture
def store(tmp_path: Path) -> RecordingStore:
    return RecordingStore(tmp_path / "recordings")


def finished(tmp_path: Path, content: bytes = b"audio") -> tuple[Path, str]:
    path = tmp_path / "finished"
    path.write_bytes(content)
    return path, sha256_of(path)


def test_audio_is_stored_once_under_its_hash(tmp_path: Path, store: RecordingStore) -> None:
    for _ in range(2):
        path, sha256 = finished(tmp_path)
        stored = store.adopt(path, sha256, ".opus")
        assert not path.exists()
    assert stored == f"{sha256[:2]}/{sha256}.opus"
    assert sha256_of(store.path(stored)) == sha256
    assert list(store.files()) == [stored]


def test_removing_is_idempotent(tmp_path: Path, store: RecordingStore) -> None:
    path, sha256 = finished(tmp_path)
    stored = store.adopt(path, sha256, ".opus")
    for _ in range(2):
        store.remove(stored)
    store.remove(relative_path("f" * 64, ".opus"))
    assert list(store.files()) == []


@pytest.mark.parametrize("escape", ["../outside", "/etc/passwd", "aa/../../outside", "link/outside"])
def test_no_path_leads_out_of_the_store(tmp_path: Path, store: RecordingStore, escape: str) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"precious")
    make_folder(store.root)
    (store.root / "link").symlink_to(tmp_path)
    for reach in (store.path, store.remove):
        with pytest.raises(ValueError, match="not inside the store"):
            reach(escape)
    path, sha256 = finished(tmp_path)
    with pytest.raises(ValueError, match="not inside the store"):
        store.adopt(path, sha256, f"/../../../{escape.removeprefix('/')}")
    assert outside.read_bytes() == b"precious"


def test_files_are_listed_in_a_stable_order(tmp_path: Path, store: RecordingStore) -> None:
    names = [store.adopt(*finished(tmp_path, bytes([number])), ".mp3") for number in range(9)]
    assert list(store.files()) == sorted(names)


def test_hashing_does_not_read_a_file_whole(tmp_path: Path) -> None:
    """A sparse file larger than the address space that is left can still be hashed."""
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(600 << 20)
    program = (
        "import resource, sys; from pathlib import Path; from voicesieve.audio.store import sha256_of;"
        f"resource.setrlimit(resource.RLIMIT_AS, ({300 << 20}, {300 << 20})); print(sha256_of(Path(sys.argv[1])))"
    )
    child = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, timeout=60)
    assert child.returncode == 0, child.stderr
    assert len(child.stdout.strip()) == 64
