"""The frame of every process that runs yt-dlp for us: one JSON line in, one JSON object out, and a short life.

It watches its addresses and programs by the connect guard, and ends its whole process group as soon as its parent is
gone: stdin stays open for as long as the parent lives.
"""

from __future__ import annotations

import json
import os
import queue
import resource
import select
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any, TextIO

from voicesieve.domain.failures import FailureError
from voicesieve.domain.platforms import YOUTUBE
from voicesieve.domain.text import clean_text
from voicesieve.fetching.guard import install_connect_guard

_MEMORY_BYTES = 1 << 30
"""yt-dlp reads whole pages, and a packed one of 1.5 MB can hold gigabytes. Measured for an ordinary page: 65 MB."""
_PARENT_CHECK_S = 1.0
"""How often to check that the parent lives, in case another process still holds our stdin open."""
_MAX_TEXT_CHARS = 500
_MAX_WARNINGS = 3
MAX_REQUESTS = 300
"""Requests that are reported; a stream of many fragments makes more."""


class Journal:
    """yt-dlp's logger: keeps the last warnings, which often name the reason for a vague error, and all requests."""

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.requests: list[dict[str, object]] = []

    def request(self, url: str, status: int | None, took_s: float, error: str) -> None:
        """Note a request, of the first `MAX_REQUESTS`."""
        if len(self.requests) < MAX_REQUESTS:
            self.requests.append(
                {"url": clean_text(url, _MAX_TEXT_CHARS), "status": status, "took_s": took_s, "error": error}
            )

    def debug(self, message: str) -> None:
        """The parent needs neither progress nor details."""

    def warning(self, message: str) -> None:
        self.warnings = [*self.warnings, clean_text(f"warning: {message}", _MAX_TEXT_CHARS)][-_MAX_WARNINGS:]

    def error(self, message: str) -> None:
        """The same error is raised as an exception."""


class Parent:
    """The line to the parent."""

    def __init__(self, answers: TextIO) -> None:
        self._answers = answers
        self._words: queue.Queue[bytes] = queue.Queue()

    def ask(self, question: Mapping[str, object]) -> None:
        """Ask the parent and wait until it lets us continue. A parent that refuses ends us instead."""
        json.dump({"question": question}, self._answers)
        self._answers.write("\n")
        self._answers.flush()
        self._words.get()

    def receive(self, word: bytes) -> None:
        self._words.put(word)


Work = Callable[[Mapping[str, Any], Parent, Journal], dict[str, object]]
"""Carries out one order. Raises `FailureError`, or whatever yt-dlp raises."""


def serve(work: Work, *, platform: Callable[[Mapping[str, Any]], str | None]) -> None:
    """Answer the one order on stdin. ``platform``: the one that the order is for, if any; no other may be contacted."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # a stop of all processes is for the parent, who kills this one
    # Of data rather than of addresses: JavaScript runtimes reserve far more of those than they use.
    os.umask(0o077)  # yt-dlp makes its files by the umask, and they are for the owner alone
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY_BYTES, _MEMORY_BYTES))
    order: dict[str, Any] = json.loads(sys.stdin.buffer.readline())
    # Nothing else that this process prints may mix with its answer to the parent.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    parent = Parent(answers)
    threading.Thread(target=_die_with_parent, args=(os.getppid(), parent), daemon=True).start()
    with answers:
        json.dump(_answer(work, order, parent, platform(order)), answers)


def _die_with_parent(pid: int, parent: Parent) -> None:
    while os.getppid() == pid:
        readable, _, _ = select.select([sys.stdin.fileno()], [], [], _PARENT_CHECK_S)
        if readable:
            word = os.read(sys.stdin.fileno(), 1024)
            if not word:
                break
            parent.receive(word)
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


def _answer(work: Work, order: Mapping[str, Any], parent: Parent, platform: str | None) -> dict[str, object]:
    install_connect_guard(bool(order["allow_private_addresses"]), platform)
    # libcurl opens its sockets where the guard cannot see them, and it serves to pass as a browser, which we never do.
    sys.modules["curl_cffi"] = None  # type: ignore[assignment]
    journal = Journal()
    requests = {"requests": journal.requests}
    try:
        return requests | work(order, parent, journal)
    except FailureError as error:
        return requests | {"failure": asdict(error.failure)}
    except Exception as error:  # noqa: BLE001 - the edge of the process: whatever yt-dlp raises is typed here
        from voicesieve.fetching.ytdlp.failures import classify

        failure = classify(error, youtube=platform == YOUTUBE)
        return requests | {"failure": asdict(replace(failure, chain=failure.chain + tuple(journal.warnings)))}


def common_options(journal: Journal, timeout_s: float, retries: int) -> dict[str, object]:
    """Options of yt-dlp for every order."""
    return {
        "quiet": True,
        "noprogress": True,
        "logger": journal,
        "color": "no_color",
        "geo_bypass": False,  # on, it would send a made-up address
        "proxy": "",
        "cachedir": False,
        "socket_timeout": timeout_s,
        "extractor_retries": retries,
        "js_runtimes": {"deno": {}, "node": {}, "bun": {}, "quickjs": {}},
    }
