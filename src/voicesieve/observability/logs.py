"""Logs: one JSON line an event in a rotated file, and readable lines on standard error when asked for."""

from __future__ import annotations

import logging
import logging.handlers
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import structlog

from voicesieve.observability.events import Event
from voicesieve.observability.terminal import safe_text

_SECRET_NAMES = "key|api_key|apikey|access_token|token|sig|signature|lsig|password|auth|ip|ei"
_SECRET_PARAMETER = re.compile(rf"([?&;](?:{_SECRET_NAMES})=)[^&#\s'\"]+", re.IGNORECASE)
_USER_INFO = re.compile(r"(\w+://)[^/@\s'\"]+@")


def redact(value: Any, secrets: Sequence[str] = ()) -> Any:
    """``value`` with credentials, signed parameters of URLs and the given secrets blotted out."""
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, "[secret]")
        return _USER_INFO.sub(r"\1[secret]@", _SECRET_PARAMETER.sub(r"\1[secret]", value))
    if isinstance(value, dict):
        return {key: redact(item, secrets) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact(item, secrets) for item in value]
    return value


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
                structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
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
