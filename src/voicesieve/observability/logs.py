"""Logs: one JSON line per event in a rotated file and, on request, readable lines on standard error."""

from __future__ import annotations

import logging
import logging.handlers
import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import structlog

from voicesieve.files import create_private, make_folder
from voicesieve.observability.events import Event
from voicesieve.observability.redaction import redact
from voicesieve.observability.terminal import safe_json, safe_text


class _Lines(logging.handlers.RotatingFileHandler):
    """A full disk costs lines of the log, never the run: the run notices the full disk itself, stops and says so."""

    lost = 0

    def _open(self) -> TextIOWrapper:
        """Only the owner may read it, and a link in its place is not followed, because its target is not ours."""
        descriptor = create_private(Path(self.baseFilename), os.O_WRONLY | os.O_APPEND)
        return os.fdopen(descriptor, "a", encoding=self.encoding, errors=self.errors)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name is logging's
        self.lost += 1
        if self.lost == 1:
            error = sys.exception()
            print(safe_text(f"warning: {self.baseFilename} cannot be written: {error}", limit=500), file=sys.stderr)


class LogSink:
    """Writes events to ``file`` (rotated) and, from ``console_level`` on, to standard error."""

    def __init__(
        self,
        file: Path,
        *,
        run: str,
        file_bytes: int,
        file_count: int,
        console_level: int | None,
        secrets: Sequence[str] = (),
    ) -> None:
        make_folder(file.parent, private=True)
        self._handler = _Lines(
            file, maxBytes=file_bytes, backupCount=file_count, encoding="utf-8", errors="backslashreplace"
        )
        self._handler.setFormatter(logging.Formatter("%(message)s"))
        logger = logging.Logger(f"voicesieve.{run}")
        logger.addHandler(self._handler)
        secrets = [secret for secret in secrets if secret]

        def without_secrets(_logger: Any, _method: str, fields: Any) -> Any:
            return redact(fields, secrets)

        self._log = structlog.wrap_logger(
            logger,
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                without_secrets,
                structlog.processors.JSONRenderer(serializer=safe_json),
            ],
            wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
            run=run,
        )
        self._console_level = console_level
        self._secrets = secrets

    def __call__(self, event: Event) -> None:
        getattr(self._log, event.level)(event.name, **event.fields)
        level = logging.getLevelNamesMapping()[event.level.upper()]
        if self._console_level is not None and level >= self._console_level:
            facts = " ".join(f"{key}={value!r}" for key, value in redact(event.fields, self._secrets).items())
            print(safe_text(f"{event.level}: {event.name} {facts}", limit=2000), file=sys.stderr)

    def close(self) -> None:
        if self._handler.lost:
            where = safe_text(self._handler.baseFilename, limit=500)
            print(f"warning: {self._handler.lost} events are not in {where}", file=sys.stderr)
        try:
            self._handler.close()
        except OSError:
            return  # the warning says what was not written
