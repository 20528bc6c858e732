"""Which parts of a recording a speech recogniser is given, and what its answer means: pure rules around
`languages.whisper`.

Language identification is poor on a word or two, and its default, the first 30 seconds of a file, is a jingle or an
adult. So the surest child segments are gathered into a few votes of up to 30 seconds, each a stretch of the recording.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from voicesieve.domain.languages import EvidenceKind, LanguageEvidence
from voicesieve.domain.verdicts import Label, Segment
from voicesieve.languages.codes import normalise

VOTE_S = 30.0
"""Whisper takes 30 s at a time."""
LEAST_VOTE_S = 5.0
"""With less speech for each there are fewer votes."""
LEAST_SPEECH_S = 1.0
"""Less speech than this is not recognised at all."""
KEPT_LANGUAGES = 12
"""Of a hundred languages only the likeliest are stored; the rest is noise."""

Span = tuple[float, float]


@dataclass(frozen=True)
class Recogniser:
    """A recogniser that is ready to load: ``folder`` holds it, ``revision`` changes whenever an answer could.

    ``device``: cpu, cuda or auto. ``unavailable`` says why it is not ready after all.
    """

    folder: str
    revision: str
    device: str
    votes: int
    unavailable: str | None = None


def votes_of(segments: Sequence[Segment], votes: int) -> tuple[tuple[Span, ...], ...]:
    """The spans (seconds) of each vote: the surest child segments, in order of time, shared out evenly.

    Where no segment is called ``child``, those that may be are taken. Empty where there is too little speech.
    """
    child = [segment for segment in segments if segment.label is Label.CHILD]
    child = child or [segment for segment in segments if segment.label is Label.UNSURE]
    chosen: list[Span] = []
    left = votes * VOTE_S
    for segment in sorted(child, key=lambda segment: (-segment.score, segment.start)):
        if left > 0:
            chosen.append((segment.start, min(segment.end, segment.start + left)))
            left -= chosen[-1][1] - chosen[-1][0]
    chosen = sorted(span for span in chosen if span[1] > span[0])
    total = sum(end - start for start, end in chosen)
    if total < LEAST_SPEECH_S:
        return ()
    count = max(1, min(votes, int(total / LEAST_VOTE_S)))
    return _shared_out(chosen, total / count, count)


def _shared_out(spans: Sequence[Span], share: float, count: int) -> tuple[tuple[Span, ...], ...]:
    """``spans`` laid end to end and cut into ``count`` pieces of ``share`` seconds."""
    pieces: list[list[Span]] = [[] for _ in range(count)]
    done = 0.0
    for start, end in spans:
        while start < end:
            index = min(count - 1, int(done / share + 1e-9))
            room = end - start if index == count - 1 else min(end - start, (index + 1) * share - done)
            pieces[index].append((start, start + room))
            done += room
            start += room
    return tuple(tuple(piece) for piece in pieces if piece)


def evidence_of(spans: Sequence[Span], distribution: Mapping[str, float], revision: str) -> LanguageEvidence | None:
    """One vote as evidence: the likeliest languages with the probabilities that the recogniser gave them."""
    merged: dict[str, float] = {}
    for label, probability in distribution.items():
        if code := normalise(label):
            merged[code] = merged.get(code, 0.0) + probability
    likeliest = sorted(merged.items(), key=lambda item: (-item[1], item[0]))[:KEPT_LANGUAGES]
    if not likeliest or likeliest[0][1] <= 0:
        return None
    code, probability = likeliest[0]
    return LanguageEvidence(
        code=code,
        source=EvidenceKind.WHISPER,
        probability=probability,
        revision=revision,
        start=spans[0][0],
        end=spans[-1][1],
        distribution=tuple((code, round(probability, 6)) for code, probability in likeliest),
    )


def restricted(piece: LanguageEvidence, wanted: Sequence[str], unwanted: float) -> tuple[str, float]:
    """Code and probability of a vote once it is known which languages are wanted (Bayes' rule).

    Its prior holds every language that is not wanted ``unwanted`` times as likely as one that is: 1 is no prejudice,
    0 lets the recogniser choose among the wanted alone, so that every recording is in one of them.
    """
    if not piece.distribution:
        return piece.code, piece.probability
    stated = dict(piece.distribution)
    unwanted = unwanted if wanted else 1.0
    weighed = {code: stated.get(code, 0.0) * (1.0 if code in wanted else unwanted) for code in {*stated, *wanted}}
    rest = max(0.0, 1.0 - sum(stated.values())) * unwanted
    total = sum(weighed.values()) + rest
    if total <= 0:
        return piece.code, 0.0
    best = min(weighed, key=lambda code: (-weighed[code], code))
    return best, weighed[best] / total
