"""yt-dlp in a process of its own per video, killed with all its children at its deadline."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.domain.fetching import Fetched, FetchLimits, FetchRequest, NotWantedError, Observe, unobserved
from voicesieve.fetching.guard import check_url
from voicesieve.fetching.scratch import MEDIA_NAME
from voicesieve.fetching.stall import StallClock
from voicesieve.fetching.ytdlp import process
from voicesieve.fetching.ytdlp.process import Worker
from voicesieve.fetching.ytdlp.video_worker import Order
from voicesieve.files import space_needed

WATCH_S = 0.25
"""How often the scratch folder is measured: much shorter than any stall limit, and only a few stat calls."""
PREPARATION_S = 20.0
"""Starting the worker takes 0.6 s on an idle core and several on a loaded one; YouTube adds its pages and a wait before
playback that yt-dlp respects."""
MODULE = "voicesieve.fetching.ytdlp.video_worker"


class YtDlpFetcher:
    """Fetches every address that yt-dlp has an extractor for, one worker process per video."""

    method = "yt-dlp"

    def __init__(self, *, user_agent: str = "voicesieve", observe: Observe = unobserved) -> None:
        self._user_agent = user_agent
        self._observe = observe

    async def fetch(self, request: FetchRequest) -> Fetched:
        """Fetch into ``request.scratch / "media"``. Raises `FailureError` and `NotWantedError`."""
        check_url(request.url)
        scratch = request.scratch.resolve()

        def approve(facts: Mapping[str, object]) -> None:
            reason = request.screen(facts) if request.screen is not None else None
            if reason is not None:
                raise NotWantedError(reason, facts)

        worker = await process.start(MODULE, _order(request, scratch, self._user_agent), scratch, approve)
        try:
            answer = await _watched(worker, request)
        finally:
            await worker.end()
        for exchange in process.requests(answer, request.video):
            self._observe(exchange)
        try:
            return _fetched(answer, request)
        except FailureError as error:
            if error.failure.kind is not FailureKind.DISK_FULL:
                raise
            # yt-dlp says neither where nor how much is needed.
            message = f"no space left in the scratch folder ({error.failure.message}); {space_needed(scratch)}"
            raise FailureError(replace(error.failure, message=message)) from error


def _order(request: FetchRequest, scratch: Path, user_agent: str) -> dict[str, object]:
    limits = request.limits
    return asdict(
        Order(
            url=request.url,
            scratch=str(scratch),
            stall_s=limits.stall_s,
            max_bytes=limits.max_bytes,
            max_duration_s=limits.max_duration_s,
            allow_private_addresses=limits.allow_private_addresses,
            user_agent=user_agent,
        )
    )


async def _watched(worker: Worker, request: FetchRequest) -> bytes:
    """The worker's answer, unless time, stall or size limit comes first.

    The stall limit runs from the first byte of media; before it there is `PREPARATION_S` more, since starting the
    worker and reading pages brings no bytes however fast the server is.
    """
    limits = request.limits
    clock = StallClock(stall_s=limits.stall_s, stall_bytes=limits.stall_bytes, now=_now() + PREPARATION_S)
    most = 0
    try:
        async with asyncio.timeout(limits.deadline_s):
            while not worker.answer.done():
                await asyncio.wait({worker.answer}, timeout=WATCH_S)
                arrived = _folder_bytes(request.scratch)
                if arrived and not most:
                    clock = StallClock(stall_s=limits.stall_s, stall_bytes=limits.stall_bytes, now=_now())
                most = max(most, arrived)
                clock.saw(most, _now())
                if most > limits.max_bytes:
                    raise FailureError(_too_large(limits))
                if _now() >= clock.due and not worker.answer.done():
                    raise FailureError(_stalled(limits, most))
            answer = worker.answer.result()
            if not answer:
                raise FailureError(await worker.died())
    except TimeoutError as error:
        message = f"not finished within the deadline of {limits.deadline_s:g} s ({most:,} bytes so far)"
        raise FailureError(Failure.from_exception(FailureKind.TIMEOUT, error, message)) from error
    return answer


def _now() -> float:
    return asyncio.get_running_loop().time()


def _folder_bytes(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # fragments come and go
                total += (Path(place) / name).lstat().st_size
    return total


def _too_large(limits: FetchLimits) -> Failure:
    return Failure(FailureKind.TOO_LONG, f"the file has more than the {limits.max_bytes:,} bytes allowed")


def _stalled(limits: FetchLimits, received: int) -> Failure:
    message = (
        f"stalled: fewer than {limits.stall_bytes:,} bytes came in {limits.stall_s:g} s ({received:,} bytes before)"
    )
    return Failure(FailureKind.TIMEOUT, message)


def _fetched(answer: bytes, request: FetchRequest) -> Fetched:
    """The worker's answer, checked, because the worker has handled hostile input."""
    fields = process.parsed(answer)
    path = request.scratch / MEDIA_NAME
    try:
        status = path.lstat()
    except OSError as error:
        raise FailureError(process.nonsense("it names a file that is not there")) from error
    if not stat.S_ISREG(status.st_mode) or status.st_size == 0:
        raise FailureError(process.nonsense("its file is not an ordinary one"))
    if status.st_size > request.limits.max_bytes:
        raise FailureError(_too_large(request.limits))
    return Fetched(path, status.st_size, process.number(fields.get("duration_s")), process.facts(fields.get("facts")))
