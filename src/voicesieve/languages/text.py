"""Which language a video's words are in: its title, description and tags.

The words are weak evidence of what is spoken, and free. py3langid (decision 006) reads them; Vietnamese without
diacritics, which no detector that was measured knows, is recognised by the shape of its syllables.
"""

from __future__ import annotations

import functools
import math
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from voicesieve.domain.names import without_invisible
from voicesieve.languages.codes import normalise
from voicesieve.languages.toneless import looks_vietnamese, may_be_vietnamese

MAX_CHARS = 2_000
"""Characters that are read of each text; a language shows in far fewer."""
MAX_PARTS = 40
"""Parts (see `_PART`) that are read of all texts together."""

LEAST_RAW = 0.25
"""Below this probability of the detector's own a part says nothing. On plain Vietnamese and English sentences it is
right 99 times in 100 above it and silent on 3 in 100 (docs/accuracy.md, Language)."""
SLOPE, OFFSET = 1.21, 1.91
"""Logistic calibration of the detector's log-odds on those sentences and on their first one to four words
(`python -m benchmarks.language_text`); the corpora are too few to claim more than `CEILING`."""
CEILING = 0.98
TONELESS = 0.97
"""Probability of Vietnamese by the shape of its syllables: no English sentence of 3,720 has it."""
LEAST_SHARE = 0.2
"""A language that fewer of the words are in (a loan, a name, "official video") is not reported."""

_TOKEN = re.compile(r"\S+")
_ADDRESS = ("#", "@", "www.", "http:", "https:", "&")
"""Beginnings of hashtags, mentions, addresses and HTML entities: written for machines."""
_PART = re.compile(r"[|/\\()\[\]{}<>~•·–—:;!?。！？…\n\r\t\"“”]+|\s[-+*=]+\s|\.{2,}|\.\s")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


class _Reader(Protocol):
    def rank(self, text: str) -> list[tuple[str, float]]: ...


@dataclass(frozen=True)
class TextLanguage:
    """A language of the words: ``probability`` that the words are in it, 0..1."""

    code: str
    probability: float


def languages_of(texts: Iterable[str]) -> tuple[TextLanguage, ...]:
    """The languages that ``texts`` are in, the likeliest first; none where they do not say.

    Each part between separators is judged by itself, so that "Bé học màu | Learn colours" counts for both. Never
    raises for any text, and reads at most `MAX_CHARS` of each.
    """
    shares: dict[str, float] = {}
    total = 0
    parts = [part for text in texts for part in _parts(text)][:MAX_PARTS]
    for words in parts:
        size = sum(map(len, words))
        total += size
        language = _language_of(words)
        if language is not None:
            shares[language.code] = shares.get(language.code, 0.0) + size * language.probability
    languages = [
        TextLanguage(code, min(CEILING, size / total)) for code, size in shares.items() if size >= LEAST_SHARE * total
    ]
    return tuple(sorted(languages, key=lambda language: (-language.probability, language.code)))


def _parts(text: str) -> list[list[str]]:
    shown = unicodedata.normalize("NFKC", without_invisible(text[:MAX_CHARS]))
    parts = [_WORD.findall(part) for part in _PART.split(_TOKEN.sub(_without_addresses, shown))]
    return [words for part in parts if (words := [word for word in part if not _mixes_scripts(word)])]


def _without_addresses(token: re.Match[str]) -> str:
    return " " if token[0].lower().startswith(_ADDRESS) or "@" in token[0] else token[0]


def _mixes_scripts(word: str) -> bool:
    """Whether Latin letters stand beside Cyrillic or Greek ones in a word: look-alikes, written to deceive filters."""
    scripts = {unicodedata.name(letter, "").partition(" ")[0] for letter in word}
    return "LATIN" in scripts and bool(scripts & {"CYRILLIC", "GREEK"})


def _language_of(words: list[str]) -> TextLanguage | None:
    text = " ".join(words)
    if text.isupper():
        text = text.lower()
    ascii_words = text.lower().split() if text.isascii() else []
    if ascii_words and looks_vietnamese(ascii_words):
        return TextLanguage("vi", TONELESS)
    label, raw = _reader().rank(text)[0]
    code = normalise(label)
    if code is None or raw < LEAST_RAW:
        return None
    if code not in ("vi", "en") and may_be_vietnamese(ascii_words):
        return None
    return TextLanguage(code, calibrated(raw))


def calibrated(raw: float) -> float:
    """The detector's probability as the share of answers of that probability that are right."""
    odds = math.log(raw) - math.log1p(-raw) if raw < 1.0 else math.inf
    return min(CEILING, 1 / (1 + math.exp(-min(30.0, SLOPE * odds + OFFSET))))


def revision() -> str:
    """Changes whenever an answer could: our rules and the detector's version."""
    import py3langid

    return f"text-1+py3langid-{py3langid.__version__}"


@functools.cache
def _reader() -> _Reader:
    """Loads once, 0.8 s and 100 MB, restricted to languages whose code we keep.

    That leaves out Nigerian Pidgin and the like, which take short English for themselves, and ``zxx`` (no language).
    """
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    reader = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    reader.set_languages([label for label in reader.labels if normalise(label)])
    return reader  # type: ignore[no-any-return]
