"""Which revision a catalog's tables have, and bringing them up to date with Alembic."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Engine, inspect, select, text

from voicesieve.domain.errors import InnerError

MIGRATIONS = Path(__file__).parent / "migrations"
HEAD = "0014"
"""Newest revision; a test holds it against the migration scripts. Kept here so that opening an up-to-date
catalog does not import Alembic (0.2 s)."""


class NewerCatalogError(InnerError):
    """The catalog was written by a newer voicesieve."""


class ForeignRevisionError(InnerError):
    """What stands where the revision belongs is none."""


def is_revision(value: object) -> bool:
    """Whether ``value`` is a revision of a catalog, of this version or of another."""
    return isinstance(value, str) and re.fullmatch(r"\d{4}", value, re.ASCII) is not None


def is_present(engine: Engine) -> bool:
    with engine.connect() as connection:
        return inspect(connection).has_table("alembic_version")


def revision_of_catalog(engine: Engine) -> str | None:
    """The revision of the tables, ``None`` where there are none yet."""
    if not is_present(engine):
        return None
    with engine.connect() as connection:
        revision: str | None = connection.execute(select(text("version_num from alembic_version"))).scalar()
    return revision


def bring_up_to_date(engine: Engine, before_update: Callable[[], None] = lambda: None) -> None:
    """Run the missing migrations in one transaction each. Raises `NewerCatalogError` for an unknown revision.

    ``before_update`` is called if there are rows that an update is about to change.
    """
    revision = revision_of_catalog(engine)
    if revision == HEAD:
        return
    if revision is not None and not is_revision(revision):
        raise ForeignRevisionError(_foreign(revision))
    if revision is not None and revision > HEAD:
        raise NewerCatalogError(
            f"This catalog has revision {revision}; this program knows revisions up to {HEAD}. It was written by a "
            "newer voicesieve: install that version or newer. Nothing was changed."
        )
    if revision is not None:
        before_update()
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, HEAD)
    except CommandError as error:  # there is no way from this revision to ours
        raise ForeignRevisionError(_foreign(revision)) from error


def _foreign(revision: object) -> str:
    return f"its revision is {str(revision)[:40]!r}, which no version of voicesieve has written"
