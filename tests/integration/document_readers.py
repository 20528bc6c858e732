"""What a process may be asked to do with a document, to see how it ends. Light, as each process imports it."""

from __future__ import annotations

import os
import resource
import signal
import time

from voicesieve.sources.confined import MAX_ANSWER_BYTES


def sleep(about: str, body: bytes) -> str:
    time.sleep(60)
    return about


def die(about: str, body: bytes) -> str:
    os.kill(os.getpid(), getattr(signal, about))
    return about


def exit(about: str, body: bytes) -> str:
    os._exit(3)


def fail(about: str, body: bytes) -> str:
    raise LookupError("no such thing")


def answer_much(about: str, body: bytes) -> bytes:
    return b"x" * (MAX_ANSWER_BYTES + 1)


def answer(about: str, body: bytes) -> tuple[str, int, tuple[int, int]]:
    return about, len(body), resource.getrlimit(resource.RLIMIT_DATA)
