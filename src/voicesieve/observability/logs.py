"""Logs: one JSON line an event in a rotated file, and readable lines on standard error when asked for."""

from __future__ import annotations

import logging
import logging.handlers
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import structlog

from voicesieve.observability.events import Event
from voicesieve.observability.redaction import redact
from voicesieve.observability.terminal import safe_text


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
        file.parent.mkdir(parents=True, exist_ok=True)
        self._handler = logging.handlers.RotatingFileHandler(
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
                structlog.processors.JSONRenderer(ensure_ascii=False),
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
        self._handler.close()
