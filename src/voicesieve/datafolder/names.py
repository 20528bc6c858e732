"""The names of what lies in a data folder: its folders and its own files."""

from __future__ import annotations

RECORDINGS = "recordings"
SCRATCH = "scratch"
LOGS = "logs"
BACKUPS = "backups"
CALIBRATIONS = "calibrations"
QUARANTINE = "quarantine"
RESTORING_FOLDER = "restoring"

LINKABLE = (RECORDINGS, SCRATCH, LOGS, QUARANTINE)
"""Folders that may be links to another disk, where they carry the mark too: two data folders would sweep each other."""

MARK = "voicesieve-data.json"
"""Lies in every data folder, and behind each folder of it that is a link. A folder without it is not ours."""

SETTINGS = "voicesieve.toml"
QUERIES = "queries.toml"
LOCK = "run.lock"
LOG = "voicesieve.jsonl"
METRICS = "metrics.prom"
