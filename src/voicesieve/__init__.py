"""voicesieve finds children's speech in public audio, proves it, and turns it into a corpus."""

import os

__version__ = "0.1.0"

NO_TELEMETRY = {"ORT_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}
"""What libraries under us read to learn that they must report to nobody (docs/decisions/013-no-telemetry.md)."""

# Here, because every use of the package, in whatever process, comes through here before it imports such a library.
os.environ.update(NO_TELEMETRY)
