"""Media files as an attacker or a broken disk makes them: real ones of five formats, each damaged in a known way."""

from __future__ import annotations

import io
import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import av
import numpy as np

RATE = 16_000
LIES = (
    struct.pack(">I", 0xFFFFFFFF),
    struct.pack("<I", 0xFFFFFFFF),
    struct.pack("<I", 1_000_000_000),
    struct.pack("<H", 1_000),
    struct.pack(">d", 30 * 86_400.0 * 1_000),
    bytes(8),
)
"""What header fields claim: endless sizes, 10^9 Hz, 1,000 channels, a month of milliseconds, nothing."""
HEADER_BYTES = 400


@dataclass(frozen=True)
class Format:
    suffix: str
    container: str
    codec: str
    rate: int


FORMATS = (
    Format("webm", "webm", "libopus", 48_000),
    Format("m4a", "ipod", "aac", 16_000),
    Format("mp3", "mp3", "libmp3lame", 16_000),
    Format("ogg", "ogg", "libopus", 48_000),
    Format("wav", "wav", "pcm_s16le", 16_000),
)


def encoded(sound: np.ndarray, form: Format) -> bytes:
    """``sound``, float samples at 16 kHz in -1..1, as a file of ``form``."""
    file = io.BytesIO()
    with av.open(file, "w", format=form.container) as container:
        stream = container.add_stream(form.codec, rate=form.rate, layout="mono")
        assert isinstance(stream, av.AudioStream)
        frame = av.AudioFrame.from_ndarray((sound * 32_000).astype(np.int16)[None], format="s16", layout="mono")
        frame.sample_rate = RATE
        resampler = av.AudioResampler(format=stream.format, layout="mono", rate=form.rate)
        fifo = av.AudioFifo()
        for part in (*resampler.resample(frame), *resampler.resample(None)):
            fifo.write(part)
        size = stream.frame_size or 1_024
        for piece in (*fifo.read_many(size), fifo.read(partial=True) if fifo.samples else None):
            if piece is not None:
                container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return file.getvalue()


def mutated(body: bytes, chance: random.Random) -> tuple[str, bytes]:
    """One way of damage, by chance, and ``body`` after it."""
    name = chance.choice(list(DAMAGES))
    return name, DAMAGES[name](bytearray(body), chance)


def _flipped(body: bytearray, chance: random.Random) -> bytes:
    for _ in range(chance.choice((1, 10, 200))):
        body[chance.randrange(len(body))] ^= 1 << chance.randrange(8)
    return bytes(body)


def _flipped_header(body: bytearray, chance: random.Random) -> bytes:
    for _ in range(chance.choice((1, 5, 30))):
        body[chance.randrange(min(HEADER_BYTES, len(body)))] = chance.randrange(256)
    return bytes(body)


def _cut(body: bytearray, chance: random.Random) -> bytes:
    return bytes(body[: chance.randrange(len(body))])


def _lying(body: bytearray, chance: random.Random) -> bytes:
    lie = chance.choice(LIES)
    at = chance.randrange(min(HEADER_BYTES, len(body) - len(lie)))
    body[at : at + len(lie)] = lie
    return bytes(body)


def _repeated(body: bytearray, chance: random.Random) -> bytes:
    start = chance.randrange(len(body))
    return bytes(body[:start] + body[start : start + 4_096] * 50 + body[start:])


def _missing_middle(body: bytearray, chance: random.Random) -> bytes:
    start = chance.randrange(len(body))
    return bytes(body[:start] + body[start + chance.randrange(1, 4_096) :])


def _zeroed(body: bytearray, chance: random.Random) -> bytes:
    start = chance.randrange(len(body))
    length = min(chance.choice((16, 512, 8_192)), len(body) - start)
    body[start : start + length] = bytes(length)
    return bytes(body)


DAMAGES: dict[str, Callable[[bytearray, random.Random], bytes]] = {
    "flipped bits": _flipped,
    "flipped header": _flipped_header,
    "cut": _cut,
    "lying header": _lying,
    "repeated block": _repeated,
    "missing middle": _missing_middle,
    "zeroed block": _zeroed,
}


def hostile_files(sound: np.ndarray, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """``count`` damaged files with names that say what they were and what was done to them."""
    chance = random.Random(seed)
    whole = [(form.suffix, encoded(sound, form)) for form in FORMATS]
    for number in range(count):
        suffix, body = whole[number % len(whole)]
        damage, damaged = mutated(body, chance)
        yield f"{number:05} {damage}.{suffix}", damaged


def playlists(base_url: str, local: str) -> dict[str, bytes]:
    """Lists that ask a player to open another file or to ask another host, under names of media files."""
    m3u8 = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{}\n#EXT-X-ENDLIST\n"
    return {
        "list of a file.mp3": m3u8.format(local).encode(),
        "list of a host.m4a": m3u8.format(f"{base_url}/asked.ts").encode(),
        "list of data.ogg": m3u8.format("data:audio/wav;base64,UklGRg==").encode(),
        "concat.wav": f"ffconcat version 1.0\nfile '{local}'\n".encode(),
        "concat protocol.webm": m3u8.format(f"concat:{local}|{local}").encode(),
        "dash.m4a": (
            "<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011' type='static'><Period><AdaptationSet>"
            f"<Representation id='1' mimeType='audio/mp4'><BaseURL>{base_url}/asked.mp4</BaseURL></Representation>"
            "</AdaptationSet></Period></MPD>"
        ).encode(),
        "session.mp3": f"v=0\nc=IN IP4 127.0.0.1\nm=audio {base_url.rsplit(':', 1)[1]} RTP/AVP 0\n".encode(),
    }
