"""What the operator states about a corpus, for its card and Croissant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class CardSettings:
    """What the settings of a corpus say of it.

    ``accuracy``: what is measured of detectors, by name, revision and operating point as in `CorpusFacts.detectors`.
    """

    name: str = "children-speech"
    description: str = ""
    creator: str = ""
    url: str = ""
    licence: str = ""
    takedown: str = ""
    accuracy: Mapping[str, str] = field(default_factory=dict)
