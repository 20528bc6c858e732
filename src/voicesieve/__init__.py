"""voicesieve finds children's speech in public audio, says how sure it is, and turns it into a corpus.

    import voicesieve

    voicesieve.analyse("recording.mp3").child_s
    with voicesieve.open("voicesieve-data") as catalog:
        accepted = list(catalog.videos(state="accepted"))

docs/api.md shows more. Names are loaded when they are first used, so that the import costs nothing.
"""

import importlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voicesieve.api.analysis import Analysis as Analysis
    from voicesieve.api.analysis import analyse as analyse
    from voicesieve.api.catalog import Catalog as Catalog
    from voicesieve.api.catalog import Rows as Rows
    from voicesieve.api.catalog import Story as Story
    from voicesieve.api.catalog import Video as Video
    from voicesieve.api.catalog import VideoSegment as VideoSegment
    from voicesieve.api.catalog import open as open
    from voicesieve.domain.decisions import Reason as Reason
    from voicesieve.domain.errors import VoicesieveError as VoicesieveError
    from voicesieve.domain.failures import FailureError as FailureError
    from voicesieve.domain.failures import FailureKind as FailureKind
    from voicesieve.domain.states import VideoState as VideoState
    from voicesieve.domain.verdicts import Label as Label
    from voicesieve.domain.verdicts import Segment as Segment
    from voicesieve.domain.verdicts import VerdictLabel as VerdictLabel
    from voicesieve.domain.version import __version__ as __version__

NO_TELEMETRY = {"ORT_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}
"""What libraries under us read to learn that they must report to nobody (docs/decisions/013-no-telemetry.md)."""

# Here, because every use of the package, in whatever process, comes through here before it imports such a library.
os.environ.update(NO_TELEMETRY)

_PLACES = {
    "api.analysis": ("Analysis", "analyse"),
    "api.catalog": ("Catalog", "Rows", "Story", "Video", "VideoSegment", "open"),
    "domain.decisions": ("Reason",),
    "domain.errors": ("VoicesieveError",),
    "domain.failures": ("FailureError", "FailureKind"),
    "domain.states": ("VideoState",),
    "domain.verdicts": ("Label", "Segment", "VerdictLabel"),
    "domain.version": ("__version__",),
}
_PLACE_OF = {name: place for place, names in _PLACES.items() for name in names}

__all__ = tuple(_PLACE_OF)


def __getattr__(name: str) -> object:
    if name not in _PLACE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_PLACE_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_PLACE_OF})
