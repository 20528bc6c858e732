"""One settings tree: defaults < file < environment < command line. Secrets are never printed.

    sections.py    every setting: its default, its bounds, and its sentence for the settings file
    values.py      kinds of values that several settings share
    tree.py        the sections together
    loading.py     reading the layers
    mistakes.py    what is wrong with them, one line for each mistake
    template.py    the file that `voicesieve init` writes

>>> load_settings(command_line={"fetching": {"max_bytes": 1_000_000}}).fetching.max_bytes
1000000
"""

from voicesieve.settings.loading import load_settings, read_toml, secrets_in
from voicesieve.settings.mistakes import SettingsError
from voicesieve.settings.sections import HostCredentials, Rights, Youtube
from voicesieve.settings.template import commented_template
from voicesieve.settings.tree import Settings
from voicesieve.settings.values import CALIBRATION_NAME

__all__ = [
    "CALIBRATION_NAME",
    "HostCredentials",
    "Rights",
    "Settings",
    "SettingsError",
    "Youtube",
    "commented_template",
    "load_settings",
    "read_toml",
    "secrets_in",
]
