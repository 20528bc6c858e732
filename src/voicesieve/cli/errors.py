"""The last stop of every error: a paragraph for a person and an exit code, never a traceback for their mistake."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from voicesieve.cli.output import EXIT_FAULT, EXIT_INTERRUPTED, EXIT_OPERATOR, OperatorError, note
from voicesieve.domain.passwords import without_passwords


@contextmanager
def explained() -> Iterator[None]:
    """Turn known errors into a message on standard error and an exit code."""
    try:
        yield
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output has gone; Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_OPERATOR)
    except Exception as error:
        code = _exit_code(error)
        if code is None:
            raise
        note(f"voicesieve: {without_passwords(str(error))}")
        sys.exit(code)


def _exit_code(error: Exception) -> int | None:
    from voicesieve.catalog.backups import BackupError
    from voicesieve.catalog.records import UnknownVideoError
    from voicesieve.catalog.store import CatalogError, DamagedCatalogError
    from voicesieve.corpus.publishing import ExportError
    from voicesieve.domain.failures import FailureError, Remedy
    from voicesieve.pipeline.folder import DataFolderError
    from voicesieve.pipeline.takedown import NothingToWithdrawError
    from voicesieve.settings import SettingsError

    if isinstance(error, FailureError):
        return EXIT_FAULT if error.failure.remedy is Remedy.STOP_RUN else EXIT_OPERATOR
    if isinstance(error, DamagedCatalogError):
        return EXIT_FAULT
    mendable = (
        OperatorError,
        SettingsError,
        DataFolderError,
        CatalogError,
        BackupError,
        ExportError,
        UnknownVideoError,
        NothingToWithdrawError,
    )
    return EXIT_OPERATOR if isinstance(error, mendable) else None
