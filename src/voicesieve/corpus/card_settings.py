"""What the operator states about a corpus, for its card and Croissant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class CardSettings:
    """The section ``corpus`` of the settings, and the measured accuracy of detectors.

    ``accuracy`` is a sentence for each key of `CorpusFacts.detectors` of which figures exist.
    """

    name: str = "children-speech"
    description: str = ""
    creator: str = ""
    url: str = ""
    licence: str = ""
    takedown: str = ""
    accuracy: Mapping[str, str] = field(default_factory=dict)
