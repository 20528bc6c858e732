"""Reading the settings: defaults < file < environment < command line."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import SettingsError as UnreadableValueError

from voicesieve.files import read_person_text
from voicesieve.settings.mistakes import SettingsError, explanation_of, refuse_unknown_environment, unreadable_variables
from voicesieve.settings.tree import Settings, may_hold_secret


def load_settings(file: Path | None = None, command_line: Mapping[str, Mapping[str, object]] | None = None) -> Settings:
    """Read the tree: ``file`` (TOML; ``None`` = no file), then the environment, then ``command_line``.

    Raises `SettingsError` with one line for each unknown key or wrong value.
    """
    from_file = read_toml(file) if file else {}
    from_command_line = {section: dict(values) for section, values in (command_line or {}).items()}
    refuse_unknown_environment()
    layers: dict[str, Any] = {"cli": from_command_line, "file": from_file}
    try:
        return Settings(**layers)
    except UnreadableValueError as error:
        raise SettingsError("\n".join(unreadable_variables()) or f"environment: {error}.") from None
    except ValidationError as error:
        lines = [explanation_of(problem, from_command_line, file) for problem in error.errors(include_url=False)]
        raise SettingsError("\n".join(lines)) from None


def read_toml(file: Path) -> dict[str, Any]:
    """The tree of a settings file, unchecked. Raises `SettingsError` if it cannot be read."""
    try:
        return tomllib.loads(read_person_text(file))
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}. Write one with `voicesieve init`.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is not a TOML file: {error}.") from error


def secrets_in(tree: Mapping[str, Any]) -> list[str]:
    """The keys of a settings file's tree that hold a secret, such as ``youtube_api.key``."""
    return [
        f"{section}.{key}"
        for section, values in tree.items()
        for key, value in (values.items() if isinstance(values, Mapping) else ())
        if value and may_hold_secret([section, key])
    ]
