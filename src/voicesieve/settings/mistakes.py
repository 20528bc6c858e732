"""What is wrong with the settings, one line for each mistake. Secrets are never shown."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_origin

from pydantic import BaseModel

from voicesieve.domain.errors import VoicesieveError
from voicesieve.domain.passwords import without_password
from voicesieve.settings.sections import HostCredentials
from voicesieve.settings.tree import NOT_SETTINGS, PREFIX, Settings, may_hold_secret, section_fields


class SettingsError(VoicesieveError):
    """The settings cannot be used. The message names where each wrong value stands and what is allowed."""


def refuse_unknown_environment() -> None:
    """Raises `SettingsError` for a variable with our prefix that names no section."""
    sections = {name.upper() for name in Settings.model_fields}
    for name in sorted(os.environ):
        if not name.upper().startswith(PREFIX) or name in NOT_SETTINGS:
            continue
        section = name.upper().removeprefix(PREFIX).partition("__")[0]
        if section not in sections:
            allowed = ", ".join(f"{PREFIX}{section}__..." for section in sorted(sections))
            raise SettingsError(f"environment: {name} is not a setting. Allowed: {allowed}.")


def unreadable_variables() -> list[str]:
    """One line for each variable that has to hold JSON, because it sets a section or a list, and does not."""
    lines = []
    for name, keys in _environment():
        value = os.environ[name]
        if _is_written_as_json(keys) and _parsed(value) is None:
            shown = "" if may_hold_secret(keys) else f" = {value!r}"
            lines.append(f"environment: {name} ({'.'.join(keys)}){shown}: is not JSON such as '{_example(keys)}'.")
    return lines


def _is_written_as_json(keys: list[str]) -> bool:
    field = section_fields(keys[0]).get(keys[-1])
    return len(keys) == 1 or (field is not None and get_origin(field.annotation) in (tuple, dict))


def _example(keys: list[str]) -> str:
    is_table = keys[-1] == "credentials"
    return '{"feeds.example.org": {"user": "me", "password": "..."}}' if is_table else '["http", "yt-dlp"]'


def _environment() -> list[tuple[str, list[str]]]:
    """Our variables of the environment and the keys that each stands for."""
    names = [name for name in sorted(os.environ) if name.upper().startswith(PREFIX) and name not in NOT_SETTINGS]
    return [(name, name.lower().removeprefix(PREFIX.lower()).split("__")) for name in names]


def _parsed(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return None


def _variable_of(keys: list[str]) -> str | None:
    """The variable that sets ``keys``, by itself or as part of a section written as JSON."""
    for name, stands_for in _environment():
        rest = keys[len(stands_for) :]
        if keys[: len(stands_for)] == stands_for and (not rest or _holds(_parsed(os.environ[name]), rest)):
            return name
    return None


def explanation_of(problem: Mapping[str, Any], command_line: Mapping[str, Any], file: Path | None) -> str:
    """A line for one of pydantic's problems: where the value stands, what it is, and what is allowed."""
    keys = [str(part) for part in problem["loc"] if not isinstance(part, int)]
    dotted = ".".join(keys)
    variable = _variable_of(keys)
    if _holds(command_line, keys):
        where = "command line"
    elif variable is not None:
        where, dotted = "environment", f"{variable} ({dotted})"
    else:
        where = str(file or "settings")
    if problem["type"] == "extra_forbidden":
        return f"{where}: {dotted} is not a setting. {_allowed_keys(keys)}"
    hidden = may_hold_secret(keys) or isinstance(problem["input"], dict | BaseModel)
    given = "" if hidden else f" = {_shown(problem['input'])}"
    message = problem["msg"].removeprefix("Value error, ")
    return f"{where}: {dotted}{given}: {message[0].lower()}{message[1:]}."


def _shown(value: object) -> str:
    return repr(without_password(value) if isinstance(value, str) else value)


def _holds(tree: Any, keys: list[str]) -> bool:
    node: Any = tree
    for key in keys:
        if not isinstance(node, Mapping) or key not in node:
            return False
        node = node[key]
    return bool(keys)


def _allowed_keys(keys: list[str]) -> str:
    section = Settings.model_fields.get(keys[0])
    fields: Mapping[str, Any] = Settings.model_fields
    if keys[:2] == ["fetching", "credentials"]:
        fields = HostCredentials.model_fields
    elif len(keys) > 1 and section is not None:
        fields = section_fields(keys[0])
    return f"Allowed: {', '.join(sorted(fields))}."
