"""Is this file what it claims to be, and how long is it really? Answered without decoding it all."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import av
from av.audio.stream import AudioStream

from voicesieve.audio.decode import DecodeTally, decoded_frames
from voicesieve.audio.opening import OpenMedia, fail_if_cut_off, fail_if_too_long, open_media, undecodable
from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.domain.fetching import MediaInfo

_PROOF_S = 1.0
_PROOF_PACKETS = 100
"""The first second must decode. A stream whose first hundred packets bring nothing is broken."""

_SUFFIXES = {
    "aac": ".aac",
    "aiff": ".aiff",
    "amr": ".amr",
    "caf": ".caf",
    "flac": ".flac",
    "flv": ".flv",
    "matroska": ".webm",
    "mov": ".m4a",
    "mp3": ".mp3",
    "mpegts": ".ts",
    "ogg": ".ogg",
    "w64": ".w64",
    "wav": ".wav",
}
_WEBM_CODECS = frozenset({"opus", "vorbis"})


def probe(path: Path, *, max_duration_s: float = math.inf) -> MediaInfo:
    """Facts of the file at ``path``; the duration is the sum of its audio packets, whatever the header says.

    Raises FailureError as `decode_blocks` does, for the first second of sound and for the length of all of it.
    """
    with open_media(path) as media:
        _prove_that_it_decodes(media)
        codec = media.codec
        name, rate, channels = codec.name, codec.sample_rate, codec.channels
        stated_duration_s = media.stated_duration_s
        container = media.format_name
    with open_media(path) as media:
        duration_s = _length_of_packets(media, max_duration_s)
    if duration_s <= 0:
        raise FailureError(Failure(FailureKind.TOO_SHORT, "The file holds an audio stream without a single sample."))
    fail_if_cut_off(stated_duration_s, duration_s)
    codec_name = _plain_codec(name)
    return MediaInfo(duration_s, container, codec_name, rate, channels, suffix_for(container, codec_name))


def suffix_for(container: str, codec: str) -> str:
    """File name suffix from our own table, never from remote text: ``.webm``, ``.m4a``... ``.bin`` if unknown."""
    if container == "ogg" and codec == "opus":
        return ".opus"
    if container == "matroska" and codec not in _WEBM_CODECS:
        return ".mka"
    return _SUFFIXES.get(container, ".bin")


def _plain_codec(name: str) -> str:
    """The codec rather than our decoder for it: ``libopus`` -> ``opus``, ``mp3float`` -> ``mp3``."""
    return {"libopus": "opus", "libvorbis": "vorbis", "mp3float": "mp3"}.get(name, name)


def _prove_that_it_decodes(media: OpenMedia) -> None:
    tally = DecodeTally()
    decoded_s = 0.0
    for frame in decoded_frames(media, tally):
        decoded_s += frame.samples / frame.sample_rate
        if decoded_s >= _PROOF_S or tally.packets >= _PROOF_PACKETS:
            break
    if decoded_s == 0 and tally.packets:
        raise undecodable("None of the audio packets at the start of the file can be decoded.")


def _packets(media: OpenMedia) -> Iterator[av.Packet[AudioStream]]:
    """All packets up to where the data cannot be read any further; decoding ends there too."""
    try:
        yield from media.container.demux(media.stream)
    except (av.FFmpegError, ValueError):
        return


def _length_of_packets(media: OpenMedia, max_duration_s: float) -> float:
    time_base = float(media.stream.time_base or 0)
    summed, first, end, every_packet_has_one = 0, None, 0, True
    for packet in _packets(media):
        if packet.size == 0:
            continue
        length = packet.duration or 0
        every_packet_has_one = every_packet_has_one and length > 0
        summed += length
        fail_if_too_long(summed * time_base, max_duration_s)
        if packet.pts is not None:
            first = packet.pts if first is None else first
            end = max(end, packet.pts + length)
    ticks = summed if every_packet_has_one else end - (first or 0)
    fail_if_too_long(ticks * time_base, max_duration_s)
    return ticks * time_base
