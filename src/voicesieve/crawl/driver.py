"""The driver of one run: discovery, fetching and analysis overlap, each bounded, and all state is in the catalog."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from voicesieve.catalog.reads import due
from voicesieve.catalog.records import Claim, QueryRow, StaleLeaseError
from voicesieve.catalog.writes import discovery, leases, timekeeping
from voicesieve.crawl.analyse import analyse_video
from voicesieve.crawl.context import RunContext
from voicesieve.crawl.discover import Unread, screen_discovered, walk_query
from voicesieve.crawl.expanding import expand, page_pays
from voicesieve.crawl.failing import RunFaultError, TakenBackError, typed
from voicesieve.crawl.fetch import PutOffError, fetch_video
from voicesieve.crawl.ordering import enrol_all, learn_when_due
from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.policy.revision import revision_of
from voicesieve.sources.protocol import Source

CONCURRENT_REQUESTS = 4
"""Discovery requests under way at the same time, so that one slow feed does not hold up the others."""

LEASE_MARGIN_S = 300.0
"""A lease outlasts the hard deadlines of its stage by this much, for waiting in line and committing."""

GRACE_S = 10.0
"""After a first stop signal, work in hand may finish for this long."""

SHORTEST_WAIT_S = 0.02
"""Least time between two looks for work that is said to be ready."""

LONGEST_WAIT_S = 5.0
"""Most time between two looks for work: another command (`retry`) may have made some due, and tells nobody."""

LONGEST_LULL_S = 30.0
"""When nothing can be fetched for longer than this, time is free, and pages are read that would not pay otherwise."""

UNANALYSED_PER_WORKER = 4
"""Fetching holds back when this many recordings wait for each analysis worker: downloads must not pile up."""


@dataclass(frozen=True)
class Plan:
    """What one run is to do. ``limit`` bounds the videos taken up; ``wait_s`` how long scheduled work is awaited."""

    queries: Sequence[QueryRow]
    sources: Mapping[str, Source]
    fetch: bool = True
    analyse: bool = True
    limit: int | None = None
    wait_s: float = 0.0


class Ending:
    """How a run may be told to stop: once to finish what is in hand, twice to stop now."""

    def __init__(self, requested: asyncio.Event | None = None) -> None:
        self.requested = requested or asyncio.Event()
        self.urgent = asyncio.Event()

    def ask(self) -> None:
        (self.urgent if self.requested.is_set() else self.requested).set()


@dataclass
class RunResult:
    """How a run ended: by itself, interrupted, or by a fault. ``unread`` are queries that failed."""

    interrupted: bool = False
    fault: Failure | None = None
    unread: dict[str, Unread] = field(default_factory=dict)


class Driver:
    """Runs one `Plan` to its end."""

    def __init__(self, context: RunContext, plan: Plan, ending: Ending) -> None:
        self._context = context
        self._plan = plan
        self._ending = ending
        self._fetching: set[asyncio.Task[Any]] = set()
        self._analysing: set[asyncio.Task[Any]] = set()
        self._walking: set[asyncio.Task[Any]] = set()
        self._learning: set[asyncio.Task[Any]] = set()
        self._decided_since = True
        self._hungry = False
        self._places = asyncio.Semaphore(CONCURRENT_REQUESTS)
        self._taken = 0
        self._last_look = math.inf
        self._result = RunResult()

    async def run(self) -> RunResult:
        """Do the plan. Faults of ours end it and are returned; nothing is raised for a single video."""
        beating = asyncio.create_task(self._context.pulse.beat())
        try:
            rules = self._context.rules.screening
            await self._context.committer.run(discovery.screen_again, revision_of(rules), self._context.clock())
            await self._context.committer.run(self._context.frontier.open)
            await enrol_all(self._context)
            await screen_discovered(self._context)
            self._start_walks(self._plan.queries)
            await self._work()
        except RunFaultError as error:
            self._result.fault = error.failure
        except FailureError as error:
            self._result.fault = error.failure
        finally:
            await self._wind_down()
            beating.cancel()
        return self._result

    def _start_walks(self, rows: Sequence[QueryRow]) -> None:
        for row in rows:
            self._start(self._walking, self._walk(row, self._places))

    async def _worth(self, row: QueryRow) -> bool:
        """Wait until the next page of a query is worth its cost; false when this run will fetch nothing more."""
        while not (self._hungry or not self._plan.fetch or await page_pays(self._context, row)):
            if self._within_limit(1) <= 0:
                return False
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._context.progressed.wait(), LONGEST_WAIT_S)
            await asyncio.sleep(SHORTEST_WAIT_S)
        return True

    async def _walk(self, row: QueryRow, places: asyncio.Semaphore) -> None:
        unread = await walk_query(
            self._context,
            self._plan.sources[row.query.source],
            row,
            wait_s=self._plan.wait_s,
            progressed=self._context.progressed.set,
            places=places,
            worth=self._worth,
        )
        if unread is not None:
            self._result.unread[str(row.query)] = unread

    async def _work(self) -> None:
        """Take up work as places become free, until none is left or the run is told to stop."""
        while not self._ending.requested.is_set() and self._result.fault is None:
            self._context.progressed.clear()
            await self._set_clock_right()
            await self._take_up_analyses()
            await self._take_up_fetches()
            await self._expand_and_learn()
            # Looked at before the catalog is asked: what ends meanwhile may have made new work.
            idle = not (self._fetching or self._analysing or self._walking or self._learning)
            now = self._context.clock()
            may_fetch = await self._places_to_fetch() > 0
            ready_at = await self._context.committer.run(
                due.next_claim_at,
                self._context.rules.pace,
                now,
                scheduled_by=now + self._plan.wait_s,
                fetch=may_fetch,
                analyse=self._places_to_analyse() > 0,
            )
            if idle and ready_at is None:
                return
            self._hungry = may_fetch and (ready_at is None or ready_at - now > LONGEST_LULL_S)
            await self._wait(ready_at)

    async def _set_clock_right(self) -> None:
        """At first, and whenever the clock was set back since the last look: nothing may wait for the later clock."""
        last, self._last_look = self._last_look, self._context.clock()
        if self._last_look < last - timekeeping.SLACK_S:
            moved = await self._context.committer.run(timekeeping.set_right, self._last_look)
            if moved:
                message = f"the clock was set back: {moved} waits that began by the later clock begin now"
                self._context.events.emit("clock_set_back", message=message, moved=moved)

    async def _expand_and_learn(self) -> None:
        """After decisions: look through channels that proved good, and learn beside the work, a lesson at a time."""
        if self._decided_since and not self._learning:
            self._decided_since = False
            self._start_walks(await expand(self._context, self._plan.sources))
            self._start(self._learning, learn_when_due(self._context))

    async def _take_up_fetches(self) -> None:
        context = self._context
        places = await self._places_to_fetch()
        if places <= 0 or context.faulted.is_set():
            return
        claims = await context.committer.run(
            leases.claim_fetches,
            places,
            context.clock(),
            lease_s=len(context.rules.methods) * context.rules.fetch_limits.deadline_s + LEASE_MARGIN_S,
            pace=context.rules.pace,
            new_token=context.new_token,
            chance=context.random.random,
            order=context.frontier.order,
        )
        self._taken += len(claims)
        for claim in claims:
            self._start(self._fetching, self._leased(fetch_video(context, claim), claim))

    async def _take_up_analyses(self) -> None:
        context = self._context
        places = self._places_to_analyse()
        if places <= 0 or context.faulted.is_set():
            return
        claims = await context.committer.run(
            leases.claim_analyses,
            places,
            context.clock(),
            lease_s=2 * context.rules.analysis_deadline_s + LEASE_MARGIN_S,
            new_token=context.new_token,
        )
        self._taken += 0 if self._plan.fetch else len(claims)
        for claim in claims:
            self._start(self._analysing, self._leased(analyse_video(context, claim), claim))

    async def _places_to_fetch(self) -> int:
        downloading = len(self._fetching) - len(self._context.between_methods)
        free = self._within_limit(self._context.rules.max_concurrent_downloads - downloading)
        if not self._plan.fetch or free <= 0:
            return 0
        if not self._plan.analyse:
            return free
        waiting = await self._context.committer.run(due.waiting_for_analysis)
        return free if waiting < UNANALYSED_PER_WORKER * self._context.engine.workers else 0

    def _places_to_analyse(self) -> int:
        free = self._context.engine.workers - len(self._analysing)
        if not self._plan.analyse:
            return 0
        return free if self._plan.fetch else self._within_limit(free)

    def _within_limit(self, places: int) -> int:
        return places if self._plan.limit is None else min(places, self._plan.limit - self._taken)

    async def _wait(self, ready_at: float | None) -> None:
        """Until something ends, a page arrives, the next claim can succeed, or the run is told to stop."""
        waiters = {
            asyncio.ensure_future(self._context.progressed.wait()),
            asyncio.ensure_future(self._ending.requested.wait()),
        }
        until = LONGEST_WAIT_S if ready_at is None else ready_at - self._context.clock()
        timeout = min(max(SHORTEST_WAIT_S, until), LONGEST_WAIT_S)
        try:
            await asyncio.wait(waiters, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiter in waiters:
                waiter.cancel()

    async def _leased(self, work: Coroutine[Any, Any, Any], claim: Claim) -> None:
        """Do leased work; if it is cancelled, the video goes back to the queue as it was."""
        try:
            await work
        except StaleLeaseError:
            self._context.events.emit("stale_result_dropped", video=claim.video, stage=claim.stage.value)
        except (PutOffError, TakenBackError):
            await self._context.committer.run(leases.release, claim, self._context.clock())
        except asyncio.CancelledError:
            await self._context.committer.run(leases.release, claim, self._context.clock())
            raise

    def _start(self, group: set[asyncio.Task[Any]], work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(work)
        group.add(task)
        task.add_done_callback(lambda done: self._ended(group, done))

    def _ended(self, group: set[asyncio.Task[Any]], task: asyncio.Task[Any]) -> None:
        group.discard(task)
        self._decided_since = self._decided_since or group is self._analysing
        self._context.progressed.set()
        error = None if task.cancelled() else task.exception()
        if isinstance(error, RunFaultError | FailureError):
            self._result.fault = self._result.fault or error.failure
        elif isinstance(error, Exception):
            failure = typed(error, self._context)
            if failure.kind is FailureKind.INTERNAL_ERROR:
                message = f"a defect of voicesieve stopped the run: {type(error).__name__}: {error}"
                failure = Failure.from_exception(FailureKind.INTERNAL_ERROR, error, message)
            self._result.fault = self._result.fault or failure

    async def _wind_down(self) -> None:
        """Let work in hand finish for a while, then take it back. Every lease is returned before this ends."""
        self._result.interrupted = self._ending.requested.is_set()
        for task in self._walking | self._learning:
            task.cancel()
        working = self._fetching | self._analysing
        if working and self._result.fault is None:
            urgent = asyncio.ensure_future(self._ending.urgent.wait())
            everything = asyncio.ensure_future(asyncio.wait(working))
            await asyncio.wait({urgent, everything}, timeout=GRACE_S, return_when=asyncio.FIRST_COMPLETED)
            urgent.cancel()
        for task in working:
            task.cancel()
        await asyncio.gather(*working, *self._walking, *self._learning, return_exceptions=True)
