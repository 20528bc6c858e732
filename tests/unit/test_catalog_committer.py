"""One committer for many: small steps share a durable commit, and each is answered for itself."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError, IntegrityError

from voicesieve.catalog import schema
from voicesieve.catalog.committer import GROUP, Committer
from voicesieve.catalog.counters import add_to_counter
from voicesieve.catalog.store import Catalog
from voicesieve.domain.failures import FailureError, FailureKind


@pytest.fixture
def committer(catalog: Catalog) -> Iterator[Committer]:
    committer = Committer(catalog)
    yield committer
    committer.close()


def counters(catalog: Catalog) -> dict[str, float]:
    with catalog.read() as connection:
        rows = connection.execute(schema.counter.select())
        return {row.name: row.value for row in rows if not row.name.startswith("catalog:")}


def held_up(committer: Committer) -> tuple[threading.Event, Future[None]]:
    """Occupy the committer, so that what follows is waiting when it looks again."""
    go_on, started = threading.Event(), threading.Event()

    def wait(_connection: Connection) -> None:
        started.set()
        assert go_on.wait(30)

    first = committer.submit(wait)
    assert started.wait(30)
    return go_on, first


def test_steps_that_wait_share_one_commit(catalog: Catalog, committer: Committer) -> None:
    go_on, first = held_up(committer)
    transactions: list[Connection] = []

    def note(connection: Connection) -> None:
        transactions.append(connection)
        add_to_counter(connection, "n", 1)

    steps = [committer.submit(note) for _ in range(GROUP + 10)]
    go_on.set()
    for step in [first, *steps]:
        step.result(timeout=30)
    assert [transactions.count(transaction) for transaction in dict.fromkeys(transactions)] == [GROUP, 10]
    assert counters(catalog) == {"n": GROUP + 10}


def test_a_step_that_fails_is_taken_back_alone(catalog: Catalog, committer: Committer) -> None:
    go_on, _first = held_up(committer)

    def broken(connection: Connection) -> None:
        add_to_counter(connection, "broken", 1)
        raise ValueError("broken")

    def forbidden(connection: Connection) -> None:
        add_to_counter(connection, "forbidden", 1)
        connection.execute(schema.counter.insert().values(name="good", value=2))

    good = committer.submit(add_to_counter, "good", 1)
    bad, worse = committer.submit(broken), committer.submit(forbidden)
    late = committer.submit(add_to_counter, "late", 1)
    go_on.set()
    assert good.result(timeout=30) is late.result(timeout=30) is None
    assert isinstance(bad.exception(timeout=30), ValueError)
    assert isinstance(worse.exception(timeout=30), IntegrityError)
    assert counters(catalog) == {"good": 1, "late": 1}


def test_a_database_that_refuses_fails_the_whole_group_with_a_typed_failure(
    catalog: Catalog, committer: Committer
) -> None:
    go_on, _first = held_up(committer)

    def meet_damage(_connection: Connection) -> None:
        import sqlite3

        raise DatabaseError("SELECT 1", None, sqlite3.DatabaseError("database disk image is malformed"))

    steps: list[Future[Any]] = [committer.submit(add_to_counter, "n", 1), committer.submit(meet_damage)]
    go_on.set()
    for step in steps:
        error = step.exception(timeout=30)
        assert isinstance(error, FailureError)
        assert error.failure.kind is FailureKind.CATALOG_UNAVAILABLE
    assert counters(catalog) == {}
    committer.submit(add_to_counter, "n", 1).result(timeout=30)
    assert counters(catalog) == {"n": 1}


def test_an_answer_comes_only_after_the_commit(catalog: Catalog, committer: Committer) -> None:
    seen: list[dict[str, float]] = []
    step = committer.submit(add_to_counter, "n", 1)
    step.add_done_callback(lambda _: seen.append(counters(catalog)))
    step.result(timeout=30)
    committer.close()
    assert seen == [{"n": 1}]


def test_closing_commits_what_was_handed_over_and_takes_nothing_more(catalog: Catalog, committer: Committer) -> None:
    steps = [committer.submit(add_to_counter, "n", 1) for _ in range(500)]
    committer.close()
    assert all(step.done() for step in steps)
    assert counters(catalog) == {"n": 500}
    with pytest.raises(RuntimeError, match="closed"):
        committer.submit(add_to_counter, "n", 1)
    committer.close()


def test_a_cancelled_caller_takes_nothing_back(catalog: Catalog, committer: Committer) -> None:
    go_on, _first = held_up(committer)

    async def ask_and_leave() -> None:
        asking = asyncio.create_task(committer.run(add_to_counter, "n", 1))
        await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    asyncio.run(ask_and_leave())
    impatient = committer.submit(add_to_counter, "n", 1)
    assert not impatient.cancel()
    go_on.set()
    committer.close()
    assert counters(catalog) == {"n": 2}


def test_results_and_errors_reach_the_awaiting_caller(committer: Committer) -> None:
    def answer(_connection: Connection, number: int, *, plus: int) -> int:
        return number + plus

    def broken(_connection: Connection) -> None:
        raise LookupError("nothing here")

    async def ask() -> int:
        with pytest.raises(LookupError, match="nothing here"):
            await committer.run(broken)
        return await committer.run(answer, 1, plus=2)

    assert asyncio.run(ask()) == 3
