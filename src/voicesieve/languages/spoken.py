"""What is known about a video, as evidence of the language that is spoken in it: one adapter for each kind.

An adapter answers from untrusted text: a code that is no language, a list of the wrong shape or no answer at all gives
no evidence. One that cannot work is reported by name and reason, and costs the video nothing but its answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from voicesieve.domain.failures import Failure, FailureKind
from voicesieve.domain.languages import EvidenceKind, LanguageEvidence
from voicesieve.files import OUT_OF_SPACE
from voicesieve.languages import text
from voicesieve.languages.codes import normalise

RULES = "1"
"""Revision of the adapters that only read what a source says, with the probabilities below."""

ASR_CAPTIONS = 0.97
AUDIO_TRACK = 0.95
DECLARED_AUDIO = 0.93
FEED_LANGUAGE = 0.93
PAGE_LANGUAGE = 0.8
MANUAL_SUBTITLES = 0.85
"""How likely each is to name the spoken language. Judgement, as the weights: see `languages.fusion.WEIGHTS`."""

MAX_SUBTITLE_LANGUAGES = 3
"""Subtitles in more languages than this were written for audiences elsewhere."""
MIN_CHANNEL_VIDEOS = 3
"""A channel with fewer accepted videos says nothing yet."""
MAX_REASON_CHARS = 300

_DECLARED = {
    EvidenceKind.DECLARED_AUDIO: DECLARED_AUDIO,
    EvidenceKind.FEED_LANGUAGE: FEED_LANGUAGE,
    EvidenceKind.PAGE_LANGUAGE: PAGE_LANGUAGE,
}


@dataclass(frozen=True)
class KnownVideo:
    """What is written about a video. ``declared_as`` says what a source that declares a language speaks of: the audio,
    its feed or its page; ``facts`` are what fetching learnt; ``channel_languages`` counts the accepted videos of its
    channel by language."""

    declared_as: EvidenceKind = EvidenceKind.DECLARED_AUDIO
    title: str = ""
    declared_language: str | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)
    facts: Mapping[str, object] = field(default_factory=dict)
    channel_languages: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Collected:
    """The evidence, and the detectors that could not work, by name and reason; ``chains`` are their errors' causes."""

    evidence: tuple[LanguageEvidence, ...]
    unavailable: tuple[tuple[str, str], ...] = ()
    chains: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def collect(video: KnownVideo) -> Collected:
    """All evidence that is written about a video. Costs well under a millisecond once the text detector is loaded."""
    evidence: list[LanguageEvidence] = []
    unavailable = []
    chains = {}
    for adapter in ADAPTERS:
        try:
            evidence += adapter(video)
        except Exception as error:
            if _is_full_disk(error):
                raise
            name = adapter.__name__.removeprefix("_")
            unavailable.append((name, f"{type(error).__name__}: {error}"[:MAX_REASON_CHARS]))
            chains[name] = Failure.from_exception(FailureKind.INTERNAL_ERROR, error).chain
    return Collected(tuple(evidence), tuple(unavailable), chains)


def _is_full_disk(error: Exception) -> bool:
    """A full disk, met while a model is unpacked, stops the run; it must not become a doubt about the language."""
    return isinstance(error, OSError) and error.errno in OUT_OF_SPACE


def _stated(kind: EvidenceKind, value: object, probability: float) -> Iterator[LanguageEvidence]:
    code = normalise(value) if isinstance(value, str) else None
    if code:
        yield LanguageEvidence(code, kind, probability, RULES)


def _asr_captions(video: KnownVideo) -> Iterator[LanguageEvidence]:
    """The track of automatic captions that is no translation. Dubbed tracks bring one each, and which of them is the
    original they do not say."""
    stated = video.facts.get("asr_languages") or [video.facts.get("asr_language")]
    codes = {normalise(code) for code in stated if isinstance(code, str)} if isinstance(stated, list) else set()
    for code in sorted(filter(None, codes)):
        yield LanguageEvidence(code, EvidenceKind.ASR_CAPTIONS, ASR_CAPTIONS / len(codes), RULES)


def _audio_track(video: KnownVideo) -> Iterator[LanguageEvidence]:
    return _stated(EvidenceKind.AUDIO_TRACK, video.facts.get("language"), AUDIO_TRACK)


def _declared(video: KnownVideo) -> Iterator[LanguageEvidence]:
    return _stated(video.declared_as, video.declared_language, _DECLARED[video.declared_as])


def _manual_subtitles(video: KnownVideo) -> Iterator[LanguageEvidence]:
    listed = video.facts.get("subtitle_languages")
    codes = {normalise(code) for code in listed if isinstance(code, str)} if isinstance(listed, list) else set()
    codes.discard(None)
    if len(codes) <= MAX_SUBTITLE_LANGUAGES:
        for code in sorted(filter(None, codes)):
            yield LanguageEvidence(code, EvidenceKind.MANUAL_SUBTITLES, MANUAL_SUBTITLES / len(codes), RULES)


def _text(video: KnownVideo) -> Iterator[LanguageEvidence]:
    revision = text.revision()
    for language in text.languages_of([video.title, *_described(video.metadata)]):
        yield LanguageEvidence(language.code, EvidenceKind.TEXT, language.probability, revision)


def _description(video: KnownVideo) -> Iterator[LanguageEvidence]:
    """What `digest` read in the description and the tags while fetching."""
    if failed := video.facts.get("description_unread"):
        raise RuntimeError(str(failed))
    read = video.facts.get("description_languages")
    for code, probability in read.items() if isinstance(read, dict) else ():
        if normalise(str(code)) == code and isinstance(probability, float) and 0 <= probability <= 1:
            revision = str(video.facts.get("description_read_by", ""))
            yield LanguageEvidence(code, EvidenceKind.TEXT, probability, revision)


def digest(facts: Mapping[str, object]) -> dict[str, object]:
    """``facts`` of a fetch with the languages of description and tags in the place of their words.

    Raises `OSError` for a full disk, and nothing else.
    """
    rest = {name: value for name, value in facts.items() if name not in ("description", "tags")}
    words = list(_described(facts))
    if not words:
        return rest
    try:
        languages = text.languages_of(words)
    except Exception as error:
        if _is_full_disk(error):
            raise
        return {**rest, "description_unread": f"{type(error).__name__}: {error}"[:MAX_REASON_CHARS]}
    if not languages:
        return rest
    probabilities = {language.code: round(language.probability, 4) for language in languages}
    return {**rest, "description_languages": probabilities, "description_read_by": text.revision()}


def _described(facts: Mapping[str, object]) -> Iterator[str]:
    if isinstance(description := facts.get("description"), str):
        yield description
    if isinstance(tags := facts.get("tags"), list):
        yield ", ".join(tag for tag in tags if isinstance(tag, str))


def _channel(video: KnownVideo) -> Iterator[LanguageEvidence]:
    """Laplace's rule of succession over the channel's accepted videos. Alone it never settles a language, so a channel
    cannot talk itself into one."""
    total = sum(video.channel_languages.values())
    if total >= MIN_CHANNEL_VIDEOS:
        for code, count in sorted(video.channel_languages.items()):
            yield LanguageEvidence(code, EvidenceKind.CHANNEL, (count + 1) / (total + 2), f"{RULES}/{total}")


ADAPTERS: tuple[Callable[[KnownVideo], Iterator[LanguageEvidence]], ...] = (
    _asr_captions,
    _audio_track,
    _declared,
    _manual_subtitles,
    _text,
    _description,
    _channel,
)
