"""What all tests share: no traffic to the outside, real speech where it is at hand, and catalogs of both kinds."""

from __future__ import annotations

import importlib.util
import os
import random
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from figures import record_figure

from demo.server import LoopbackServer
from voicesieve.catalog.opening import open_catalog
from voicesieve.catalog.store import Catalog

if TYPE_CHECKING:
    from injection import Victim

ROOT = Path(__file__).parent.parent
GUARD = Path(__file__).parent / "guard"


def _memory() -> str | None:
    """The file system in memory, if there is one with room for a hundred small databases."""
    usable = os.access("/dev/shm", os.W_OK) and shutil.disk_usage("/dev/shm").free > 2 << 30
    return "/dev/shm" if usable else None


MEMORY = _memory()
"""Where databases of tests lie, so that thousands of fsyncs cost nothing. What they are worth is tested elsewhere."""

LONG = os.environ.get("RELIABILITY") == "long"
"""``make reliability`` runs all of each reliability test; otherwise as much of it as a quick check can afford."""

SHARE = float(os.environ.get("RELIABILITY_SHARE") or 1.0)
"""How much of the long versions is run: ``make reliability SHARE=0.1``."""


def often(quick: int, long: int) -> int:
    """How often to try something: ``quick`` times, or ``long`` times where all is to be shown."""
    return max(quick, round(long * SHARE)) if LONG else quick


LoopbackServer.asked_at_most = 1_000
"""Over all tests: no address is asked without end. What has no budget passes this in seconds; pages of one list, which
differ only behind the question mark, stay below."""

SERVER_START_S = 60.0
"""Long enough for a loaded machine; a healthy server answers within a second."""


def _guard_this_process_and_its_children() -> None:
    spec = importlib.util.spec_from_file_location("network_guard", GUARD / "sitecustomize.py")
    assert spec is not None and spec.loader is not None
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    earlier = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(GUARD), earlier)))


_guard_this_process_and_its_children()

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what runs in the background deaf to Ctrl-C, and so would be the commands that are interrupted here.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def chance() -> random.Random:
    """Random choices that a failure can be repeated with."""
    seed = int(os.environ.get("RELIABILITY_SEED") or random.SystemRandom().randrange(10**6))
    print(f"RELIABILITY_SEED={seed} repeats these choices")
    return random.Random(seed)


@pytest.fixture
def figure() -> Callable[[str, str], None]:
    """Take down what was measured: ``figure(what, figure)``. `make reliability` makes a table of it."""

    return record_figure


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    """The program, ready to be killed or to fail at any of its lines."""
    from injection import victim

    with victim(tmp_path_factory.mktemp("victim")) as started:
        yield started


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of real speech corpora."""
    folder = Path(os.environ.get("VOICESIEVE_CORPORA") or ROOT.parent / "shared" / "corpora")
    if not folder.is_dir():
        pytest.skip(f"no speech corpora in {folder}; set VOICESIEVE_CORPORA")
    return folder


@pytest.fixture(scope="session")
def blank_catalog_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog file without a row, so that not every test waits for the migrations."""
    folder = tmp_path_factory.mktemp("blank")
    open_catalog(folder, create=True).close()
    return folder / "catalog.sqlite3"


@pytest.fixture
def catalog(blank_catalog_file: Path) -> Iterator[Catalog]:
    """A fresh catalog on SQLite."""
    with tempfile.TemporaryDirectory(prefix="voicesieve-catalog-", dir=MEMORY) as folder:
        shutil.copy(blank_catalog_file, folder)
        opened = open_catalog(Path(folder), create=False)
        yield opened
        opened.close()


@dataclass(frozen=True)
class Cluster:
    """A running PostgreSQL server that only this test session knows. Its socket lies in ``folder``."""

    folder: Path

    def url(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={self.folder}"

    def execute(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    @contextmanager
    def database(self, *, template: str = "template0") -> Iterator[str]:
        """The URL of a new database, which is dropped when the block ends."""
        name = f"test_{secrets.token_hex(8)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield self.url(name)
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """A PostgreSQL server made for this session: real, without fsync, on a Unix socket."""
    programs = _postgres_programs()
    if programs is None:
        pytest.skip("no PostgreSQL server programs (initdb, postgres) in PATH or /usr/lib/postgresql")
    root = os.geteuid() == 0
    if root and shutil.which("setpriv") is None:
        pytest.skip("PostgreSQL refuses to run as root, and there is no setpriv to run it as somebody else")
    as_user = ["setpriv", "--reuid=nobody", "--clear-groups"] if root else []
    # Not below pytest's own folder: that is closed to the user whom the server runs as.
    folder = Path(tempfile.mkdtemp(prefix="voicesieve-pg-", dir=MEMORY))
    if root:
        shutil.chown(folder, "nobody")
    data = folder / "data"

    def run(program: str, *arguments: str) -> None:
        command = [*as_user, str(programs / program), "-D", str(data), *arguments]
        subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL, timeout=SERVER_START_S)

    try:
        run("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        settings = {
            "fsync": "off",
            "full_page_writes": "off",
            "dynamic_shared_memory_type": "mmap",
            "listen_addresses": "",
            "unix_socket_directories": str(folder),
        }
        with (data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
        # Not a child of ours: tests of other processes look at the children that they have.
        run("pg_ctl", "start", "--wait", "--log", str(folder / "server.log"))
        cluster = Cluster(folder)
        cluster.execute("CREATE DATABASE blank_catalog")
        open_catalog(folder, cluster.url("blank_catalog"), create=True).close()
        yield cluster
        run("pg_ctl", "stop", "--wait", "--mode=fast")
    finally:
        shutil.rmtree(folder)


def _postgres_programs() -> Path | None:
    in_path = shutil.which("initdb")
    installed = [Path(in_path).resolve().parent] if in_path else []
    installed += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in installed if (folder / "postgres").exists()), None)


@pytest.fixture
def postgres_catalog(postgres: Cluster, tmp_path: Path) -> Iterator[Catalog]:
    """A fresh catalog on PostgreSQL."""
    with postgres.database(template="blank_catalog") as url:
        opened = open_catalog(tmp_path, url, create=False)
        yield opened
        opened.close()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def any_catalog(request: pytest.FixtureRequest) -> Catalog:
    """A fresh catalog, once on SQLite and once on PostgreSQL: both keep the same contract."""
    name = "catalog" if request.param == "sqlite" else "postgres_catalog"
    opened: Catalog = request.getfixturevalue(name)
    return opened
