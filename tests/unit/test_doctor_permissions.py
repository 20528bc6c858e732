"""A data folder that the system keeps open to others."""

from __future__ import annotations

import os
import time
from contextlib import closing
from pathlib import Path

import pytest

from voicesieve.audio.store import RecordingStore
from voicesieve.catalog.opening import open_catalog
from voicesieve.datafolder.folder import DataFolder
from voicesieve.operations.doctor import examine, fix


def test_what_the_system_keeps_open_to_others_is_not_called_fixed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A test that runs as root cannot meet a refusal, so it is the system's answer that is replaced."""
    folder = DataFolder(tmp_path / "data")
    folder.prepare()
    store = RecordingStore(folder.recordings)
    with closing(open_catalog(folder.root, create=True)) as catalog:
        folder.root.chmod(0o755)
        report = examine(folder, catalog, store)
        assert report.open_to_others == ["."]

        def refuse(descriptor: int, mode: int) -> None:
            raise PermissionError

        monkeypatch.setattr(os, "fchmod", refuse)
        fix(folder, catalog, store, report, time.time())
    assert report.open_to_others == []
    assert [remark for remark in report.remarks if "others can still read" in remark] != []
