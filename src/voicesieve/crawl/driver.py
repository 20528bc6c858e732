"""The driver of one run: discovery, fetching and analysis overlap, each bounded, and all state is in the catalog.

What a crash costs: the videos in hand go back to the queue as they were, for their leases end with the run; nothing
that is known only here is needed again.
"""

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
from voicesieve.crawl.analyse import Analysing
from voicesieve.crawl.context import RunContext
from voicesieve.crawl.discover import Discovering, Unread, screen_discovered
from voicesieve.crawl.ending import Ending
from voicesieve.crawl.expanding import expand, page_pays
from voicesieve.crawl.failing import Attempts, RunFaultError, TakenBackError, typed
from voicesieve.crawl.fetch import Fetching, PutOffError
from voicesieve.crawl.ordering import Frontier, enrol_all, learn_when_due
from voicesieve.crawl.pulse import Pulse
from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.policy.revision import revision_of
from voicesieve.sources.protocol import Source

LEASE_MARGIN_S = 300.0
"""A lease outlasts the hard deadlines of its stage by this much, for waiting in line and committing."""

GRACE_S = 10.0
"""After a first stop signal, work in hand may finish for this long."""

SHORTEST_WAIT_S = 0.02
"""Least time between two looks for work that is said to be ready."""

LONGEST_WAIT_S = 5.0
"""Most time between two looks for work: another command (`retry`) may have made some due without notice."""

LONGEST_LULL_S = 30.0
"""When nothing can be fetched for longer than this, pages are read that would not be worth their cost otherwise."""

UNANALYSED_PER_WORKER = 4
"""Fetching pauses when this many recordings wait for each analysis worker, so that downloads do not pile up."""


@dataclass(frozen=True)
class Plan:
    """What one run is to do. ``limit`` bounds the videos taken up; ``wait_s`` how long scheduled work is awaited."""

    queries: Sequence[QueryRow]
    sources: Mapping[str, Source]
    fetch: bool = True
    limit: int | None = None
    wait_s: float = 0.0


@dataclass
class RunResult:
    """How a run ended: by itself, interrupted, or by a fault. Of the ``asked`` queries the ``unread`` failed."""

    asked: int = 0
    interrupted: bool = False
    fault: Failure | None = None
    unread: dict[str, Unread] = field(default_factory=dict)


class Driver:
    """Takes up the work of one `Plan` as places become free, until none is left or it is asked to stop.

    Its signals: ``progressed`` is set whenever there may be something new to take up, ``faulted`` when nothing may be
    taken up any more because the run cannot continue; ``ending`` says that the run was asked to stop.
    """

    def __init__(self, context: RunContext, plan: Plan, ending: Ending) -> None:
        run, tools, rules = context.run, context.tools, context.rules
        self._run, self._tools, self._rules = run, tools, rules
        self._plan = plan
        self._ending = ending
        self._frontier = Frontier(rules.frontier)
        self._pulse = Pulse()
        self._progressed = asyncio.Event()
        self._faulted = asyncio.Event()
        attempts = Attempts(run, rules.retry, ending.requested, self._faulted, self._pulse)
        downloads = asyncio.Semaphore(rules.max_concurrent_downloads)
        self._discovering = Discovering(run, tools, rules, self._frontier, plan.wait_s, self._worth, self._progressed)
        self._fetching = Fetching(run, tools, rules, attempts, self._progressed, downloads)
        self._analysing = Analysing(run, tools, rules, attempts)
        self._walks: set[asyncio.Task[Any]] = set()
        self._fetches: set[asyncio.Task[Any]] = set()
        self._analyses: set[asyncio.Task[Any]] = set()
        self._lessons: set[asyncio.Task[Any]] = set()
        self._decided_since = True
        self._lull = False
        self._taken = 0
        self._last_look = math.inf
        self._result = RunResult(asked=len(plan.queries))

    async def run(self) -> RunResult:
        """Carry out the plan. Faults of this machine end it and are returned; no failure of a single video is
        raised."""
        run, screening = self._run, self._rules.screening
        beating = asyncio.create_task(self._pulse.beat())
        try:
            await run.committer.run(discovery.screen_again, revision_of(screening), run.clock())
            await run.committer.run(self._frontier.open)
            await enrol_all(run, self._frontier)
            await screen_discovered(run, self._frontier, screening)
            self._start_walks(self._plan.queries)
            await self._work()
        except (RunFaultError, FailureError) as error:
            self._result.fault = error.failure
        finally:
            await self._wind_down()
            beating.cancel()
        return self._result

    async def _work(self) -> None:
        """Take up work as places become free, until none is left or the run is asked to stop."""
        while not self._ending.requested.is_set() and self._result.fault is None:
            self._progressed.clear()
            await self._set_clock_right()
            await self._take_up_analyses()
            await self._take_up_fetches()
            await self._expand_and_learn()
            # Checked before the catalog is read: what ends meanwhile may have made new work.
            idle = not (self._walks or self._fetches or self._analyses or self._lessons)
            now = self._run.clock()
            may_fetch = await self._places_to_fetch() > 0
            ready_at = await self._run.committer.run(
                due.next_claim_at,
                self._rules.pace,
                now,
                scheduled_by=now + self._plan.wait_s,
                fetch=may_fetch,
                analyse=self._places_to_analyse() > 0,
            )
            if idle and ready_at is None:
                return
            self._lull = may_fetch and (ready_at is None or ready_at - now > LONGEST_LULL_S)
            await self._wait(ready_at)

    async def _set_clock_right(self) -> None:
        """At the start, and whenever the clock was set back since the last look: nothing may wait for the later
        clock."""
        last, self._last_look = self._last_look, self._run.clock()
        if self._last_look < last - timekeeping.SLACK_S:
            moved = await self._run.committer.run(timekeeping.set_right, self._last_look)
            if moved:
                message = f"the clock was set back: {moved} waits that began by the later clock begin now"
                self._run.events.emit("clock_set_back", message=message, moved=moved)

    async def _take_up_analyses(self) -> None:
        places = self._places_to_analyse()
        if places <= 0 or self._faulted.is_set():
            return
        claims = await self._run.committer.run(
            leases.claim_analyses,
            places,
            self._run.clock(),
            lease_s=2 * self._rules.analysis_deadline_s + LEASE_MARGIN_S,
            new_token=self._run.new_token,
        )
        self._taken += 0 if self._plan.fetch else len(claims)
        for claim in claims:
            self._start(self._analyses, self._leased(self._analysing.analyse(claim), claim))

    async def _take_up_fetches(self) -> None:
        run, rules = self._run, self._rules
        places = await self._places_to_fetch()
        if places <= 0 or self._faulted.is_set():
            return
        claims = await run.committer.run(
            leases.claim_fetches,
            places,
            run.clock(),
            lease_s=len(rules.methods) * rules.fetch_limits.deadline_s + LEASE_MARGIN_S,
            pace=rules.pace,
            new_token=run.new_token,
            chance=run.chance,
            order=self._frontier.order,
        )
        self._taken += len(claims)
        for claim in claims:
            self._start(self._fetches, self._leased(self._fetching.fetch(claim), claim))

    async def _leased(self, work: Coroutine[Any, Any, None], claim: Claim) -> None:
        """Do leased work. If it is cancelled, the video goes back to the queue as it was."""
        run = self._run
        try:
            await work
        except StaleLeaseError:
            run.events.emit("stale_result_dropped", video=claim.video, stage=claim.stage.value)
        except (PutOffError, TakenBackError):
            await run.committer.run(leases.release, claim, run.clock())
        except asyncio.CancelledError:
            await run.committer.run(leases.release, claim, run.clock())
            raise

    async def _expand_and_learn(self) -> None:
        """After decisions: look through channels with accepted videos, and learn beside the work, one lesson at a
        time."""
        if self._decided_since and not self._lessons:
            self._decided_since = False
            self._start_walks(await expand(self._run, self._frontier, self._plan.sources))
            self._start(self._lessons, learn_when_due(self._run, self._tools.catalog, self._frontier))

    def _start_walks(self, rows: Sequence[QueryRow]) -> None:
        for row in rows:
            self._start(self._walks, self._walk(row))

    async def _walk(self, row: QueryRow) -> None:
        unread = await self._discovering.walk(self._plan.sources[row.query.source], row)
        if unread is not None:
            self._result.unread[str(row.query)] = unread

    async def _worth(self, row: QueryRow) -> bool:
        """Wait until the next page of a query is worth its cost. False if this run will fetch nothing more."""
        while not (self._lull or not self._plan.fetch or await page_pays(self._run, self._frontier, row)):
            if self._within_limit(1) <= 0:
                return False
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._progressed.wait(), LONGEST_WAIT_S)
            await asyncio.sleep(SHORTEST_WAIT_S)
        return True

    async def _places_to_fetch(self) -> int:
        downloading = len(self._fetches) - len(self._fetching.between_methods)
        free = self._within_limit(self._rules.max_concurrent_downloads - downloading)
        if not self._plan.fetch or free <= 0:
            return 0
        waiting = await self._run.committer.run(due.waiting_for_analysis)
        return free if waiting < UNANALYSED_PER_WORKER * self._tools.engine.workers else 0

    def _places_to_analyse(self) -> int:
        free = self._tools.engine.workers - len(self._analyses)
        return free if self._plan.fetch else self._within_limit(free)

    def _within_limit(self, places: int) -> int:
        return places if self._plan.limit is None else min(places, self._plan.limit - self._taken)

    async def _wait(self, ready_at: float | None) -> None:
        """Until something ends, a page arrives, the next claim can succeed, or the run is asked to stop."""
        waiters = {
            asyncio.ensure_future(self._progressed.wait()),
            asyncio.ensure_future(self._ending.requested.wait()),
        }
        until = LONGEST_WAIT_S if ready_at is None else ready_at - self._run.clock()
        timeout = min(max(SHORTEST_WAIT_S, until), LONGEST_WAIT_S)
        try:
            await asyncio.wait(waiters, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiter in waiters:
                waiter.cancel()

    def _start(self, group: set[asyncio.Task[Any]], work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(work)
        group.add(task)
        task.add_done_callback(lambda done: self._ended(group, done))

    def _ended(self, group: set[asyncio.Task[Any]], task: asyncio.Task[Any]) -> None:
        group.discard(task)
        self._decided_since = self._decided_since or group is self._analyses
        self._progressed.set()
        error = None if task.cancelled() else task.exception()
        if isinstance(error, RunFaultError | FailureError):
            self._result.fault = self._result.fault or error.failure
        elif isinstance(error, Exception):
            failure = typed(error, self._tools.folder.root)
            if failure.kind is FailureKind.INTERNAL_ERROR:
                message = f"a defect of voicesieve stopped the run: {type(error).__name__}: {error}"
                failure = Failure.from_exception(FailureKind.INTERNAL_ERROR, error, message)
            self._result.fault = self._result.fault or failure

    async def _wind_down(self) -> None:
        """Let work in hand finish for a while, then take it back. Every lease is returned before this ends."""
        self._result.interrupted = self._ending.requested.is_set()
        for task in self._walks | self._lessons:
            task.cancel()
        working = self._fetches | self._analyses
        if working and self._result.fault is None:
            urgent = asyncio.ensure_future(self._ending.urgent.wait())
            everything = asyncio.ensure_future(asyncio.wait(working))
            await asyncio.wait({urgent, everything}, timeout=GRACE_S, return_when=asyncio.FIRST_COMPLETED)
            urgent.cancel()
        for task in working:
            task.cancel()
        await asyncio.gather(*working, *self._walks, *self._lessons, return_exceptions=True)
