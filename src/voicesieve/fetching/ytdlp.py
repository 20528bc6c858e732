"""yt-dlp in a process of its own per video, killed with all its children when it overstays."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import stat
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.domain.fetching import Fetched, FetchLimits, FetchRequest
from voicesieve.fetching.guard import check_url
from voicesieve.fetching.scratch import MEDIA_NAME
from voicesieve.fetching.stall import StallClock
from voicesieve.fetching.text import clean
from voicesieve.fetching.ytdlp_worker import Order

WATCH_S = 0.25
"""How often the scratch folder is measured: fine against any stall limit, and a handful of stat calls."""
PREPARATION_S = 20.0
"""Starting the worker takes 0.6 s on an idle core and several on a loaded one; YouTube adds its pages and a pre-roll
wait that yt-dlp observes."""
MAX_ANSWER_BYTES = 2**20
_MAX_COMPLAINT_BYTES = 2**16
_MAX_TEXT_CHARS = 1_000
_MAX_ITEMS = 500

_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "PYTHONPATH", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""What the worker sees of our environment: no keys, no proxies, no options."""


class YtDlpFetcher:
    """Fetches whatever yt-dlp has an extractor for, one worker process per video."""

    method = "yt-dlp"

    async def fetch(self, request: FetchRequest) -> Fetched:
        """Fetch into ``request.scratch / "media"``. Raises `FailureError`."""
        check_url(request.url)
        worker = await _start(request)
        try:
            answer = await _watched(worker, request)
        finally:
            await worker.end()
        return _fetched(answer, request)


@dataclass
class _Worker:
    """A running process with the tasks that empty its two pipes, so that it never waits for us."""

    process: Process
    answer: asyncio.Task[bytes]
    complaint: asyncio.Task[bytes]

    async def end(self) -> None:
        """Kill what still runs in its group, and leave no pipe and no zombie behind."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        if self.process.stdin is not None:
            self.process.stdin.close()
        await asyncio.wait({self.answer, self.complaint, asyncio.ensure_future(self.process.wait())})


async def _start(request: FetchRequest) -> _Worker:
    scratch = request.scratch.resolve()
    try:
        process = await asyncio.create_subprocess_exec(
            # -P: the current folder must not offer modules of its own.
            *(sys.executable, "-P", "-m", "voicesieve.fetching.ytdlp_worker"),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            cwd=scratch,
            env=_environment(scratch),
            start_new_session=True,
        )
    except OSError as error:
        message = f"no worker process can be started: {error.strerror or error}"
        raise FailureError(Failure.from_exception(FailureKind.INTERNAL_ERROR, error, message)) from error
    assert process.stdin and process.stdout and process.stderr
    process.stdin.write(_order(request, scratch))
    return _Worker(
        process,
        asyncio.create_task(_drained(process.stdout, MAX_ANSWER_BYTES)),
        asyncio.create_task(_drained(process.stderr, _MAX_COMPLAINT_BYTES)),
    )


def _environment(scratch: Path) -> dict[str, str]:
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return passed_on | {"YTDLP_NO_PLUGINS": "1", "TMPDIR": str(scratch)}


def _order(request: FetchRequest, scratch: Path) -> bytes:
    limits = request.limits
    order = Order(
        url=request.url,
        scratch=str(scratch),
        stall_s=limits.stall_s,
        max_bytes=limits.max_bytes,
        max_duration_s=limits.max_duration_s,
        allow_private_addresses=limits.allow_private_addresses,
    )
    return json.dumps(asdict(order)).encode() + b"\n"


async def _drained(stream: asyncio.StreamReader, max_bytes: int) -> bytes:
    """The end of ``stream``, read out whatever its length: one byte more than ``max_bytes`` tells of a longer one."""
    kept = b""
    while chunk := await stream.read(max_bytes):
        kept = (kept + chunk)[-max_bytes - 1 :]
    return kept


async def _watched(worker: _Worker, request: FetchRequest) -> bytes:
    """The worker's answer, unless time, stall or size limit comes first.

    The stall limit runs from the first byte of media; before it there is `PREPARATION_S` more, since starting the
    worker and reading pages brings no bytes however fast the other side is.
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
                raise FailureError(await _died(worker))
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


async def _died(worker: _Worker) -> Failure:
    status = await worker.process.wait()
    complaint = clean((await worker.complaint).decode(errors="replace")[-_MAX_TEXT_CHARS:], _MAX_TEXT_CHARS)
    if status == -signal.SIGKILL:
        message = "the yt-dlp worker was killed from outside, most likely for want of memory"
        return Failure(FailureKind.OUT_OF_MEMORY, message)
    return Failure(FailureKind.INTERNAL_ERROR, f"the yt-dlp worker ended with status {status}: {complaint}")


def _fetched(answer: bytes, request: FetchRequest) -> Fetched:
    """The worker's answer, believed only as far as it can be checked: it has handled hostile input."""
    fields = _parsed(answer)
    if "failure" in fields:
        raise FailureError(_failure(fields["failure"]))
    path = request.scratch / MEDIA_NAME
    try:
        found = path.lstat()
    except OSError as error:
        raise FailureError(_nonsense("it names a file that is not there")) from error
    if not stat.S_ISREG(found.st_mode) or found.st_size == 0:
        raise FailureError(_nonsense("its file is not an ordinary one"))
    if found.st_size > request.limits.max_bytes:
        raise FailureError(_too_large(request.limits))
    return Fetched(path, found.st_size, _number(fields.get("duration_s")), _facts(fields.get("facts")))


def _parsed(answer: bytes) -> Mapping[str, object]:
    if len(answer) > MAX_ANSWER_BYTES:
        raise FailureError(_nonsense(f"it is longer than {MAX_ANSWER_BYTES:,} bytes"))
    try:
        fields = json.loads(answer)
    except (ValueError, RecursionError) as error:
        raise FailureError(_nonsense("it is not JSON")) from error
    if not isinstance(fields, dict):
        raise FailureError(_nonsense("it is not an object"))
    return fields


def _failure(fields: object) -> Failure:
    if not isinstance(fields, dict):
        return _nonsense("its failure is not an object")
    try:
        kind = FailureKind(_text(fields.get("kind")))
    except ValueError:
        return _nonsense("its failure is of no known kind")
    chain = fields.get("chain")
    return Failure(
        kind,
        _text(fields.get("message")),
        retry_after_s=_number(fields.get("retry_after_s")),
        exception_type=_text(fields.get("exception_type")) or None,
        chain=tuple(_text(one) for one in chain[:_MAX_ITEMS]) if isinstance(chain, list) else (),
    )


def _facts(fields: object) -> dict[str, object]:
    facts = fields if isinstance(fields, dict) else {}
    return {_text(name): _plain(value) for name, value in list(facts.items())[:_MAX_ITEMS]}


def _plain(value: object) -> object:
    """A number or a list of texts; anything else as text."""
    if isinstance(value, list):
        return [_text(one) for one in value[:_MAX_ITEMS]]
    number = _number(value)
    return _text(value) if number is None else number


def _text(value: object) -> str:
    return clean(value, _MAX_TEXT_CHARS) if isinstance(value, str) else ""


def _number(value: object) -> float | None:
    """A usable quantity: finite and not negative."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= sys.float_info.max else None


def _nonsense(why: str) -> Failure:
    return Failure(FailureKind.INTERNAL_ERROR, f"the yt-dlp worker gave an answer that cannot be used: {why}")
