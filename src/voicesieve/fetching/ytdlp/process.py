"""Processes that run yt-dlp, seen from the parent: started, read, checked, and ended."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.domain.fetching import Exchange
from voicesieve.domain.text import clean_text
from voicesieve.machine import start_failure

MAX_ANSWER_BYTES = 2**20
MAX_ITEMS = 500
MAX_TEXT_CHARS = 1_000
_MAX_COMPLAINT_BYTES = 2**16

_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "PYTHONPATH", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""What the worker sees of our environment: no keys, no proxies, no options."""

Approve = Callable[[Mapping[str, object]], None]
"""Judges what a worker reports of its video, and raises to stop it."""


@dataclass
class Worker:
    """A running process with the tasks that empty its two pipes, so that it never waits for us."""

    process: Process
    answer: asyncio.Task[bytes]
    complaint: asyncio.Task[bytes]

    async def end(self) -> None:
        """Kill what still runs in its group, and leave neither pipes nor zombies."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        if self.process.stdin is not None:
            self.process.stdin.close()
        await asyncio.wait({self.answer, self.complaint, asyncio.ensure_future(self.process.wait())})

    async def died(self) -> Failure:
        """Why it ended without an answer."""
        status = await self.process.wait()
        complaint = clean_text((await self.complaint).decode(errors="replace")[-MAX_TEXT_CHARS:], MAX_TEXT_CHARS)
        if status == -signal.SIGKILL:
            message = "the yt-dlp worker was killed from outside, most likely because memory ran out"
            return Failure(FailureKind.OUT_OF_MEMORY, message)
        return Failure(FailureKind.INTERNAL_ERROR, f"the yt-dlp worker ended with status {status}: {complaint}")


async def start(module: str, order: Mapping[str, object], folder: Path, approve: Approve | None = None) -> Worker:
    """Start ``python -m module`` in ``folder`` with one order. Raises `FailureError`."""
    try:
        process = await asyncio.create_subprocess_exec(
            # -P: the current folder must not offer modules of its own.
            *(sys.executable, "-P", "-m", module),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            cwd=folder,
            env=_environment(folder),
            start_new_session=True,
        )
    except OSError as error:
        raise FailureError(start_failure(error)) from error
    assert process.stdin and process.stdout and process.stderr
    process.stdin.write(json.dumps(order).encode() + b"\n")
    return Worker(
        process,
        asyncio.create_task(_heard(process, approve)),
        asyncio.create_task(_drained(process.stderr, _MAX_COMPLAINT_BYTES)),
    )


def _environment(folder: Path) -> dict[str, str]:
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return passed_on | {"YTDLP_NO_PLUGINS": "1", "TMPDIR": str(folder)}


async def _heard(process: Process, approve: Approve | None) -> bytes:
    """The last line of a worker's output, after answering its one question."""
    assert process.stdin and process.stdout
    buffered = b""
    while chunk := await process.stdout.read(MAX_ANSWER_BYTES):
        buffered = (buffered + chunk)[-MAX_ANSWER_BYTES - 1 :]
        line, newline, rest = buffered.partition(b"\n")
        if approve is not None and newline and (question := _question(line)) is not None:
            approve(question)
            approve, buffered = None, rest
            process.stdin.write(b"go\n")
    return buffered


def _question(line: bytes) -> Mapping[str, object] | None:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return None
    question = fields.get("question") if isinstance(fields, dict) else None
    return facts(question) if isinstance(question, dict) else None


async def _drained(stream: asyncio.StreamReader, max_bytes: int) -> bytes:
    """The end of ``stream``, read out whatever its length: one byte more than ``max_bytes`` means it was longer."""
    buffered = b""
    while chunk := await stream.read(max_bytes):
        buffered = (buffered + chunk)[-max_bytes - 1 :]
    return buffered


def parsed(answer: bytes) -> Mapping[str, object]:
    """A worker's answer, checked. Raises `FailureError`: what it reports, or one for an answer that makes no sense."""
    if len(answer) > MAX_ANSWER_BYTES:
        raise FailureError(nonsense(f"it is longer than {MAX_ANSWER_BYTES:,} bytes"))
    try:
        fields = json.loads(answer)
    except (ValueError, RecursionError) as error:
        raise FailureError(nonsense("it is not JSON")) from error
    if not isinstance(fields, dict):
        raise FailureError(nonsense("it is not an object"))
    if "failure" in fields:
        raise FailureError(_failure(fields["failure"]))
    return fields


def requests(answer: bytes, visit: str) -> list[Exchange]:
    """The HTTP requests that a worker made, according to its answer; none if that cannot be used."""
    try:
        fields = json.loads(answer)
    except (ValueError, RecursionError):
        return []
    made = fields.get("requests") if isinstance(fields, dict) else None
    entries = [entry for entry in made[:MAX_ITEMS] if isinstance(entry, dict)] if isinstance(made, list) else []
    return [_exchange(entry, visit, number) for number, entry in enumerate(entries, start=1)]


def _exchange(fields: Mapping[str, object], visit: str, number_: int) -> Exchange:
    status = number(fields.get("status"))
    return Exchange(
        visit=visit,
        number=number_,
        url=text(fields.get("url")),
        range="",
        status=None if status is None else int(status),
        bytes=None,
        took_s=number(fields.get("took_s")) or 0.0,
        error=text(fields.get("error")),
    )


def _failure(fields: object) -> Failure:
    if not isinstance(fields, dict):
        return nonsense("its failure is not an object")
    try:
        kind = FailureKind(text(fields.get("kind")))
    except ValueError:
        return nonsense("its failure is of no known kind")
    chain = fields.get("chain")
    return Failure(
        kind,
        text(fields.get("message")),
        retry_after_s=number(fields.get("retry_after_s")),
        exception_type=text(fields.get("exception_type")) or None,
        chain=tuple(text(link) for link in chain[:MAX_ITEMS]) if isinstance(chain, list) else (),
    )


def facts(fields: object) -> dict[str, object]:
    """The usable facts in a worker's answer: texts, numbers, lists of texts."""
    given = fields if isinstance(fields, dict) else {}
    return {text(name): _plain(value) for name, value in list(given.items())[:MAX_ITEMS]}


def _plain(value: object) -> object:
    """A number or a list of texts; anything else as text."""
    if isinstance(value, list):
        return [text(item) for item in value[:MAX_ITEMS]]
    amount = number(value)
    return text(value) if amount is None else amount


def text(value: object) -> str:
    return clean_text(value, MAX_TEXT_CHARS) if isinstance(value, str) else ""


def number(value: object) -> float | None:
    """A usable quantity: finite and not negative."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= sys.float_info.max else None


def nonsense(why: str) -> Failure:
    return Failure(FailureKind.INTERNAL_ERROR, f"the yt-dlp worker gave an answer that cannot be used: {why}")
