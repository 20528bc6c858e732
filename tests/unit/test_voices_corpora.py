"""The embedded detectors on real speech. Skipped where the corpora are not there; they cannot be shipped."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from voicesieve.audio.decode import decode_blocks
from voicesieve.domain.verdicts import VerdictLabel
from voicesieve.voices.pooling import CORPUS, DISCOVER, pool
from voicesieve.voices.registry import load_detector

_BESIDE = Path(__file__).parents[3] / "shared/corpora"
CORPORA = Path(os.environ.get("VOICESIEVE_CORPORA", _BESIDE))
SPEAKERS = 12

pytestmark = [
    pytest.mark.corpora,
    pytest.mark.skipif(not CORPORA.is_dir(), reason="no corpora: set VOICESIEVE_CORPORA to their folder"),
]


def rows(corpus: str) -> list[dict[str, str]]:
    with (CORPORA / corpus / "metadata.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def held_out_speakers(youngest: int, oldest: int, gender: str | None = None) -> list[list[Path]]:
    """Clips of speakers of the test part of speechocean762, which training never sees, in the order of their names."""
    clips: dict[str, list[Path]] = {}
    for row in rows("speechocean762"):
        if row["split"] == "test" and youngest <= int(row["age"]) <= oldest and gender in (None, row["gender"]):
            clips.setdefault(row["speaker"], []).append(CORPORA / "speechocean762" / row["path"])
    return [clips[speaker] for speaker in sorted(clips)][:SPEAKERS]


def sound_of(paths: list[Path]) -> np.ndarray:
    return np.concatenate([block for path in paths for block in decode_blocks(path)])


def score(sound: np.ndarray, name: str) -> float:
    detector = load_detector(name)
    return pool(detector.windows([sound]), len(sound) / 16_000, DISCOVER, detector.model).score


@pytest.mark.parametrize("name", ["network", "floor"])
def test_children_score_above_men_and_mostly_above_women(name: str) -> None:
    children = np.array([score(sound_of(clips[:8]), name) for clips in held_out_speakers(6, 12)])
    men = np.array([score(sound_of(clips[:8]), name) for clips in held_out_speakers(18, 99, "male")])
    women = np.array([score(sound_of(clips[:8]), name) for clips in held_out_speakers(18, 99, "female")])
    assert (children[:, np.newaxis] > men).mean() > 0.85
    assert (children[:, np.newaxis] > women).mean() > 0.6


def test_speech_of_children_is_detected() -> None:
    detector = load_detector("network")
    clips = [clip for speaker in held_out_speakers(6, 12) for clip in speaker[:5]]
    silent = [clip for clip in clips if len(detector.windows([sound_of([clip])])) == 0]
    assert len(silent) <= 0.02 * len(clips)


@pytest.mark.parametrize("corpus", ["esc-10", "donate-a-cry"])
def test_noises_and_crying_are_not_called_child(corpus: str) -> None:
    detector = load_detector("network")
    paths = [CORPORA / corpus / row["path"] for row in rows(corpus)[::8]]
    called = 0
    for path in paths:
        sound = sound_of([path])
        verdict = pool(detector.windows([sound]), len(sound) / 16_000, CORPUS, detector.model)
        called += verdict.label is VerdictLabel.CHILD
    assert called <= 0.05 * len(paths)
