"""Which language is spoken in a video that is being analysed: all evidence, weighed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from sqlalchemy import Connection

from voicesieve.catalog.reads import evidence
from voicesieve.catalog.records import Claim
from voicesieve.crawl import work
from voicesieve.crawl.context import RunContext
from voicesieve.domain.failures import Failure, FailureError, FailureKind, Remedy
from voicesieve.domain.languages import EvidenceKind, LanguageEvidence, SpokenLanguage
from voicesieve.domain.verdicts import Verdict
from voicesieve.languages.fusion import fuse
from voicesieve.languages.recognition import votes_of
from voicesieve.languages.spoken import MAX_REASON_CHARS, KnownVideo, collect
from voicesieve.policy.acceptance import rejects_voices
from voicesieve.sources.registry import declared_as


@dataclass(frozen=True)
class _Known:
    written: KnownVideo
    recognised: tuple[LanguageEvidence, ...]


async def spoken_in(context: RunContext, claim: Claim, verdict: Verdict, path: str) -> SpokenLanguage:
    """What is written about the video and, if a recogniser is set, what is spoken in it, as one answer.

    A detector that cannot work is part of the answer, never an exception, unless nothing can go on.
    """
    known = await context.committer.run(_known, context, claim)
    written = await asyncio.to_thread(collect, known.written)
    recognised = work.Recognised(known.recognised)
    if not known.recognised and not rejects_voices(verdict, context.rules.acceptance):
        recognised = await _recognise(context, claim, verdict, path)
    unavailable = list(written.unavailable)
    if recognised.unavailable:
        unavailable.append((EvidenceKind.WHISPER.value, recognised.unavailable[:MAX_REASON_CHARS]))
    chains = {**written.chains, EvidenceKind.WHISPER.value: recognised.chain}
    for detector, why in unavailable:
        context.events.emit(
            "language_unavailable",
            video=claim.video,
            url=claim.url,
            detector=detector,
            error=why,
            chain=list(chains.get(detector, ())),
            next="decided without it; `voicesieve retry --language` tries it again",
        )
    return fuse((*written.evidence, *recognised.evidence), context.rules.fusion, unavailable)


async def _recognise(context: RunContext, claim: Claim, verdict: Verdict, path: str) -> work.Recognised:
    recogniser = context.rules.recogniser
    votes = votes_of(verdict.segments, recogniser.votes) if recogniser else ()
    if recogniser is None or not votes:
        return work.Recognised()
    if recogniser.unavailable:
        return work.Recognised(unavailable=recogniser.unavailable)
    order = work.RecognitionOrder(context.store.path(path), recogniser, votes)
    alone = claim.machine_failures > 0
    deadline_s = context.rules.analysis_deadline_s
    try:
        return await context.engine.run(work.recognise_language, order, deadline_s=deadline_s, alone=alone)
    except (FailureError, OSError) as error:
        if isinstance(error, FailureError) and error.failure.remedy is Remedy.STOP_RUN:
            raise
        kind = FailureKind.INTERNAL_ERROR
        failure = error.failure if isinstance(error, FailureError) else Failure.from_exception(kind, error)
        return work.Recognised(unavailable=str(error), chain=failure.chain)


def _known(connection: Connection, context: RunContext, claim: Claim) -> _Known:
    row = evidence.written_about(connection, claim.key)
    written = KnownVideo(
        declared_as=declared_as(row.found_by),
        title=row.title,
        declared_language=row.declared_language,
        metadata=row.metadata or {},
        facts=row.facts or {},
        channel_languages=evidence.channel_languages(connection, row.channel, but_not=claim.key),
    )
    recogniser = context.rules.recogniser
    if recogniser is None or claim.recording is None:
        return _Known(written, ())
    return _Known(
        written, evidence.heard_before(connection, claim.recording, EvidenceKind.WHISPER, recogniser.revision)
    )
