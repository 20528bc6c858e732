"""Fetching one claimed video: its methods in order, proof that the file is good, and the commit that names it.

What a crash costs, in the order of the lines: while a method works, its bytes in scratch, which the next run removes,
and one request; between `adopt` and the commit, nothing but the work, for the file lies under its hash and is found
there when the video is fetched again; after the commit nothing. The lease ends with the run, and the open attempt is
recorded as interrupted.
"""

from __future__ import annotations

import asyncio
import dataclasses
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from voicesieve.catalog.records import Claim, StaleLeaseError
from voicesieve.catalog.writes import leases, merging, requests, results, takedown
from voicesieve.crawl import work
from voicesieve.crawl.context import Run, Tools
from voicesieve.crawl.failing import Attempts, OpenAttempt, typed
from voicesieve.crawl.rules import Rules
from voicesieve.crawl.screen import full_screen, objection, screen_out
from voicesieve.domain.errors import InnerError
from voicesieve.domain.failures import METHOD_SPECIFIC, Failure, FailureKind
from voicesieve.domain.fetching import FetchedRecording, FetchRequest, NotWantedError, SoundTrack
from voicesieve.domain.states import VideoState
from voicesieve.fetching.local import gone
from voicesieve.fetching.methods import methods_for
from voicesieve.files import PRIVATE_FOLDER
from voicesieve.languages.spoken import digest

LONGEST_PAUSE_S = 10.0
"""How long a video between two methods waits for a host that is paused; a run does not sleep for a longer pause."""


class PutOffError(InnerError):
    """The video's host is paused: it goes back as it was and begins again when its host may be asked."""


@dataclass(frozen=True)
class Fetching:
    """The fetching of one run.

    ``downloads`` has a place for each download at the same time; ``between_methods`` are the tokens of claims that wait
    for their host's next slot and take no place meanwhile. ``progressed`` is set when a place has become free.
    """

    run: Run
    tools: Tools
    rules: Rules
    attempts: Attempts
    progressed: asyncio.Event
    downloads: asyncio.Semaphore
    between_methods: set[str] = field(default_factory=set)

    async def fetch(self, claim: Claim) -> None:
        """Bring one video's audio into the store, or record why not. Leaves no file in scratch, however it ends.

        When it is cancelled or raises `PutOffError`, its caller gives the video back. Raises `RunFaultError` if the run
        cannot continue, `TakenBackError` if the video is not to blame, and `StaleLeaseError` if its lease is no longer
        ours.
        """
        reason = objection(claim, self.rules.screening)
        if reason is not None:
            await screen_out(self.run, claim, reason, self.rules.screening, {})
            return
        scratch = self.tools.folder.scratch / claim.token
        failures: list[Failure] = []
        try:
            *earlier, final = methods_for(claim.url, self.rules.methods)
            for method in earlier:
                async with self.downloads:
                    ended = await self._try_method(claim, method, scratch, failures, last=False)
                if ended:
                    return
                await self._wait_for_slot(claim)
            async with self.downloads:
                await self._try_method(claim, final, scratch, failures, last=True)
        finally:
            self._remove_scratch(scratch)

    async def _try_method(
        self, claim: Claim, method: str, scratch: Path, failures: list[Failure], *, last: bool
    ) -> bool:
        """One attempt, from its first trace in the catalog to its end. False asks for the next method.

        ``failures`` are those of the methods before, and this one's is added.
        """
        run, started = self.run, self.run.clock()
        attempt = await self.attempts.begin(claim, method, f"{scratch.name}/{method}")
        try:
            recording = await self._fetch_and_examine(claim, method, scratch / method)
            state = await self._store(claim, attempt, recording)
        except asyncio.CancelledError:
            await self.attempts.interrupt(attempt)
            raise
        except StaleLeaseError:
            raise
        except NotWantedError as error:
            await screen_out(run, claim, error.reason, self.rules.screening, error.facts, attempt=attempt.id)
            return True
        except Exception as error:  # noqa: BLE001 - typed, recorded and reported, whatever it is
            failure = typed(error, self.tools.folder.root)
        else:
            self.attempts.streaks.succeeded(claim)
            run.events.emit(
                "video_fetched",
                video=claim.video,
                title=claim.title,
                url=claim.url,
                method=method,
                bytes=recording.bytes,
                duration_s=recording.media.duration_s,
                recording=recording.sha256,
                state=state.value,
                took_s=run.clock() - started,
            )
            return True
        failures.append(failure)
        if failure.kind in METHOD_SPECIFIC and not last:
            sentence = "the next method is tried"
            await run.committer.run(
                leases.finish_attempt, attempt.id, run.clock(), failure=failure, next_sentence=sentence
            )
            await self.attempts.report(claim, attempt, failure, claim.waiting_state, sentence)
            return False
        await self.attempts.fail(claim, attempt, failure, deciding=_most_telling(failures))
        return True

    async def _fetch_and_examine(self, claim: Claim, method: str, scratch: Path) -> FetchedRecording:
        limits = self.rules.fetch_limits
        await asyncio.to_thread(_make_scratch, scratch)
        request = FetchRequest(claim.video, claim.url, scratch, limits, full_screen(claim, self.rules.screening))
        fetched = await self.tools.fetchers[method].fetch(request)
        # A stated length is a reason to fetch once more; what the second answer brings is all there is.
        stated_s = fetched.expected_duration_s or claim.declared_duration_s
        order = work.Examination(
            fetched.path,
            stated_s if claim.item_failures == 0 else None,
            self.rules.min_duration_s,
            limits.max_duration_s,
        )
        examined = await self.tools.engine.run(
            work.examine, order, deadline_s=self.rules.analysis_deadline_s, alone=claim.machine_failures > 0
        )
        # What people wrote is read for its language and not kept: it may name children.
        facts = await asyncio.to_thread(digest, fetched.facts)
        facts = {**facts, **_track_facts(examined.media.tracks)}
        return FetchedRecording(fetched.path, examined.sha256, examined.bytes, examined.media, facts)

    async def _store(self, claim: Claim, attempt: OpenAttempt, recording: FetchedRecording) -> VideoState:
        """The file first, durably; then the one transaction that names it."""
        run, store, rules = self.run, self.tools.store, self.rules
        path = await asyncio.to_thread(store.adopt, recording.path, recording.sha256, recording.media.suffix)
        try:
            lay = await run.committer.run(merging.others_with, recording.sha256, claim.key)
            moved_from = await asyncio.to_thread(gone, lay)
            return await run.committer.run(
                results.finish_fetch,
                claim,
                attempt.id,
                recording,
                path,
                run.clock(),
                rights_basis=rules.rights_basis,
                rights_statement=rules.rights_statement,
                gone=moved_from,
            )
        except StaleLeaseError:
            await run.committer.run(takedown.delete_unless_named, path, run.clock())
            raise

    async def _wait_for_slot(self, claim: Claim) -> None:
        """A second method is a second request to the host, and takes a turn of its own.

        Raises `PutOffError` if the host is paused meanwhile.
        """
        if not claim.host:
            return
        run = self.run
        turn = await run.committer.run(
            requests.reserve,
            claim.host,
            None,
            run.clock(),
            paces=self.rules.pace,
            limits={},
            chance=run.chance(),
            patience_s=LONGEST_PAUSE_S,
        )
        if turn.obstacle:
            raise PutOffError(turn.obstacle)
        self.between_methods.add(claim.token)
        self.progressed.set()
        try:
            await asyncio.sleep(max(0.0, turn.at - run.clock()))
        finally:
            self.between_methods.discard(claim.token)

    def _remove_scratch(self, scratch: Path) -> None:
        try:
            shutil.rmtree(scratch)
        except FileNotFoundError:
            return  # cancelled before anything was written
        except OSError as error:
            self.run.events.emit(
                "scratch_left_behind", scratch=str(scratch), error=str(error), next="swept by the next run"
            )


def _most_telling(failures: Sequence[Failure]) -> Failure:
    """The last failure, unless it only says that the last method was the wrong tool."""
    telling = [failure for failure in failures if failure.kind is not FailureKind.UNSUPPORTED]
    return (telling or failures)[-1]


def _track_facts(tracks: Sequence[SoundTrack]) -> dict[str, object]:
    """All sound tracks of a file that has several, so that none is left out silently."""
    return {"sound_tracks": [dataclasses.asdict(track) for track in tracks]} if len(tracks) > 1 else {}


def _make_scratch(scratch: Path) -> None:
    scratch.parent.mkdir(PRIVATE_FOLDER, exist_ok=True)
    scratch.mkdir(PRIVATE_FOLDER)
