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
from voicesieve.evaluation.labels import ADULTS, AGELESS, YOUNGEST_ADULT, Heard, Stretch
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
    """Who is heard: stretches without a speaker stand for themselves."""

    name: str
    heard: Heard
    line: int = 0

    @classmethod
    def of(cls, stretch: Stretch) -> Voice:
        return cls(stretch.speaker, stretch.heard) if stretch.speaker else cls("", stretch.heard, stretch.line)


@dataclass(frozen=True, eq=False)
class _Example:
    voice: Voice
    log_odds: float


Cuts = Mapping[Voice, Mapping[float, Sequence[WindowScores]]]
"""Of each voice the scored pieces by their duration in seconds."""


def all_figures(scored: Sequence[Scored], cuts: Cuts, model: Model) -> dict[str, Any]:
    """Everything that is said of one detector. Shares are 0..1; a figure is its value, low and high (95 %)."""
    clips = [_Example(Voice.of(one.stretch), one.log_odds) for one in scored]
    by_voice = _by_voice(scored)
    speakers = [_Example(voice, mean_log_odds(one.windows for one in ones)) for voice, ones in by_voice.items()]
    durations = sorted({duration_s for pieces in cuts.values() for duration_s in pieces})
    groups = sorted({one.stretch.group for one in scored if one.stretch.group})
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
        "by_group": {group: _group([one for one in scored if one.stretch.group == group]) for group in groups},
        "called_child": _called_child(scored, model),
        "verdicts": {
            point.name: {
                "clips": _confusion(((one.stretch.heard, one.windows, one.duration_s) for one in scored), point, model),
                "speakers": _confusion(
                    ((voice.heard, *_joined(ones)) for voice, ones in by_voice.items()), point, model
                ),
            }
            for point in OPERATING_POINTS.values()
        },
        "no_speech_heard": {
            heard.value: _as_dict(wilson(sum(len(one.windows) == 0 for one in ones), len(ones)))
            for heard, ones in _by_heard(scored).items()
        },
        "by_age": _by_age(scored),
    }


def measures(examples: Sequence[_Example]) -> dict[str, Any]:
    """AUC, recall, equal error rate and calibration error of children against adults, and AUC against women."""
    against_adults = sample_of(examples, ADULTS)
    against_women = sample_of(examples, frozenset({Heard.WOMAN}))
    found = {
        **statistics.figures(against_adults, CHILD_AGAINST_ADULT),
        **statistics.figures(against_women, CHILD_AGAINST_WOMAN),
        "calibration_error": statistics.calibration(against_adults),
    }
    return {"counts": _counts(examples), **{name: _as_dict(figure) for name, figure in found.items()}}


def sample_of(examples: Iterable[_Example], others: frozenset[Heard]) -> Sample:
    chosen = [one for one in examples if one.voice.heard is Heard.CHILD or one.voice.heard in others]
    return Sample(
        np.array([one.log_odds for one in chosen]),
        np.array([one.voice.heard is Heard.CHILD for one in chosen], bool),
        statistics.numbered([one.voice for one in chosen]),
    )


def curve_sample(scored: Sequence[Scored]) -> Sample:
    """Clips of children against adults, for plots."""
    return sample_of([_Example(Voice.of(one.stretch), one.log_odds) for one in scored], ADULTS)


def ages_and_scores(scored: Sequence[Scored]) -> list[tuple[float, float, Heard]]:
    """Age in years, probability of a child and label of each clip of known age in which speech was heard."""
    return [
        (one.stretch.age, float(statistics.probability(np.array(one.log_odds))), one.stretch.heard)
        for one in scored
        if one.stretch.age is not None and one.stretch.heard not in AGELESS and len(one.windows)
    ]


def cuts_of(found: Mapping[Voice, ScoredCuts], detector: int) -> dict[Voice, dict[float, list[WindowScores]]]:
    """The pieces as one detector heard them."""
    return {
        voice: {
            duration_s: [WindowScores.from_bytes(windows[detector]) for windows in pieces]
            for duration_s, pieces in cuts.items()
        }
        for voice, cuts in found.items()
    }


def _group(scored: Sequence[Scored]) -> dict[str, Any]:
    """A group may hold one class only: then the shares called child are all that can be said."""
    examples = [_Example(Voice.of(one.stretch), one.log_odds) for one in scored]
    rates = {
        heard.value: _as_dict(wilson(sum(one.log_odds >= 0 for one in ones), len(ones)))
        for heard, ones in _by_heard(scored).items()
    }
    return {**measures(examples), "closer_to_child": rates}


def _called_child(scored: Sequence[Scored], model: Model) -> dict[str, Any]:
    """Shares of clips that each operating point calls child; for nonspeech this is the false-child rate."""
    return {
        point.name: {
            heard.value: _as_dict(
                wilson(
                    sum(pool(one.windows, one.duration_s, point, model).label is VerdictLabel.CHILD for one in ones),
                    len(ones),
                )
            )
            for heard, ones in _by_heard(scored).items()
        }
        for point in OPERATING_POINTS.values()
    }


def _confusion(
    recordings: Iterable[tuple[Heard, WindowScores, float]], point: OperatingPoint, model: Model
) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for heard, windows, duration_s in recordings:
        row = counts.setdefault(heard.value, {label.value: 0 for label in VerdictLabel})
        row[pool(windows, duration_s, point, model).label.value] += 1
    return dict(sorted(counts.items(), key=lambda item: list(Heard).index(Heard(item[0]))))


def _joined(ones: Sequence[Scored]) -> tuple[WindowScores, float]:
    """The windows of stretches as if they followed each other in one recording, up to `TOGETHER_S`."""
    length_s = 0.0
    parts = []
    for one in ones:
        parts.append((one.windows, length_s))
        length_s += one.duration_s
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
    for one in sorted(scored, key=lambda one: one.stretch.age or 0):
        age = one.stretch.age
        if age is not None and one.stretch.heard not in AGELESS and len(one.windows):
            decade = int(age // 10 * 10)
            bands[f"{age:.0f}" if age < YOUNGEST_ADULT else f"{max(decade, YOUNGEST_ADULT)}-{decade + 9}"].append(one)
    return [
        {
            "age": band,
            "clips": len(ones),
            "speakers": len({Voice.of(one.stretch) for one in ones}),
            "mean_probability": round(
                float(statistics.probability(np.array([one.log_odds for one in ones])).mean()), 4
            ),
        }
        for band, ones in bands.items()
    ]


def _by_voice(scored: Sequence[Scored]) -> dict[Voice, list[Scored]]:
    return _sorted_into(scored, lambda one: Voice.of(one.stretch))


def _by_heard(scored: Sequence[Scored]) -> dict[Heard, list[Scored]]:
    found = _sorted_into(scored, lambda one: one.stretch.heard)
    return {heard: found[heard] for heard in Heard if heard in found}


def _sorted_into(scored: Sequence[Scored], key: Callable[[Scored], Any]) -> dict[Any, list[Scored]]:
    found: dict[Any, list[Scored]] = defaultdict(list)
    for one in scored:
        found[key(one)].append(one)
    return found


def _counts(examples: Sequence[_Example]) -> dict[str, dict[str, int]]:
    return {
        heard.value: {"examples": len(ones), "speakers": len({one.voice for one in ones})}
        for heard in Heard
        if (ones := [one for one in examples if one.voice.heard is heard])
    }


def _as_dict(figure: Figure) -> dict[str, float | None]:
    return {name: None if value is None else round(value, 4) for name, value in dataclasses.asdict(figure).items()}
