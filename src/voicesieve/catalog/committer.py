"""One committer writes for a whole run, in groups: many small steps share one durable commit.

Measured for this project: a group commit gives 2.6-4.7 thousand durable writes a second with a worst case of
0.07 s, against seconds when twenty threads compete for the lock.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

from voicesieve.catalog.refusals import refused_by_database
from voicesieve.catalog.store import Catalog
from voicesieve.domain.failures import Failure, FailureError, FailureKind

P = ParamSpec("P")
R = TypeVar("R")

GROUP = 200
"""Most steps in one commit; bounds how long a group holds the write lock."""

_Step = tuple[Callable[[Connection], Any], "Future[Any]"]


class Committer:
    """Runs steps of `catalog.writes` in a thread of its own, each in a savepoint of a shared commit.

    A step that raises is rolled back alone. A future resolves only after the commit is on disk. ``check`` is called
    before each commit and raises `FailureError` where there is no sense in it any more.
    """

    def __init__(self, catalog: Catalog, check: Callable[[], None] = lambda: None) -> None:
        self._catalog = catalog
        self._check = check
        self._steps: queue.SimpleQueue[_Step | None] = queue.SimpleQueue()
        self._door = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="catalog-committer", daemon=True)
        self._thread.start()

    async def run(self, step: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run ``step(connection, ...)`` durably.

        Cancelling the caller does not take the step back: a step that was handed over is committed.
        """
        done = asyncio.wrap_future(self.submit(step, *args, **kwargs))
        # A caller that was cancelled does not ask how the step ended, and asyncio would warn about it.
        done.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        return await asyncio.shield(done)

    def submit(self, step: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Hand ``step`` over; the future cannot be cancelled. Raises `RuntimeError` once the committer is closed."""
        done: Future[R] = Future()
        done.set_running_or_notify_cancel()
        with self._door:
            if self._closed:
                raise RuntimeError("the committer is closed")
            self._steps.put((lambda connection: step(connection, *args, **kwargs), done))
        return done

    def close(self) -> None:
        """Commit what was handed over, then end the thread."""
        with self._door:
            self._closed = True
            self._steps.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (first := self._steps.get()) is not None:
            group, ended = self._gather(first)
            self._commit(group)
            if ended:
                return

    def _gather(self, first: _Step) -> tuple[list[_Step], bool]:
        group = [first]
        while len(group) < GROUP:
            try:
                step = self._steps.get_nowait()
            except queue.Empty:
                break
            if step is None:
                return group, True
            group.append(step)
        return group, False

    def _commit(self, group: list[_Step]) -> None:
        answers: list[tuple[Future[Any], Any, BaseException | None]] = []
        try:
            self._check()
            with self._catalog.write() as connection:
                answers = [self._try(connection, step, done) for step, done in group]
        except FailureError as error:
            self._fail(group, error)
            return
        except Exception as error:  # noqa: BLE001 - the thread must live on, and every waiter must be given the failure
            failure = Failure.from_exception(FailureKind.CATALOG_UNAVAILABLE, error)
            self._fail(group, FailureError(failure))
            return
        for done, result, raised in answers:
            if raised is not None:
                done.set_exception(raised)
            else:
                done.set_result(result)

    @staticmethod
    def _try(
        connection: Connection, step: Callable[[Connection], Any], done: Future[Any]
    ) -> tuple[Future[Any], Any, BaseException | None]:
        try:
            with connection.begin_nested():
                return done, step(connection), None
        except Exception as error:
            if refused_by_database(error):
                raise  # disk full, I/O error: the whole group has failed
            return done, None, error

    @staticmethod
    def _fail(group: list[_Step], error: FailureError) -> None:
        for _step, done in group:
            done.set_exception(error)
