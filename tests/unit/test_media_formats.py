"""One list of formats: what is looked for is what can be opened, and nothing that opens other files."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from voicesieve.audio.probe import suffix_for
from voicesieve.domain.media_formats import DEMUXERS, MEDIA_FORMATS, MEDIA_SUFFIXES, STORED_SUFFIXES
from voicesieve.sources.media import is_media_name

OTHER_MEANINGS = {
    **dict.fromkeys((".ts", ".ism", ".mac", ".apl", ".sf", ".ul", ".omg", ".mj2"), "mostly no recordings"),
    **dict.fromkeys((".avif", ".heic", ".heif", ".mks"), "pictures or subtitles"),
    **dict.fromkeys((".psp",), "a device's own name"),
    ".afc": "the sound of a game",
}
"""Suffixes that FFmpeg knows for our formats and that we do not look for."""


def demuxer(name: str) -> av.ContainerFormat:
    container = av.ContainerFormat(name, "r")
    assert container.is_input
    return container


@pytest.mark.parametrize("name", sorted(DEMUXERS))
def test_pyav_opens_every_format_that_is_looked_for(name: str) -> None:
    assert name in demuxer(name).name.split(",")


def test_every_suffix_that_ffmpeg_knows_for_a_format_is_looked_for() -> None:
    suffixes = {f".{suffix}" for name in DEMUXERS for suffix in demuxer(name).extensions}
    assert suffixes - MEDIA_SUFFIXES - set(OTHER_MEANINGS) == set()


RECORDINGS = ".mp3 .m4a .wav .wma .wmv .asf .avi .ac3 .eac3 .mpg .mpeg .vob .au .wv .ape .tta .mka .mkv .webm .3gp"


@pytest.mark.parametrize("suffix", RECORDINGS.split())
def test_what_people_record_in_is_looked_for_in_any_case(suffix: str) -> None:
    assert is_media_name(f"song{suffix}")
    assert is_media_name(f"SONG{suffix.upper()}")


@pytest.mark.parametrize(
    "name", ["concat", "hls", "dash", "sdp", "rtsp", "rtp", "image2", "lavfi", "vobsub", "webm_dash_manifest", "alsa"]
)
def test_formats_that_name_other_files_or_devices_stay_closed(name: str) -> None:
    assert name not in DEMUXERS


@pytest.mark.parametrize("suffix", [".m3u8", ".mpd", ".sdp", ".ts", ".py", ".jpg", ".txt", ".pls"])
def test_what_is_no_recording_is_not_looked_for(suffix: str) -> None:
    assert not is_media_name(f"file{suffix}")


def test_stored_files_are_named_by_the_same_list() -> None:
    assert {each.demuxer: each.stored_suffix for each in MEDIA_FORMATS} == STORED_SUFFIXES
    assert {suffix_for(each.demuxer, "pcm") for each in MEDIA_FORMATS} <= {*MEDIA_SUFFIXES, ".ts"}
    assert suffix_for("unheard of", "pcm") == ".bin"
    assert all(Path(f"a{suffix}").suffix == suffix == suffix.lower() for suffix in MEDIA_SUFFIXES)
