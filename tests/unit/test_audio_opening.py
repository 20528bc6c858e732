"""What a file's bytes say, and what they cannot: cut off, protected, several tracks, references to other files."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from media_zoo import OFFSET_S, SECONDS, wave, written

from voicesieve.audio.decode import decode_blocks
from voicesieve.audio.probe import probe
from voicesieve.audio.spans import read_spans
from voicesieve.domain.failures import FailureError, FailureKind
from voicesieve.domain.sound import SAMPLE_RATE


def made(path: Path, body: bytes | None) -> Path:
    assert body is not None
    path.write_bytes(body)
    return path


def decoded(path: Path) -> np.ndarray:
    return np.concatenate(list(decode_blocks(path)))


def failure_of(path: Path) -> FailureKind:
    kinds = []
    for door in (decoded, probe):
        with pytest.raises(FailureError) as caught:
            door(path)
        kinds.append(caught.value.failure.kind)
    assert len(set(kinds)) == 1
    return kinds[0]


def assert_read(path: Path, seconds: float, within: float = 0.05) -> None:
    assert len(decoded(path)) / SAMPLE_RATE == pytest.approx(seconds, abs=within)
    assert probe(path).duration_s == pytest.approx(seconds, abs=within)


FRAGMENTS = (("movflags", "+frag_keyframe+empty_moov"), ("frag_duration", "300000"))
CLUSTERS = (("cluster_time_limit", "100"),)
PAGES = (("page_duration", "100000"),)
INDEXED = (("movflags", "+dash+global_sidx+frag_keyframe+empty_moov"), ("frag_duration", "300000"))


def test_time_stamps_that_jump_are_no_missing_sound(tmp_path: Path) -> None:
    for muxer, codec in (
        ("webm", "libopus"),
        ("ipod", "aac"),
        ("matroska", "mp3"),
        ("mpegts", "aac"),
        ("asf", "wmav2"),
    ):
        body = written(muxer, codec, jump_s=15.0) or written(muxer, codec, 44_100, jump_s=15.0)
        assert_read(made(tmp_path / muxer, body), SECONDS, 0.1)


def test_a_clip_of_a_recording_with_a_gap_holds_the_samples_that_were_analysed(tmp_path: Path) -> None:
    """Seconds count samples from the first that decodes, behind a gap too."""
    for muxer, codec in (("webm", "libopus"), ("ipod", "aac")):
        for options in ({"jump_s": 15.0}, {"starts_at": OFFSET_S}):
            path = made(tmp_path / muxer, written(muxer, codec, **options))
            whole = decoded(path)
            (span,) = read_spans(path, [[(0.7, 1.1)]])
            assert np.array_equal(span, whole[round(0.7 * SAMPLE_RATE) : round(1.1 * SAMPLE_RATE)])


def test_a_wave_whose_byte_rate_is_wrong_is_read(tmp_path: Path) -> None:
    body = wave("pcm_s16le", 16_000, "mono")
    for rate in (0, 1, 8_000, 0xFFFFFFFF):
        assert_read(made(tmp_path / "rate.wav", body[:28] + struct.pack("<I", rate) + body[32:]), SECONDS)


def test_a_wave_is_cut_off_only_if_both_its_sizes_miss_the_bytes(tmp_path: Path) -> None:
    body = wave("pcm_s16le", 16_000, "mono")
    assert failure_of(made(tmp_path / "cut.wav", body[: len(body) // 2])) is FailureKind.TRUNCATED
    rest = body[44:]
    for whole, data in ((len(body) - 8, 5 * len(rest)), (5 * len(rest), len(rest)), (0, 2 * len(rest))):
        head = body[:4] + struct.pack("<I", whole) + body[8:40] + struct.pack("<I", data)
        assert_read(made(tmp_path / "wrong.wav", head + rest), SECONDS)


@pytest.mark.parametrize(
    ("muxer", "codec", "rate", "options"),
    [
        ("wav", "pcm_s16le", 48_000, (("rf64", "always"),)),
        ("w64", "pcm_s16le", 48_000, ()),
        ("flac", "flac", 48_000, ()),
        ("matroska", "libopus", 48_000, ()),
        ("mp4", "aac", 48_000, ()),
        ("mp4", "aac", 48_000, (("movflags", "+faststart"),)),
        ("mp4", "aac", 48_000, INDEXED),
    ],
)
def test_a_file_that_counts_more_bytes_than_it_has_was_cut_off(
    tmp_path: Path, muxer: str, codec: str, rate: int, options: tuple[tuple[str, str], ...]
) -> None:
    body = written(muxer, codec, rate, options=options)
    assert body is not None
    assert_read(made(tmp_path / "whole", body), SECONDS)
    assert failure_of(made(tmp_path / "cut", body[: 3 * len(body) // 5])) is FailureKind.TRUNCATED


@pytest.mark.parametrize(
    ("muxer", "codec", "options"),
    [
        ("matroska", "libopus", (("live", "1"),)),
        ("mp4", "aac", FRAGMENTS),
        ("ogg", "libopus", PAGES),
        ("mp3", "mp3", ()),
        ("adts", "aac", ()),
        ("mpegts", "aac", ()),
        ("aiff", "pcm_s16be", ()),
    ],
)
def test_of_a_file_that_counts_no_bytes_what_decodes_is_read(
    tmp_path: Path, muxer: str, codec: str, options: tuple[tuple[str, str], ...]
) -> None:
    """As a live recording leaves it that somebody stopped: nobody has promised more."""
    body = written(muxer, codec, options=options)
    assert body is not None
    assert 0.4 < len(decoded(made(tmp_path / "cut", body[: 3 * len(body) // 5]))) / SAMPLE_RATE < 1.0


def test_a_flac_whose_header_counts_too_many_samples_is_read(tmp_path: Path) -> None:
    body = written("flac", "flac")
    assert body is not None
    at = body.index(b"fLaC") + 8 + 10
    counted = int.from_bytes(body[at : at + 8], "big")
    lying = body[:at] + (counted + 480_000).to_bytes(8, "big") + body[at + 8 :]
    assert_read(made(tmp_path / "lying.flac", lying), SECONDS)
    assert_read(made(tmp_path / "tagged.flac", lying + b"TAG" + bytes(125)), SECONDS)


def test_an_mp4_that_was_never_finished_is_not_asked_for_again(tmp_path: Path) -> None:
    body = written("ipod", "aac")
    assert body is not None
    index = body.index(b"moov") - 4
    assert failure_of(made(tmp_path / "unfinished.m4a", body[:index])) is FailureKind.UNDECODABLE
    assert failure_of(made(tmp_path / "cut.m4a", body[: index - 100])) is FailureKind.TRUNCATED


@pytest.mark.parametrize(
    ("muxer", "codec", "options"),
    [
        ("matroska", "libopus", CLUSTERS),
        ("ogg", "libopus", PAGES),
        ("mp3", "mp3", ()),
        ("ipod", "aac", ()),
        ("mpegts", "mp2", ()),
    ],
)
def test_damage_in_the_middle_costs_only_what_is_damaged(
    tmp_path: Path, muxer: str, codec: str, options: tuple[tuple[str, str], ...]
) -> None:
    body = written(muxer, codec, options=options)
    assert body is not None
    middle = len(body) // 2
    path = made(tmp_path / muxer, body[:middle] + bytes(150) + body[middle + 150 :])
    assert len(decoded(path)) / SAMPLE_RATE > 0.6 * SECONDS


def test_a_header_that_points_before_the_file_is_the_files_fault(tmp_path: Path) -> None:
    """The refused seek came up as an error of the disk, which stops a run."""
    body = written("caf", "pcm_s16be")
    assert body is not None
    assert_read(made(tmp_path / "twice.caf", body + body), SECONDS)


@pytest.mark.parametrize("entry", [b"drms", b"enca", b"aavd"])
def test_protected_sound_in_an_mp4_is_named_so(tmp_path: Path, entry: bytes) -> None:
    body = written("ipod", "aac")
    assert body is not None
    assert failure_of(made(tmp_path / "bought.m4p", body.replace(b"mp4a", entry, 1))) is FailureKind.DRM


def test_protected_sound_of_windows_media_is_named_so(tmp_path: Path) -> None:
    body = written("asf", "wmav2", 44_100)
    assert body is not None
    size, count = struct.unpack("<QI", body[16:28])
    encryption = bytes.fromhex("fbb3112223bdd211b4b700a0c955fc6e") + struct.pack("<Q", 40) + bytes(16)
    head = body[:16] + struct.pack("<QI", size + len(encryption), count + 1) + body[28:30]
    assert failure_of(made(tmp_path / "bought.wma", head + encryption + body[30:])) is FailureKind.DRM
    assert_read(made(tmp_path / "free.wma", body), SECONDS, 0.1)


def test_all_sound_tracks_are_named_and_one_is_marked(tmp_path: Path) -> None:
    media = probe(made(tmp_path / "film.mka", written("matroska", "libopus", tracks=3)))
    assert [track.number for track in media.tracks] == [1, 2, 3]
    assert [track.is_taken for track in media.tracks] == [True, False, False]
    assert media.duration_s == pytest.approx(SECONDS, abs=0.05)


def test_a_movie_that_refers_to_another_file_does_not_open_it(tmp_path: Path) -> None:
    secret = made(tmp_path / "secret.raw", np.full(60_000, 12_000, "<i2").tobytes())
    body = written("mov", "pcm_s16le", 16_000)
    assert body is not None
    entry = struct.pack(">I4sI", 12, b"url ", 1)
    place = f"file://{secret}\0".encode()
    assert body.count(entry) >= 1
    at = body.rindex(entry)
    grown = bytearray(body[:at] + struct.pack(">I4sI", 12 + len(place), b"url ", 0) + place + body[at + 12 :])
    for box in (b"dref", b"dinf", b"minf", b"mdia", b"trak", b"moov"):
        start = bytes(grown).rindex(box, 0, at) - 4
        size = int.from_bytes(grown[start : start + 4], "big")
        grown[start : start + 4] = (size + len(place)).to_bytes(4, "big")
    sound = decoded(made(tmp_path / "refers.mov", bytes(grown)))
    assert np.abs(sound).max() < 0.3
