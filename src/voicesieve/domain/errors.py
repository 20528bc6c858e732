"""The root of every error of ours, with the exit code of a command that ends by it.

    VoicesieveError      exit code 1: a person can fix it: settings, arguments, a folder that cannot be used
    ├── FailureError     a typed failure; exit code 3 where its remedy is to stop the run
    ├── ...              one class for each part of the program that refuses something
    └── InnerError       no exit code: for a caller of ours, which handles it

The whole tree is in docs/errors.md, which a test holds against the classes. The message of an error is a sentence or
two for a person: what happened, why, and what to do. A command prints it and no traceback; an `InnerError` that
reaches the command line is a defect and keeps its traceback, as any other exception does.
"""

from __future__ import annotations

EXIT_OK = 0
EXIT_OPERATOR = 1
"""Something the operator can fix: settings, arguments that name nothing, a folder that cannot be used."""
EXIT_FAULT = 3
"""A fault stopped the command: full disk, unusable catalog. Everything finished is safe."""
EXIT_INTERRUPTED = 130


class VoicesieveError(Exception):
    """Anything that voicesieve refuses or fails at.

    ``exit_code`` is what a command returns that ends by it; ``None`` for a defect.

    >>> try:
    ...     raise VoicesieveError("There is no folder ./x. Name another with --data.")
    ... except VoicesieveError as error:
    ...     print(error.exit_code, error)
    1 There is no folder ./x. Name another with --data.
    """

    exit_code: int | None = EXIT_OPERATOR


class InnerError(VoicesieveError):
    """Raised for a caller of ours, which handles it. One that reaches a person is a defect."""

    exit_code = None
