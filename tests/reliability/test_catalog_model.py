"""The catalog against a model of it: whatever happens in whatever order, each video is where the model says it is.

The model is thirty lines of dictionaries that know nothing of SQL, leases in rows or counters.
"""

from __future__ import annotations

import functools
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from catalog_world import LEASE_S, RETRY, World, candidate, sha_of
from conftest import LONG, MEMORY, often
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from voicesieve.catalog import schema
from voicesieve.catalog.opening import open_catalog
from voicesieve.catalog.reads import exportable
from voicesieve.catalog.records import Claim, StaleLeaseError, UnknownVideoError
from voicesieve.catalog.store import Catalog
from voicesieve.catalog.writes import leases, results
from voicesieve.domain.decisions import Outcome
from voicesieve.domain.failures import Failure, FailureKind, Remedy
from voicesieve.domain.states import DECIDED, VideoState
from voicesieve.policy.retries import next_step

NUMBERS = st.integers(0, 5)
AUDIO = st.sampled_from(["a", "bb"])
KINDS = st.sampled_from([kind for kind in FailureKind if Failure(kind, "").remedy is not Remedy.PAUSE_SOURCE])
"""Pauses move a whole host; `tests/unit/test_catalog_leases.py` has them."""


@dataclass(frozen=True)
class Modelled:
    """What is to be known of a video. ``due`` and ``until`` are epoch seconds."""

    key: int
    state: str = "discovered"
    stage: str | None = None
    due: float | None = None
    token: str | None = None
    until: float = 0.0
    audio: str | None = None
    item_failures: int = 0
    machine_failures: int = 0

    def at_rest(self, state: str, audio: str | None = None) -> Modelled:
        return Modelled(self.key, state, audio=audio)

    def waiting(self, state: str, stage: str, now: float, audio: str | None = None) -> Modelled:
        return Modelled(self.key, state, stage, now, audio=audio)


@functools.cache
def blank_catalog() -> bytes:
    """The file of a catalog without a row; making one takes longer than thirty steps."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        open_catalog(Path(folder), create=True).close()
        return (Path(folder) / "catalog.sqlite3").read_bytes()


class CatalogAndModel(RuleBasedStateMachine):
    """Every rule does one thing to both."""

    claims = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="voicesieve-model-", dir=MEMORY)
        (Path(self.folder.name) / "catalog.sqlite3").write_bytes(blank_catalog())
        self.world = World(open_catalog(Path(self.folder.name), create=False))
        self.videos: dict[str, Modelled] = {}
        self.withdrawn_audio: set[str] = set()
        self.withdrawn_ids: set[str] = set()

    def teardown(self) -> None:
        self.world.check_counts()
        self.world.catalog.close()
        self.folder.cleanup()

    @rule(numbers=st.lists(NUMBERS, min_size=1, max_size=4, unique=True))
    def discover(self, numbers: list[int]) -> None:
        wanted = [candidate(number) for number in numbers]
        self.world.discover(*wanted)
        for video in wanted:
            if video.id not in self.videos and video.id not in self.withdrawn_ids:
                self.videos[video.id] = Modelled(len(self.videos))

    @rule()
    def screen(self) -> None:
        self.world.screen()
        for id_, video in self.videos.items():
            if video.state == "discovered":
                self.videos[id_] = video.waiting("queued", "fetch", self.world.now)

    @rule(target=claims, stage=st.sampled_from(["fetch", "analyse"]))
    def claim(self, stage: str) -> Claim | None:
        """The one that is due for longest is leased, and nobody else gets it."""
        leased = self.world.claim() if stage == "fetch" else self.world.claim_analysis()
        due = [v for v in self.videos.values() if v.stage == stage and v.due is not None and v.due <= self.world.now]
        if not due:
            assert leased == []
            return None
        first = min(due, key=lambda video: (video.due, video.key))
        (claim,) = leased
        assert self.videos[claim.video] is first
        self.videos[claim.video] = replace(first, due=None, token=claim.token, until=self.world.now + LEASE_S)
        return claim

    def holds(self, claim: Claim) -> bool:
        return self.videos[claim.video].token == claim.token

    @rule(claim=consumes(claims), audio=AUDIO, outcome=st.sampled_from(Outcome))
    def finish(self, claim: Claim | None, audio: str, outcome: Outcome) -> None:
        """A worker is done; one whose lease is not its own any more changes nothing."""
        if claim is None:
            return
        before = self.world.snapshot() if not self.holds(claim) else None
        try:
            if claim.stage == "fetch":
                self.world.fetched(claim, audio)
            else:
                self.world.publish(claim, outcome)
        except StaleLeaseError:
            assert not self.holds(claim)
            assert self.world.snapshot() == before
            return
        assert self.holds(claim)
        video = self.videos[claim.video]
        if claim.stage == "fetch" and audio in self.withdrawn_audio:
            self.videos[claim.video] = video.at_rest("withdrawn")
        elif claim.stage == "fetch":
            self.videos[claim.video] = video.waiting("fetched", "analyse", self.world.now, audio)
        else:
            self.videos[claim.video] = video.at_rest(outcome.state.value, video.audio)

    @rule(claim=consumes(claims), kind=KINDS)
    def fail(self, claim: Claim | None, kind: FailureKind) -> None:
        if claim is None:
            return
        try:
            self.world.fail(claim, kind)
        except StaleLeaseError:
            assert not self.holds(claim)
            return
        assert self.holds(claim)
        video, failure = self.videos[claim.video], Failure(kind, "")
        items = video.item_failures + (failure.remedy in (Remedy.BACK_OFF, Remedy.GIVE_UP, Remedy.DEFER))
        machines = video.machine_failures + (failure.remedy is Remedy.RETRY_ALONE)
        step = next_step(
            failure,
            waiting_state=VideoState.QUEUED if claim.stage == "fetch" else VideoState.FETCHED,
            item_failures=items,
            machine_failures=machines,
            host_refusals=0,
            now=self.world.now,
            jitter=0.0,
            rules=RETRY,
        )
        stage = None if step.at is None else claim.stage.value
        self.videos[claim.video] = Modelled(
            video.key, step.state.value, stage, step.at, None, 0.0, video.audio, items, machines
        )

    @rule(claim=consumes(claims))
    def release(self, claim: Claim | None) -> None:
        if claim is not None:
            self.world.step(leases.release, claim, self.world.now)
            if self.holds(claim):
                self.free(claim.video)

    def free(self, id_: str) -> None:
        self.videos[id_] = replace(self.videos[id_], token=None, until=0.0, due=self.world.now)

    @rule(seconds=st.sampled_from([-100.0, 1.0, 61.0, LEASE_S + 1, 8_000.0]))
    def time_passes(self, seconds: float) -> None:
        """The clock may also be set back."""
        self.world.now += seconds

    @rule(crash=st.booleans())
    def recover(self, crash: bool) -> None:
        """Another driver looks for expired leases, or after a crash the only driver takes back all."""
        count = self.world.step(leases.recover, self.world.now, only_driver=crash)
        dead = [id_ for id_, v in self.videos.items() if v.token and (crash or v.until < self.world.now)]
        assert count == len(dead)
        for id_ in dead:
            self.free(id_)

    @rule()
    def retry(self) -> None:
        failed = [id_ for id_, video in self.videos.items() if video.state in ("failed", "given_up")]
        assert self.world.step(results.retry, self.world.now) == len(failed)
        for id_ in failed:
            audio = self.videos[id_].audio
            state, stage = ("fetched", "analyse") if audio else ("queued", "fetch")
            self.videos[id_] = self.videos[id_].waiting(state, stage, self.world.now, audio)

    @rule(number=NUMBERS)
    def withdraw(self, number: int) -> None:
        id_ = candidate(number).id
        if id_ not in self.videos:
            with pytest.raises(UnknownVideoError):
                self.world.withdraw(id_)
            return
        audio = self.videos[id_].audio
        fallen = {id_} | {other for other, video in self.videos.items() if audio and video.audio == audio}
        fallen = {other for other in fallen if self.videos[other].state != "withdrawn"}
        assert self.world.withdraw(id_) == len(fallen)
        self.withdrawn_audio |= {audio} if audio else set()
        self.withdrawn_ids |= fallen
        for other in fallen:
            self.videos[other] = self.videos[other].at_rest("withdrawn")

    @rule(number=NUMBERS, outcome=st.sampled_from(Outcome))
    def redecide(self, number: int, outcome: Outcome) -> None:
        id_ = candidate(number).id
        if id_ not in self.videos:
            return
        self.world.redecide(id_, outcome=outcome)
        video = self.videos[id_]
        if VideoState(video.state) in DECIDED:
            self.videos[id_] = video.at_rest(outcome.state.value, video.audio)

    @rule(audio=AUDIO)
    def lose_a_file(self, audio: str) -> None:
        lost = [id_ for id_, video in self.videos.items() if video.audio == audio]
        if lost:
            self.world.step(results.fetch_again, sha_of(audio), self.world.now)
        for id_ in lost:
            self.videos[id_] = self.videos[id_].waiting("queued", "fetch", self.world.now)

    @rule(numbers=st.lists(NUMBERS, min_size=1, max_size=3, unique=True), audio=AUDIO, outcome=st.sampled_from(Outcome))
    def go_all_the_way(self, numbers: list[int], audio: str, outcome: Outcome) -> None:
        """What mostly happens, so that decided videos with shared audio are common."""
        self.discover(numbers)
        self.screen()
        for _ in numbers:
            for stage in ("fetch", "analyse"):
                self.finish(self.claim(stage), audio, outcome)

    @invariant()
    def every_video_is_where_the_model_says(self) -> None:
        actual = {
            row.id: (row.state, row.stage, row.due_at, row.lease_token, row.recording)
            for row in self.world.rows(schema.video)
        }
        assert actual == {
            id_: (video.state, video.stage, video.due, video.token, video.audio and sha_of(video.audio))
            for id_, video in self.videos.items()
        }

    @invariant()
    def exports_name_exactly_the_accepted(self) -> None:
        accepted = {id_ for id_, video in self.videos.items() if video.state == "accepted"}
        exported = self.world.ask(exportable.exportable)
        assert {row.id for recording in exported for row in recording.carriers} == accepted
        assert len(self.world.ask(exportable.accepted_urls)) == len(accepted)


def test_a_clock_set_back_does_not_hold_up_a_host_without_pace(catalog: Catalog) -> None:
    """Found by the model: the host's last request lay in the future, and nothing was fetched until then."""
    world = World(catalog)
    world.queue(candidate(1), candidate(2))
    world.now += 1_000
    assert len(world.claim()) == 1
    world.now -= 500
    assert len(world.claim()) == 1


TestCatalogAndModel = CatalogAndModel.TestCase
TestCatalogAndModel.settings = settings(
    max_examples=often(20, 1_000),
    stateful_step_count=often(25, 60),
    # Looking for a shorter example of a failure takes minutes; the long version does it.
    phases=[phase for phase in Phase if LONG or phase is not Phase.shrink],
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
