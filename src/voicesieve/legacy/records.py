"""One record of an earlier manifest, whatever names its generation gave to the fields.

The verdict is kept as evidence and never as a score: its number was P(child), an age or 1 - P(child), depending on the
rule that fired, and a failed analysis was stored as "no child" with 0.0.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from voicesieve.domain.passwords import without_password
from voicesieve.domain.text import clean_text

_PLACEHOLDER_TITLE = re.compile(r"(Recovered )?Video [A-Za-z0-9_-]{8,11}|NoTitle", re.IGNORECASE)
_MAX_TEXT = 4_000

ALIASES: dict[str, tuple[str, ...]] = {
    "video_id": ("video_id",),
    "url": ("url",),
    "output_path": ("output_path", "original_output_path", "audio_file_path"),
    "title": ("title",),
    "status": ("status",),
    "timestamp": ("timestamp", "download_timestamp"),
    "duration_seconds": ("duration_seconds",),
    "language_folder": ("language_folder", "detected_language"),
    "classified": ("classified",),
    "classified_at": ("classification_timestamp", "classification_date"),
    "child_voice": ("containing_children_voice", "has_children_voice", "children_voice"),
    "confidence": ("voice_analysis_confidence", "voice_analysis_confident"),
    "uploaded": ("uploaded",),
    "downloads_failed": ("all_downloads_failed",),
}
"""Our name of a field and those it had, the preferred first: cleaning passes added ``voice_analysis_confident`` again
as 0.0 beside the real value."""

LANGUAGES = {"vi": "vi", "vietnamese": "vi", "en": "en", "english": "en"}


@dataclass(frozen=True)
class LegacyRecord:
    """What an earlier record says. Texts are cleaned and empty where it says nothing; ``where`` is for messages.

    ``evidence`` is plain JSON to keep beside the video: the verdict, and times as they were written. A time that ends
    in Z was local time, so none is converted; ``duration_seconds`` was often the time that the download took.
    """

    where: str
    video_id: str = ""
    url: str = ""
    output_path: str = ""
    title: str = ""
    evidence: Mapping[str, object] = field(default_factory=dict)


def interpret(raw: object, where: str, generation: str) -> LegacyRecord:
    """Read one element of a manifest. Raises TypeError if it is not a record at all."""
    if not isinstance(raw, Mapping):
        raise TypeError("not a record but " + ("null" if raw is None else f"a {type(raw).__name__}"))
    value = {name: _first(raw, keys) for name, keys in ALIASES.items()}
    title = clean_text(value["title"])
    child, classified = _flag(value["child_voice"]), _flag(value["classified"])
    confidence = _number(value["confidence"])
    evidence = {
        "generation": generation,
        "verdict": _verdict(child, classified, confidence),
        "confidence": confidence,
        "classified": classified,
        "classified_at": clean_text(value["classified_at"], 60),
        "written_at": clean_text(value["timestamp"], 60),
        "status": clean_text(value["status"], 20),
        "language": LANGUAGES.get(clean_text(value["language_folder"], 20).lower()),
        "stated_duration_s": _number(value["duration_seconds"]),
        "uploaded": _flag(value["uploaded"]),
        "downloads_failed": _flag(value["downloads_failed"]),
        "output_path": clean_text(value["output_path"], _MAX_TEXT),
    }
    return LegacyRecord(
        where=where,
        video_id=clean_text(value["video_id"], 100),
        url=without_password(clean_text(value["url"], _MAX_TEXT)),
        output_path=str(evidence["output_path"]),
        title="" if _PLACEHOLDER_TITLE.fullmatch(title) else title,
        evidence={name: fact for name, fact in evidence.items() if fact not in (None, "")},
    )


def _first(raw: Mapping[str, object], keys: tuple[str, ...]) -> object:
    return next((raw[key] for key in keys if raw.get(key) is not None), None)


def _verdict(child: bool | None, classified: bool | None, confidence: float | None) -> str:
    """``child``, ``no_child``, ``no_child_or_failed`` or ``none``; ``accepted_unjudged`` where v1 stored no verdict: it
    kept only what it accepted."""
    if child:
        return "child"
    if child is False:
        return "no_child" if confidence else "no_child_or_failed"
    return "accepted_unjudged" if classified else "none"


def _flag(value: object) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(
            value.strip().lower()
        )
    return bool(value) if isinstance(value, bool | int) else None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
