"""Fetching one claimed video: methods in order, proof that the file is good, and the commit that names it."""

from __future__ import annotations

import asyncio
import dataclasses
import shutil
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection

from voicesieve.catalog.records import Claim, StaleLeaseError
from voicesieve.catalog.writes import leases, merging, requests, results, takedown
from voicesieve.crawl import work
from voicesieve.crawl.context import RunContext
from voicesieve.crawl.failing import OpenAttempt, interrupt_attempt, open_attempt, record_failure, tell_failure, typed
from voicesieve.crawl.screen import full_screen, objection, screen_out
from voicesieve.domain.errors import InnerError
from voicesieve.domain.failures import METHOD_SPECIFIC, Failure, FailureKind
from voicesieve.domain.fetching import (
    FetchedRecording,
    FetchOutcome,
    FetchRequest,
    MethodAttempt,
    NotWantedError,
    SoundTrack,
)
from voicesieve.domain.states import VideoState
from voicesieve.fetching.local import gone
from voicesieve.fetching.methods import methods_for
from voicesieve.files import PRIVATE_FOLDER
from voicesieve.languages.spoken import digest

LONGEST_PAUSE_S = 10.0
"""How long a video between two methods waits for a host that is left alone; a run does not sleep for a longer pause."""


class PutOffError(InnerError):
    """The video's host is left alone: it goes back as it was and begins again when its host may be asked."""


async def fetch_video(context: RunContext, claim: Claim) -> FetchOutcome:
    """Bring one video's audio into the store, or record why not. Leaves no file in scratch, however it ends.

    When it is cancelled or raises `PutOffError`, its caller gives the video back. Raises `RunFaultError` when the run
    cannot go on, and `StaleLeaseError` when somebody else has the video by now.
    """
    reason = objection(context, claim)
    if reason is not None:
        await screen_out(context, claim, reason, {}, None)
        return FetchOutcome(claim.video, (), screened_out=reason)
    scratch = context.folder.scratch / claim.token
    attempts: list[MethodAttempt] = []
    try:
        *earlier, final = methods_for(claim.url, context.rules.methods)
        for method in earlier:
            async with context.downloads:
                outcome = await _try_method(context, claim, method, scratch, attempts, last=False)
            if outcome is not None:
                return outcome
            await _wait_for_slot(context, claim)
        async with context.downloads:
            outcome = await _try_method(context, claim, final, scratch, attempts, last=True)
        assert outcome is not None
        return outcome
    finally:
        _remove_scratch(context, scratch)


async def _try_method(
    context: RunContext, claim: Claim, method: str, scratch: Path, attempts: list[MethodAttempt], *, last: bool
) -> FetchOutcome | None:
    """One attempt, from its first trace in the catalog to its end. ``None`` asks for the next method."""
    started = context.clock()
    attempt = await open_attempt(context, claim, method, f"{scratch.name}/{method}")
    try:
        recording = await _fetch_and_examine(context, claim, method, scratch / method)
        state = await _store(context, claim, attempt, recording)
    except asyncio.CancelledError:
        await interrupt_attempt(context, attempt)
        raise
    except StaleLeaseError:
        raise
    except NotWantedError as error:
        await screen_out(context, claim, error.reason, error.facts, attempt)
        return FetchOutcome(claim.video, tuple(attempts), screened_out=error.reason)
    except Exception as error:  # noqa: BLE001 - typed, recorded and told, whatever it is
        failure = typed(error, context)
    else:
        attempts.append(MethodAttempt(method, started, context.clock(), bytes=recording.bytes))
        context.events.emit(
            "video_fetched",
            video=claim.video,
            title=claim.title,
            url=claim.url,
            method=method,
            bytes=recording.bytes,
            duration_s=recording.media.duration_s,
            recording=recording.sha256,
            state=state.value,
            took_s=context.clock() - started,
        )
        context.streaks.succeeded(claim)
        return FetchOutcome(claim.video, tuple(attempts), recording=recording)
    attempts.append(MethodAttempt(method, started, context.clock(), failure=failure))
    if failure.kind in METHOD_SPECIFIC and not last:
        sentence = "the next method is tried"
        await context.committer.run(
            leases.finish_attempt, attempt.id, context.clock(), failure=failure, next_sentence=sentence
        )
        await tell_failure(context, claim, attempt, failure, claim.waiting_state, sentence)
        return None
    deciding = _most_telling(attempts)
    await record_failure(context, claim, attempt, failure, deciding=deciding)
    return FetchOutcome(claim.video, tuple(attempts), failure=deciding)


async def _fetch_and_examine(context: RunContext, claim: Claim, method: str, scratch: Path) -> FetchedRecording:
    limits = context.rules.fetch_limits
    await asyncio.to_thread(_make_scratch, scratch)
    request = FetchRequest(claim.video, claim.url, scratch, limits, full_screen(context, claim))
    fetched = await context.fetchers[method].fetch(request)
    # A stated length is a reason to ask once more; what the second answer brings is how much there is.
    stated_s = fetched.expected_duration_s or claim.declared_duration_s
    order = work.Examination(
        fetched.path,
        stated_s if claim.item_failures == 0 else None,
        context.rules.min_duration_s,
        limits.max_duration_s,
    )
    alone = claim.machine_failures > 0
    deadline_s = context.rules.analysis_deadline_s
    examined = await context.engine.run(work.examine, order, deadline_s=deadline_s, alone=alone)
    # What people wrote is read for its language and not kept: it may name children.
    facts = await asyncio.to_thread(digest, fetched.facts)
    facts = {**facts, **_track_facts(examined.media.tracks)}
    return FetchedRecording(fetched.path, examined.sha256, examined.bytes, examined.media, facts)


def _track_facts(tracks: Sequence[SoundTrack]) -> dict[str, object]:
    """All sound tracks of a file that has several, so that none is left out without a word."""
    return {"sound_tracks": [dataclasses.asdict(track) for track in tracks]} if len(tracks) > 1 else {}


async def _store(context: RunContext, claim: Claim, attempt: OpenAttempt, recording: FetchedRecording) -> VideoState:
    """The file first, durably; then the one transaction that names it."""
    path = await asyncio.to_thread(context.store.adopt, recording.path, recording.sha256, recording.media.suffix)
    try:
        lay = await context.committer.run(merging.others_with, recording.sha256, claim.key)
        moved_from = await asyncio.to_thread(gone, lay)
        return await context.committer.run(_commit, context, claim, attempt, recording, path, moved_from)
    except StaleLeaseError:
        await context.committer.run(takedown.delete_unless_named, path, context.clock())
        raise


def _commit(
    connection: Connection,
    context: RunContext,
    claim: Claim,
    attempt: OpenAttempt,
    recording: FetchedRecording,
    path: str,
    moved_from: frozenset[str],
) -> VideoState:
    now = context.clock()
    leases.finish_attempt(connection, attempt.id, now, size=recording.bytes, next_sentence="analysed next")
    rules = context.rules
    return results.finish_fetch(
        connection,
        claim,
        recording,
        path,
        now,
        rights_basis=rules.rights_basis,
        rights_statement=rules.rights_statement,
        gone=moved_from,
    )


async def _wait_for_slot(context: RunContext, claim: Claim) -> None:
    """A second method is a second request to the host, and takes its own turn.

    Raises `PutOffError` if the host is left alone meanwhile.
    """
    if not claim.host:
        return
    turn = await context.committer.run(
        requests.reserve,
        claim.host,
        None,
        context.clock(),
        paces=context.rules.pace,
        limits={},
        chance=context.random.random(),
        patience_s=LONGEST_PAUSE_S,
    )
    if turn.obstacle:
        raise PutOffError(turn.obstacle)
    context.between_methods.add(claim.token)
    context.progressed.set()
    try:
        await asyncio.sleep(max(0.0, turn.at - context.clock()))
    finally:
        context.between_methods.discard(claim.token)


def _most_telling(attempts: list[MethodAttempt]) -> Failure:
    """The last failure, unless it only says that the last method was the wrong tool."""
    failures = [attempt.failure for attempt in attempts if attempt.failure is not None]
    telling = [failure for failure in failures if failure.kind is not FailureKind.UNSUPPORTED]
    return (telling or failures)[-1]


def _make_scratch(scratch: Path) -> None:
    scratch.parent.mkdir(PRIVATE_FOLDER, exist_ok=True)
    scratch.mkdir(PRIVATE_FOLDER)


def _remove_scratch(context: RunContext, scratch: Path) -> None:
    try:
        shutil.rmtree(scratch)
    except FileNotFoundError:
        return  # cancelled before anything was written
    except OSError as error:
        context.events.emit("scratch_left_behind", scratch=str(scratch), error=str(error), next="swept by the next run")
