"""What the recipe does to voices before the network hears them. Those tests that need torch are skipped without it."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from tests.unit.test_voices_floor import babble
from training.network.channels import Channels
from training.network.tracts import other_tract
from voicesieve.voices import features, logmel

RATE = 16_000


def median_f0(sound: np.ndarray) -> float:
    frames = features.frame_features(sound)
    return float(2 ** np.median(frames[frames[:, 1] >= features.VOICED_CLARITY, 0]))


def vowel(tract: float) -> np.ndarray:
    """Two seconds of pulses at 150 Hz through one formant at 1,000 Hz times ``tract``."""
    time = np.arange(2 * RATE) / RATE
    spectrum = np.fft.rfft(np.diff(np.floor(150 * time), prepend=0.0))
    hz, centre = np.fft.rfftfreq(len(time), 1 / RATE), 1_000 * tract
    sound = np.fft.irfft(spectrum * centre**2 / (centre**2 - hz**2 + 300j * hz), len(time))
    return (0.3 * sound / np.abs(sound).max()).astype(np.float32)


def loudest_hz(sound: np.ndarray) -> float:
    frames = logmel.frame_features(sound[: len(sound) - (len(sound) - logmel.PAST) % logmel.HOP])
    hz = np.fft.rfftfreq(logmel.TRANSFORM, 1 / RATE) @ logmel.filters()
    return float(hz[np.argmax(np.exp(frames).mean(axis=0))])


@pytest.mark.parametrize("ratio", [0.8, 1.25])
def test_another_tract_moves_the_formants_and_leaves_the_pitch(ratio: float) -> None:
    changed = other_tract(vowel(1.0), ratio)
    assert len(changed) == 2 * RATE
    assert loudest_hz(changed) == pytest.approx(1_000 * ratio, rel=0.12)
    assert median_f0(changed) == pytest.approx(150, rel=0.01)


def test_the_same_tract_changes_nothing() -> None:
    sound = babble(3, 200, 1.1)
    assert other_tract(sound, 1.0) == pytest.approx(sound, abs=1e-3)


def log_mel(seconds: float, f0: float) -> np.ndarray:
    sound = np.pad(babble(seconds, f0, 1.2), (logmel.PAST, 0))
    return logmel.frame_features(sound[: logmel.PAST + int(seconds * 100) * logmel.HOP])


def test_a_pair_goes_through_one_channel_and_pairs_through_different_ones() -> None:
    voice = log_mel(3, 220)
    channels = Channels([log_mel(2, 100)], [log_mel(2, 150), log_mel(2, 260)], seed=1)
    changed = channels.apply(np.stack([voice] * 8), np.ones(4))
    assert changed.shape == (8, 300, logmel.BANDS)
    assert np.isfinite(changed).all()
    for first, second in changed.reshape(4, 2, 300, logmel.BANDS):
        assert first == pytest.approx(second, abs=1e-5)
    assert np.abs(changed[0] - changed[2]).mean() > 0.5


def test_a_training_set_that_gives_children_away_by_their_length_is_refused() -> None:
    pytest.importorskip("torch", reason="the recipe needs torch")
    from training.network.batches import Batches
    from training.network.material import ADULT, Example, Version
    from training.network.shortcuts import Shortcuts, find_shortcuts, refuse
    from voicesieve.voices.scores import CHILD, NONSPEECH, WOMAN

    rng = np.random.default_rng(1)

    def example(kind: int, name: str, spoken: int) -> Example:
        frames = rng.normal(-5, 1, (400, logmel.BANDS)).astype(np.float16)
        speech = np.arange(400) < spoken
        own = Version(frames, speech, 1.0, 1.0, frozenset({kind}))
        other = Version(frames, speech, 1.25, 1.25, ADULT if kind == CHILD else frozenset({CHILD}))
        return Example((own, other) if kind != NONSPEECH else (own,), kind, name)

    def shortcuts_with(child_frames: int) -> Shortcuts:
        names = [f"so:{index}" for index in range(40)]
        voices = [example(CHILD, name, child_frames) for name in names[:20]]
        voices += [example(kind, name, 380) for name in names[20:] for kind in (WOMAN, 2)]
        channels = Channels([log_mel(2, 100)], [log_mel(2, 150)], seed=1)
        return find_shortcuts(Batches([*voices, example(NONSPEECH, "music", 400)], channels, seed=1))

    with pytest.raises(SystemExit, match="nothing was trained"):
        refuse(shortcuts_with(child_frames=60))
    refuse(Shortcuts(silence=0.6, duration=0.55, silence_unmoved=0.5, duration_unmoved=0.5, examples=100))


def test_training_is_not_resumed_from_weights_of_another_training_set(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="the recipe needs torch")
    from training.network.shortcuts import Shortcuts, refuse_mixture

    stored, own = tmp_path / "shortcuts.json", Shortcuts(0.52, 0.53, 0.51, 0.52, 3_368)
    refuse_mixture(stored, own)
    stored.write_text(json.dumps(asdict(own)))
    refuse_mixture(stored, own)
    with pytest.raises(SystemExit, match="another training set"):
        refuse_mixture(stored, replace(own, silence=0.53))


def test_a_calibration_of_stored_scores_is_that_of_the_exported_network() -> None:
    torch = pytest.importorskip("torch", reason="training needs torch")
    import onnxruntime

    from training.corpora import Clip
    from training.network.exporting import to_onnx
    from training.network.model import VoiceNetwork
    from training.network.scores import Scored, calibrated
    from voicesieve.voices.scores import WindowScores

    torch.manual_seed(3)
    network = VoiceNetwork().eval()
    rng = np.random.default_rng(4)
    spectra = rng.normal(0, 1, (5, 64, 256)).astype(np.float32)
    speech = np.ones((5, 256), np.float32)

    def scores(scale: float, shift: float) -> np.ndarray:
        session = onnxruntime.InferenceSession(to_onnx(network, scale, shift))
        return session.run(None, {"spectra": spectra, "speech": speech})[0]

    plain, written = scores(1.0, 0.0), scores(0.4, 0.7)
    times = np.arange(5, dtype=np.float32)
    clip = Clip(np.zeros(16_000, np.float32), frozenset({0}), "so:1", held_out=True)
    (result,) = calibrated([Scored(clip, WindowScores(times, times + 1, plain))], lambda group: (0.4, 0.7))
    assert result.scores.log_probabilities == pytest.approx(written, abs=1e-4)
