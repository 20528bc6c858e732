"""Sound that nobody speaks in, and files that are odd: a verdict or a typed failure, and never a child from silence."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from tests.unit.test_voices_floor import babble, harmonic_music
from voicesieve.domain.failures import FailureError, FailureKind
from voicesieve.domain.verdicts import Verdict, VerdictLabel
from voicesieve.voices.pooling import CORPUS, OPERATING_POINTS, pool
from voicesieve.voices.recordings import score_recording
from voicesieve.voices.registry import load_detector

RATE = 16_000


def write(path: Path, samples: np.ndarray, rate: int = RATE) -> Path:
    """``samples`` (n,) or (n, channels) in -1..1 as 16-bit PCM."""
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(samples, -1, 1) * 32_767).astype("<i2").tobytes())
    return path


def write_floats(path: Path, samples: np.ndarray) -> Path:
    """A WAV of 32-bit floats, which may hold what 16 bits cannot."""
    data = samples.astype("<f4").tobytes()
    head = b"fmt " + (16).to_bytes(4, "little") + np.array([3, 1], "<u2").tobytes()
    head += np.array([RATE, 4 * RATE], "<u4").tobytes() + np.array([4, 32], "<u2").tobytes()
    body = b"WAVE" + head + b"data" + len(data).to_bytes(4, "little") + data
    path.write_bytes(b"RIFF" + len(body).to_bytes(4, "little") + body)
    return path


def verdicts(path: Path, detector: str) -> list[Verdict]:
    analysis = score_recording(path, load_detector(detector))
    return [pool(analysis.scores, analysis.duration_s, point, analysis.model) for point in OPERATING_POINTS.values()]


def hum(seconds: float) -> np.ndarray:
    time = np.arange(int(seconds * RATE)) / RATE
    return sum(0.2 / harmonic * np.sin(2 * np.pi * 50 * harmonic * time) for harmonic in range(1, 9))


NOBODY = {
    "silence": np.zeros(15 * RATE),
    "hum": hum(15),
    "constant": np.full(15 * RATE, 0.5),
    "clipped noise": np.clip(np.random.default_rng(1).normal(0, 3, 15 * RATE), -1, 1),
    "clipped hum": np.clip(20 * hum(15), -1, 1),
    "music": harmonic_music(15),
    "one millisecond": np.full(RATE // 1000, 0.3),
    "one sample": np.full(1, 0.3),
}


@pytest.mark.parametrize("detector", ["network", "floor"])
@pytest.mark.parametrize("name", NOBODY)
def test_without_speech_there_is_no_child(name: str, detector: str, tmp_path: Path) -> None:
    for verdict in verdicts(write(tmp_path / "a.wav", NOBODY[name]), detector):
        assert verdict.label is VerdictLabel.NO_CHILD
        assert verdict.child_s == 0.0
        assert verdict.score < 0.5


@pytest.mark.parametrize("rate", [8_000, 44_100, 96_000])
def test_other_sample_rates_are_scored(rate: int, tmp_path: Path) -> None:
    sound = babble(12, 250, 1.25)
    at = np.arange(int(12 * rate)) / rate
    resampled = np.interp(at, np.arange(len(sound)) / RATE, sound)
    labels = verdicts(write(tmp_path / "a.wav", resampled, rate), "network")
    assert all(verdict.duration_s == pytest.approx(12, abs=0.1) and verdict.speech_s > 8 for verdict in labels)


def test_six_channels_are_scored_as_their_mean(tmp_path: Path) -> None:
    sound = babble(8, 250, 1.25)
    surround = np.zeros((len(sound), 6))
    surround[:, 2] = sound
    alone = score_recording(write(tmp_path / "mono.wav", sound / 6), load_detector("network"))
    scored = score_recording(write(tmp_path / "surround.wav", surround), load_detector("network"))
    assert len(scored.scores) == len(alone.scores) > 4
    assert scored.scores.log_probabilities == pytest.approx(alone.scores.log_probabilities, abs=0.5)


@pytest.mark.parametrize("change", ["offset", "clipped"])
def test_an_offset_or_clipped_voice_is_still_detected(change: str, tmp_path: Path) -> None:
    sound = babble(10, 250, 1.25)
    changed = np.clip(8 * sound, -1, 1) if change == "clipped" else 0.5 * sound + 0.4
    scored = score_recording(write(tmp_path / "a.wav", changed), load_detector("network"))
    plain = score_recording(write(tmp_path / "b.wav", sound), load_detector("network"))
    assert len(scored.scores) >= 0.8 * len(plain.scores) > 4


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_undefined_sample_costs_itself_and_nothing_else(value: float, tmp_path: Path) -> None:
    sound = babble(5, 250, 1.25)
    plain = verdicts(write_floats(tmp_path / "plain.wav", sound), "network")
    sound[2 * RATE] = value
    labels = verdicts(write_floats(tmp_path / "a.wav", sound), "network")
    assert [verdict.label for verdict in labels] == [verdict.label for verdict in plain]
    assert [verdict.score for verdict in labels] == pytest.approx([verdict.score for verdict in plain], abs=0.05)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_mostly_undefined_samples_are_a_failure_of_the_file(value: float, tmp_path: Path) -> None:
    sound = babble(5, 250, 1.25)
    sound[2 * RATE :] = value
    with pytest.raises(FailureError) as failed:
        verdicts(write_floats(tmp_path / "a.wav", sound), "network")
    assert failed.value.failure.kind is FailureKind.UNDECODABLE


def test_samples_far_beyond_full_scale_are_scored(tmp_path: Path) -> None:
    scored = score_recording(write_floats(tmp_path / "a.wav", 1e6 * babble(6, 250, 1.25)), load_detector("network"))
    assert np.isfinite(scored.scores.log_probabilities).all()


def test_a_sped_up_adult_gets_a_verdict(tmp_path: Path) -> None:
    """Which one is a matter of the card: a voice played faster has a child's vocal tract by construction."""
    sound = babble(20, 200, 1.15)
    faster = np.interp(np.arange(0, len(sound) - 1, 1.35), np.arange(len(sound)), sound)
    for verdict in verdicts(write(tmp_path / "a.wav", faster), "network"):
        assert 0 <= verdict.score <= 1
        assert verdict.speech_s > 5


def test_a_minute_of_silence_around_a_word_is_not_a_child_recording(tmp_path: Path) -> None:
    sound = np.concatenate([np.zeros(30 * RATE), babble(0.4, 280, 1.3), np.zeros(30 * RATE)])
    analysis = score_recording(write(tmp_path / "a.wav", sound), load_detector("network"))
    verdict = pool(analysis.scores, analysis.duration_s, CORPUS, analysis.model)
    assert verdict.label is VerdictLabel.NO_CHILD
