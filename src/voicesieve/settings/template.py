"""The settings file that `voicesieve init` writes."""

from __future__ import annotations

from typing import Literal, get_args, get_origin

from pydantic import SecretStr

from voicesieve.settings.tree import Settings, section_fields


def commented_template() -> str:
    """The settings file that ``voicesieve init`` writes: every key with its default, commented out."""
    lines = [
        "# Settings of voicesieve. Each line shows its default; remove the # to change it.",
        "# Stronger than this file: the environment (VOICESIEVE_FETCHING__MAX_BYTES=1000000), then the command line.",
    ]
    for name in Settings.model_fields:
        lines += ["", f"[{name}]"]
        for key, field in section_fields(name).items():
            if field.description:
                lines.append(f"# {field.description}")
            if allowed := _allowed(field.annotation):
                lines.append(f"# Allowed: {allowed}.")
            lines.append(f"# {key} = {_as_toml(field.default)}")
    return "\n".join(lines) + "\n"


def _allowed(annotation: object) -> str:
    """The values of a setting that takes only certain words, or a list of them; empty for any other."""
    if get_origin(annotation) is tuple:
        annotation = get_args(annotation)[0]
    return ", ".join(map(_as_toml, get_args(annotation))) if get_origin(annotation) is Literal else ""


def _as_toml(value: object) -> str:
    if isinstance(value, SecretStr):
        return '""'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{}"
    if isinstance(value, tuple):
        return "[" + ", ".join(_as_toml(item) for item in value) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)
