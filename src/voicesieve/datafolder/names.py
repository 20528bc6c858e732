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
"""Folders that may be links to another disk. They carry the mark there, too, or two data folders could share one and
delete each other's files."""

MARK = "voicesieve-data.json"
"""The file that lies in every data folder, and in each linked folder of it. A folder without it is not ours."""

SETTINGS = "voicesieve.toml"
QUERIES = "queries.toml"
LOCK = "run.lock"
LOG = "voicesieve.jsonl"
METRICS = "metrics.prom"
