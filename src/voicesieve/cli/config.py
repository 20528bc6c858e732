"""``voicesieve config``: what the settings say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from voicesieve.api.opening import settings_for
from voicesieve.cli.output import DEFAULT_DATA, AsJson, Config, Data, note, print_json
from voicesieve.datafolder.folder import DataFolder
from voicesieve.datafolder.permissions import is_open_to_others
from voicesieve.observability.terminal import safe_text
from voicesieve.settings import Settings, read_toml, secrets_in


def check(data: Data = DEFAULT_DATA, config: Config = None, as_json: AsJson = False) -> None:
    settings = settings_for(data, config)
    changed = _differences(settings)
    _warn_of_open_secrets(config or DataFolder(data).settings)
    if as_json:
        print_json({"ok": True, "changed": changed})
        return
    for key, value in changed.items():
        print(safe_text(f"{key} = {value}", limit=2000))
    note(f"The settings are valid; {len(changed)} differ from the defaults.")


def _warn_of_open_secrets(file: Path) -> None:
    """Warn about a settings file that holds secrets and that others can read."""
    if not file.exists() or not is_open_to_others(file):
        return
    if secrets := secrets_in(read_toml(file)):
        note(f"Warning: other users of this machine can read {file}, which holds {', '.join(secrets)}: chmod 600 it.")


def _differences(settings: Settings) -> dict[str, Any]:
    defaults = {name: field.default for name, field in Settings.model_fields.items()}
    changed = {}
    for section, default in defaults.items():
        given = getattr(settings, section)
        for key, value in given.model_dump(mode="json").items():
            if value != default.model_dump(mode="json")[key]:
                changed[f"{section}.{key}"] = value
    return changed
