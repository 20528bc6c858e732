"""From scored stretches to all figures of one detector, as plain data for tables, JSON and plots."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from voicesieve.domain.verdicts import Model, OperatingPoint, VerdictLabel
from voicesieve.evaluation import statistics
from voicesieve.evaluation.labels import ADULTS, AGELESS, YOUNGEST_ADULT, SoundLabel, Stretch
from voicesieve.evaluation.scoring import ScoredCuts, mean_log_odds
from voicesieve.evaluation.statistics import Figure, Sample, wilson
from voicesieve.voices.pooling import OPERATING_POINTS, pool
from voicesieve.voices.scores import WindowScores

TOGETHER_S = 60.0
"""Verdicts on speakers are taken on so much of their joined stretches."""

CHILD_AGAINST_ADULT = {
    "auc_child_adult": statistics.auc,
    "recall_at_1_percent": statistics.recall_at(0.01),
    "recall_at_5_percent": statistics.recall_at(0.05),
    "equal_error_rate": statistics.equal_error_rate,
}
CHILD_AGAINST_WOMAN = {"auc_child_woman": statistics.auc}


@dataclass(frozen=True, eq=False)
class Scored:
    """A labelled stretch and what one detector made of it."""

    stretch: Stretch
    duration_s: float
    windows: WindowScores

    @property
    def log_odds(self) -> float:
        return mean_log_odds([self.windows])


@dataclass(frozen=True)
class Voice:
    """A speaker; a stretch without one is a voice of its own."""

    name: str
    label: SoundLabel
    line: int = 0

    @classmethod
    def of(cls, stretch: Stretch) -> Voice:
        return cls(stretch.speaker, stretch.label) if stretch.speaker else cls("", stretch.label, stretch.line)


@dataclass(frozen=True, eq=False)
class _Example:
    voice: Voice
    log_odds: float


Cuts = Mapping[Voice, Mapping[float, Sequence[WindowScores]]]
"""Of each voice the scored pieces by their duration in seconds."""


def all_figures(scored: Sequence[Scored], cuts: Cuts, model: Model) -> dict[str, Any]:
    """Everything that is reported of one detector. Shares are 0..1; a figure is its value, low and high (95 %)."""
    clips = [_Example(Voice.of(clip.stretch), clip.log_odds) for clip in scored]
    by_voice = _by_voice(scored)
    speakers = [_Example(voice, mean_log_odds(clip.windows for clip in clips)) for voice, clips in by_voice.items()]
    durations = sorted({duration_s for pieces in cuts.values() for duration_s in pieces})
    groups = sorted({clip.stretch.group for clip in scored if clip.stretch.group})
    return {
        "detector": model.name,
        "revision": model.revision,
        "clips": measures(clips),
        "speakers": measures(speakers),
        "by_duration": {
            f"{duration_s:g}": measures(
                [
                    _Example(voice, mean_log_odds([piece]))
                    for voice, pieces in cuts.items()
                    for piece in pieces.get(duration_s, ())
                ]
            )
            for duration_s in durations
        },
        "by_group": {group: _group([clip for clip in scored if clip.stretch.group == group]) for group in groups},
        "called_child": _called_child(scored, model),
        "verdicts": {
            point.name: {
                "clips": _confusion(
                    ((clip.stretch.label, clip.windows, clip.duration_s) for clip in scored), point, model
                ),
                "speakers": _confusion(
                    ((voice.label, *_joined(clips)) for voice, clips in by_voice.items()), point, model
                ),
            }
            for point in OPERATING_POINTS.values()
        },
        "no_speech_heard": {
            label.value: _as_dict(wilson(sum(len(clip.windows) == 0 for clip in clips), len(clips)))
            for label, clips in _by_label(scored).items()
        },
        "by_age": _by_age(scored),
    }


def measures(examples: Sequence[_Example]) -> dict[str, Any]:
    """AUC, recall, equal error rate and calibration error of children against adults, and AUC against women."""
    against_adults = sample_of(examples, ADULTS)
    against_women = sample_of(examples, frozenset({SoundLabel.WOMAN}))
    measured = {
        **statistics.figures(against_adults, CHILD_AGAINST_ADULT),
        **statistics.figures(against_women, CHILD_AGAINST_WOMAN),
        "calibration_error": statistics.calibration(against_adults),
    }
    return {"counts": _counts(examples), **{name: _as_dict(figure) for name, figure in measured.items()}}


def sample_of(examples: Iterable[_Example], others: frozenset[SoundLabel]) -> Sample:
    chosen = [example for example in examples if example.voice.label in {SoundLabel.CHILD, *others}]
    return Sample(
        np.array([example.log_odds for example in chosen]),
        np.array([example.voice.label is SoundLabel.CHILD for example in chosen], bool),
        statistics.numbered([example.voice for example in chosen]),
    )


def curve_sample(scored: Sequence[Scored]) -> Sample:
    """Clips of children against adults, for plots."""
    return sample_of([_Example(Voice.of(clip.stretch), clip.log_odds) for clip in scored], ADULTS)


def ages_and_scores(scored: Sequence[Scored]) -> list[tuple[float, float, SoundLabel]]:
    """Age in years, probability of a child and label of each clip of known age with speech in it."""
    return [
        (clip.stretch.age, float(statistics.probability(np.array(clip.log_odds))), clip.stretch.label)
        for clip in scored
        if clip.stretch.age is not None and clip.stretch.label not in AGELESS and len(clip.windows)
    ]


def cuts_of(scored_cuts: Mapping[Voice, ScoredCuts], detector: int) -> dict[Voice, dict[float, list[WindowScores]]]:
    """The pieces with the scores of one detector."""
    return {
        voice: {
            duration_s: [WindowScores.from_bytes(windows[detector]) for windows in pieces]
            for duration_s, pieces in cuts.items()
        }
        for voice, cuts in scored_cuts.items()
    }


def _group(scored: Sequence[Scored]) -> dict[str, Any]:
    """A group may hold one class only: then the shares called child are all that can be said."""
    examples = [_Example(Voice.of(clip.stretch), clip.log_odds) for clip in scored]
    rates = {
        label.value: _as_dict(wilson(sum(clip.log_odds >= 0 for clip in clips), len(clips)))
        for label, clips in _by_label(scored).items()
    }
    return {**measures(examples), "closer_to_child": rates}


def _called_child(scored: Sequence[Scored], model: Model) -> dict[str, Any]:
    """Shares of clips that each operating point calls child; for nonspeech this is the false-child rate."""
    return {
        point.name: {
            label.value: _as_dict(wilson(sum(_is_child(clip, point, model) for clip in clips), len(clips)))
            for label, clips in _by_label(scored).items()
        }
        for point in OPERATING_POINTS.values()
    }


def _is_child(clip: Scored, point: OperatingPoint, model: Model) -> bool:
    return pool(clip.windows, clip.duration_s, point, model).label is VerdictLabel.CHILD


def _confusion(
    recordings: Iterable[tuple[SoundLabel, WindowScores, float]], point: OperatingPoint, model: Model
) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for label, windows, duration_s in recordings:
        row = counts.setdefault(label.value, {verdict.value: 0 for verdict in VerdictLabel})
        row[pool(windows, duration_s, point, model).label.value] += 1
    return dict(sorted(counts.items(), key=lambda item: list(SoundLabel).index(SoundLabel(item[0]))))


def _joined(clips: Sequence[Scored]) -> tuple[WindowScores, float]:
    """The windows of stretches as if they followed each other in one recording, up to `TOGETHER_S`."""
    length_s = 0.0
    parts = []
    for clip in clips:
        parts.append((clip.windows, length_s))
        length_s += clip.duration_s
        if length_s >= TOGETHER_S:
            break
    return (
        WindowScores(
            np.concatenate([windows.starts + np.float32(offset) for windows, offset in parts]),
            np.concatenate([windows.ends + np.float32(offset) for windows, offset in parts]),
            np.concatenate([windows.log_probabilities for windows, _ in parts]),
        ),
        length_s,
    )


def _by_age(scored: Sequence[Scored]) -> list[dict[str, Any]]:
    """Mean probability by year of age up to 17 and by decade beyond, with the speakers it rests on."""
    bands: dict[str, list[Scored]] = defaultdict(list)
    for clip in sorted(scored, key=lambda clip: clip.stretch.age or 0):
        age = clip.stretch.age
        if age is not None and clip.stretch.label not in AGELESS and len(clip.windows):
            decade = int(age // 10 * 10)
            bands[f"{age:.0f}" if age < YOUNGEST_ADULT else f"{max(decade, YOUNGEST_ADULT)}-{decade + 9}"].append(clip)
    return [
        {
            "age": band,
            "clips": len(clips),
            "speakers": len({Voice.of(clip.stretch) for clip in clips}),
            "mean_probability": round(
                float(statistics.probability(np.array([clip.log_odds for clip in clips])).mean()), 4
            ),
        }
        for band, clips in bands.items()
    ]


def _by_voice(scored: Sequence[Scored]) -> dict[Voice, list[Scored]]:
    return _sorted_into(scored, lambda clip: Voice.of(clip.stretch))


def _by_label(scored: Sequence[Scored]) -> dict[SoundLabel, list[Scored]]:
    by_label = _sorted_into(scored, lambda clip: clip.stretch.label)
    return {label: by_label[label] for label in SoundLabel if label in by_label}


def _sorted_into(scored: Sequence[Scored], key: Callable[[Scored], Any]) -> dict[Any, list[Scored]]:
    sorted_clips: dict[Any, list[Scored]] = defaultdict(list)
    for clip in scored:
        sorted_clips[key(clip)].append(clip)
    return sorted_clips


def _counts(examples: Sequence[_Example]) -> dict[str, dict[str, int]]:
    return {
        label.value: {"examples": len(alike), "speakers": len({example.voice for example in alike})}
        for label in SoundLabel
        if (alike := [example for example in examples if example.voice.label is label])
    }


def _as_dict(figure: Figure) -> dict[str, float | None]:
    return {name: None if value is None else round(value, 4) for name, value in dataclasses.asdict(figure).items()}
