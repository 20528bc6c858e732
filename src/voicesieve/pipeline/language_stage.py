"""Which language is spoken in a video that is being analysed: all evidence, weighed."""

from __future__ import annotations

import asyncio

from sqlalchemy import Connection

from voicesieve.catalog import evidence
from voicesieve.catalog.records import Claim
from voicesieve.domain.languages import SpokenLanguage
from voicesieve.domain.verdicts import Verdict
from voicesieve.languages.fusion import fuse
from voicesieve.languages.spoken import KnownVideo, collect
from voicesieve.pipeline.context import RunContext


async def spoken_in(context: RunContext, claim: Claim, verdict: Verdict) -> SpokenLanguage:
    """What is written about the video and, where somebody listens, what was heard, as one answer.

    A detector that cannot work is part of the answer, never an exception.
    """
    known = await context.committer.run(_known, claim)
    written = await asyncio.to_thread(collect, known)
    return fuse(written.evidence, context.rules.fusion, written.unavailable)


def _known(connection: Connection, claim: Claim) -> KnownVideo:
    row = evidence.written_about(connection, claim.key)
    return KnownVideo(
        source=row.source,
        title=row.title,
        declared_language=row.declared_language,
        metadata=row.metadata or {},
        facts=row.facts or {},
        channel_languages=evidence.channel_languages(connection, row.channel, but_not=claim.key),
    )
