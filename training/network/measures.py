"""What a detector reaches on held-out recordings, and whether that meets the gates."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from training.corpora import Clip
from training.floor import auc, resampled
from training.network.changes import CELLS, Change, equaliser, unchanged
from training.network.material import SEED
from training.network.scores import CalibrationOf, Scored, calibrated, score_of_a_recording
from voicesieve.domain.sound import SAMPLE_RATE
from voicesieve.domain.verdicts import Model, VerdictLabel
from voicesieve.voices.activity import CHUNK, VoiceActivity
from voicesieve.voices.detector import Detector
from voicesieve.voices.pooling import DISCOVER, pool
from voicesieve.voices.scores import CHILD, CLASSES, MAN, NONSPEECH, WOMAN
from voicesieve.voices.speech import speech_chunks

WARPS = (0.75, 0.83, 0.91, 1.0, 1.1, 1.21, 1.33)
WARP_CLIPS = 2
AGE_CLIPS = 4
CELL_CLIPS = 8
"""Clips of each speaker in the table of robustness and at most in the warp test; all are used elsewhere."""
BOOTSTRAPS = 2_000
PROBABILITIES = (0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.92, 0.95)
SPED_UP = (1.25, 1.5)


def measure(
    detector: Detector,
    calibration_of: CalibrationOf,
    held_out: Sequence[Clip],
    music: Sequence[np.ndarray],
    *,
    brief: bool = False,
) -> dict[str, object]:
    """All figures of one detector, or the main ones. ``music`` plays below some clips of the equalised test.

    ``calibration_of`` is applied to what ``detector`` says of a group, except where only the order of scores counts."""
    started, seconds = time.process_time(), sum(len(clip.sound) for clip in held_out) / SAMPLE_RATE
    plain = score(detector, held_out, unchanged)
    cost = (time.process_time() - started) / seconds * 3_600
    equalised = score(detector, held_out, equaliser(music))
    main = {
        "core_seconds_per_hour_without_decoding": round(cost, 1),
        "as_recorded": _figures(plain, calibration_of),
        "equalised": _figures(equalised, calibration_of),
    }
    if brief:
        return main
    few = first([clip for clip in held_out if clip.group.startswith("so:") and MAN not in clip.classes], CELL_CLIPS)
    clean = _woman_auc(score(detector, few, unchanged))
    return {
        **main,
        "reliability_equalised": reliability(calibrated(equalised, calibration_of)),
        "windows_called_child_when_sped_up": _sped_up(detector, calibration_of, held_out),
        "loud_sound_outside_speech": _missed_speech(held_out),
        "warp_rank_correlation": _warp_test(detector, held_out),
        "child_woman_auc_clean_and_drop": {
            "clean": clean,
            **{name: round(_woman_auc(score(detector, few, change)) - clean, 3) for name, change in CELLS.items()},
        },
    }


def age_curve(detector: Detector, calibration_of: CalibrationOf, clips: Sequence[Clip]) -> dict[str, object]:
    """By age: speakers, and the mean child probability of their windows through an equalised channel."""
    by_age: dict[int, list[Scored]] = defaultdict(list)
    aged = first((clip for clip in clips if clip.age is not None), AGE_CLIPS)
    for result in calibrated(score(detector, aged, equaliser([np.ones(1, np.float32)])), calibration_of):
        by_age[int(result.clip.age or 0)].append(result)
    return {
        str(age): {
            "speakers": len({result.clip.group for result in by_age[age]}),
            "mean_child_probability": round(float((1 / (1 + np.exp(-_all_odds(by_age[age])))).mean()), 3),
        }
        for age in sorted(by_age)
        if len(_all_odds(by_age[age]))
    }


def reliability(scored: Sequence[Scored]) -> list[dict[str, float]]:
    """Of speechocean762, in ten equal bins of the child probability: its mean, the share of children, windows.

    Children and adults weigh the same in total, as in the calibration."""
    children, adults = _of(scored, "so:", {CHILD}), [*_of(scored, "so:", {WOMAN}), *_of(scored, "so:", {MAN})]
    odds = [_all_odds(children), _all_odds(adults)]
    chances = 1 / (1 + np.exp(-np.concatenate(odds)))
    truth = np.repeat([1.0, 0.0], [len(part) for part in odds])
    weights = np.repeat([0.5 / max(1, len(part)) for part in odds], [len(part) for part in odds])
    bins = np.minimum((chances * 10).astype(int), 9)
    return [
        {
            "probability": round(float(np.average(chances[bins == at], weights=weights[bins == at])), 3),
            "children": round(float(np.average(truth[bins == at], weights=weights[bins == at])), 3),
            "windows": int((bins == at).sum()),
        }
        for at in range(10)
        if (bins == at).any()
    ]


def score(detector: Detector, clips: Sequence[Clip], change: Change) -> list[Scored]:
    rng = np.random.default_rng([SEED, 3])
    return [_scored(detector, clip, change(clip.sound, rng)) for clip in clips]


def _scored(detector: Detector, clip: Clip, sound: np.ndarray) -> Scored:
    return Scored(clip, detector.windows([sound.astype(np.float32)]))


def _figures(ranked: Sequence[Scored], calibration_of: CalibrationOf) -> dict[str, object]:
    child, women = (_speaker_means(_of(ranked, "so:", {kind})) for kind in (CHILD, WOMAN))
    vietnamese = _speaker_means([result for result in ranked if result.clip.group.startswith("cv:")])
    prompts = _speaker_means(_of(ranked, "prompts:", {WOMAN}))
    clips = (_of(ranked, "so:", {kind}) for kind in (CHILD, WOMAN))
    return {
        "auc_child_woman": round(auc(child, women), 3),
        "auc_child_woman_interval": _interval(child, women),
        "auc_child_man": round(auc(child, _speaker_means(_of(ranked, "so:", {MAN}))), 3),
        "auc_child_vietnamese_adult": round(auc(child, vietnamese), 3),
        "auc_child_prompt_woman": round(auc(child, prompts), 3) if len(prompts) else None,
        "auc_child_woman_clip": _clip_auc(*clips),
        **_judged(calibrated(ranked, calibration_of)),
    }


def _judged(scored: Sequence[Scored]) -> dict[str, object]:
    groups = {
        "so child": _of(scored, "so:", {CHILD}),
        "so woman": _of(scored, "so:", {WOMAN}),
        "so man": _of(scored, "so:", {MAN}),
        "cv woman": _of(scored, "cv:", {WOMAN}),
        "cv man": _of(scored, "cv:", {MAN}),
        "cv undeclared": _of(scored, "cv:", {WOMAN, MAN}),
        "prompt woman": _of(scored, "prompts:", {WOMAN}),
        "prompt man": _of(scored, "prompts:", {MAN}),
        "esc-10": _of(scored, "esc:", {NONSPEECH}),
        "infant cry": _of(scored, "cry", {NONSPEECH}),
        "music": _of(scored, "music", {NONSPEECH}),
    }
    return {
        "speakers": {name: len({result.clip.group for result in results}) for name, results in groups.items()},
        "windows_called_child_at_discover": {name: _windows_called(results) for name, results in groups.items()},
        "clips_called_child_at_discover": {name: _clips_called(results) for name, results in groups.items()},
        "clips_without_a_window": {
            name: f"{sum(len(result.scores) == 0 for result in results)} of {len(results)}"
            for name, results in groups.items()
        },
        "calibration_error_by_window": _calibration_error(groups["so child"], [*groups["so woman"], *groups["so man"]]),
        "windows_by_least_probability": {name: _windows_by_probability(results) for name, results in groups.items()},
        "score_of_a_recording": score_of_a_recording(scored),
        "log_odds_quartiles": {
            name: np.round(np.percentile(odds, (5, 25, 50, 75, 95)), 2).tolist()
            for name, results in groups.items()
            if len(odds := _all_odds(results))
        },
    }


def _of(scored: Sequence[Scored], group: str, classes: set[int]) -> list[Scored]:
    return [result for result in scored if result.clip.group.startswith(group) and result.clip.classes == classes]


def _all_odds(scored: Sequence[Scored]) -> np.ndarray:
    return np.concatenate([np.zeros(0), *(result.log_odds for result in scored)])


def _speaker_means(scored: Sequence[Scored]) -> np.ndarray:
    by_speaker: dict[str, list[float]] = defaultdict(list)
    for result in scored:
        by_speaker[result.clip.group] += result.log_odds.tolist()
    return np.array([np.mean(odds) for odds in by_speaker.values() if odds])


def _woman_auc(scored: Sequence[Scored]) -> float:
    return round(auc(_speaker_means(_of(scored, "so:", {CHILD})), _speaker_means(_of(scored, "so:", {WOMAN}))), 3)


def _clip_auc(children: Sequence[Scored], women: Sequence[Scored]) -> float:
    means = [
        np.array([result.log_odds.mean() for result in group if len(result.log_odds)]) for group in (children, women)
    ]
    return round(auc(*means), 3)


def _interval(positive: np.ndarray, negative: np.ndarray) -> list[float]:
    """95 % of what the AUC would be with other speakers: speakers drawn again with replacement."""
    rng = np.random.default_rng(SEED)
    draws = [auc(rng.choice(positive, len(positive)), rng.choice(negative, len(negative))) for _ in range(BOOTSTRAPS)]
    return np.round(np.percentile(draws, (2.5, 97.5)), 3).tolist()


def _windows_called(scored: Sequence[Scored]) -> str:
    """Of all windows, those whose child probability reaches the operating point's."""
    needed = np.log(DISCOVER.child_probability / (1 - DISCOVER.child_probability))
    windows = sum(len(result.scores) for result in scored)
    called = int((_all_odds(scored) >= needed).sum())
    return f"{called} of {windows} ({called / max(1, windows):.3f})"


def _windows_by_probability(scored: Sequence[Scored]) -> dict[str, float]:
    """Share of windows whose child probability reaches each of `PROBABILITIES`: to choose operating points by."""
    windows, odds = max(1, sum(len(result.scores) for result in scored)), _all_odds(scored)
    return {str(p): round(float((odds >= np.log(p / (1 - p))).sum()) / windows, 3) for p in PROBABILITIES}


def _clips_called(scored: Sequence[Scored]) -> str:
    model = Model("measured", "")
    verdicts = [pool(result.scores, len(result.clip.sound) / SAMPLE_RATE, DISCOVER, model) for result in scored]
    called = sum(verdict.label is VerdictLabel.CHILD for verdict in verdicts)
    return f"{called} of {len(scored)} ({called / max(1, len(scored)):.3f})"


def _calibration_error(children: Sequence[Scored], adults: Sequence[Scored]) -> float:
    """Expected calibration error over 15 equal bins, children and adults weighing the same."""
    odds = [_all_odds(children), _all_odds(adults)]
    chances = 1 / (1 + np.exp(-np.concatenate(odds)))
    truth = np.repeat([1.0, 0.0], [len(part) for part in odds])
    weights = np.repeat([0.5 / max(1, len(part)) for part in odds], [len(part) for part in odds])
    bins = np.minimum((chances * 15).astype(int), 14)
    return round(float(np.abs(np.bincount(bins, weights * (chances - truth), 15)).sum()), 3)


def _warp_test(detector: Detector, held_out: Sequence[Clip]) -> dict[str, float]:
    """Rank correlation of a speaker's mean score with the warp: its quartiles over speakers."""
    by_speaker: dict[str, list[list[float]]] = defaultdict(list)
    for clip in first([clip for clip in held_out if clip.group[:3] in ("so:", "cv:")], WARP_CLIPS):
        row = [
            _scored(detector, clip, resampled(clip.sound, warp) if warp != 1 else clip.sound).log_odds for warp in WARPS
        ]
        if all(len(odds) for odds in row):
            by_speaker[clip.group].append([float(odds.mean()) for odds in row])
    correlations = [_rank_correlation(np.mean(rows, axis=0)) for rows in by_speaker.values()]
    low, middle, high = np.round(np.percentile(correlations, (25, 50, 75)), 3)
    return {
        "speakers": len(correlations),
        "lower_quartile": float(low),
        "median": float(middle),
        "upper_quartile": float(high),
    }


def _sped_up(detector: Detector, calibration_of: CalibrationOf, held_out: Sequence[Clip]) -> dict[str, str]:
    """Adults played faster, which no training example was beyond the documented warps: their own row."""
    chosen = first([clip for clip in held_out if clip.group.startswith("so:") and CHILD not in clip.classes], 3)
    shares = {}
    for factor in SPED_UP:
        played = [_scored(detector, clip, resampled(clip.sound, factor)) for clip in chosen]
        faster = calibrated(played, calibration_of)
        for kind in (WOMAN, MAN):
            shares[f"{CLASSES[kind]} x{factor}"] = _windows_called(_of(faster, "so:", {kind}))
    return shares


def _missed_speech(held_out: Sequence[Clip]) -> dict[str, float]:
    """Share of loud chunks, within 20 dB of the clip's level, that the speech gate leaves out, children and adults."""
    shares = {}
    for kind in (CHILD, WOMAN, MAN):
        missed = loud_chunks = 0
        for clip in (clip for clip in held_out if clip.group.startswith("so:") and clip.classes == {kind}):
            chunks = clip.sound[: len(clip.sound) // CHUNK * CHUNK].reshape(-1, CHUNK)
            levels = 10 * np.log10((chunks**2).mean(axis=1) + 1e-12)
            loud = levels > np.percentile(levels, 95) - 20
            speech = speech_chunks(VoiceActivity().probabilities(chunks.astype(np.float32)))
            missed, loud_chunks = missed + int((loud & ~speech).sum()), loud_chunks + int(loud.sum())
        shares[CLASSES[kind]] = round(missed / max(1, loud_chunks), 3)
    return shares


def _rank_correlation(scores: np.ndarray) -> float:
    ranks = np.argsort(np.argsort(scores)).astype(float)
    return float(np.corrcoef(ranks, np.arange(len(scores)))[0, 1])


def first(clips: Iterable[Clip], count: int) -> list[Clip]:
    """At most ``count`` clips of each speaker or sound."""
    seen: dict[str, int] = defaultdict(int)
    kept = []
    for clip in clips:
        seen[clip.group] += 1
        if seen[clip.group] <= count:
            kept.append(clip)
    return kept
