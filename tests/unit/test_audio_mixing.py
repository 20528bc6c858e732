"""No sound is lost between the channels of a recording."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from voicesieve.audio.decode import DecodeTally, decode_blocks
from voicesieve.audio.spans import read_spans
from voicesieve.domain.sound import SAMPLE_RATE

RATE = 16_000
SECONDS = 6


def speech(seed: int = 1, seconds: float = SECONDS) -> np.ndarray:
    """Something like it: a buzz of many harmonics in syllables of a quarter of a second, float32 (n,), -20 dBFS."""
    chance = np.random.default_rng(seed)
    time = np.arange(int(seconds * RATE)) / RATE
    pitch = 2 * np.pi * np.cumsum(250 + 40 * np.sin(2 * np.pi * 0.7 * time + seed)) / RATE
    buzz = sum(np.sin(k * pitch + chance.uniform(0, 6)) / k for k in range(1, 14))
    sound = buzz * np.clip(np.sin(2 * np.pi * 2 * time + seed), 0, None)
    return (0.1 * sound / np.sqrt(np.mean(sound**2))).astype(np.float32)


def noise(level: float, seed: int) -> np.ndarray:
    return (level * np.random.default_rng(seed).standard_normal(SECONDS * RATE)).astype(np.float32)


def stored(path: Path, *channels: np.ndarray, layout: str = "stereo") -> Path:
    with av.open(str(path), "w", format="wav") as container:
        stream = container.add_stream("pcm_f32le", rate=RATE, layout=layout)
        assert isinstance(stream, av.AudioStream)
        together = np.ascontiguousarray(np.stack(channels).T.reshape(1, -1), np.float32)
        frame = av.AudioFrame.from_ndarray(together, format="flt", layout=layout)
        frame.sample_rate = RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def decoded(path: Path, tally: DecodeTally | None = None) -> np.ndarray:
    return np.concatenate(list(decode_blocks(path, tally=tally)))


def share_of(sound: np.ndarray, mixed: np.ndarray) -> float:
    """How much of ``mixed`` is ``sound``, whatever its sign: 0..1."""
    return float(abs(np.dot(sound, mixed)) / np.sqrt(np.dot(sound, sound) * np.dot(mixed, mixed)))


def test_a_microphone_wired_the_wrong_way_round_is_no_silence(tmp_path: Path) -> None:
    voice, tally = speech(), DecodeTally()
    mixed = decoded(stored(tmp_path / "inverted.wav", voice, -voice), tally)
    assert np.allclose(mixed, voice, atol=1e-6)
    assert tally.out_of_phase_s == pytest.approx(SECONDS)


@pytest.mark.parametrize(
    ("other", "least"),
    [
        (-0.6 * speech(), 0.99),
        (-speech() + noise(0.01, 3), 0.99),
        (-np.roll(speech(), 3), 0.99),
        (-speech() + speech(9) * 0.3, 0.95),
    ],
    ids=["weaker", "with noise", "a little later", "with another voice in phase"],
)
def test_what_partly_cancels_is_not_lost(tmp_path: Path, other: np.ndarray, least: float) -> None:
    voice = speech()
    mixed = decoded(stored(tmp_path / "partly.wav", voice, other.astype(np.float32)))
    assert share_of(voice, mixed) > least
    assert np.std(mixed) == pytest.approx(np.std(voice), rel=0.1)


def test_hum_in_phase_does_not_hide_a_voice_that_is_not(tmp_path: Path) -> None:
    voice = speech()
    hum = (0.5 * np.sin(2 * np.pi * 50 * np.arange(len(voice)) / RATE)).astype(np.float32)
    mixed = decoded(stored(tmp_path / "hum.wav", voice + hum, hum - voice))
    assert np.allclose(mixed, voice + hum, atol=1e-6)


def test_a_voice_out_of_phase_under_music_in_phase_is_not_lost(tmp_path: Path) -> None:
    voice, music = speech(), 0.5 * speech(5)
    mixed = decoded(stored(tmp_path / "karaoke.wav", music + voice, music - voice))
    assert share_of(voice, mixed) > 0.8


def test_the_sound_may_turn_out_of_phase_in_the_middle_without_a_click(tmp_path: Path) -> None:
    voice = speech(seconds=12)
    half = len(voice) // 2
    turned = np.concatenate([voice[:half], -voice[half:]])
    mixed = decoded(stored(tmp_path / "half.wav", voice, turned))
    assert share_of(voice, mixed) > 0.99
    assert np.abs(np.diff(mixed)).max() <= 1.1 * np.abs(np.diff(voice)).max()


@pytest.mark.parametrize("dead", [0, 1])
def test_a_dead_channel_leaves_the_other_as_loud_as_it_is(tmp_path: Path, dead: int) -> None:
    channels = [speech(), speech()]
    channels[dead] = np.zeros_like(channels[dead])
    assert np.allclose(decoded(stored(tmp_path / "dead.wav", *channels)), speech(), atol=1e-6)


def test_a_voice_in_the_centre_of_six_silent_channels_is_as_loud_as_alone(tmp_path: Path) -> None:
    still = np.zeros(SECONDS * RATE, np.float32)
    path = stored(tmp_path / "centre.wav", still, still, speech(), still, still, still, layout="5.1")
    assert np.allclose(decoded(path), speech(), atol=1e-6)


def test_a_voice_in_the_centre_is_audible_among_six_channels(tmp_path: Path) -> None:
    sides = [noise(0.002, seed) for seed in range(5)]
    path = stored(tmp_path / "film.wav", sides[0], sides[1], speech(), *sides[2:], layout="5.1")
    assert share_of(speech(), decoded(path)) > 0.99


def test_two_pairs_that_cancel_leave_one_of_each(tmp_path: Path) -> None:
    first, second = speech(1), 0.5 * speech(2)
    mixed = decoded(stored(tmp_path / "pairs.wav", second, -second, first, -first, layout="quad"))
    assert share_of(first, mixed) > 0.85
    assert share_of(second, mixed) > 0.4


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (noise(0.1, 1), noise(0.1, 2)),
        (speech(1), speech(2)),
        (speech(1) + 0.3 * speech(2), 0.3 * speech(1) + speech(2)),
        (speech() + noise(0.003, 1), speech() + noise(0.003, 2)),
    ],
    ids=["noises", "a voice on each side", "panned", "one voice"],
)
def test_what_does_not_cancel_is_averaged(tmp_path: Path, left: np.ndarray, right: np.ndarray) -> None:
    tally = DecodeTally()
    mixed = decoded(stored(tmp_path / "stereo.wav", left, right), tally)
    assert np.allclose(mixed, (left + right) / 2, atol=1e-6)
    assert tally.out_of_phase_s == 0


def test_the_mix_does_not_flap_while_words_and_pauses_change(tmp_path: Path) -> None:
    """In the pauses the noise of both channels is unrelated, in the words the channels cancel."""
    voice, left, right = speech(), noise(0.004, 1), noise(0.004, 2)
    mixed = decoded(stored(tmp_path / "pauses.wav", voice + left, right - voice))
    assert np.allclose(mixed, voice + left, atol=1e-6)


def test_spans_of_a_recording_out_of_phase_are_the_samples_that_were_analysed(tmp_path: Path) -> None:
    path = stored(tmp_path / "inverted.wav", speech(), -speech())
    whole = decoded(path)
    (span,) = read_spans(path, [[(1.5, 4.25)]])
    assert np.array_equal(span, whole[round(1.5 * SAMPLE_RATE) : round(4.25 * SAMPLE_RATE)])


@pytest.mark.parametrize("block_s", [0.1, 0.7, 30.0])
def test_blocks_change_nothing_in_the_mix(tmp_path: Path, block_s: float) -> None:
    voice = speech()
    half = len(voice) // 2
    path = stored(tmp_path / "half.wav", voice, np.concatenate([voice[:half], -voice[half:]]))
    assert np.array_equal(np.concatenate(list(decode_blocks(path, block_s=block_s))), decoded(path))
