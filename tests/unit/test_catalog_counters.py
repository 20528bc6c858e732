"""Whatever happens in whatever order, all counts equal a recount of the rows."""

from __future__ import annotations

import tempfile
from pathlib import Path

from catalog_world import LEASE_S, VIETNAMESE, World, candidate, sha_of, withdraw_channel
from conftest import MEMORY
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from voicesieve.catalog import schema
from voicesieve.catalog.opening import open_catalog
from voicesieve.catalog.records import Claim, StaleLeaseError
from voicesieve.catalog.writes import discovery, languages, leases, results
from voicesieve.domain.decisions import Outcome, Reason
from voicesieve.domain.failures import FailureKind
from voicesieve.domain.languages import SpokenLanguage
from voicesieve.domain.verdicts import Model

NUMBERS = st.integers(0, 7)
AUDIO = st.sampled_from(["a", "bb", "ccc"])
CHILD_S = st.sampled_from([0.0, 1.5, 4.0])
LANGUAGES = st.sampled_from(
    [
        VIETNAMESE,
        SpokenLanguage("und", probability=0.2),
        SpokenLanguage("und", probability=0.9, contradicted=True),
        SpokenLanguage("en", unavailable=(("text", "broken"), ("whisper", "broken"))),
    ]
)
MODELS = st.sampled_from([Model("floor", "r1"), Model("floor", "r2")])
CHANNELS = ("", "one", "two")


def numbered(number: int):  # type: ignore[no-untyped-def]
    host = ("a.example", "b.example", "")[number % 3]
    return candidate(number, host, channel=CHANNELS[number % 3])


class Crawl(RuleBasedStateMachine):
    """Steps of a crawl in any order, with late workers, crashes, a clock that jumps and takedowns in between."""

    claims = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="voicesieve-machine-", dir=MEMORY)
        self.world = World(open_catalog(Path(self.folder.name), create=True))

    def teardown(self) -> None:
        self.world.catalog.close()
        self.folder.cleanup()

    @rule(numbers=st.lists(NUMBERS, max_size=4), ended=st.booleans())
    def discover(self, numbers: list[int], ended: bool) -> None:
        self.world.discover(*map(numbered, numbers), cursor=None if ended else {"page": 1})

    @rule(shut_out=NUMBERS, by=st.sampled_from(["rules-1", "rules-2"]))
    def screen(self, shut_out: int, by: str) -> None:
        self.world.step(discovery.screen_again, by, self.world.now)
        self.world.screen(lambda video: Reason("no", "no") if video.id == numbered(shut_out).id else None, by)

    @rule(target=claims, analysis=st.booleans())
    def claim(self, analysis: bool) -> Claim | None:
        claims = self.world.claim_analysis() if analysis else self.world.claim()
        return claims[0] if claims else None

    @rule(
        claim=consumes(claims),
        audio=AUDIO,
        child_s=CHILD_S,
        model=MODELS,
        outcome=st.sampled_from(Outcome),
        language=LANGUAGES,
    )
    def finish(
        self,
        claim: Claim | None,
        audio: str,
        child_s: float,
        model: Model,
        outcome: Outcome,
        language: SpokenLanguage,
    ) -> None:
        if claim is None:
            return
        try:
            if claim.stage == "fetch":
                self.world.fetched(claim, audio, channel=CHANNELS[len(audio) % 3])
            else:
                self.world.publish(claim, outcome, child_s=child_s, model=model, language=language)
        except StaleLeaseError:
            assert self.world.row(claim.video).lease_token != claim.token

    @rule(numbers=st.lists(NUMBERS, min_size=1, max_size=3), audio=AUDIO, child_s=CHILD_S, model=MODELS)
    def go_all_the_way(self, numbers: list[int], audio: str, child_s: float, model: Model) -> None:
        """What mostly happens; by random steps alone few videos would ever share accepted audio."""
        self.world.queue(*map(numbered, numbers))
        for claim in self.world.claim(limit=3):
            self.world.fetched(claim, audio)
        for claim in self.world.claim_analysis(limit=3):
            self.world.publish(claim, child_s=child_s, model=model)

    @rule(numbers=st.lists(NUMBERS, max_size=2), analysis=st.booleans(), kind=st.sampled_from(FailureKind))
    def go_wrong(self, numbers: list[int], analysis: bool, kind: FailureKind) -> None:
        self.world.queue(*map(numbered, numbers))
        for claim in self.world.claim_analysis() if analysis else self.world.claim():
            self.world.fail(claim, kind)

    @rule(claim=consumes(claims), kind=st.sampled_from(FailureKind))
    def fail(self, claim: Claim | None, kind: FailureKind) -> None:
        if claim is None:
            return
        try:
            self.world.fail(claim, kind)
        except StaleLeaseError:
            assert self.world.row(claim.video).lease_token != claim.token

    @rule(claim=consumes(claims))
    def release(self, claim: Claim | None) -> None:
        if claim is not None:
            self.world.step(leases.release, claim, self.world.now)

    @rule(seconds=st.sampled_from([-50.0, 1.0, LEASE_S + 1, 10_000.0]))
    def wait(self, seconds: float) -> None:
        self.world.now += seconds

    @rule(only_driver=st.booleans())
    def recover(self, only_driver: bool) -> None:
        self.world.step(leases.recover, self.world.now, only_driver=only_driver)

    @rule(kind=st.sampled_from([None, "network", "gone"]))
    def retry(self, kind: str | None) -> None:
        self.world.step(results.retry, self.world.now, kind=kind)

    @rule(audio=AUDIO)
    def lose_file(self, audio: str) -> None:
        self.world.step(results.fetch_again, sha_of(audio), self.world.now)

    @rule()
    def listen_again(self) -> None:
        self.world.step(languages.listen_again, self.world.now)

    @rule(outcome=st.sampled_from(Outcome), child_s=CHILD_S, language=LANGUAGES)
    def redecide(self, outcome: Outcome, child_s: float, language: SpokenLanguage) -> None:
        self.world.redecide(outcome=outcome, child_s=child_s, language=language)

    @rule(model=MODELS, every=st.booleans())
    def analyse_again(self, model: Model, every: bool) -> None:
        self.world.queue_again(model, every=every)

    @rule(number=NUMBERS)
    def withdraw_video(self, number: int) -> None:
        if any(row.id == numbered(number).id for row in self.world.rows(schema.video)):
            self.world.withdraw(numbered(number).id)

    @rule()
    def withdraw_channel(self) -> None:
        self.world.step(withdraw_channel, "two", "asked for", self.world.now)

    @invariant()
    def counts_are_right(self) -> None:
        self.world.check_counts()


TestCrawl = Crawl.TestCase
TestCrawl.settings = settings(
    max_examples=40,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
