"""Options that many commands share. Imports nothing heavy, so that ``--help`` stays instant."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    Path, typer.Option("--data", envvar="VOICESIEVE_DATA", help="Data folder: catalog, recordings, logs, settings.")
]
Config = Annotated[
    Path | None, typer.Option("--config", envvar="VOICESIEVE_CONFIG", help="Settings file [DATA/voicesieve.toml].")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print facts as JSON.")]
DEFAULT_DATA = Path("voicesieve-data")
