"""Evidence of the language that is spoken, and what it adds up to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

UNDETERMINED = "und"
"""BCP-47 for a language that is not known."""


class EvidenceKind(StrEnum):
    """Where evidence of the spoken language comes from. The name is stored; keep it stable."""

    ASR_CAPTIONS = "asr_captions"
    """The platform's own speech recognition named the language that it transcribed."""
    AUDIO_TRACK = "audio_track"
    """The platform's label of the original audio track."""
    DECLARED_AUDIO = "declared_audio"
    """The uploader declared the language that is spoken."""
    WHISPER = "whisper"
    """A recogniser listened to the child segments."""
    MANUAL_SUBTITLES = "manual_subtitles"
    TEXT = "text"
    """The language that title, description and tags are written in."""
    CHANNEL = "channel"
    """The languages of the channel's accepted videos."""
    FEED_LANGUAGE = "feed_language"
    """``<language>`` of a feed."""
    PAGE_LANGUAGE = "page_language"
    """The ``lang`` attribute of a page."""


SURELY_HEARD = 0.8
"""Least probability of a part's own language for it to differ from that of the whole video."""


class LanguageState(StrEnum):
    SETTLED = "settled"
    UNDETERMINED = "undetermined"
    """The evidence is too weak, or too evenly divided, to name a language."""
    CONTRADICTED = "contradicted"
    """Two sources that know what is spoken name different languages."""


@dataclass(frozen=True)
class LanguageEvidence:
    """One piece of evidence for the spoken language.

    ``code`` is a primary BCP-47 tag, ``probability`` (0..1) that of the piece alone, ``revision`` names the rules or
    the model that made it. ``start`` and ``end`` (seconds) bound what was listened to; ``None`` means the whole video.
    ``weight`` is what the fusion gave it; 0 before. ``distribution`` holds what a recogniser thought of each of the
    likeliest languages, where ``code`` and ``probability`` depend on which are wanted.
    """

    code: str
    source: str
    probability: float = 1.0
    revision: str = ""
    start: float | None = None
    end: float | None = None
    weight: float = 0.0
    distribution: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class SpokenLanguage:
    """The weighed answer: a primary BCP-47 tag, or ``und`` when the evidence does not carry one.

    ``probability`` is that of the likeliest language, also where the answer is ``und``. ``unavailable`` says of each
    detector that should have spoken and could not, why. ``fusion`` is the revision of the rules that weighed; empty if
    is no longer known.
    """

    code: str
    evidence: tuple[LanguageEvidence, ...] = ()
    probability: float = 1.0
    contradicted: bool = False
    unavailable: tuple[tuple[str, str], ...] = ()
    fusion: str = ""

    @property
    def state(self) -> LanguageState:
        if self.contradicted:
            return LanguageState.CONTRADICTED
        return LanguageState.UNDETERMINED if self.code == UNDETERMINED else LanguageState.SETTLED

    def at(self, start: float, end: float) -> str:
        """The language from ``start`` to ``end`` (seconds): that of the whole, unless another was recognised there."""
        votes = [piece for piece in self.evidence if piece.start is not None and piece.end is not None]
        overlaps = [(min(end, vote.end or 0.0) - max(start, vote.start or 0.0), vote.code, vote) for vote in votes]
        longest = max(overlaps, default=None, key=lambda overlap: overlap[:2])
        if longest is None or longest[0] <= 0 or longest[2].probability < SURELY_HEARD:
            return self.code
        return longest[1]
