"""A refitted last layer: what it may move and what not, and what a stored one is checked for."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.unit.test_voices_floor import babble
from voicesieve.domain.verdicts import Model
from voicesieve.evaluation.refitting import Clips, TooFewError, calibrated_odds, fit, refit
from voicesieve.voices.calibration import Calibration, read_calibration
from voicesieve.voices.detector import DetectorChoice
from voicesieve.voices.network import NetworkDetector
from voicesieve.voices.registry import load_detector
from voicesieve.voices.scores import CHILD, MAN, NONSPEECH, WOMAN, child_log_odds

BASE = Model("network", "abc")


def some_logs(count: int = 50) -> np.ndarray:
    logits = np.random.default_rng(1).normal(0, 3, (count, 4))
    return np.asarray(logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)), np.float32)


def some_calibration(size: int = 3) -> Calibration:
    return Calibration(BASE, 0.8, -0.3, np.linspace(-1, 1, size), {"made_at": "today"})


def test_it_moves_child_against_adult_and_nothing_else() -> None:
    logs, embeddings = some_logs(), np.random.default_rng(2).normal(0, 1, (50, 3))
    calibration = some_calibration()
    refitted = calibration.log_probabilities(logs, embeddings)
    assert np.exp(refitted.astype(float)).sum(axis=1) == pytest.approx(np.ones(50), abs=1e-5)
    assert refitted[:, NONSPEECH] == pytest.approx(logs[:, NONSPEECH], abs=1e-6)
    assert refitted[:, WOMAN] - refitted[:, MAN] == pytest.approx(logs[:, WOMAN] - logs[:, MAN], abs=1e-3)
    expected = 0.8 * child_log_odds(logs.astype(float)) + embeddings @ calibration.weights - 0.3
    assert child_log_odds(refitted.astype(float)) == pytest.approx(expected, abs=1e-3)


def test_certain_windows_stay_numbers() -> None:
    logs = np.array([[0, -200, -300, -400], [-400, 0, -300, -200], [-90, -90, -90, 0]], np.float32)
    refitted = some_calibration(1).log_probabilities(logs, np.full((3, 1), 500.0))
    assert np.isfinite(refitted).all()
    assert (refitted <= 1e-6).all()


def test_the_identity_changes_no_score() -> None:
    logs = some_logs()
    refitted = Calibration(BASE, 1.0, 0.0, np.zeros(2)).log_probabilities(logs, np.ones((50, 2)))
    assert refitted == pytest.approx(logs, abs=1e-4)


def test_a_file_gives_back_what_was_stored(tmp_path: Path) -> None:
    calibration = some_calibration()
    (tmp_path / "a.json").write_text(calibration.to_json(), encoding="utf-8")
    restored = read_calibration(tmp_path / "a.json")
    assert (restored.revision, restored.base, restored.facts) == (calibration.revision, BASE, {"made_at": "today"})
    assert restored.weights == pytest.approx(calibration.weights, abs=0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"offset": 5.0}, "was changed"),
        ({"format": "voicesieve calibration 2"}, "another version"),
        ({"weights": [float("nan")]}, "was changed"),
        ({"weights": "many"}, "is not a calibration"),
        ({"base": "network"}, "is not a calibration"),
    ],
)
def test_a_file_changed_by_hand_is_refused(tmp_path: Path, change: dict[str, object], words: str) -> None:
    content = json.loads(some_calibration().to_json()) | change
    (tmp_path / "a.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ValueError, match=words):
        read_calibration(tmp_path / "a.json")


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"[]", b"null", b"{}", b"x" * (2 << 20)])
def test_a_file_that_is_no_calibration_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.json").write_bytes(data)
    with pytest.raises(ValueError, match="is not a calibration"):
        read_calibration(tmp_path / "a.json")


def test_a_missing_file_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--list"):
        read_calibration(tmp_path / "a.json")


def test_revisions_change_with_every_change_of_a_score() -> None:
    first = some_calibration()
    others = [replace(first, scale=0.9), replace(first, offset=0), replace(first, base=Model("network", "abd"))]
    assert (
        len({calibration.revision for calibration in (first, *others, replace(first, weights=first.weights * 2))}) == 5
    )
    assert replace(first, facts={}).revision == first.revision
    assert first.model == Model("network", f"abc+{first.revision}")


def test_the_network_takes_its_own_calibration_only(tmp_path: Path) -> None:
    network = NetworkDetector.embedded()
    sound = babble(4, 250, 1.2)
    logs, embeddings = network.base_outputs([sound])
    assert len(embeddings) == len(logs) > 0
    calibration = Calibration(network.base, 1.0, 2.0, np.zeros(embeddings.shape[1]))
    file = tmp_path / "a.json"
    file.write_text(calibration.to_json(), encoding="utf-8")
    moved = load_detector(DetectorChoice("network", file))
    assert moved.model.revision == f"{network.base.revision}+{calibration.revision}"
    refitted = moved.windows([sound]).log_probabilities.astype(float)
    assert child_log_odds(refitted) == pytest.approx(child_log_odds(logs.astype(float)) + 2, abs=1e-3)
    assert (refitted.argmax(axis=1) == CHILD).sum() >= (logs.argmax(axis=1) == CHILD).sum()
    file.write_text(some_calibration().to_json(), encoding="utf-8")
    with pytest.raises(ValueError, match="make it anew"):
        load_detector(DetectorChoice("network", file))
    with pytest.raises(ValueError, match="floor takes no calibration"):
        load_detector(DetectorChoice("floor", file))


def domain(seed: int, speakers: int = 20, clips: int = 6, hidden: float = 1.5) -> Clips:
    """A domain in which the network is half blind and three of its 16 numbers still tell: speakers, then clips."""
    rng = np.random.default_rng(seed)
    names = np.repeat(np.arange(speakers), clips)
    child = names % 2 == 0
    own = rng.normal(0, 0.7, (speakers, 16))[names] + rng.normal(0, 0.7, (len(names), 16))
    own[:, :3] += hidden * child[:, np.newaxis]
    odds = 0.6 * (2 * child - 1) + rng.normal(0, 0.8, speakers)[names] + rng.normal(0, 0.5, len(names)) + 2.0
    return Clips(odds, own, child, names)


def auc(clips: Clips, odds: np.ndarray) -> float:
    return float((odds[clips.child][:, np.newaxis] > odds[~clips.child]).mean())


def test_what_is_learnt_holds_for_other_speakers() -> None:
    learnt, other = domain(1), domain(2)
    result = refit(learnt, BASE)
    assert result.is_better
    moved = calibrated_odds(other, result.calibration.scale, result.calibration.offset, result.calibration.weights)
    assert auc(other, moved) > auc(other, other.odds) + 0.05
    assert result.auc_after == pytest.approx(auc(other, moved), abs=0.12)
    chances = 1 / (1 + np.exp(-moved))
    assert abs(chances.mean() - 0.5) < abs((1 / (1 + np.exp(-other.odds))).mean() - 0.5)


def test_where_there_is_nothing_to_learn_nothing_is_claimed() -> None:
    """Right probabilities and an embedding of noise: over twenty draws the order of other speakers is not spoiled."""
    changes = []
    for seed in range(20):
        rng = np.random.default_rng([9, seed])
        names = np.repeat(np.arange(24), 6)
        child = names % 2 == 0
        odds = np.where(child, 1.0, -1.0) + rng.normal(0, np.sqrt(2), len(names))
        result = refit(Clips(odds, rng.normal(0, 1, (len(names), 16)), child, names), BASE)
        changes.append(result.auc_after - result.auc_before)
    assert np.mean(changes) < 0.005


def test_the_fit_is_that_of_the_penalised_likelihood() -> None:
    """At the solution the slope is zero: moving any number a little makes the objective worse."""
    clips = domain(3)
    scale, offset, weights = fit(clips)
    again = fit(Clips(clips.odds, clips.embeddings * 5 + 3, clips.child, clips.speakers))
    moved = calibrated_odds(clips, scale, offset, weights)
    stretched = Clips(clips.odds, clips.embeddings * 5 + 3, clips.child, clips.speakers)
    assert calibrated_odds(stretched, *again) == pytest.approx(moved, abs=1e-6)  # units of the embedding do not matter


@pytest.mark.parametrize(("speakers", "clips"), [(6, 20), (40, 0), (10, 3)])
def test_too_little_is_refused_with_what_is_needed(speakers: int, clips: int) -> None:
    with pytest.raises(TooFewError, match="at least 20 clips of 4 speakers"):
        refit(domain(1, speakers, clips), BASE)


def test_a_network_without_an_embedding_is_still_rescaled() -> None:
    clips = domain(4)
    bare = Clips(clips.odds, np.zeros((len(clips.odds), 0)), clips.child, clips.speakers)
    result = refit(bare, BASE)
    assert result.auc_after == pytest.approx(result.auc_before)
    assert result.loss_after < result.loss_before
    assert result.is_better
