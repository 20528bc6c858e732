"""A catalog with its clock and its tokens in the hands of the test, and a recount of all that it counts."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, select

from voicesieve.catalog import schema
from voicesieve.catalog.reads import decided, lookup
from voicesieve.catalog.reads.status import catalog_counts
from voicesieve.catalog.reads.verdicts import newest_verdict
from voicesieve.catalog.records import Claim, Pace, PageResult, QueryRow
from voicesieve.catalog.store import Catalog
from voicesieve.catalog.writes import arms, discovery, leases, reanalysing, redeciding, results, takedown
from voicesieve.catalog.writes.choosing import YieldOrder
from voicesieve.catalog.writes.redeciding import Redecision
from voicesieve.domain.candidates import Candidate, Page, Query
from voicesieve.domain.decisions import Decision, Outcome, Reason
from voicesieve.domain.failures import Failure, FailureKind
from voicesieve.domain.fetching import FetchedRecording, MediaInfo
from voicesieve.domain.languages import LanguageEvidence, SpokenLanguage
from voicesieve.domain.states import DECIDED, VideoState
from voicesieve.domain.verdicts import Label, Model, Segment, Verdict, VerdictLabel
from voicesieve.frontier.rates import NOTHING
from voicesieve.policy.retries import NextStep, RetryRules, next_step

RETRY = RetryRules(
    first_delay_s=60, max_delay_s=3_600, max_item_failures=3, max_machine_failures=2, defer_s=7_200, pause_s=900
)
UNPACED = Pace(0.0, 1)
LEASE_S = 300.0
REFRESH_S = 1_000.0
MODEL = Model("floor", "r1")
VIETNAMESE = SpokenLanguage("vi", (LanguageEvidence("vi", "declared_audio", 0.93, "1", weight=0.85),), 0.9)


def candidate(number: int, host: str = "a.example", **facts: Any) -> Candidate:
    """The ``number``-th video of a host; an empty host stands for a local file."""
    url = f"https://{host}/{number}.mp3" if host else f"file:///audio/{number}.wav"
    return Candidate("url", f"{host}{number:04d}", url, **{"title": f"title {number}", **facts})


def sha_of(audio: str) -> str:
    return hashlib.sha256(audio.encode()).hexdigest()


def path_of(audio: str) -> str:
    return f"{sha_of(audio)[:2]}/{sha_of(audio)}.opus"


def recording(audio: str, **facts: object) -> FetchedRecording:
    """Different audio has different seconds, so that a count of the wrong recording shows."""
    media = MediaInfo(10.0 + len(audio), "ogg", "opus", 48_000, 1, ".opus")
    return FetchedRecording(Path("unused"), sha_of(audio), 1_000, media, facts)


def verdict(child_s: float = 3.0, model: Model = MODEL) -> Verdict:
    segments = (Segment(0.5, 0.5 + child_s, Label.CHILD, 0.9),)
    return Verdict(model, "corpus", VerdictLabel.CHILD, 10.0, 8.0, child_s, child_s / 8, 1, 0.9, segments)


def decision(outcome: Outcome, revision: str = "policy-1") -> Decision:
    return Decision(outcome, (Reason("because", outcome.value),), revision)


NO_ATTEMPT = 0
"""The id of no attempt: ending it changes nothing."""


def withdraw_channel(connection: Connection, channel: str, reason: str, now: float) -> int:
    """Remove every video of a channel, and keep out what it publishes later."""
    takedown.add_tombstones(connection, [takedown.channel_hash(channel)], "channel", reason, now)
    return takedown.withdraw(connection, takedown.fallen_with_channel(connection, channel), "channel", reason, now)


def withdraw_recording(connection: Connection, sha256: str, reason: str, now: float) -> int:
    """Remove a recording with every video that carries it, and keep that audio out wherever it comes from."""
    takedown.add_tombstones(connection, [sha256], "audio", reason, now)
    return takedown.withdraw(connection, takedown.fallen_with_recording(connection, sha256), "recording", reason, now)


class World:
    """One transaction for each call; ``now`` moves only when the test says so."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.now = 10_000.0
        self._tokens = (f"token-{number}" for number in itertools.count())

    def step(self, change: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        with self.catalog.write() as connection:
            return change(connection, *args, **kwargs)

    def ask(self, view: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        with self.catalog.read() as connection:
            answer = view(connection, *args, **kwargs)
            return list(answer) if hasattr(answer, "__next__") else answer

    def query(self, argument: str = "list") -> QueryRow:
        row: QueryRow = self.step(discovery.register_query, Query("urls", argument), self.now)
        return row

    def discover(self, *candidates: Candidate, query: QueryRow | None = None, **page: Any) -> PageResult:
        wanted = query or self.query()
        result: PageResult = self.step(
            discovery.commit_page,
            wanted.id,
            Page(candidates, **page),
            lambda url: urlsplit(url).hostname or "",
            self.now,
            refresh_s=REFRESH_S,
        )
        return result

    def screen(self, rule: Callable[[Candidate], Reason | None] = lambda _: None, by: str = "rules-1") -> int:
        count: int = self.step(discovery.screen_batch, rule, by, self.now, 1_000)
        return count

    def claim(self, limit: int = 1, pace: Pace = UNPACED, order: YieldOrder | None = None) -> list[Claim]:
        claims: list[Claim] = self.step(
            leases.claim_fetches,
            limit,
            self.now,
            lease_s=LEASE_S,
            pace=pace,
            new_token=lambda: next(self._tokens),
            order=order,
        )
        return claims

    def claim_analysis(self, limit: int = 1) -> list[Claim]:
        claims: list[Claim] = self.step(
            leases.claim_analyses, limit, self.now, lease_s=LEASE_S, new_token=lambda: next(self._tokens)
        )
        return claims

    def attempt(self, claim: Claim, method: str = "http") -> int:
        key: int = self.step(leases.start_attempt, "run-1", claim, method, self.now, scratch="t/http")
        return key

    def fetched(self, claim: Claim, audio: str, **facts: object) -> VideoState:
        state: VideoState = self.step(
            results.finish_fetch,
            claim,
            NO_ATTEMPT,
            recording(audio, **facts),
            path_of(audio),
            self.now,
            rights_basis="own_channel",
        )
        return state

    def publish(
        self,
        claim: Claim,
        outcome: Outcome = Outcome.ACCEPTED,
        *,
        child_s: float = 3.0,
        model: Model = MODEL,
        language: SpokenLanguage = VIETNAMESE,
    ) -> None:
        self.step(
            results.publish,
            claim,
            NO_ATTEMPT,
            verdict(child_s, model),
            b"scores",
            {"rms_dbfs": -20.0},
            language,
            decision(outcome),
            self.now,
        )

    def decided(self, *videos: str) -> list[Any]:
        """Rows as re-deciding reads them; all without names."""
        rows = self.ask(decided.decided_batch, 0, 1 << 60)
        return [row for row in rows if not videos or row.id in videos]

    def redecide(
        self, *videos: str, outcome: Outcome, child_s: float = 3.0, language: SpokenLanguage = VIETNAMESE
    ) -> int:
        """Decide some videos or all of them anew in one step. Returns how many were written."""
        wanted = [
            Redecision(row, decision(outcome, "policy-2"), verdict(child_s, Model(row.model, row.revision)), language)
            for row in self.decided(*videos)
        ]
        count: int = self.step(redeciding.apply, wanted, self.now)
        return count

    def queue_again(self, model: Model, *, every: bool = False) -> int:
        """Make due for analysis what ``model`` has not scored."""
        wanted = self.ask(reanalysing.wanted, model, 0, 1_000, every=every)
        if wanted is None:
            return 0
        self.step(reanalysing.queue, wanted.queue, model, self.now, every=every)
        return len(wanted.queue)

    def fail(self, claim: Claim, kind: FailureKind, retry_after_s: float | None = None) -> NextStep:
        failure = Failure(kind, f"{kind} happened", retry_after_s=retry_after_s)

        def rule(item_failures: int, machine_failures: int, host_refusals: int) -> NextStep:
            return next_step(
                failure,
                waiting_state=claim.waiting_state,
                item_failures=item_failures,
                machine_failures=machine_failures,
                host_refusals=host_refusals,
                now=self.now,
                jitter=0.0,
                rules=RETRY,
            )

        step: NextStep = self.step(results.fail, claim, NO_ATTEMPT, failure, rule, self.now)
        return step

    def withdraw(self, video: str) -> int:
        count: int = self.step(takedown.withdraw_video, video, "asked for", self.now)
        return count

    def queue(self, *candidates: Candidate) -> None:
        self.discover(*candidates)
        self.screen()

    def fetch(self, wanted: Candidate, audio: str, **facts: object) -> Claim:
        """From nothing to fetched."""
        self.queue(wanted)
        (claim,) = self.claim()
        assert claim.video == wanted.id
        self.fetched(claim, audio, **facts)
        return claim

    def decide(self, wanted: Candidate, audio: str, outcome: Outcome = Outcome.ACCEPTED, **kwargs: Any) -> None:
        """From nothing to a decision."""
        self.fetch(wanted, audio)
        (claim,) = self.claim_analysis()
        self.publish(claim, outcome, **kwargs)

    def row(self, video: str) -> Any:
        return self.ask(lookup.find_video, video)

    def state(self, video: str) -> str:
        state: str = self.row(video).state
        return state

    def status(self) -> dict[str, Any]:
        facts: dict[str, Any] = self.ask(catalog_counts)
        return facts

    def rows(self, table: Any) -> list[Any]:
        with self.catalog.read() as connection:
            return list(connection.execute(select(table)).all())

    def snapshot(self) -> dict[str, list[Any]]:
        """Every row of every table, to show that a step changed nothing."""
        tables = schema.metadata.sorted_tables
        return {table.name: sorted(map(repr, self.rows(table))) for table in tables}

    def check_counts(self) -> None:
        """Everything that is counted along the way equals a recount of the rows."""
        with self.catalog.read() as connection:
            counters = {row.name: row.value for row in connection.execute(select(schema.counter))}
            counters = {
                name: value
                for name, value in counters.items()
                if not name.startswith(("catalog:", "frontier:", "backup:"))
            }
            truth = recount(connection)
            for name in counters.keys() | truth.keys():
                assert abs(counters.get(name, 0.0) - truth.get(name, 0.0)) < 1e-6, (name, counters, truth)
            videos = connection.execute(select(schema.video)).all()
            for row in videos:
                assert bool(row.failure_kind) == (row.state in ("failed", "given_up")), row
                assert (row.stage is not None) == (row.due_at is not None or row.lease_token is not None), row
                assert row.due_at is None or row.lease_token is None, row
            waiting = Counter(row.host for row in videos if row.stage == "fetch" and row.due_at is not None)
            hosts = {row.name: row.waiting for row in connection.execute(select(schema.host))}
            assert {name: count for name, count in hosts.items() if count} == dict(waiting)
            holders = Counter(row.recording for row in videos if row.state == "accepted")
            stored = {row.sha256: row.accepted_videos for row in connection.execute(select(schema.recording))}
            assert {sha256: count for sha256, count in stored.items() if count} == dict(holders)
            self._check_arms(connection, videos)

    def _check_arms(self, connection: Connection, videos: Sequence[Any]) -> None:
        """What an arm knows is the sum over its videos, whatever happened to them on the way."""
        for arm in connection.execute(select(schema.arm)):
            own = [row._asdict() for row in videos if row.arm == arm.id]
            for name in ("known", "waiting", "judged", "accepted", "lost", "child_s"):
                assert abs(getattr(arm, name) - sum(arms.part_of(row)[name] for row in own)) < 1e-6, (name, arm)
            weights = [sum(column) for column in zip(NOTHING, *map(arms.weight_of, own), strict=True)]
            assert all(abs(a - b) < 1e-9 for a, b in zip(arm.evidence, weights, strict=True)), arm
        for query in connection.execute(select(schema.query)):
            own = [row for row in videos if row.first_query == query.id and row.arm is not None]
            accepted = [row for row in own if row.state == "accepted"]
            ended = [row for row in own if row.state in (*DECIDED, "given_up")]
            assert (query.fetched, query.accepted) == (len(ended), len(accepted)), query
            assert abs(query.child_s - sum(row.child_s for row in accepted)) < 1e-6, query


def recount(connection: Connection) -> dict[str, float]:
    """The counters as they should be, counted from the rows."""
    videos = connection.execute(select(schema.video)).all()
    truth: dict[str, float] = dict(Counter(f"state:{row.state}" for row in videos))
    truth |= Counter(f"failure:{row.failure_kind}" for row in videos if row.failure_kind)
    decided = [row for row in videos if row.state in ("accepted", "rejected", "unsure")]
    truth |= Counter(f"language_state:{row.language_state}" for row in decided if row.language_state)
    truth |= Counter(f"language_unavailable:{name}" for row in decided for name in row.language_unavailable or {})
    truth |= Counter(f"language:{row.language}" for row in decided if row.state == "accepted" and row.language)
    accepted = {row.recording for row in videos if row.state == "accepted"}
    truth["accepted_recordings"] = len(accepted)
    seconds = {row.sha256: row.duration_s for row in connection.execute(select(schema.recording))}
    truth["accepted_s"] = sum(seconds[sha256] for sha256 in accepted)
    verdicts = (newest_verdict(connection, sha256) for sha256 in accepted)
    truth["child_s"] = sum(row.child_s for row in verdicts if row is not None)
    return truth
