"""Which language is spoken, from what a source and a fetch say of it."""

from __future__ import annotations

from collections.abc import Mapping

from voicesieve.domain.languages import LanguageEvidence, SpokenLanguage
from voicesieve.languages.codes import normalise

UNDETERMINED = "und"

STRENGTH = ("asr_captions", "audio_track", "declared_by_source")
"""Kinds of evidence, strongest first (design, section 6)."""


def spoken_language(declared: str | None, facts: Mapping[str, object]) -> SpokenLanguage:
    """The strongest evidence there is, and all of it; ``und`` without any.

    ``declared`` is the source's own code (a feed's ``<language>``), ``facts`` what the fetch learnt.
    """
    stated = {
        "asr_captions": facts.get("asr_language"),
        "audio_track": facts.get("language"),
        "declared_by_source": declared,
    }
    found = {kind: normalise(value) for kind, value in stated.items() if isinstance(value, str)}
    evidence = tuple(LanguageEvidence(code, kind) for kind in STRENGTH if (code := found.get(kind)))
    return SpokenLanguage(evidence[0].code if evidence else UNDETERMINED, evidence)
