"""Opening the catalog, and what happens when it cannot be opened, read or written."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from catalog_world import World, candidate
from conftest import Cluster

from voicesieve.catalog import schema, versions
from voicesieve.catalog.counters import add_to_counter
from voicesieve.catalog.opening import open_catalog
from voicesieve.catalog.reads import status
from voicesieve.catalog.refusals import CatalogError, DamagedCatalogError
from voicesieve.catalog.sqlite import refuse_network_file_system
from voicesieve.catalog.store import Catalog
from voicesieve.domain.failures import FailureError, FailureKind


@contextmanager
def opened(folder: Path, url: str = "", *, create: bool = False) -> Iterator[World]:
    catalog = open_catalog(folder, url, create=create)
    try:
        yield World(catalog)
    finally:
        catalog.close()


@pytest.fixture
def folder(tmp_path: Path, blank_catalog_file: Path) -> Path:
    """A data folder with a catalog that holds one video."""
    shutil.copy(blank_catalog_file, tmp_path)
    with opened(tmp_path) as world:
        world.discover(candidate(1))
    return tmp_path


def test_what_was_written_is_there_when_it_is_opened_again(folder: Path) -> None:
    with opened(folder) as world:
        assert world.state(candidate(1).id) == "discovered"


@pytest.mark.parametrize("name", ["plain", "what? #50%41 & <b>", "tiếng Việt", "-"])
def test_any_folder_name_will_do(tmp_path: Path, name: str) -> None:
    place = tmp_path / name
    place.mkdir()
    with opened(place, create=True) as world:
        world.discover(candidate(1))
    assert (place / "catalog.sqlite3").is_file()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def open_files(folder: Path) -> list[str]:
    """What this process has open below ``folder``."""
    paths = [os.path.realpath(link) for link in Path("/proc/self/fd").iterdir()]
    return [path for path in paths if Path(path).is_relative_to(folder)]


def test_a_catalog_is_made_only_when_asked_for(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"no catalog in .*voicesieve crawl"):
        open_catalog(tmp_path, create=False)
    assert list(tmp_path.iterdir()) == []


def test_a_catalog_of_a_newer_program_is_not_changed(folder: Path) -> None:
    with opened(folder) as world:
        world.step(lambda connection: connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'"))
    before = (folder / "catalog.sqlite3").read_bytes()
    with pytest.raises(CatalogError, match=r"9999.*newer voicesieve"):
        open_catalog(folder, create=True)
    assert (folder / "catalog.sqlite3").read_bytes() == before


@pytest.mark.parametrize(
    "content", [b"ID3\x04 this is a song, not a database" * 500, b"SQLite format 3\0" + b"\xff" * 9_000]
)
def test_a_file_that_is_no_catalog_is_named_and_not_changed(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "catalog.sqlite3"
    file.write_bytes(content)
    with pytest.raises(DamagedCatalogError, match=r"catalog\.sqlite3 is damaged or is not a catalog.*recovery"):
        open_catalog(tmp_path, create=True)
    assert file.read_bytes() == content
    assert open_files(tmp_path) == []


def test_damage_found_later_is_a_typed_failure_that_says_what_to_do(folder: Path) -> None:
    with opened(folder) as world:
        world.discover(*(candidate(number, channel="x" * 500) for number in range(2, 400)))
    file = folder / "catalog.sqlite3"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] + b"\xff" * (len(whole) - len(whole) // 2))
    with opened(folder) as world, pytest.raises(FailureError) as caught:
        world.rows(schema.video)
    assert caught.value.failure.kind is FailureKind.CATALOG_UNAVAILABLE
    assert "damaged" in str(caught.value)
    assert "docs/recovery.md" in str(caught.value)


def test_a_folder_that_cannot_be_written_is_named(folder: Path) -> None:
    if os.geteuid() == 0:
        if subprocess.run(["chattr", "+i", folder], capture_output=True).returncode:
            pytest.skip("root writes everywhere, and this file system knows no immutable folders")
        undo = ["chattr", "-i", str(folder)]
    else:
        folder.chmod(0o555)
        undo = ["chmod", "755", str(folder)]
    try:
        with pytest.raises(CatalogError, match=f"cannot be written.*Check the permissions of {folder}"):
            open_catalog(folder, create=True)
    finally:
        subprocess.run(undo, check=True)


MOUNTS = r"""
/dev/sda1 / ext4 rw 0 0
server:/export /mnt/shared nfs4 rw 0 0
/dev/sdb1 /mnt/shared/local\040disk xfs rw 0 0
//nas/audio /mnt/nas cifs rw 0 0
""".lstrip()


def test_network_file_systems_are_refused_by_the_nearest_mount(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(MOUNTS)
    for place in ("/mnt/shared", "/mnt/shared/deep/down", "/mnt/nas/x"):
        with pytest.raises(CatalogError, match=r"network file system \((nfs4|cifs)\).*PostgreSQL"):
            refuse_network_file_system(Path(place), mounts)
    for place in ("/home/me", "/mnt/shared/local disk/data", "/mnt/sharedelsewhere"):
        refuse_network_file_system(Path(place), mounts)
    refuse_network_file_system(Path("/mnt/nas"), tmp_path / "no-such-table")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def migrated(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sqlalchemy.Engine]:
    """A plain engine on tables that only the migrations have made."""
    if request.param == "sqlite":
        open_catalog(tmp_path, create=True).close()
        engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path}/catalog.sqlite3")
        yield engine
        engine.dispose()
        return
    with request.getfixturevalue("postgres").database() as url:
        open_catalog(tmp_path, url, create=True).close()
        engine = sqlalchemy.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
        yield engine
        engine.dispose()


def test_migrations_make_the_tables_that_the_code_uses(migrated: sqlalchemy.Engine) -> None:
    with migrated.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []


def test_the_newest_revision_is_that_of_the_newest_script() -> None:
    assert ScriptDirectory(str(versions.MIGRATIONS)).get_heads() == [versions.HEAD]


FILL_THE_DISK = """
    import resource, sys
    from pathlib import Path
    from catalog_world import World, candidate
    from voicesieve.catalog.committer import Committer
    from voicesieve.catalog.opening import open_catalog
    from voicesieve.catalog.writes import discovery
    from voicesieve.domain.candidates import Page, Query
    from voicesieve.domain.failures import FailureError

    folder = Path(sys.argv[1])
    catalog = open_catalog(folder, create=False)
    world = World(catalog)
    query = world.query()
    full = folder.joinpath("catalog.sqlite3-wal").stat().st_size + 8_192
    resource.setrlimit(resource.RLIMIT_FSIZE, (full, resource.RLIM_INFINITY))
    written = 0
    try:
        for number in range(1_000):
            world.discover(*(candidate(10 * number + n, title="x" * 900) for n in range(10)), query=query)
            written += 10
    except FailureError as error:
        print(error.failure.kind, written)

    committer = Committer(catalog)
    def page(number):
        return Page((candidate(90_000 + number, title="x" * 9_000),))
    steps = [
        committer.submit(discovery.commit_page, query.id, page(number), lambda url: "h", world.now, refresh_s=1)
        for number in range(20)
    ]
    print(*{type(step.exception()).__name__ + ":" + step.exception().failure.kind for step in steps})
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    committer.submit(discovery.commit_page, query.id, page(1), lambda url: "h", world.now, refresh_s=1).result()
    committer.close()
    catalog.close()
"""


def test_a_full_disk_stops_writing_loses_nothing_and_is_overcome(folder: Path) -> None:
    paths = os.pathsep.join((str(Path(__file__).parent), os.environ["PYTHONPATH"]))
    child = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FILL_THE_DISK), folder],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert child.returncode == 0, child.stderr
    first, second = child.stdout.splitlines()
    kind, written = first.split()
    assert kind == "disk_full"
    assert int(written) < 10_000
    assert second == "FailureError:disk_full"
    with opened(folder) as world:
        with world.catalog.read() as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
        assert world.status()["videos"]["discovered"] == 1 + int(written) + 1
        world.check_counts()
        world.discover(candidate(99_999))
        world.check_counts()


def test_waits_for_the_catalog_are_part_of_the_status(folder: Path) -> None:
    """One opens the catalog's lock while another holds it; the wait is written down with its next commit."""
    with opened(folder) as holder, opened(folder) as waiter:
        inside = threading.Event()

        def is_waited_for() -> bool:
            return any(thread.name == "catalog-turnstile" for thread in threading.enumerate())

        def hold() -> None:
            with holder.catalog.write():
                inside.set()
                given_up = time.monotonic() + 30
                while not is_waited_for() and time.monotonic() < given_up:
                    time.sleep(0.01)

        thread = threading.Thread(target=hold)
        thread.start()
        inside.wait(30)
        waiter.discover(candidate(2))
        thread.join()
        waits = waiter.status()["catalog"]
    assert waits["busy_waits"] == 1
    assert waits["wait_s"] > 0
    assert waits["timeouts"] == 0


def test_readers_cannot_write(any_catalog: Catalog) -> None:
    with pytest.raises((FailureError, sqlalchemy.exc.DBAPIError)), any_catalog.read() as connection:
        add_to_counter(connection, "x", 1)
    assert World(any_catalog).rows(schema.counter) == []


def test_a_reader_sees_one_moment_for_the_whole_block(any_catalog: Catalog) -> None:
    world = World(any_catalog)
    world.discover(candidate(1))
    with any_catalog.read() as connection:
        before = status.catalog_counts(connection)
        world.discover(candidate(2))
        assert status.catalog_counts(connection) == before
    assert world.status() != before


def test_a_block_that_raises_leaves_nothing(any_catalog: Catalog) -> None:
    world = World(any_catalog)
    before = world.snapshot()
    with pytest.raises(ZeroDivisionError), any_catalog.write() as connection:
        add_to_counter(connection, "x", 1)
        raise ZeroDivisionError
    assert world.snapshot() == before


@pytest.mark.postgres
def test_many_writers_on_postgres_lose_nothing_and_never_deadlock(postgres: Cluster, tmp_path: Path) -> None:
    """Two machines touch the same counters in opposite orders."""
    with postgres.database(template="blank_catalog") as url:
        catalogs = [open_catalog(tmp_path, url, create=False) for _ in range(2)]
        errors: list[BaseException] = []

        def work(catalog: Catalog, names: tuple[str, str]) -> None:
            try:
                for _ in range(50):
                    with catalog.write() as connection:
                        for name in names:
                            add_to_counter(connection, name, 1)
            except BaseException as error:
                errors.append(error)

        threads = [
            threading.Thread(target=work, args=(catalog, names))
            for catalog, names in zip(catalogs, (("a", "b"), ("b", "a")), strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert {row.name: row.value for row in World(catalogs[0]).rows(schema.counter)} == {"a": 100, "b": 100}
        for catalog in catalogs:
            catalog.close()


@pytest.mark.postgres
def test_postgres_without_a_catalog_needs_a_crawl_first(postgres: Cluster, tmp_path: Path) -> None:
    with postgres.database() as url, pytest.raises(CatalogError, match="holds no catalog yet"):
        open_catalog(tmp_path, url, create=False)


@pytest.mark.postgres
def test_a_postgres_database_of_another_program_is_named(postgres: Cluster, tmp_path: Path) -> None:
    """It ended in a traceback; a SQLite file of another program did not."""
    with postgres.database() as url:
        engine = sqlalchemy.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
            connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('1f3a9c')")
        engine.dispose()
        with pytest.raises(CatalogError, match="belongs to another program"):
            open_catalog(tmp_path, url, create=True)


@pytest.mark.postgres
def test_two_machines_may_make_the_catalog_at_the_same_time(postgres: Cluster, tmp_path: Path) -> None:
    with postgres.database() as url:
        answers: list[object] = []

        def make() -> None:
            try:
                open_catalog(tmp_path, url, create=True).close()
                answers.append("ok")
            except CatalogError as error:
                answers.append(error)

        threads = [threading.Thread(target=make) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == ["ok"] * 3


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:CANARY@127.0.0.1:1/db",
        "postgresql://me:CANARY@127.0.0.1:port/db",
        "mysql://me:CANARY@127.0.0.1/db",
        "sqlite:///CANARY",
        "CANARY",
    ],
)
def test_a_database_that_cannot_be_used_is_explained_without_its_password(tmp_path: Path, url: str) -> None:
    with pytest.raises(CatalogError, match=r"catalog\.url") as caught:
        open_catalog(tmp_path, url, create=True)
    assert "CANARY" not in str(caught.value)
