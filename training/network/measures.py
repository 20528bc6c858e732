"""What a detector reaches on held-out recordings, and whether that meets the gates."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from training.corpora import Clip
from training.floor import auc, channel, resampled
from training.network.material import SEED, through_codec
from voicesieve.audio.decode import SAMPLE_RATE
from voicesieve.domain.verdicts import VerdictLabel
from voicesieve.voices.detector import CHILD, MAN, NONSPEECH, WOMAN, Detector, WindowScores
from voicesieve.voices.pooling import DISCOVER, pool

WARPS = (0.75, 0.83, 0.91, 1.0, 1.1, 1.21, 1.33)
WARP_CLIPS = 2
CELL_CLIPS = 8
"""Clips of each speaker in the table of robustness and at most in the warp test; all are used elsewhere."""
OPUS, AAC = ("libopus", "ogg", 48_000, 24_000), ("aac", "adts", 16_000, 48_000)
BOOTSTRAPS = 2_000

Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]


@dataclass(frozen=True, eq=False)
class Scored:
    clip: Clip
    scores: WindowScores

    @property
    def log_odds(self) -> np.ndarray:
        """Child against adult in each window of speech, (n,)."""
        logs = self.scores.log_probabilities
        odds = logs[:, CHILD] - np.logaddexp(logs[:, WOMAN], logs[:, MAN])
        return np.asarray(odds[logs[:, NONSPEECH] < np.log(0.5)])


def measure(detector: Detector, held_out: Sequence[Clip], music: Sequence[np.ndarray]) -> dict[str, object]:
    """All figures of one detector. ``music`` plays below some clips of the equalised test."""
    started, seconds = time.process_time(), sum(len(clip.sound) for clip in held_out) / SAMPLE_RATE
    plain = score(detector, held_out, unchanged)
    cost = (time.process_time() - started) / seconds * 3_600
    equalised = score(detector, held_out, equaliser(music))
    few = _first([clip for clip in held_out if clip.group.startswith("so:") and MAN not in clip.classes], CELL_CLIPS)
    clean = _woman_auc(score(detector, few, unchanged))
    return {
        "model": f"{detector.model.name} {detector.model.revision}",
        "core_seconds_per_hour_without_decoding": round(cost, 1),
        "as_recorded": _figures(detector, plain),
        "equalised": _figures(detector, equalised),
        "warp_rank_correlation": _warp_test(detector, held_out),
        "child_woman_auc_clean_and_drop": {
            "clean": clean,
            **{name: round(_woman_auc(score(detector, few, change)) - clean, 3) for name, change in CELLS.items()},
        },
    }


def score(detector: Detector, clips: Sequence[Clip], change: Change) -> list[Scored]:
    rng = np.random.default_rng([SEED, 3])
    return [Scored(clip, detector.windows([change(clip.sound, rng).astype(np.float32)])) for clip in clips]


def _figures(detector: Detector, scored: Sequence[Scored]) -> dict[str, object]:
    groups = {
        "so child": _of(scored, "so:", {CHILD}),
        "so woman": _of(scored, "so:", {WOMAN}),
        "so man": _of(scored, "so:", {MAN}),
        "cv woman": _of(scored, "cv:", {WOMAN}),
        "cv man": _of(scored, "cv:", {MAN}),
        "cv undeclared": _of(scored, "cv:", {WOMAN, MAN}),
        "esc-10": _of(scored, "esc:", {NONSPEECH}),
        "infant cry": _of(scored, "cry", {NONSPEECH}),
        "music": _of(scored, "music", {NONSPEECH}),
    }
    child = _speaker_means(groups["so child"])
    women = _speaker_means(groups["so woman"])
    vietnamese = np.concatenate([_speaker_means(groups[name]) for name in ("cv woman", "cv man", "cv undeclared")])
    return {
        "auc_child_woman": round(auc(child, women), 3),
        "auc_child_woman_interval": _interval(child, women),
        "auc_child_man": round(auc(child, _speaker_means(groups["so man"])), 3),
        "auc_child_vietnamese_adult": round(auc(child, vietnamese), 3),
        "auc_child_woman_clip": _clip_auc(groups["so child"], groups["so woman"]),
        "speakers": {name: len({one.clip.group for one in found}) for name, found in groups.items()},
        "windows_called_child_at_discover": {name: _windows_called(found) for name, found in groups.items()},
        "clips_called_child_at_discover": {name: _clips_called(detector, found) for name, found in groups.items()},
        "clips_without_a_window": {
            name: f"{sum(len(one.scores) == 0 for one in found)} of {len(found)}" for name, found in groups.items()
        },
        "calibration_error_by_window": _calibration_error(groups["so child"], [*groups["so woman"], *groups["so man"]]),
        "log_odds_quartiles": {
            name: np.round(np.percentile(odds, (5, 25, 50, 75, 95)), 2).tolist()
            for name, found in groups.items()
            if len(odds := _all_odds(found))
        },
    }


def _of(scored: Sequence[Scored], group: str, classes: set[int]) -> list[Scored]:
    return [one for one in scored if one.clip.group.startswith(group) and one.clip.classes == classes]


def _all_odds(scored: Sequence[Scored]) -> np.ndarray:
    return np.concatenate([np.zeros(0), *(one.log_odds for one in scored)])


def _speaker_means(scored: Sequence[Scored]) -> np.ndarray:
    by_speaker: dict[str, list[float]] = defaultdict(list)
    for one in scored:
        by_speaker[one.clip.group] += one.log_odds.tolist()
    return np.array([np.mean(odds) for odds in by_speaker.values() if odds])


def _woman_auc(scored: Sequence[Scored]) -> float:
    return round(auc(_speaker_means(_of(scored, "so:", {CHILD})), _speaker_means(_of(scored, "so:", {WOMAN}))), 3)


def _clip_auc(children: Sequence[Scored], women: Sequence[Scored]) -> float:
    means = [np.array([one.log_odds.mean() for one in group if len(one.log_odds)]) for group in (children, women)]
    return round(auc(*means), 3)


def _interval(positive: np.ndarray, negative: np.ndarray) -> list[float]:
    """95 % of what the AUC would be with other speakers: speakers drawn again with replacement."""
    rng = np.random.default_rng(SEED)
    draws = [auc(rng.choice(positive, len(positive)), rng.choice(negative, len(negative))) for _ in range(BOOTSTRAPS)]
    return np.round(np.percentile(draws, (2.5, 97.5)), 3).tolist()


def _windows_called(scored: Sequence[Scored]) -> str:
    """Of all windows, those whose child probability reaches the operating point's."""
    needed = np.log(DISCOVER.child_probability / (1 - DISCOVER.child_probability))
    windows = sum(len(one.scores) for one in scored)
    called = int((_all_odds(scored) >= needed).sum())
    return f"{called} of {windows} ({called / max(1, windows):.3f})"


def _clips_called(detector: Detector, scored: Sequence[Scored]) -> str:
    verdicts = [pool(one.scores, len(one.clip.sound) / SAMPLE_RATE, DISCOVER, detector.model) for one in scored]
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
    for clip in _first([clip for clip in held_out if clip.group[:3] in ("so:", "cv:")], WARP_CLIPS):
        row = [
            Scored(clip, detector.windows([resampled(clip.sound, warp) if warp != 1 else clip.sound])).log_odds
            for warp in WARPS
        ]
        if all(len(odds) for odds in row):
            by_speaker[clip.group].append([float(odds.mean()) for odds in row])
    found = [_rank_correlation(np.mean(rows, axis=0)) for rows in by_speaker.values()]
    low, middle, high = np.round(np.percentile(found, (25, 50, 75)), 3)
    return {
        "speakers": len(found),
        "lower_quartile": float(low),
        "median": float(middle),
        "upper_quartile": float(high),
    }


def _rank_correlation(scores: np.ndarray) -> float:
    ranks = np.argsort(np.argsort(scores)).astype(float)
    return float(np.corrcoef(ranks, np.arange(len(scores)))[0, 1])


def _first(clips: Sequence[Clip], count: int) -> list[Clip]:
    seen: dict[str, int] = defaultdict(int)
    kept = []
    for clip in clips:
        seen[clip.group] += 1
        if seen[clip.group] <= count:
            kept.append(clip)
    return kept


# ---------------------------------------------------------------- changed channels


def unchanged(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return sound


def equaliser(music: Sequence[np.ndarray]) -> Change:
    """Equaliser, band limit, noise floor, at times music, gain, then Opus: what hides a corpus's equipment."""
    return lambda sound, rng: through_codec(channel(sound, music, rng), *OPUS)


def _telephone(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    spectrum = np.fft.rfft(sound)
    spectrum[np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE) > 3_900] = 0
    return np.fft.irfft(spectrum, len(sound))


def _noisy(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """White to brown noise 10 dB below the sound."""
    spectrum = np.fft.rfft(rng.normal(0, 1, len(sound)))
    noise = np.fft.irfft(spectrum / np.arange(1, len(spectrum) + 1) ** 0.5, len(sound))
    return sound + noise / noise.std() * sound.std() * 10 ** (-10 / 20)


def _in_a_room(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """RT60 0.6 s, direct sound and reverberation equally strong."""
    time_s = np.arange(int(0.6 * SAMPLE_RATE)) / SAMPLE_RATE
    tail = rng.normal(0, 1, len(time_s)) * 10 ** (-3 * time_s / 0.6)
    tail[:80] = 0
    tail /= np.sqrt((tail**2).sum())
    tail[0] = 1
    size = len(sound) + len(tail)
    return np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(tail, size), size)[: len(sound)]


CELLS: dict[str, Change] = {
    "opus_24k": lambda sound, rng: through_codec(sound, *OPUS),
    "aac_48k": lambda sound, rng: through_codec(sound, *AAC),
    "8_khz": _telephone,
    "noise_10_db": _noisy,
    "rt60_0.6": _in_a_room,
}
