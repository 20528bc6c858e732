"""Recordings in the forms in which the world keeps them, through the whole program."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import pytest
from crawling import CLIPS, QUICK, attempts, clip, stories_of, voicesieve

from demo import pages
from demo.answers import Content
from demo.server import Answer, serving
from voicesieve.audio.decode import decode_blocks
from voicesieve.domain.sound import SAMPLE_RATE

CLIP = "child-en-zoo"


@pytest.fixture(scope="module")
def child(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """A clip of a child that the demo accepts, float32 (n,) at 16 kHz."""
    path = tmp_path_factory.mktemp("clip") / "clip.opus"
    path.write_bytes(CLIPS[CLIP].body)
    return np.concatenate(list(decode_blocks(path)))


def stored(path: Path, muxer: str, codec: str, *tracks: np.ndarray, gap_s: float = 0.0, **marks: str) -> None:
    """Write ``tracks``, each float32 (channels, n) at 16 kHz; ``gap_s`` is a hole in the time stamps of all."""
    file = io.BytesIO()
    with av.open(file, "w", format=muxer) as container:
        streams = []
        for number, sound in enumerate(tracks):
            layout = "mono" if len(sound) == 1 else "stereo"
            stream = container.add_stream(codec, rate=48_000 if codec == "libopus" else SAMPLE_RATE, layout=layout)
            assert isinstance(stream, av.AudioStream)
            stream.bit_rate = 96_000
            stream.metadata["language"] = marks.get(f"language_{number + 1}", "und")
            streams.append((stream, sound, layout))
        container.start_encoding()
        for stream, sound, layout in streams:
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound), format="fltp", layout=layout)
            frame.sample_rate = SAMPLE_RATE
            size = stream.codec_context.frame_size or 1_024
            resampler = av.AudioResampler(stream.format, stream.layout, stream.rate, size)
            position = 0
            for part in (*resampler.resample(frame), *resampler.resample(None)):
                late = position > sound.shape[1] / SAMPLE_RATE * stream.rate / 2
                part.pts = position + (round(gap_s * stream.rate) if late else 0)
                position += part.samples
                container.mux(stream.encode(part))
            container.mux(stream.encode(None))
    path.write_bytes(file.getvalue())


def test_a_folder_of_many_formats_and_faults_is_read_and_nothing_is_left_out_without_a_word(
    tmp_path: Path, child: np.ndarray
) -> None:
    """One microphone wired the wrong way round, clocks that jump, wrong sizes, old formats, two languages."""
    media, data = tmp_path / "media", tmp_path / "data"
    media.mkdir()
    mono = child[np.newaxis]
    stored(media / "antiphase.flac", "flac", "flac", np.stack([child, -child]))
    stored(media / "gap.webm", "webm", "libopus", mono, gap_s=15.0)
    stored(media / "gap.m4a", "ipod", "aac", mono, gap_s=15.0)
    stored(media / "old.wma", "asf", "wmav2", mono)
    stored(media / "film.avi", "avi", "pcm_s16le", mono)
    stored(media / "sun.au", "au", "pcm_s16be", mono)
    stored(media / "pack.wv", "wv", "wavpack", mono)
    stored(media / "tracks.mka", "matroska", "flac", mono, 0 * mono, language_1="vie", language_2="eng")
    stored(media / "rate.wav", "wav", "pcm_s16le", mono)
    body = bytearray((media / "rate.wav").read_bytes())
    body[28:32] = (SAMPLE_RATE).to_bytes(4, "little")
    (media / "rate.wav").write_bytes(body)
    voicesieve("crawl", "--source", f"folder:{media}", "--quiet", "--data", data)
    stories = {Path(url).name: story for url, story in stories_of(data).items()}
    assert {name: story["state"] for name, story in stories.items()} == dict.fromkeys(
        (file.name for file in media.iterdir()), "accepted"
    )
    seconds = len(child) / SAMPLE_RATE
    for name, story in stories.items():
        assert story["recording"]["duration_s"] == pytest.approx(seconds, abs=0.15), name
        assert story["verdict"]["duration_s"] == pytest.approx(seconds, abs=0.15), name
    assert stories["antiphase.flac"]["verdict"]["levels"]["out_of_phase_s"] > 0.9 * seconds
    assert stories["gap.webm"]["verdict"]["levels"]["out_of_phase_s"] == 0
    explained = voicesieve("why", stories["tracks.mka"]["video"], "--data", data).out
    assert "of 2 sound tracks, number 1 (vie) was analysed; left out: number 2 (eng)" in " ".join(explained.split())
    assert "1 further sound tracks" in voicesieve("status", "--data", data).out


def test_a_length_that_only_the_feed_states_is_doubted_once_and_then_the_bytes_are_believed(tmp_path: Path) -> None:
    """A live recording with mutes, or a typing error: the feed says an hour, the file is whole and holds seconds."""

    def routes(base_url: str) -> dict[str, Answer]:
        entry = pages.Episode("a", "a", f"{base_url}/a.opus", "audio/ogg", 1, seconds=3_600.0)
        listing = Content(pages.feed("A feed", f"{base_url}/", "vi", [entry]), "application/rss+xml")
        return {"/feed.xml": listing, "/a.opus": clip(CLIP)}

    with serving(routes) as server:
        source = f"rss:{server.base_url}/feed.xml"
        voicesieve("crawl", "--source", source, "--wait", "20", "--quiet", "--data", tmp_path, settings=QUICK)
        asked = [request.path for request in server.requests]
    (story,) = stories_of(tmp_path).values()
    assert story["state"] == "accepted"
    assert [attempt["kind"] for attempt in attempts(story, "fetch")] == ["truncated", None]
    assert asked.count("/a.opus") == 2
