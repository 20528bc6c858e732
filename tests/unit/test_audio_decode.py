"""Decoding and probing untrusted files, on sound that is made here."""

from __future__ import annotations

import os
import pickle
import struct
import time
import tracemalloc
import wave
from pathlib import Path

import av
import numpy as np
import pytest

from voicesieve.audio.decode import DecodeTally, decode_blocks
from voicesieve.audio.probe import probe
from voicesieve.domain.failures import FailureError, FailureKind
from voicesieve.domain.sound import SAMPLE_RATE

CODECS = {
    "tone.wav": ("pcm_s16le", 44_100),
    "tone.flac": ("flac", 44_100),
    "tone.mp3": ("libmp3lame", 44_100),
    "tone.m4a": ("aac", 44_100),
    "tone.aac": ("aac", 44_100),
    "tone.opus": ("libopus", 48_000),
    "tone.webm": ("libopus", 48_000),
}
EXACT_LENGTH = ("tone.wav", "tone.flac", "tone.webm")


def tone(seconds: float, rate: int, hz: float = 440.0, amplitude: float = 0.2) -> np.ndarray:
    return (amplitude * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def encode(path: Path, channels: np.ndarray, rate: int, codec: str) -> Path:
    """Write float32 (channels, n) with PyAV."""
    layout = {1: "mono", 2: "stereo"}[len(channels)]
    with av.open(os.fspath(path), "w", format={".m4a": "ipod", ".aac": "adts"}.get(path.suffix)) as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(channels, np.float32), format="fltp", layout=layout)
        frame.sample_rate = rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def make(folder: Path, name: str, seconds: float = 5.0) -> Path:
    codec, rate = CODECS[name]
    return encode(folder / name, tone(seconds, rate)[np.newaxis], rate, codec)


def raw_wav(path: Path, data: bytes, *, rate: int = 16_000, channels: int = 1, kind: int = 1, bits: int = 16) -> Path:
    """A WAV with any header, however absurd. ``kind`` 1 is integers, 3 is floats."""
    block = min(channels * bits // 8, 65_535)
    fmt = struct.pack("<HHIIHH", kind, channels, rate, min(rate * block, 2**32 - 1), block, bits)
    body = b"WAVE" + b"fmt " + struct.pack("<I", len(fmt)) + fmt + b"data" + struct.pack("<I", len(data)) + data
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return path


def decode(path: Path, **options: float) -> np.ndarray:
    return np.concatenate(list(decode_blocks(path, **options)))


def failure_of(path: Path, **options: float) -> FailureKind:
    with pytest.raises(FailureError) as caught:
        decode(path, **options)
    return caught.value.failure.kind


@pytest.mark.parametrize("name", CODECS)
def test_each_codec_decodes_to_sixteen_kilohertz_at_its_own_level(tmp_path: Path, name: str) -> None:
    sound = decode(make(tmp_path, name))
    assert sound.dtype == np.float32
    assert len(sound) / SAMPLE_RATE == pytest.approx(5.0, abs=0.06)
    middle = sound[SAMPLE_RATE : 4 * SAMPLE_RATE]
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.2 / np.sqrt(2), rel=0.06)
    spectrum = np.abs(np.fft.rfft(middle))
    assert np.fft.rfftfreq(len(middle), 1 / SAMPLE_RATE)[spectrum.argmax()] == pytest.approx(440, abs=1)


@pytest.mark.parametrize("name", CODECS)
def test_probe_measures_the_length_and_names_the_suffix(tmp_path: Path, name: str) -> None:
    renamed = make(tmp_path, name).rename(tmp_path / "what.ever")
    media = probe(renamed, max_duration_s=60)
    assert media.duration_s == pytest.approx(5.0, abs=0.06)
    assert media.suffix == Path(name).suffix
    assert (media.sample_rate, media.channels) == (CODECS[name][1], 1)


def test_stereo_becomes_the_mean_of_its_channels_not_their_sum(tmp_path: Path) -> None:
    left = tone(2, 48_000)
    same = decode(encode(tmp_path / "same.wav", np.stack([left, left]), 48_000, "pcm_s16le"))
    right = tone(2, 48_000, hz=700.0)
    different = decode(encode(tmp_path / "different.wav", np.stack([left, right]), 48_000, "pcm_s16le"))
    assert np.std(same) == pytest.approx(np.std(left), rel=0.01)
    assert np.std(different) == pytest.approx(np.std((left + right) / 2), rel=0.01)


def test_a_recording_of_eight_channels_is_read_and_nothing_behind_it(tmp_path: Path) -> None:
    """Behind the eighth plane no null pointer stands, up to which PyAV counts them: the process died of it."""
    tone = (0.5 * np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000)).astype(np.float32)
    frame = av.AudioFrame.from_ndarray(np.repeat(tone, 8)[np.newaxis], format="flt", layout="7.1")
    frame.sample_rate = 48_000
    path = tmp_path / "surround.m4a"
    with av.open(str(path), "w", format="ipod") as container:
        stream = container.add_stream("aac", rate=48_000, layout="7.1", options={"b": "512k"})
        assert isinstance(stream, av.AudioStream)
        resampler = av.AudioResampler(format="fltp", layout="7.1", rate=48_000, frame_size=1_024)
        for part in (*resampler.resample(frame), *resampler.resample(None), None):
            container.mux(stream.encode(part))
    decoded = np.concatenate(list(decode_blocks(path)))
    assert decoded.size == pytest.approx(16_000, rel=0.1)
    assert np.sqrt(np.mean(decoded[2_000:14_000] ** 2)) > 0.1


@pytest.mark.parametrize("block_s", [0.1, 0.7, 30.0])
def test_blocks_have_the_asked_length_and_the_cut_changes_nothing(tmp_path: Path, block_s: float) -> None:
    path = make(tmp_path, "tone.webm")
    blocks = list(decode_blocks(path, block_s=block_s))
    assert {len(block) for block in blocks[:-1]} <= {round(block_s * SAMPLE_RATE)}
    assert np.array_equal(np.concatenate(blocks), decode(path))


def test_a_file_may_hold_a_single_sample(tmp_path: Path) -> None:
    sound = decode(raw_wav(tmp_path / "one.wav", struct.pack("<h", 8_192)))
    assert sound.tolist() == [0.25]


def test_rate_and_layout_may_change_inside_a_file(tmp_path: Path) -> None:
    mono = encode(tmp_path / "a.mp3", tone(3, 44_100)[np.newaxis], 44_100, "libmp3lame").read_bytes()
    stereo = encode(tmp_path / "b.mp3", np.stack([tone(3, 32_000)] * 2), 32_000, "libmp3lame").read_bytes()
    both = tmp_path / "both.mp3"
    both.write_bytes(mono + stereo)
    sound = decode(both)
    assert len(sound) / SAMPLE_RATE == pytest.approx(6.0, abs=0.3)
    late = sound[4 * SAMPLE_RATE : 5 * SAMPLE_RATE]
    assert np.abs(np.fft.rfft(late)).argmax() == pytest.approx(440, abs=2)


@pytest.mark.parametrize("name", EXACT_LENGTH)
def test_a_file_that_was_cut_off_is_truncated(tmp_path: Path, name: str) -> None:
    path = make(tmp_path, name)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert failure_of(path) is FailureKind.TRUNCATED
    with pytest.raises(FailureError) as caught:
        probe(path, max_duration_s=60)
    assert caught.value.failure.kind is FailureKind.TRUNCATED


def test_an_mp4_without_its_index_is_truncated(tmp_path: Path) -> None:
    path = make(tmp_path, "tone.m4a")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert failure_of(path) is FailureKind.TRUNCATED


def test_an_mp3_header_is_an_estimate_and_never_makes_a_file_truncated(tmp_path: Path) -> None:
    path = make(tmp_path, "tone.mp3")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert len(decode(path)) / SAMPLE_RATE == pytest.approx(2.5, abs=0.2)


def test_single_broken_packets_are_passed_over_and_counted(tmp_path: Path) -> None:
    path = make(tmp_path, "tone.m4a", seconds=20)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 300] = np.random.default_rng(0).bytes(300)
    path.write_bytes(data)
    tally = DecodeTally()
    sound = np.concatenate(list(decode_blocks(path, tally=tally)))
    assert 19.5 < len(sound) / SAMPLE_RATE <= 20.1
    assert 1 <= tally.bad_packets < 0.01 * tally.packets


def test_a_stream_of_mostly_broken_packets_is_undecodable(tmp_path: Path) -> None:
    path = make(tmp_path, "tone.mp3", seconds=20)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 4] + np.random.default_rng(0).bytes(3 * len(data) // 4))
    assert failure_of(path) is FailureKind.UNDECODABLE


@pytest.mark.parametrize(
    "data",
    [b"", b"<html>not found</html>" * 50, bytes(9_000), np.random.default_rng(1).bytes(9_000), b"ID3"],
    ids=["empty", "page", "zeros", "noise", "start of an MP3"],
)
def test_what_is_no_media_is_undecodable(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "page.mp3"
    path.write_bytes(data)
    assert failure_of(path) is FailureKind.UNDECODABLE


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1e30])
def test_mostly_undefined_samples_are_undecodable(tmp_path: Path, value: float) -> None:
    data = np.concatenate([np.zeros(16_000), np.full(16_000, value)]).astype("<f4").tobytes()
    assert failure_of(raw_wav(tmp_path / "nan.wav", data, kind=3, bits=32)) is FailureKind.UNDECODABLE


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1e30])
def test_a_damaged_sample_is_silent_and_counted(tmp_path: Path, value: float) -> None:
    data = np.concatenate([tone(1.0, 16_000), [value], tone(1.0, 16_000)]).astype("<f4").tobytes()
    tally = DecodeTally()
    sound = np.concatenate(list(decode_blocks(raw_wav(tmp_path / "nan.wav", data, kind=3, bits=32), tally=tally)))
    assert len(sound) == 32_001
    assert np.isfinite(sound).all()
    assert np.abs(sound).max() < 0.3
    assert tally.bad_samples == 1


@pytest.mark.parametrize(("rate", "channels"), [(1_000_000_000, 1), (16_000, 1_000), (1, 1)])
def test_absurd_headers_are_refused_at_once(tmp_path: Path, rate: int, channels: int) -> None:
    path = raw_wav(tmp_path / "lie.wav", bytes(200_000), rate=rate, channels=channels)
    before = time.process_time()
    assert failure_of(path) is FailureKind.UNDECODABLE
    assert time.process_time() - before < 1.0


def test_a_header_that_claims_a_month_costs_nothing(tmp_path: Path) -> None:
    path = raw_wav(tmp_path / "month.wav", bytes(32_000))
    data = bytearray(path.read_bytes())
    data[4:8] = struct.pack("<I", 2**31 - 2**20 + 36)
    data[40:44] = struct.pack("<I", 2**31 - 2**20)
    path.write_bytes(data)
    before = time.process_time()
    assert failure_of(path, max_duration_s=3_600) is FailureKind.TRUNCATED
    assert time.process_time() - before < 1.0


def test_too_long_is_known_before_all_of_it_is_decoded(tmp_path: Path) -> None:
    path = make(tmp_path, "tone.wav", seconds=60)
    tally = DecodeTally()
    with pytest.raises(FailureError) as caught:
        list(decode_blocks(path, max_duration_s=5, tally=tally))
    assert caught.value.failure.kind is FailureKind.TOO_LONG
    whole = DecodeTally()
    list(decode_blocks(path, tally=whole))
    assert tally.packets < whole.packets / 5
    with pytest.raises(FailureError, match="too_long"):
        probe(path, max_duration_s=5)


def test_a_header_without_samples_is_too_short(tmp_path: Path) -> None:
    path = raw_wav(tmp_path / "empty.wav", b"")
    assert failure_of(path) in (FailureKind.TOO_SHORT, FailureKind.UNDECODABLE)


def film(path: Path, sound: np.ndarray | None) -> Path:
    """Two seconds of black, with or without sound (float32 (n,) at 48 kHz)."""
    with av.open(os.fspath(path), "w") as container:
        video = container.add_stream("ffv1", rate=5)
        video.width = video.height = 32
        video.pix_fmt = "yuv420p"
        audio = None if sound is None else container.add_stream("libopus", rate=48_000, layout="mono")
        for _ in range(10):
            container.mux(video.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")))
        container.mux(video.encode(None))
        if audio is not None and sound is not None:
            frame = av.AudioFrame.from_ndarray(sound[np.newaxis], format="fltp", layout="mono")
            frame.sample_rate = 48_000
            container.mux(audio.encode(frame))
            container.mux(audio.encode(None))
    return path


def test_a_picture_alone_has_no_audio(tmp_path: Path) -> None:
    assert failure_of(film(tmp_path / "film.mkv", None)) is FailureKind.NO_AUDIO


def test_beside_a_picture_only_the_sound_counts(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mkv", tone(1.0, 48_000))
    assert len(decode(path)) / SAMPLE_RATE == pytest.approx(1.0, abs=0.05)
    assert probe(path, max_duration_s=60).duration_s == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(
    "script",
    [
        "ffconcat version 1.0\nfile '{}'\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{}\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile://{}\n#EXT-X-ENDLIST\n",
    ],
)
def test_a_playlist_never_opens_another_file(tmp_path: Path, script: str) -> None:
    secret = make(tmp_path, "tone.wav")
    path = tmp_path / "song.mp3"
    path.write_text(script.format(secret))
    assert failure_of(path) is FailureKind.UNDECODABLE


@pytest.mark.parametrize(
    "name", [b"new\nline.wav", b"\xff\xfe\x80.wav", b"x" * 240, b"-i http:a?b#c%20.wav", b"concat:a|b"]
)
def test_any_file_name_works(tmp_path: Path, name: bytes) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    with path.open("wb") as file, wave.open(file, "wb") as out:
        out.setparams((1, 2, 16_000, 0, "NONE", ""))
        out.writeframes(bytes(32_000))
    assert len(decode(path)) == 16_000
    assert probe(path, max_duration_s=60).duration_s == 1.0


def test_failures_carry_no_file_name_and_survive_a_process_boundary(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\x1b[31m.mp3"))
    path.write_bytes(b"no media" * 100)
    with pytest.raises(FailureError) as caught:
        decode(path)
    failure = pickle.loads(pickle.dumps(caught.value)).failure
    " ".join([failure.message, *failure.chain]).encode("utf-8")
    assert "\x1b" not in failure.message + "".join(failure.chain)


def test_a_title_in_another_encoding_harms_nothing(tmp_path: Path) -> None:
    path = raw_wav(tmp_path / "titled.wav", bytes(32_000))
    info = b"INFO" + b"INAM" + struct.pack("<I", 6) + b"Ti\xea\xff\x80\x00"
    data = bytearray(path.read_bytes() + b"LIST" + struct.pack("<I", len(info)) + info)
    data[4:8] = struct.pack("<I", len(data) - 8)
    path.write_bytes(data)
    assert len(decode(path)) == 16_000


def test_many_channels_at_a_high_rate_take_little_memory(tmp_path: Path) -> None:
    """A second of 64 channels at 768,000 Hz is 200 MB of numbers; the header alone decides that."""
    piece = np.repeat(np.random.default_rng(1).integers(-9_000, 9_000, 7_680, dtype=np.int16), 64).tobytes()
    path = raw_wav(tmp_path / "wide.wav", 100 * piece, rate=768_000, channels=64)
    tracemalloc.start()
    try:
        assert sum(len(block) for block in decode_blocks(path)) == pytest.approx(16_000, abs=10)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 150e6
