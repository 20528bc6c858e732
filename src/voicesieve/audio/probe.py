"""Whether a file is what it claims to be, and how long its sound is, without decoding all of it."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from pathlib import Path

import av
from av.audio.stream import AudioStream

from voicesieve.audio.decode import DecodeTally, decoded_frames, packets_of
from voicesieve.audio.opening import (
    OpenMedia,
    fail_if_cut_off,
    fail_if_flac_cut_off,
    fail_if_too_long,
    open_media,
    sound_tracks,
    undecodable,
)
from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.domain.fetching import MediaInfo
from voicesieve.domain.media_formats import STORED_SUFFIXES

_PROOF_S = 1.0
_PROOF_PACKETS = 100
"""The first second must decode. A stream whose first hundred packets bring nothing is broken."""

_CLOCK_S = 0.002
_CLOCK_SHARE = 0.02
"""Containers count time in milliseconds or rounder, so the same packet is stated a little longer or shorter."""
_LONGEST_PACKET_S = 0.25
"""Where packets have no common length, what is stated for one is believed up to this: an Opus packet holds at most
0.12 s, a Vorbis block at 32 kHz 0.13 s."""
_ODD_PACKETS = 2
"""The first packet may be primed and the last one trimmed. With more odd ones the stated durations are not used."""

_SHORT_S = 60.0
"""What is shorter is decoded to say how long it is: that costs less than knowing every encoder's padding."""

_WEBM_CODECS = frozenset({"opus", "vorbis"})


def probe(path: Path, *, max_duration_s: float = math.inf) -> MediaInfo:
    """Facts of the file at ``path``; the duration is how much sound decodes, whatever headers and time stamps say.

    Raises FailureError as `decode_blocks` does, for the first second of sound and for the length of all of it.
    """
    with open_media(path) as media:
        fail_if_cut_off(media)
        packet_s = _prove_that_it_decodes(media)
        codec = media.codec
        name, rate, channels = codec.name, codec.sample_rate, codec.channels
        container, tracks = media.format_name, sound_tracks(media)
    with open_media(path) as media:
        by_packets_s = _length_of_packets(media, packet_s, max_duration_s)
    with open_media(path) as media:
        duration_s = _length_of_frames(media, max_duration_s) if by_packets_s is None else by_packets_s
        fail_if_flac_cut_off(media, duration_s)
    if duration_s <= 0:
        raise FailureError(Failure(FailureKind.TOO_SHORT, "The file holds an audio stream without a single sample."))
    codec_name = _plain_codec(name)
    return MediaInfo(duration_s, container, codec_name, rate, channels, suffix_for(container, codec_name), tracks)


def suffix_for(container: str, codec: str) -> str:
    """File name suffix from our own table, never from remote text: ``.webm``, ``.m4a``... ``.bin`` if unknown."""
    if container == "ogg" and codec == "opus":
        return ".opus"
    if container == "matroska" and codec not in _WEBM_CODECS:
        return ".mka"
    return STORED_SUFFIXES.get(container, ".bin")


def _plain_codec(name: str) -> str:
    """The codec rather than our decoder for it: ``libopus`` -> ``opus``, ``mp3float`` -> ``mp3``."""
    return {"libopus": "opus", "libvorbis": "vorbis", "mp3float": "mp3"}.get(name, name)


def _prove_that_it_decodes(media: OpenMedia) -> float | None:
    """Seconds in one packet of the first second, ``None`` where they differ."""
    tally = DecodeTally()
    packets: list[float] = []
    number = 0
    for frame in decoded_frames(media, tally):
        if tally.packets != number:
            packets.append(0.0)
            number = tally.packets
        packets[-1] += frame.samples / frame.sample_rate
        if sum(packets) >= _PROOF_S or tally.packets >= _PROOF_PACKETS:
            break
    if not packets and tally.packets:
        raise undecodable("None of the audio packets at the start of the file can be decoded.")
    middle = packets[1:-1] or packets
    return middle[0] if middle and max(middle) - min(middle) < _CLOCK_S else None


@dataclass
class _Clock:
    """Sums up what packets state, and notes whether that can be believed.

    ``packet_s`` is what one packet decoded to, ``None`` where there is no common length.
    """

    packet_s: float | None
    usual: int = 0
    odd: int = 0
    stated_s: float = 0.0

    def count(self, stated_s: float, skipped_s: float) -> None:
        if self.packet_s is None:
            self.odd += not 0 < stated_s <= _LONGEST_PACKET_S
            self.stated_s += min(stated_s, _LONGEST_PACKET_S)
        elif abs(stated_s - self.packet_s) <= max(_CLOCK_S, _CLOCK_SHARE * self.packet_s):
            self.usual += 1
        else:
            self.odd += 1
            self.stated_s += min(stated_s, self.packet_s)
        self.stated_s -= skipped_s

    @property
    def total_s(self) -> float:
        return round(self.usual * (self.packet_s or 0.0) + self.stated_s, 6)

    @property
    def is_believed(self) -> bool:
        return self.total_s > _SHORT_S and self.odd <= (0 if self.packet_s is None else _ODD_PACKETS)


def _length_of_packets(media: OpenMedia, packet_s: float | None, max_duration_s: float) -> float | None:
    """Seconds of sound without decoding it; ``None`` where only decoding can say."""
    tick_s, rate = float(media.stream.time_base or 0), media.codec.sample_rate
    clock = _Clock(packet_s)
    tally = DecodeTally()
    for packet in packets_of(media, tally):
        if packet.size and not packet.is_discard:
            clock.count((packet.duration or 0) * tick_s, _skipped_samples(packet) / rate)
            fail_if_too_long(clock.total_s, max_duration_s)
    return clock.total_s if clock.is_believed and not tally.bad_packets else None


def _skipped_samples(packet: av.Packet[AudioStream]) -> int:
    """Samples at the packet's start and end that encoders pad with and decoders leave out."""
    if not packet.has_sidedata("skip_samples"):
        return 0
    start, end = struct.unpack_from("<II", bytes(packet.get_sidedata("skip_samples")))
    return int(start + end)


def _length_of_frames(media: OpenMedia, max_duration_s: float) -> float:
    """Seconds of sound by decoding all of it."""
    total_s = 0.0
    for frame in decoded_frames(media, DecodeTally()):
        total_s += frame.samples / frame.sample_rate
        fail_if_too_long(total_s, max_duration_s)
    return round(total_s, 6)
