"""Exit codes, messages and JSON: how every command speaks."""

from __future__ import annotations

import sys
from typing import Any

from voicesieve.observability.terminal import safe_json

EXIT_OK = 0
EXIT_OPERATOR = 1
"""Something the operator can mend: settings, arguments that name nothing, a folder that cannot be used."""
EXIT_USAGE = 2
EXIT_FAULT = 3
"""A fault stopped the run: full disk, unusable catalog. Everything finished is safe."""
EXIT_INTERRUPTED = 130


class OperatorError(Exception):
    """A message for the operator; the command ends with `EXIT_OPERATOR`."""


def print_json(value: Any) -> None:
    """One line of JSON on standard output, flushed so that a pipe sees it at once."""
    sys.stdout.write(safe_json(value, default=str) + "\n")
    sys.stdout.flush()


def note(message: str) -> None:
    """A line for a person, on standard error."""
    print(message, file=sys.stderr)
