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
from voicesieve.languages.listening import votes_of
from voicesieve.languages.spoken import MAX_REASON_CHARS, KnownVideo, collect
from voicesieve.policy.acceptance import rejects_voices


@dataclass(frozen=True)
class _Known:
    written: KnownVideo
    heard: tuple[LanguageEvidence, ...]


async def spoken_in(context: RunContext, claim: Claim, verdict: Verdict, path: str) -> SpokenLanguage:
    """What is written about the video and, where somebody listens, what was heard, as one answer.

    A detector that cannot work is part of the answer, never an exception, unless nothing can go on.
    """
    known = await context.committer.run(_known, context, claim)
    written = await asyncio.to_thread(collect, known.written)
    heard = work.Heard(known.heard)
    if not known.heard and not rejects_voices(verdict, context.rules.acceptance):
        heard = await _listen(context, claim, verdict, path)
    unavailable = list(written.unavailable)
    if heard.unavailable:
        unavailable.append((EvidenceKind.WHISPER.value, heard.unavailable[:MAX_REASON_CHARS]))
    chains = {**written.chains, EvidenceKind.WHISPER.value: heard.chain}
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
    return fuse((*written.evidence, *heard.evidence), context.rules.fusion, unavailable)


async def _listen(context: RunContext, claim: Claim, verdict: Verdict, path: str) -> work.Heard:
    listener = context.rules.listener
    votes = votes_of(verdict.segments, listener.votes) if listener else ()
    if listener is None or not votes:
        return work.Heard()
    if listener.unavailable:
        return work.Heard(unavailable=listener.unavailable)
    order = work.Listening(context.store.path(path), listener, votes)
    alone = claim.machine_failures > 0
    deadline_s = context.rules.analysis_deadline_s
    try:
        return await context.engine.run(work.listen, order, deadline_s=deadline_s, alone=alone)
    except (FailureError, OSError) as error:
        if isinstance(error, FailureError) and error.failure.remedy is Remedy.STOP_RUN:
            raise
        kind = FailureKind.INTERNAL_ERROR
        failure = error.failure if isinstance(error, FailureError) else Failure.from_exception(kind, error)
        return work.Heard(unavailable=str(error), chain=failure.chain)


def _known(connection: Connection, context: RunContext, claim: Claim) -> _Known:
    row = evidence.written_about(connection, claim.key)
    written = KnownVideo(
        found_by=row.found_by,
        title=row.title,
        declared_language=row.declared_language,
        metadata=row.metadata or {},
        facts=row.facts or {},
        channel_languages=evidence.channel_languages(connection, row.channel, but_not=claim.key),
    )
    listener = context.rules.listener
    if listener is None or claim.recording is None:
        return _Known(written, ())
    return _Known(written, evidence.heard_before(connection, claim.recording, EvidenceKind.WHISPER, listener.revision))
