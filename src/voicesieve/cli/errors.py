"""Where every error ends: as a paragraph for a person and an exit code, never as a traceback for their mistake."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

from voicesieve.cli.output import flush, note, prepare_streams
from voicesieve.domain.errors import EXIT_FAULT, EXIT_INTERRUPTED, EXIT_OPERATOR, VoicesieveError
from voicesieve.domain.passwords import without_passwords


@contextmanager
def explained() -> Iterator[None]:
    """Turn known errors into a message on standard error and an exit code, and signals into a clean end."""
    prepare_streams()
    _handle_signals()
    try:
        try:
            yield
        except SystemExit as end:
            _die_by_signal(end)
            flush()
            raise
    except KeyboardInterrupt:
        _discard_unwritable_output()
        _exit_at_once_from_now_on()
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        _discard_unwritable_output()
        sys.exit(EXIT_OPERATOR)
    except Exception as error:
        explanation = _explanation(error)
        if explanation is None:
            raise
        message, code = explanation
        _discard_unwritable_output()
        note(f"voicesieve: {without_passwords(message)}")
        sys.exit(code)


def _handle_signals() -> None:
    """From here on Ctrl-C, SIGTERM and SIGHUP close what is open before the program ends."""
    from voicesieve.engines.loop import SignalledExit, may_answer

    def stop(number: int, _frame: FrameType | None) -> NoReturn:
        raise SignalledExit(number)

    if may_answer(signal.SIGINT):
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if may_answer(number):
            signal.signal(number, stop)


def _die_by_signal(end: SystemExit) -> None:
    """A command stopped by SIGTERM or SIGHUP ends by that signal, as its sender expects."""
    from voicesieve.engines.loop import SignalledExit

    if isinstance(end, SignalledExit):
        _discard_unwritable_output()
        signal.signal(end.number, signal.SIG_DFL)
        os.kill(os.getpid(), end.number)


def _exit_at_once_from_now_on() -> None:
    """Another Ctrl-C while Python shuts down would print a traceback."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda number, _frame: os._exit(128 + number))


def _discard_unwritable_output() -> None:
    """Write what can still be written. Without a reader or room for the rest, Python would report an error once more
    when it flushes at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _explanation(error: Exception) -> tuple[str, int] | None:
    """The message for ``error`` and the exit code; ``None`` for a defect, which keeps its traceback."""
    from voicesieve.files import OUT_OF_SPACE
    from voicesieve.machine import MEMORY_RAN_OUT, machine_failure

    if isinstance(error, VoicesieveError):
        return None if error.exit_code is None else (str(error), error.exit_code)
    if isinstance(error, OSError) and error.errno in OUT_OF_SPACE and error.filename is None:
        # What we write into files is typed where it is written, so this was standard output.
        return f"standard output cannot be written: {error.strerror}.", EXIT_FAULT
    failure = machine_failure(error, Path.cwd())
    if failure is not None:
        return failure.message, EXIT_FAULT
    if isinstance(error, MemoryError):
        return MEMORY_RAN_OUT, EXIT_FAULT
    if isinstance(error, OSError) and error.strerror:
        name = error.filename if isinstance(error.filename, str | bytes) else None
        return f"{_shortened(os.fsdecode(name))}: {error.strerror}." if name else f"{error.strerror}.", EXIT_OPERATOR
    return None


def _shortened(path: str) -> str:
    return path if len(path) <= 200 else f"{path[:100]}...{path[-60:]} ({len(path):,} characters)"
