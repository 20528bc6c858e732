"""How every command speaks: the options that many share, exit codes, messages and JSON. Imports nothing heavy."""

from __future__ import annotations

import io
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from voicesieve.domain.errors import VoicesieveError
from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.observability.terminal import ascii_json, safe_json, safe_lines

Data = Annotated[
    Path, typer.Option("--data", envvar="VOICESIEVE_DATA", help="Data folder: catalog, recordings, logs and settings.")
]
Config = Annotated[
    Path | None, typer.Option("--config", envvar="VOICESIEVE_CONFIG", help="Settings file [DATA/voicesieve.toml].")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
Since = Annotated[
    str, typer.Option(help="Only from this day or time (UTC) on, such as 2026-11-25 or 2026-11-25T08:00.")
]
DEFAULT_DATA = Path("voicesieve-data")


class OperatorError(VoicesieveError):
    """A message for the operator; the command ends with `EXIT_OPERATOR`."""


def since_epoch(text: str) -> float:
    """The value of ``--since`` in seconds since 1970; 0 for none. Raises `OperatorError` for what is no time."""
    if not text:
        return 0.0
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise OperatorError(f"--since {text!r} is not a day or time such as 2026-11-25 or 2026-11-25T08:00.") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def prepare_streams() -> None:
    """Write characters that the encoding lacks as escapes, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def print_json(value: Any) -> None:
    """One line of JSON on standard output, flushed so that a pipe sees it at once."""
    text = safe_json(value, default=str)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        text = ascii_json(text)
    sys.stdout.write(text + "\n")
    flush()


def say(message: str) -> None:
    """Print lines on standard output. Control characters in names and values are shown as escapes."""
    print(safe_lines(message))


def note(message: str) -> None:
    """A line for a person, on standard error."""
    try:
        print(safe_lines(message), file=sys.stderr)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # it has no reader any more


def flush() -> None:
    """Write out what was printed. Raises `BrokenPipeError` without a reader, `FailureError` on a full disk."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        message = f"standard output cannot be written: {error.strerror}"
        raise FailureError(Failure.from_exception(FailureKind.DISK_FULL, error, message)) from error
