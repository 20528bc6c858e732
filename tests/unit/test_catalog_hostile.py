"""Catalogs that somebody else has changed: nothing in them undoes a takedown, and each is refused in one sentence."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from catalog_world import World, candidate

from voicesieve.catalog import schema, soundness
from voicesieve.catalog.backups import BackupError, backup_catalog, examine
from voicesieve.catalog.opening import open_catalog
from voicesieve.catalog.refusals import DamagedCatalogError
from voicesieve.catalog.store import Catalog
from voicesieve.datafolder.folder import DataFolder
from voicesieve.domain.failures import FailureError
from voicesieve.operations.restore import restore

TRIGGERS = {
    "keeps the tombstones away": "CREATE TRIGGER t AFTER INSERT ON tombstone BEGIN DELETE FROM tombstone; END",
    "ours, and does something else": "DROP TRIGGER audit_no_update; CREATE TRIGGER audit_no_update BEFORE UPDATE ON "
    "audit BEGIN DELETE FROM tombstone; END",
    "a view in place of a table": "ALTER TABLE deletion RENAME TO d; CREATE VIEW deletion AS SELECT * FROM d",
}
DECLARATIONS = {
    "an index that drops tombstones": "CREATE UNIQUE INDEX one ON tombstone (subject)",
    "no log that is append-only": "DROP TRIGGER audit_no_delete",
    "another column": "ALTER TABLE tombstone ADD COLUMN more TEXT",
    "a table of another build": "CREATE TABLE n (path TEXT PRIMARY KEY ON CONFLICT IGNORE NOT NULL, asked_at DOUBLE "
    "NOT NULL); DROP TABLE deletion; ALTER TABLE n RENAME TO deletion",
}
ROWS = {
    "broken JSON": "UPDATE video SET metadata = '{\"a\":'",
    "JSON of another shape": "UPDATE video SET reasons = '5'",
    "a state of no kind": "UPDATE video SET state = 'party'",
    "words for a number": "UPDATE video SET merit = 'much'",
    "bytes for words": "UPDATE video SET title = x'00ff'",
}


@pytest.fixture
def data(tmp_path: Path, blank_catalog_file: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    shutil.copy(blank_catalog_file, folder)
    with closing(open_catalog(folder, create=False)) as catalog:
        World(catalog).decide(candidate(1, channel="kids"), "one")
    return folder


def changed_copy(data: Path, script: str) -> Path:
    copy = backup_catalog(data / "catalog.sqlite3", data.parent / "copies", keep=3, now=1_000_000.0).path
    with closing(sqlite3.connect(copy)) as connection:
        connection.executescript(script)
        connection.commit()
    return copy


def bytes_of(data: Path) -> bytes:
    return (data / "catalog.sqlite3").read_bytes()


@pytest.mark.parametrize("name", [*TRIGGERS, *DECLARATIONS, *ROWS])
def test_a_copy_that_somebody_changed_is_not_put_back(data: Path, name: str) -> None:
    script = {**TRIGGERS, **DECLARATIONS, **ROWS}[name]
    copy, before = changed_copy(data, script), bytes_of(data)
    with pytest.raises(BackupError, match="It is not put back") as caught:
        restore(DataFolder(data), copy, "tester", 2_000_000.0)
    assert "\n" not in str(caught.value)
    assert bytes_of(data) == before
    assert sorted(path.name for path in data.iterdir()) == ["catalog.sqlite3", "catalog.turnstile"]


@pytest.mark.parametrize("name", TRIGGERS)
def test_a_catalog_with_foreign_triggers_is_not_opened(data: Path, name: str) -> None:
    copy = changed_copy(data, TRIGGERS[name])
    copy.replace(data / "catalog.sqlite3")
    with pytest.raises(DamagedCatalogError, match=r"nothing that voicesieve has made.*voicesieve restore"):
        open_catalog(data, create=False)


@pytest.mark.parametrize("revision", ["0000; drop table video", "", "nine", "0000", "../1"])
def test_a_revision_that_is_none_is_one_sentence(data: Path, revision: str) -> None:
    copy = changed_copy(data, f"UPDATE alembic_version SET version_num = '{revision}'")
    if revision != "0000":  # only the update itself can say that there is no way from there
        with pytest.raises(BackupError, match="its revision is"):
            examine(copy)
    copy.replace(data / "catalog.sqlite3")
    with pytest.raises(DamagedCatalogError, match="no version of voicesieve has written"):
        open_catalog(data, create=False)


def test_a_persons_own_tables_and_views_may_be_there(data: Path) -> None:
    script = "CREATE TABLE notes (of TEXT); CREATE VIEW titles AS SELECT title FROM video"
    assert restore(DataFolder(data), changed_copy(data, script), "tester", 2_000_000.0).videos == 1
    open_catalog(data, create=False).close()


def test_a_catalog_of_ours_is_as_it_is_expected(catalog: Catalog) -> None:
    with catalog.read() as connection:
        declared = connection.exec_driver_sql(soundness.DECLARATIONS).all()
        assert (
            soundness.foreign(declared) == soundness.differences(connection) == soundness.broken_rows(connection) == []
        )
        assert {row.name for row in declared if row.type == "trigger"} == set(schema.sqlite_triggers())
        assert connection.exec_driver_sql("PRAGMA trusted_schema").scalar() == 0


def test_what_the_driver_refuses_while_rows_are_checked_is_a_typed_failure(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> bool:
        raise OSError

    monkeypatch.setattr(soundness, "_is_sound_json", refuse)
    changed_copy(data, ROWS["broken JSON"]).replace(data / "catalog.sqlite3")
    with closing(open_catalog(data, create=False)) as catalog, pytest.raises(FailureError, match="cannot be used"):
        catalog.damage()


@pytest.mark.parametrize("name", ["broken JSON", "JSON of another shape"])
def test_a_broken_row_is_a_typed_failure_wherever_it_is_met(data: Path, tmp_path: Path, name: str) -> None:
    changed_copy(data, ROWS[name]).replace(data / "catalog.sqlite3")
    with closing(open_catalog(data, create=False)) as catalog:
        with pytest.raises(FailureError, match="the catalog is damaged: a row holds"):
            World(catalog).rows(schema.video)
        assert "hold no usable" in " ".join(catalog.damage())
    for command, code in (
        (("why", candidate(1).id), 3),
        (("status",), 0),
        (("doctor",), 1),
        (("withdraw", "channel", "kids", "--yes"), 3),
        (("export", "jsonl", str(tmp_path / "corpus")), 3),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "voicesieve", *command, "--data", str(data)], capture_output=True, text=True
        )
        assert "Traceback" not in done.stderr, (command, done.stderr)
        assert done.returncode == code, (command, done.stderr)
