"""Media files of every container and codec that PyAV can write and read, whole and in the states that the world adds.

`zoo` makes them; each is a second or two of a tone.
"""

from __future__ import annotations

import functools
import random
import struct
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np

SECONDS = 1.2
RATES = (48_000, 8_000, 11_025, 16_000, 22_050, 44_100, 96_000)
LAYOUTS = ("mono", "stereo", "5.1")
JUMP_S, OFFSET_S = 15.0, 5.0
BIT_RATE = 64_000

CODECS: dict[str, str] = {
    "wav": "pcm_s16le pcm_u8 pcm_s24le pcm_s32le pcm_f32le pcm_f64le pcm_alaw pcm_mulaw adpcm_ms adpcm_ima_wav mp3 mp2 "
    "ac3 flac g722 g726 libopencore_amrnb",
    "w64": "pcm_s16le pcm_u8 pcm_s24le pcm_s32le pcm_f32le",
    "aiff": "pcm_s16be pcm_s24be pcm_s32be pcm_s8 pcm_alaw",
    "au": "pcm_s16be pcm_s24be pcm_s32be pcm_f32be pcm_mulaw",
    "caf": "pcm_s16be pcm_f32be pcm_s24le alac flac mp3 ac3",
    "voc": "pcm_u8 pcm_s16le",
    "sox": "pcm_s32le",
    "ircam": "pcm_s16le pcm_f32le",
    "flac": "flac",
    "ogg": "libopus flac",
    "opus": "libopus",
    "matroska": "libopus aac mp3 mp2 ac3 eac3 flac pcm_s16le pcm_s24le pcm_f32le alac tta wavpack",
    "webm": "libopus",
    "mov": "aac mp3 alac pcm_s16le pcm_s24be pcm_u8 pcm_f32le ac3 libopencore_amrnb",
    "mp4": "aac mp3 alac flac libopus ac3 eac3",
    "ipod": "aac alac",
    "3gp": "aac libopencore_amrnb",
    "3g2": "aac",
    "f4v": "aac mp3",
    "ismv": "aac",
    "adts": "aac",
    "latm": "aac",
    "mp3": "mp3",
    "mp2": "mp2",
    "ac3": "ac3",
    "eac3": "eac3",
    "mpegts": "aac mp3 mp2 ac3 eac3 libopus",
    "mpeg": "mp2 mp3 ac3",
    "vob": "mp2 ac3",
    "dvd": "mp2",
    "svcd": "mp2",
    "asf": "wmav1 wmav2 mp3 aac pcm_s16le",
    "avi": "pcm_s16le mp3 mp2 ac3 aac adpcm_ms pcm_mulaw",
    "flv": "mp3 aac",
    "rm": "ac3 real_144",
    "nut": "pcm_s16le mp3 mp2 aac libopus",
    "mxf_opatom": "pcm_s16le",
    "wtv": "mp2 ac3",
    "tta": "tta",
    "wv": "wavpack",
    "amr": "libopencore_amrnb",
}
"""Muxers and the codecs that are tried in them. What PyAV refuses to write is passed over."""


@dataclass(frozen=True)
class Specimen:
    """``make`` gives the file, or ``None`` if PyAV does not write that. ``whole`` is false for damaged files."""

    name: str
    make: Callable[[], bytes | None] = field(repr=False)
    whole: bool = True


@functools.cache
def written(
    muxer: str,
    codec: str,
    rate: int = 48_000,
    layout: str = "mono",
    *,
    starts_at: float = 0.0,
    jump_s: float = 0.0,
    tracks: int = 1,
    options: tuple[tuple[str, str], ...] = (),
) -> bytes | None:
    """A file of a tone, or ``None`` if PyAV does not write that.

    ``jump_s`` is a hole in the time stamps after the first half. Of several tracks each is half as long as the one
    before it.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "file"
        try:
            with av.open(str(file), "w", format=muxer, options=dict(options)) as container:
                _write(container, codec, rate, layout, starts_at=starts_at, jump_s=jump_s, tracks=tracks)
        except (av.FFmpegError, ValueError):
            return None
        return file.read_bytes()


def _write(
    container: av.container.OutputContainer,
    codec: str,
    rate: int,
    layout: str,
    *,
    starts_at: float,
    jump_s: float,
    tracks: int,
) -> None:
    streams = [container.add_stream(codec, rate=rate, layout=layout) for _ in range(tracks)]
    for stream in streams:
        stream.bit_rate = BIT_RATE
    container.start_encoding()
    for number, stream in enumerate(streams):
        assert isinstance(stream, av.AudioStream)
        for frame in _frames(stream, rate, layout, SECONDS / 2**number, starts_at, jump_s):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _frames(
    stream: av.AudioStream, rate: int, layout: str, seconds: float, starts_at: float, jump_s: float
) -> Iterator[av.AudioFrame]:
    tone = (0.2 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * rate)) / rate)).astype(np.float32)
    sound = np.repeat(tone[np.newaxis], av.AudioLayout(layout).nb_channels, axis=0)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound), format="fltp", layout=layout)
    frame.sample_rate = rate
    size = stream.codec_context.frame_size or 1_024
    resampler = av.AudioResampler(format=stream.format, layout=stream.layout, rate=stream.rate, frame_size=size)
    position = round(starts_at * rate)
    half = position + len(tone) // 2
    jumped = False
    for part in (*resampler.resample(frame), *resampler.resample(None)):
        if jump_s and position >= half and not jumped:
            position, jumped = position + round(jump_s * rate), True
        part.pts = position
        part.time_base = Fraction(1, rate)
        position += part.samples
        yield part


def zoo() -> Iterator[Specimen]:
    """All specimens, in a fixed order; the first of each container is one of its plain files."""
    for muxer, codecs in CODECS.items():
        for codec in codecs.split():
            yield from _kinds(muxer, codec)
            yield from _states(f"{muxer} {codec}", partial(_first_rate, muxer, codec))
    yield from _odd_waves()
    yield from _odd_movies()
    yield from _tagged()


def _first_rate(muxer: str, codec: str, **how: Any) -> bytes | None:
    """Written at the first rate that this codec takes."""
    return next((body for rate in RATES if (body := written(muxer, codec, rate, **how))), None)


def _kinds(muxer: str, codec: str) -> Iterator[Specimen]:
    for layout in LAYOUTS:
        for rate in RATES if layout != "5.1" else RATES[:1]:
            yield Specimen(f"{muxer} {codec}, {rate} Hz {layout}", partial(written, muxer, codec, rate, layout))


def _states(name: str, write: Callable[..., bytes | None]) -> Iterator[Specimen]:
    """One file with its clock, its tracks and its bytes changed."""
    yield Specimen(f"{name}, start offset", partial(write, starts_at=OFFSET_S))
    yield Specimen(f"{name}, negative start", partial(write, starts_at=-0.5))
    yield Specimen(f"{name}, jump in time", partial(write, jump_s=JUMP_S))
    yield Specimen(f"{name}, two tracks", partial(write, tracks=2))
    yield Specimen(f"{name}, three tracks", partial(write, tracks=3))
    yield Specimen(f"{name}, chained", partial(_changed, write, lambda body: body + body))
    yield from _damaged(name, write)


def _changed(write: Callable[[], bytes | None], change: Callable[[bytes], bytes]) -> bytes | None:
    body = write()
    return None if body is None else change(body)


def _damaged(name: str, write: Callable[[], bytes | None]) -> Iterator[Specimen]:
    def overwritten(body: bytes, new: Callable[[int], bytes]) -> bytes:
        return _patched(body, len(body) // 2, new(min(200, len(body) // 20)))

    damages: dict[str, Callable[[bytes], bytes]] = {
        "zeros in the middle": lambda body: overwritten(body, bytes),
        "noise in the middle": lambda body: overwritten(body, random.Random(name).randbytes),
        "cut at three fifths": lambda body: body[: 3 * len(body) // 5],
        "cut at the end": lambda body: body[:-7],
    }
    for damage, change in damages.items():
        yield Specimen(f"{name}, {damage}", partial(_changed, write, change), False)


def _patched(body: bytes, at: int, new: bytes) -> bytes:
    return body[:at] + new + body[at + len(new) :]


def wave(codec: str, rate: int, layout: str) -> bytes:
    """A WAV whose sound begins behind the usual header of 44 bytes."""
    made = written("wav", codec, rate, layout, options=(("fflags", "+bitexact"),))
    assert made is not None
    assert made[36:40] == b"data"
    return made


def _odd_waves() -> Iterator[Specimen]:
    """Headers of WAV as recorders, editors and pipes leave them."""
    kinds = (("pcm_s16le", 16_000, "mono"), ("pcm_u8", 8_000, "mono"), ("pcm_s16le", 44_100, "stereo"))
    for codec, rate, layout in kinds:
        made = wave(codec, rate, layout)
        for variant, body in _odd_headers(made, rate, len(made) - 44).items():
            yield Specimen(f"wav {codec} {rate} Hz {layout}, {variant}", partial(bytes, body))
    wide = partial(written, "wav", "pcm_s16le", 16_000, options=(("rf64", "always"),))
    yield Specimen("wav RF64", wide)
    yield Specimen("wav BW64", partial(_changed, wide, lambda body: b"BW64" + body[4:]))


def _odd_headers(made: bytes, rate: int, size: int) -> dict[str, bytes]:
    def sizes(whole: int, data: int) -> bytes:
        return _patched(_patched(made, 4, struct.pack("<I", whole)), 40, struct.pack("<I", data))

    return {
        "half the byte rate": _patched(made, 28, struct.pack("<I", rate // 2)),
        "byte rate 0": _patched(made, 28, bytes(4)),
        "endless byte rate": _patched(made, 28, b"\xff" * 4),
        "sizes 0": sizes(0, 0),
        "sizes of 4 GiB": sizes(0xFFFFFFFF, 0xFFFFFFFF),
        "sizes of 2 GiB": sizes(0x7FFFFFFF, 0x7FFFFFDB),
        "data size 0": sizes(size + 36, 0),
        "data size 4 GiB": sizes(size + 36, 0xFFFFFFFF),
        "data size too large": sizes(size + 36, 2 * size),
        "data size a little too large": sizes(size + 36, size + 44),
        "data size odd": sizes(size + 36, size - 1),
        "file size too large": sizes(3 * size, size),
        "file size too small": sizes(size // 2, size),
        "file size 0": sizes(0, size),
        "a tag behind": made + b"LIST" + struct.pack("<I", 12) + b"INFOINAM" + bytes(4),
        "a tag of ID3 behind": made + b"TAG" + bytes(125),
    }


def _odd_movies() -> Iterator[Specimen]:
    """MP4 as live recorders, streaming servers and old cameras write it."""
    for name, flags in {
        "index in front": "+faststart",
        "fragments": "+frag_keyframe+empty_moov",
        "fragments with an index": "+dash+global_sidx+frag_keyframe+empty_moov",
        "fragments for streaming": "+frag_every_frame+empty_moov+default_base_moof",
    }.items():
        options = (("movflags", flags), ("frag_duration", "300000"))
        write = partial(written, "mp4", "aac", 44_100, options=options)
        yield Specimen(f"mp4 aac, {name}", write)
        yield Specimen(f"mp4 aac, {name}, start offset", partial(write, starts_at=OFFSET_S))
        yield Specimen(f"mp4 aac, {name}, jump in time", partial(write, jump_s=JUMP_S))
        yield from _damaged(f"mp4 aac, {name}", write)


def _tagged() -> Iterator[Specimen]:
    tag = b"ID3\x04\x00\x00" + bytes((0, 0, 16, 0)) + bytes(2_048)
    for muxer, codec in (("mp3", "mp3"), ("adts", "aac"), ("flac", "flac"), ("ac3", "ac3"), ("wav", "pcm_s16le")):
        for count in (1, 2):
            change = partial(bytes.__add__, count * tag)
            yield Specimen(
                f"{muxer}, {count} x ID3 in front", partial(_changed, partial(written, muxer, codec), change)
            )
