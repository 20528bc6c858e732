"""What the database and the system say when the catalog cannot be opened or used, as errors that say what to do."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import exc as sql_errors

from voicesieve.catalog import versions
from voicesieve.catalog.columns import BrokenRowError
from voicesieve.catalog.turnstile import TurnstileTimeoutError
from voicesieve.domain.errors import EXIT_FAULT, VoicesieveError
from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.files import OUT_OF_SPACE, space_needed
from voicesieve.machine import folder_failure

_RESTORE = (
    "Nothing was changed. `voicesieve restore` lists the copies of it and puts one back; docs/recovery.md shows how. "
    "The recordings folder is untouched and keeps its audio."
)


class CatalogError(VoicesieveError):
    """The catalog cannot be opened or used. The message says what happened and what to do."""


class DamagedCatalogError(CatalogError):
    """The file is not a catalog any more, or never was one."""

    exit_code = EXIT_FAULT


class ForeignCatalogError(DamagedCatalogError):
    """The file is a catalog with triggers or views in it that voicesieve has not made."""


def explained(file: Path, error: Exception) -> VoicesieveError:
    """Why the catalog ``file`` cannot be opened: the error to raise for what the database or the system said."""
    if isinstance(error, versions.NewerCatalogError | TurnstileTimeoutError):
        return CatalogError(str(error))
    text = str(getattr(error, "orig", None) or error)
    if _is_full(text, error):
        return FailureError(_full(text, error, file))
    if isinstance(error, versions.ForeignRevisionError) or _is_damage(text):
        return DamagedCatalogError(f"{file} is damaged or is not a catalog ({text}). {_RESTORE}")
    if "readonly" in text or "unable to open" in text or _is_read_only(error):
        where = f"Check the permissions of {file.parent}, or choose another --data."
        return CatalogError(f"{file} cannot be written ({text}). {where}")
    return CatalogError(f"{file} cannot be opened: {text}.")


def _is_read_only(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno in (errno.EROFS, errno.EPERM, errno.EACCES)


def _is_damage(text: str) -> bool:
    return "not a database" in text or "malformed" in text


def _is_full(text: str, error: Exception) -> bool:
    """A write limit (RLIMIT_FSIZE, quota) reaches us as an I/O error of SQLite; the last text is PostgreSQL's."""
    if isinstance(error, OSError):
        return error.errno in OUT_OF_SPACE
    return any(sign in text for sign in ("full", "disk I/O error", "No space left"))


def _full(text: str, error: Exception, file: Path | None) -> Failure:
    room = "" if file is None else space_needed(file)
    message = f"the catalog cannot be written: {text}. {room or 'Free some space; everything committed is safe.'}"
    return Failure.from_exception(FailureKind.DISK_FULL, error, f"{message} If there is room, the disk may be faulty.")


def refused_by_database(error: BaseException) -> bool:
    """Whether the database itself cannot go on (disk, damage, connection), as against a step that is wrong."""
    if isinstance(error, BrokenRowError):
        return True
    wrong = sql_errors.IntegrityError | sql_errors.ProgrammingError | sql_errors.DataError
    return isinstance(error, sql_errors.DatabaseError) and not isinstance(error, wrong)


@contextmanager
def typed_errors(file: Path | None) -> Iterator[None]:
    """Database errors that no caller can fix become typed failures of ours; logic errors pass unchanged."""
    try:
        yield
    except TurnstileTimeoutError as error:
        raise FailureError(Failure.from_exception(FailureKind.CATALOG_UNAVAILABLE, error)) from error
    except BrokenRowError as error:
        message = f"the catalog is damaged: {error}. {_RESTORE}"
        raise FailureError(Failure.from_exception(FailureKind.CATALOG_UNAVAILABLE, error, message)) from error
    except sql_errors.DatabaseError as error:
        if not refused_by_database(error):
            raise
        raise FailureError(_refusal(error, file)) from error


def _refusal(error: sql_errors.DatabaseError, file: Path | None) -> Failure:
    text = " ".join(str(_first_refusal(error).orig).split())
    if "unable to open" in text and file is not None and (refused := _why_unopened(file)) is not None:
        return folder_failure(refused, file)
    if _is_full(text, error):
        return _full(text, error, file)
    if _is_damage(text):
        message = f"the catalog is damaged: {text}. {_RESTORE}"
        return Failure.from_exception(FailureKind.CATALOG_UNAVAILABLE, error, message)
    return Failure.from_exception(FailureKind.CATALOG_UNAVAILABLE, error, f"the catalog cannot be used: {text}")


def _first_refusal(error: sql_errors.DatabaseError) -> sql_errors.DatabaseError:
    """The error that began it: after a full disk SQLite has rolled back, and rolling back once more fails, too."""
    first, current = error, error.__context__
    while current is not None:
        if isinstance(current, sql_errors.DatabaseError):
            first = current
        current = current.__context__
    return first


def _why_unopened(file: Path) -> OSError | None:
    """The system's reason, which SQLite keeps to itself; ``None`` where the file opens after all."""
    try:
        file.open("rb").close()
    except OSError as error:
        return error
    return None
