"""Analysing one claimed recording: its scores, its language, the decision, and the one transaction that publishes them.

What a crash costs: before `results.publish` has committed, the analysis in hand, which is made again; after it nothing,
for scores, language, decision and state are one transaction. The old verdict of a video that is analysed again stands
until then.
"""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from voicesieve.catalog.reads import verdicts
from voicesieve.catalog.records import Claim, StaleLeaseError
from voicesieve.catalog.writes import results
from voicesieve.crawl import work
from voicesieve.crawl.context import Run, Tools
from voicesieve.crawl.failing import Attempts, RunFaultError, typed
from voicesieve.crawl.language import spoken_in
from voicesieve.crawl.rules import Rules
from voicesieve.domain.decisions import Decision
from voicesieve.domain.failures import Failure, FailureKind
from voicesieve.domain.languages import SpokenLanguage
from voicesieve.domain.verdicts import Verdict
from voicesieve.policy.acceptance import decide
from voicesieve.voices.pooling import pool
from voicesieve.voices.scores import WindowScores


@dataclass(frozen=True)
class Analysing:
    """The analysing of one run.

    ``in_hand`` holds a lock for each recording that is being analysed; ``lost`` are the videos whose stored file
    vanished once in this run.
    """

    run: Run
    tools: Tools
    rules: Rules
    attempts: Attempts
    in_hand: MutableMapping[str, asyncio.Lock] = field(default_factory=WeakValueDictionary)
    lost: set[str] = field(default_factory=set)

    async def analyse(self, claim: Claim) -> None:
        """Score, decide and publish one video, or record why not.

        Equal audio that the same model has scored before is not analysed again. A recording whose file is missing is
        fetched again. When it is cancelled, its caller gives the video back. Raises `RunFaultError` if the run cannot
        continue, `TakenBackError` if the video is not to blame, and `StaleLeaseError` if its lease is no longer ours.
        """
        if claim.recording is None or claim.recording_path is None:
            raise StaleLeaseError(claim.video)
        # Equal audio under another id waits here until the scores of the first are stored.
        async with self.in_hand.setdefault(claim.recording, asyncio.Lock()):
            if self.tools.store.holds(claim.recording_path):
                await self._analyse_and_publish(claim, claim.recording, claim.recording_path)
            else:
                await self._fetch_again(claim, claim.recording, claim.recording_path)

    async def _analyse_and_publish(self, claim: Claim, recording: str, path: str) -> None:
        run, rules, model = self.run, self.rules, self.tools.model
        stored = await run.committer.run(verdicts.verdict_of_model, recording, model.name, model.revision)
        started = run.clock()
        attempt = await self.attempts.begin(claim, "stored_scores" if stored else rules.detector.name)
        try:
            if stored is None:
                analysed = await self._analyse(claim, path)
            else:
                analysed = work.Analysed(model, stored.duration_s, stored.windows, stored.levels)
            scores = WindowScores.from_bytes(analysed.windows)
            verdict = pool(scores, analysed.duration_s, rules.acceptance.operating_point, analysed.model)
            language = await spoken_in(run, self.tools, rules, claim, verdict, path)
            decision = decide(verdict, rules.acceptance, language)
            await run.committer.run(
                results.publish,
                claim,
                attempt.id,
                verdict,
                analysed.windows,
                analysed.levels,
                language,
                decision,
                run.clock(),
            )
        except asyncio.CancelledError:
            await self.attempts.interrupt(attempt)
            raise
        except StaleLeaseError:
            raise
        except Exception as error:  # noqa: BLE001 - typed, recorded and reported, whatever it is
            await self.attempts.fail(claim, attempt, typed(error, self.tools.folder.root))
        else:
            self.attempts.streaks.succeeded(claim)
            self._report(claim, verdict, language, decision, run.clock() - started)

    async def _analyse(self, claim: Claim, path: str) -> work.Analysed:
        order = work.AnalysisOrder(
            self.tools.store.path(path), self.rules.detector, self.rules.fetch_limits.max_duration_s
        )
        return await self.tools.engine.run(
            work.analyse, order, deadline_s=self.rules.analysis_deadline_s, alone=claim.machine_failures > 0
        )

    def _report(
        self, claim: Claim, verdict: Verdict, language: SpokenLanguage, decision: Decision, took_s: float
    ) -> None:
        self.run.events.emit(
            "video_decided",
            video=claim.video,
            title=claim.title,
            url=claim.url,
            outcome=decision.outcome.value,
            reason=decision.reasons[0].message,
            rule=decision.reasons[0].rule,
            recording=claim.recording,
            score=verdict.score,
            child_s=verdict.child_s,
            language=language.code,
            duration_s=verdict.duration_s,
            took_s=took_s,
        )

    async def _fetch_again(self, claim: Claim, recording: str, path: str) -> None:
        """Fetch a recording again whose file is missing; if that happens twice, stop instead of fetching it without
        end."""
        run, why = self.run, self.tools.store.refusal(path) or "it is gone"
        again = claim.video in self.lost
        self.lost.add(claim.video)
        if again:
            self.attempts.faulted.set()  # before the video is due again, or this run would take it up once more
        await run.committer.run(results.fetch_again, recording, run.clock())
        run.events.emit("file_lost", video=claim.video, recording=path, error=why, next="fetched again")
        if again:
            message = (
                f"the stored file of {claim.video} vanished twice in this run: another program removes files from "
                f"{self.tools.folder.recordings}. Exclude that folder from what cleans or scans it; the same command "
                "then resumes"
            )
            raise RunFaultError(Failure(FailureKind.MACHINE_FAULT, message))
