"""The embedded network and its features on sound that is made here."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from importlib.resources import files

import numpy as np
import pytest

from tests.unit.test_voices_floor import babble, harmonic_music
from voicesieve.domain.verdicts import VerdictLabel
from voicesieve.voices import logmel
from voicesieve.voices.network import NetworkDetector
from voicesieve.voices.pooling import DISCOVER, pool
from voicesieve.voices.registry import load_detector
from voicesieve.voices.scores import CHILD, CLASSES, MAN, WOMAN

RATE = logmel.SAMPLE_RATE


def reference_sound() -> np.ndarray:
    """The sound that ``training/network/exporting.py`` describes."""
    number = np.arange(logmel.PAST + logmel.WINDOW_FRAMES * logmel.HOP)
    time = number / RATE
    wave = np.sin(2 * np.pi * (150 * time + 700 * time**2)) * (0.2 + 0.1 * np.sin(8 * np.pi * time))
    return (wave + 0.02 * ((7_919 * number**2 % 65_536) / 65_536 - 0.5)).astype(np.float32)


def reference_speech() -> np.ndarray:
    speech = np.zeros(logmel.WINDOW_FRAMES, bool)
    speech[40:210] = True
    return speech


def child_log_odds(sound: np.ndarray) -> float:
    logs = load_detector("network").windows([sound]).log_probabilities
    return float((logs[:, CHILD] - np.logaddexp(logs[:, WOMAN], logs[:, MAN])).mean())


def test_features_are_those_that_training_stored() -> None:
    card = json.loads(files("voicesieve.voices").joinpath("network.json").read_text("utf-8"))
    stored = card["reference"]
    frames = logmel.frame_features(reference_sound())
    assert frames.shape == (logmel.WINDOW_FRAMES, logmel.BANDS)
    assert frames[stored["frames"]] == pytest.approx(np.array(stored["log_mel"]), abs=1e-4)
    normalised = logmel.normalised(frames, reference_speech())
    assert normalised[stored["frames"]] == pytest.approx(np.array(stored["normalised"]), abs=1e-4)


def test_features_are_those_that_training_computes() -> None:
    torch = pytest.importorskip("torch")
    from training.network import model

    sound = np.concatenate([babble(2, 250, 1.2), np.zeros(RATE // 2, np.float32), harmonic_music(1)])
    # Noise: a band that holds nothing but the rounding of 32-bit transforms is a matter of the library.
    sound = sound + np.random.default_rng(2).normal(0, 1e-2, len(sound)).astype(np.float32)
    sound = sound[: logmel.PAST + (len(sound) - logmel.PAST) // logmel.HOP * logmel.HOP]
    frames = logmel.frame_features(sound)
    speech = np.arange(len(frames)) % 50 < 30
    trained = model.frame_features(torch.from_numpy(sound)[None])
    assert frames == pytest.approx(trained[0].numpy(), abs=1e-4)
    marks = torch.from_numpy(speech.astype(np.float32))[None]
    assert logmel.normalised(frames, speech) == pytest.approx(model.normalised(trained, marks)[0].numpy(), abs=1e-4)


def test_a_gain_and_what_sounds_between_speech_change_no_feature_of_a_window() -> None:
    sound, speech = reference_sound(), reference_speech()
    features = logmel.normalised(logmel.frame_features(sound), speech)
    quieter = logmel.normalised(logmel.frame_features(sound * np.float32(0.25)), speech)
    assert quieter == pytest.approx(features, abs=0.02)
    noisy = sound.copy()
    noisy[: 30 * logmel.HOP] = np.random.default_rng(1).normal(0, 0.3, 30 * logmel.HOP)
    assert logmel.normalised(logmel.frame_features(noisy), speech) == pytest.approx(features, abs=1e-6)
    assert not features[~speech].any()


def test_a_window_without_speech_is_all_zero() -> None:
    frames = np.ones((logmel.WINDOW_FRAMES, logmel.BANDS), np.float32)
    assert not logmel.normalised(frames, np.zeros(logmel.WINDOW_FRAMES, bool)).any()


@pytest.mark.parametrize("blocks", [1, 7, 400])
def test_the_cut_into_blocks_changes_nothing(blocks: int) -> None:
    sound = np.concatenate([babble(13, 280, 1.25), np.zeros(9 * RATE, np.float32), babble(20.3, 120, 1.0)])
    detector = load_detector("network")
    whole = detector.windows([sound])
    assert len(whole) > 20
    assert detector.windows(np.array_split(sound, blocks)) == whole


def test_windows_are_in_order_inside_the_recording_and_sum_to_one() -> None:
    sound = np.concatenate([np.zeros(5 * RATE, np.float32), babble(8, 250, 1.2)])
    scores = load_detector("network").windows([sound])
    assert (scores.starts[1:] >= scores.ends[:-1] - 1e-6).all()
    assert 4.0 < scores.starts[0] < scores.ends[-1] <= len(sound) / RATE + 1e-6
    assert np.exp(scores.log_probabilities).sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_a_shorter_vocal_tract_is_more_of_a_child() -> None:
    scores = [child_log_odds(babble(12, 110 * tract**2.5, tract)) for tract in (1.0, 1.17, 1.4)]
    assert scores[0] < scores[1] < scores[2]


@pytest.mark.parametrize(
    "sound",
    [
        np.zeros(20 * RATE, np.float32),
        np.random.default_rng(1).normal(0, 0.1, 20 * RATE).astype(np.float32),
        harmonic_music(20),
        (0.3 * np.sin(2 * np.pi * 300 * np.arange(20 * RATE) / RATE)).astype(np.float32),
        np.ones(20 * RATE, np.float32),
        np.zeros(1, np.float32),
    ],
    ids=["silence", "noise", "music", "tone", "constant", "one sample"],
)
def test_what_is_no_speech_holds_no_child(sound: np.ndarray) -> None:
    detector = load_detector("network")
    verdict = pool(detector.windows([sound]), len(sound) / RATE, DISCOVER, detector.model)
    assert verdict.label is VerdictLabel.NO_CHILD
    assert verdict.child_s == 0.0


def test_no_sound_at_all_has_no_windows() -> None:
    assert len(load_detector("network").windows([])) == 0


def test_the_network_is_small_and_its_revision_is_that_of_its_card() -> None:
    folder = files("voicesieve.voices")
    data = folder.joinpath("network.onnx").read_bytes()
    card = json.loads(folder.joinpath("network.json").read_text("utf-8"))
    assert len(data) <= 1_500_000
    assert NetworkDetector(data).model.revision == card["revision"] == load_detector("network").model.revision
    assert tuple(card["classes"]) == CLASSES
    assert any("speechocean762" in line for line in card["attribution"])


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(ValueError, match="ONNX"):
        NetworkDetector(b"no network at all")


def test_memory_does_not_grow_with_length() -> None:
    minute = babble(60, 240, 1.2)
    detector = load_detector("network")

    def peak(minutes: int) -> int:
        def blocks() -> Iterator[np.ndarray]:
            for _ in range(minutes):
                yield from np.array_split(minute, 2)

        tracemalloc.start()
        detector.windows(blocks())
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    assert peak(6) < 1.3 * peak(2)


def test_the_shipped_network_says_nothing_of_the_machine_that_made_it() -> None:
    data = files("voicesieve.voices").joinpath("network.onnx").read_bytes()
    assert b".py" not in data
    assert b"/home/" not in data
    assert b"/tmp/" not in data
