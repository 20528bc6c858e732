"""The program, ready to be started many times and to die or fail at any line of its own code.

A server that has loaded everything forks for each command, so that a start costs no imports. Orders come as JSON lines
on standard input; the answer is the exit status. The product has no hook for this: Python's own tracing counts the
lines of the watched modules, and the line that is ordered kills the process, or raises.

Analysis runs on a thread here, because it is the driver that dies; deaths of workers are tested elsewhere. Its results
are remembered by content from run to run: they depend on nothing else, and a thousand runs need not find them anew.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import voicesieve
from voicesieve.languages.text import languages_of

HOUSE = Path(voicesieve.__file__).parent

WATCHED = (
    "files.py",
    "audio/store.py",
    "catalog/backups.py",
    "catalog/committer.py",
    "catalog/counters.py",
    "catalog/opening.py",
    "catalog/sqlite.py",
    "catalog/store.py",
    "catalog/turnstile.py",
    "catalog/versions.py",
    "catalog/migrations/",
    "catalog/writes/",
    "corpus/",
    "fetching/http.py",
    "fetching/local.py",
    "fetching/scratch.py",
    "crawl/",
    "datafolder/",
    "engines/",
    "operations/",
    "cli/crawl.py",
    "cli/backup.py",
    "cli/restore.py",
)
"""Where files are written, the catalog is changed, or the order of both is decided."""


class Tracer:
    """Counts the lines of watched code in all threads, notes each for the first time, and acts at one of them.

    ``at`` is ``file:function:line`` or the number of a line counted from the start; ``nth`` its occurrence.
    """

    def __init__(self, order: dict[str, Any]) -> None:
        self._at: str | int | None = order.get("at")
        self._nth: int = order.get("nth", 1)
        self._raises: str | None = order.get("raises")
        self._spent = False
        self._lock = threading.Lock()
        self._names: dict[str, str | None] = {}
        self.count = 0
        self.points: dict[str, None] = {}

    def __call__(self, frame: FrameType, event: str, _argument: Any) -> Any:
        return self._line if self._name(frame.f_code.co_filename) else None

    def _name(self, file: str) -> str | None:
        if file not in self._names:
            inside = file.startswith(f"{HOUSE}/")
            name = file.removeprefix(f"{HOUSE}/")
            self._names[file] = name if inside and name.startswith(WATCHED) else None
        return self._names[file]

    def _line(self, frame: FrameType, event: str, _argument: Any) -> Any:
        if event == "line" and not self._spent:
            point = f"{self._names[frame.f_code.co_filename]}:{frame.f_code.co_name}:{frame.f_lineno}"
            with self._lock:
                self.count += 1
                self.points[point] = None
                hit = self.count == self._at or point == self._at
                self._nth -= hit
                self._spent = hit and self._nth == 0
            if self._spent:
                self._act(point)
        return self._line

    def _act(self, point: str) -> None:
        if self._raises is None:
            os.kill(os.getpid(), signal.SIGKILL)
        raise failure_named(self._raises, point)


def failure_named(name: str, point: str) -> BaseException:
    import errno

    from voicesieve.domain.failures import Failure, FailureError, FailureKind

    if name == "full":
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if name in list(FailureKind):
        return FailureError(Failure(FailureKind(name), f"injected at {point}"))
    return RuntimeError(f"injected at {point}")


REMEMBERED = ("examine", "analyse")
"""Functions of `voicesieve.crawl.work` that only read the file ``item.path`` and are asked again and again."""


def remembered(folder: Path, function: Callable[[Any], Any], item: Any) -> Any:
    """What ``function`` makes of ``item``, read from ``folder`` where it was asked of an equal file before."""
    if function.__name__ not in REMEMBERED:
        return function(item)
    content = hashlib.sha256(item.path.read_bytes()).hexdigest()
    order = f"{function.__name__} {dataclasses.replace(item, path=Path(content))}"
    remembered_at = folder / hashlib.sha256(order.encode()).hexdigest()
    if remembered_at.exists():
        return pickle.loads(remembered_at.read_bytes())
    result = function(item)
    fresh = remembered_at.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
    fresh.write_bytes(pickle.dumps(result))
    fresh.replace(remembered_at)
    return result


def load(memory: Path) -> None:
    """Import what commands would import, before anything is traced."""
    import importlib

    for path in sorted(HOUSE.rglob("*.py")):
        name = ".".join(path.relative_to(HOUSE.parent).with_suffix("").parts).removesuffix(".__init__")
        if "migrations" not in name and not name.endswith("__main__"):
            with suppress(ModuleNotFoundError):  # an extra that is not installed
                importlib.import_module(name)
    for name in ("alembic.command", "alembic.config", "onnxruntime"):
        importlib.import_module(name)
    languages_of(["What tells languages apart is loaded here, once"])
    _analyse_on_threads(memory)
    _start_with_little_space()


def _start_with_little_space() -> None:
    """What is tested here is a disk that fills up while a command works; `test_machine_faults` tests its beginning."""
    from voicesieve.catalog import backups
    from voicesieve.datafolder import folder

    for module in (backups, folder):
        vars(module)["refuse_little_space"] = lambda *_: None


def _analyse_on_threads(memory: Path) -> None:
    import asyncio

    from voicesieve.engines import local

    class OnThreads:
        """An engine of one worker, a thread of this process: detectors keep state and are not made for two."""

        def __init__(self, workers: int, **_: object) -> None:
            self.workers = workers
            self._turn = threading.Lock()

        async def run(self, function: Any, item: Any, *, deadline_s: float, alone: bool = False) -> Any:
            def work() -> Any:
                with self._turn:
                    return remembered(memory, function, item)

            return await asyncio.to_thread(work)

        async def close(self) -> None:
            return

    local.LocalEngine = OnThreads  # type: ignore[assignment,misc]


def obey(order: dict[str, Any]) -> None:
    """Be the program, in a forked process."""
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(order[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.environ.update(order.get("settings", {}))
    sys.argv = ["voicesieve", *order["arguments"]]
    if limit := order.get("file_bytes"):
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    from voicesieve.cli.main import run

    tracer = Tracer(order)
    if "at" in order or "points" in order:
        threading.settrace(tracer)
        sys.settrace(tracer)
    try:
        run()
    finally:
        sys.settrace(None)
        if "points" in order:
            Path(order["points"]).write_text(json.dumps({"count": tracer.count, "points": list(tracer.points)}))


def serve(memory: Path) -> None:
    """Answer each order with an exit status; with ``start`` first with the id of the process."""
    load(memory)
    print("ready", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        process = os.fork()
        if process == 0:
            _be_the_program(order)
        if order.get("start"):
            print(process, flush=True)
        _, status = os.waitpid(process, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _be_the_program(order: dict[str, Any]) -> NoReturn:
    code = 1  # as Python ends with an error that nobody caught
    try:
        os.setpgid(0, 0)
        obey(order)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except KeyboardInterrupt:
        code = 130
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
