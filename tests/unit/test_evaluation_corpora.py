"""What clips of a new domain teach, on real speech. Skipped where the corpora are not there."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from voicesieve.audio.decode import decode_blocks
from voicesieve.domain.sound import SAMPLE_RATE
from voicesieve.evaluation.refitting import Clips, calibrated_odds, refit
from voicesieve.evaluation.statistics import numbered
from voicesieve.voices.network import NetworkDetector
from voicesieve.voices.scores import NONSPEECH, child_log_odds

pytestmark = pytest.mark.corpora

CLIPS_OF_EACH = 8
DIVISIONS = 12


def in_a_room_over_a_telephone(sound: np.ndarray, seed: int) -> np.ndarray:
    """The new domain: RT60 0.5 s, 300 to 3,400 Hz, noise 15 dB below."""
    rng = np.random.default_rng(1)
    time = np.arange(SAMPLE_RATE // 2) / SAMPLE_RATE
    tail = rng.normal(0, 1, len(time)) * 10 ** (-6 * time)
    tail[:80] = 0
    tail /= np.sqrt((tail**2).sum())
    tail[0] = 1
    spectrum = np.fft.rfft(sound, len(sound) + len(tail)) * np.fft.rfft(tail, len(sound) + len(tail))
    hz = np.fft.rfftfreq(len(sound) + len(tail), 1 / SAMPLE_RATE)
    spectrum *= 10 ** (np.interp(hz, [0, 300, 1_000, 3_400, 3_600, 8_000], [-30, -6, 0, -8, -50, -60]) / 20)
    reverberant = np.fft.irfft(spectrum, len(sound) + len(tail))[: len(sound)]
    reverberant += np.random.default_rng(seed).normal(0, 1, len(reverberant)) * reverberant.std() * 10 ** (-15 / 20)
    return (reverberant / np.abs(reverberant).max() / 2).astype(np.float32)


@pytest.fixture(scope="module")
def domain(corpora: Path) -> Clips:
    """Children and women of the test part of speechocean762, whom training never sees, in the new domain."""
    folder = corpora / "speechocean762"
    with (folder / "metadata.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "test"]
    network, taken = NetworkDetector.embedded(), Counter[str]()
    odds, embeddings, child, speakers = [], [], [], []
    for number, row in enumerate(rows):
        is_child, is_woman = int(row["age"]) <= 12, int(row["age"]) >= 18 and row["gender"] == "female"
        if not (is_child or is_woman) or taken[row["speaker"]] == CLIPS_OF_EACH:
            continue
        taken[row["speaker"]] += 1
        sound = np.concatenate(list(decode_blocks(folder / row["path"])))
        logs, inside = network.base_outputs([in_a_room_over_a_telephone(sound, number)])
        speech = logs[:, NONSPEECH] < np.log(0.5)
        if speech.any():
            odds.append(child_log_odds(logs[speech].astype(float)).mean())
            embeddings.append(inside[speech].astype(float).mean(axis=0))
            child.append(is_child)
            speakers.append(row["speaker"])
    return Clips(np.array(odds), np.array(embeddings), np.array(child), numbered(speakers))


def auc(clips: Clips, odds: np.ndarray) -> float:
    return float((odds[clips.child][:, np.newaxis] > odds[~clips.child]).mean())


def test_a_calibration_raises_the_auc_on_the_other_half_of_the_speakers(domain: Clips) -> None:
    gains = []
    for number in range(DIVISIONS):
        rng = np.random.default_rng(number)
        half: list[int] = []
        for which in (domain.child, ~domain.child):
            names = rng.permutation(np.unique(domain.speakers[which]))
            half += names[: len(names) // 2].tolist()
        learnt = np.isin(domain.speakers, half)
        assert learnt.sum() <= 200
        other = domain.chosen(~learnt)
        calibration = refit(domain.chosen(learnt), NetworkDetector.embedded().base).calibration
        moved = calibrated_odds(other, calibration.scale, calibration.offset, calibration.weights)
        gains.append(auc(other, moved) - auc(other, other.odds))
    print(f"gain of AUC on speakers not learnt from, {DIVISIONS} divisions: {np.round(gains, 3).tolist()}")
    assert np.mean(gains) > 0.01
