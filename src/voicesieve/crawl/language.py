"""Which language is spoken in a video that is being analysed: all evidence, weighed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from sqlalchemy import Connection

from voicesieve.catalog.reads import evidence
from voicesieve.catalog.records import Claim
from voicesieve.crawl import work
from voicesieve.crawl.context import Run, Tools
from voicesieve.crawl.rules import Rules
from voicesieve.domain.failures import Failure, FailureError, FailureKind, Remedy
from voicesieve.domain.languages import EvidenceKind, LanguageEvidence, SpokenLanguage
from voicesieve.domain.verdicts import Verdict
from voicesieve.languages.fusion import fuse
from voicesieve.languages.recognition import Recogniser, votes_of
from voicesieve.languages.spoken import MAX_REASON_CHARS, KnownVideo, collect
from voicesieve.policy.acceptance import rejects_voices
from voicesieve.sources.registry import declared_as


@dataclass(frozen=True)
class _Before:
    written: KnownVideo
    recognised: tuple[LanguageEvidence, ...]


async def spoken_in(run: Run, tools: Tools, rules: Rules, claim: Claim, verdict: Verdict, path: str) -> SpokenLanguage:
    """What is written about the video and, if a recogniser is set, what is spoken in it, as one answer.

    A detector that cannot work is part of the answer, never an exception, unless the run cannot continue.
    """
    before = await run.committer.run(_evidence_before, rules.recogniser, claim)
    written = await asyncio.to_thread(collect, before.written)
    recognised = work.Recognised(before.recognised)
    if not before.recognised and not rejects_voices(verdict, rules.acceptance):
        recognised = await _recognise(tools, rules, claim, verdict, path)
    unavailable = list(written.unavailable)
    if recognised.unavailable:
        unavailable.append((EvidenceKind.WHISPER.value, recognised.unavailable[:MAX_REASON_CHARS]))
    chains = {**written.chains, EvidenceKind.WHISPER.value: recognised.chain}
    for detector, why in unavailable:
        run.events.emit(
            "language_unavailable",
            video=claim.video,
            url=claim.url,
            detector=detector,
            error=why,
            chain=list(chains.get(detector, ())),
            next="decided without it; `voicesieve retry --language` tries it again",
        )
    return fuse((*written.evidence, *recognised.evidence), rules.fusion, unavailable)


async def _recognise(tools: Tools, rules: Rules, claim: Claim, verdict: Verdict, path: str) -> work.Recognised:
    recogniser = rules.recogniser
    votes = votes_of(verdict.segments, recogniser.votes) if recogniser else ()
    if recogniser is None or not votes:
        return work.Recognised()
    if recogniser.unavailable:
        return work.Recognised(unavailable=recogniser.unavailable)
    order = work.RecognitionOrder(tools.store.path(path), recogniser, votes)
    try:
        return await tools.engine.run(
            work.recognise_language, order, deadline_s=rules.analysis_deadline_s, alone=claim.machine_failures > 0
        )
    except (FailureError, OSError) as error:
        if isinstance(error, FailureError) and error.failure.remedy is Remedy.STOP_RUN:
            raise
        kind = FailureKind.INTERNAL_ERROR
        failure = error.failure if isinstance(error, FailureError) else Failure.from_exception(kind, error)
        return work.Recognised(unavailable=str(error), chain=failure.chain)


def _evidence_before(connection: Connection, recogniser: Recogniser | None, claim: Claim) -> _Before:
    row = evidence.written_about(connection, claim.key)
    written = KnownVideo(
        declared_as=declared_as(row.found_by),
        title=row.title,
        declared_language=row.declared_language,
        metadata=row.metadata or {},
        facts=row.facts or {},
        channel_languages=evidence.channel_languages(connection, row.channel, but_not=claim.key),
    )
    if recogniser is None or claim.recording is None:
        return _Before(written, ())
    return _Before(
        written, evidence.recognised_before(connection, claim.recording, EvidenceKind.WHISPER, recogniser.revision)
    )
