"""Many pieces of evidence to one language, or to the admission that there is none: a pure function.

Log-linear pooling (Genest & Zidek 1986, Statistical Science 1:114): each piece is a distribution that gives its code
its probability and shares the rest among all other languages; the pool is their weighted product. A piece of weight 1
alone keeps its probability; a weight below 1 makes it say less.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from voicesieve.domain.languages import UNDETERMINED, EvidenceKind, LanguageEvidence, SpokenLanguage
from voicesieve.languages.recognition import restricted

LANGUAGES = 100
"""How many languages are thought possible before anything is known; about as many as platforms transcribe."""
CEILING = 0.98
"""No piece counts as more certain than this, whatever it claims: of fifty videos one is mislabelled."""
DISCOUNT = 0.5
"""Each further piece of one family for one language counts this much of the one before: they are not independent.
Platforms copy the language of the captions to the audio track, and three votes come from one speaker."""

WEIGHTS: Mapping[str, float] = {
    EvidenceKind.ASR_CAPTIONS: 1.0,
    EvidenceKind.AUDIO_TRACK: 0.9,
    EvidenceKind.DECLARED_AUDIO: 0.85,
    EvidenceKind.WHISPER: 1.0,
    EvidenceKind.MANUAL_SUBTITLES: 0.5,
    EvidenceKind.TEXT: 0.65,
    EvidenceKind.CHANNEL: 0.0,  # what was judged before must not decide, or the corpus depends on timing
    EvidenceKind.FEED_LANGUAGE: 0.7,
    EvidenceKind.PAGE_LANGUAGE: 0.3,
}
"""Defaults of the settings, chosen so that evidence from the sound outweighs any one thing that was written about it.
They are judgement, not measurement: `voicesieve eval-language` measures them on videos whose language you know."""

_FAMILY: Mapping[str, str] = {EvidenceKind.AUDIO_TRACK: EvidenceKind.ASR_CAPTIONS}
"""Kinds that are not independent of another."""

KNOWS_WHAT_IS_SPOKEN = frozenset(
    {EvidenceKind.ASR_CAPTIONS, EvidenceKind.AUDIO_TRACK, EvidenceKind.DECLARED_AUDIO, EvidenceKind.WHISPER}
)
"""Only these can contradict each other: a title may well be in another language than the speech."""

FUSION = hashlib.sha256(repr((LANGUAGES, CEILING, DISCOUNT)).encode()).hexdigest()[:12]
"""Revision of the method."""


@dataclass(frozen=True)
class FusionRules:
    """``weights`` by kind of evidence, 0..1. ``min_probability``: below it the answer is ``und``.

    ``contradiction``: two languages contradict each other when each has evidence, of one family that knows what is
    spoken, that alone would give it this probability. ``wanted`` and ``unwanted`` are the prior with which a
    recogniser's answer is read (`languages.recognition.restricted`).
    """

    weights: Mapping[str, float] = field(default_factory=lambda: dict(WEIGHTS))
    min_probability: float = 0.6
    contradiction: float = 0.8
    wanted: tuple[str, ...] = ()
    unwanted: float = 0.1

    @cached_property
    def revision(self) -> str:
        """Changes with the method and whenever a weight or threshold does; part of the policy's revision."""
        parts = (
            *(FUSION, sorted(self.weights.items()), self.min_probability),
            *(self.contradiction, self.wanted, self.unwanted),
        )
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


def fuse(
    evidence: Iterable[LanguageEvidence], rules: FusionRules, unavailable: Iterable[tuple[str, str]] = ()
) -> SpokenLanguage:
    """The language that ``evidence`` adds up to, with the weight of each piece.

    The order of the evidence does not matter, and one more piece for the likeliest language never makes it less
    likely.
    """
    weighed = _weigh(evidence, rules)
    support: dict[str, list[float]] = defaultdict(list)
    for piece in weighed:
        support[piece.code].append(_nats(piece))
    sums = {code: math.fsum(parts) for code, parts in support.items()}
    failed = tuple(sorted(unavailable))
    if not sums:
        return SpokenLanguage(UNDETERMINED, weighed, 0.0, unavailable=failed, fusion=rules.revision)
    # The likeliest first; of equals the first by name, so that the order of the evidence cannot matter.
    best = min(sums, key=lambda code: (-sums[code], code))
    probability = _probability(best, sums)
    if _contradicted(weighed, rules.contradiction):
        return SpokenLanguage(UNDETERMINED, weighed, probability, True, failed, rules.revision)
    settled = probability >= rules.min_probability
    return SpokenLanguage(best if settled else UNDETERMINED, weighed, probability, False, failed, rules.revision)


def _weigh(evidence: Iterable[LanguageEvidence], rules: FusionRules) -> tuple[LanguageEvidence, ...]:
    groups: dict[tuple[str, str], list[LanguageEvidence]] = defaultdict(list)
    for given in evidence:
        code, probability = restricted(given, rules.wanted, rules.unwanted)
        weight = rules.weights.get(given.source, 0.0)
        piece = dataclasses.replace(given, code=code, probability=probability, weight=weight)
        groups[_family(piece), piece.code].append(piece)
    weighed = []
    for group in groups.values():
        for place, piece in enumerate(sorted(group, key=_order)):
            weighed.append(dataclasses.replace(piece, weight=piece.weight * DISCOUNT**place))
    return tuple(sorted(weighed, key=_order))


def _family(piece: LanguageEvidence) -> str:
    return _FAMILY.get(piece.source, piece.source)


def _nats(piece: LanguageEvidence) -> float:
    """How much a piece raises the log-probability of its language over a language without evidence, at least 0."""
    probability = min(piece.probability, CEILING)
    if probability * LANGUAGES <= 1:
        return 0.0
    return piece.weight * math.log(probability * (LANGUAGES - 1) / (1 - probability))


def _probability(code: str, sums: Mapping[str, float]) -> float:
    """Softmax over the languages with evidence and the rest, which have no support."""
    against = math.fsum(math.exp(nats - sums[code]) for other, nats in sums.items() if other != code)
    unnamed = max(0, LANGUAGES - len(sums)) * math.exp(-sums[code])
    return 1 / (1 + against + unnamed)


def _contradicted(weighed: Iterable[LanguageEvidence], least: float) -> bool:
    support: dict[tuple[str, str], float] = defaultdict(float)
    for piece in weighed:
        if piece.source in KNOWS_WHAT_IS_SPOKEN:
            support[_family(piece), piece.code] += _nats(piece)
    spoken: dict[str, tuple[float, str]] = {}
    for (family, code), nats in support.items():
        spoken[family] = max(spoken.get(family, (0.0, "")), (nats, code))
    sure = {code for nats, code in spoken.values() if _probability(code, {code: nats}) >= least}
    return len(sure) > 1


def _order(piece: LanguageEvidence) -> tuple[object, ...]:
    """What counts most first, and no two different pieces equal."""
    fields = (piece.source, piece.code, piece.probability, piece.revision)
    return (-_nats(piece), *fields, piece.start or 0.0, piece.end or 0.0)
