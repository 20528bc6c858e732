"""Folders as three generations of the earlier crawler left them, with every trap that their files are known to hold.

Made of tones, not of anybody's data. Each builder returns what an importer should make of the folder.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np

RATE = 16_000


def video_id(number: int) -> str:
    """Eleven characters that differ in the first eight, some with the ``-`` and ``_`` that broke name splitting."""
    marks = "-_aZ"
    return f"{marks[number % 4]}{number:04d}{marks[(number + 1) % 4]}Lg{number % 1000:03d}"


def watch(identifier: str) -> str:
    return f"https://www.youtube.com/watch?v={identifier}"


@functools.cache
def sound(number: int, codec: str = "mp3", seconds: float = 1.5) -> bytes:
    """A tone of its own for each number, as MP3 or WAV bytes."""
    time = np.arange(int(seconds * RATE)) / RATE
    samples = (8_000 * np.sin(2 * np.pi * (200 + 7 * number) * time)).astype(np.int16)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=codec) as container:
        stream = container.add_stream({"mp3": "mp3", "wav": "pcm_s16le"}[codec], rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[None, :], format="s16", layout="mono")
        frame.sample_rate = RATE
        resampler = av.AudioResampler(format=stream.format, layout="mono", rate=RATE)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def file_name(number: int, index: int | None = None, suffix: str = "wav") -> str:
    return f"{number if index is None else index:04d}_{video_id(number)[:8]}_NoTitle.{suffix}"


@dataclass
class Expected:
    """How many records of each kind an import must report, and the audio of each video."""

    records: int = 0
    imported: int = 0
    imported_without_audio: int = 0
    duplicate: int = 0
    refused: int = 0
    audio: dict[str, str] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        names = ("records", "imported", "imported_without_audio", "duplicate", "refused")
        return {name: getattr(self, name) for name in names}

    def add(self, ending: str, count: int = 1) -> None:
        self.records += count
        setattr(self, ending, getattr(self, ending) + count)


Build = Callable[[Path], Expected]


class TreeBuilder:
    """Writes files below ``root`` and keeps count of what they should become."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.expected = Expected()

    def write(self, path: str, content: bytes | str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)
        return file

    def write_json(self, path: str, value: Any) -> Path:
        return self.write(path, json.dumps(value, indent=2, ensure_ascii=False))

    def audio(self, path: str, number: int, codec: str = "mp3", seconds: float = 1.5) -> str:
        content = sound(number, codec, seconds)
        self.write(path, content)
        return hashlib.sha256(content).hexdigest()

    def imported(self, number: int, sha256: str) -> None:
        self.expected.add("imported")
        self.expected.audio[f"youtube:{video_id(number)}"] = sha256


def v2_record(number: int, **changes: Any) -> dict[str, Any]:
    """The full set of fields of October 2025."""
    record = {
        "video_id": video_id(number),
        "url": watch(video_id(number)),
        "output_path": f"output\\final_audio\\vi\\{file_name(number)}",
        "status": "success",
        "timestamp": "2025-10-18T09:30:00.123456Z",
        "duration_seconds": 9.73,
        "title": f"Video {video_id(number)}",
        "language_folder": "vi",
        "download_index": number,
        "classified": True,
        "classification_timestamp": "2025-10-18T09:31:00Z",
        "containing_children_voice": True,
        "voice_analysis_confidence": 0.41,
        "voice_analysis_confident": 0.0,
        "uploaded": False,
        "file_available": True,
        "all_downloads_failed": False,
        "recovered_at": "2025-10-18T09:32:00",
    }
    return {**record, **changes}


def build_v1(root: Path) -> Expected:
    """September 2025: bare lists, six keys, true durations, absolute Windows paths; two manifests."""
    tree = TreeBuilder(root)
    records: list[dict[str, Any]] = []
    for number in range(1, 5):
        sha256 = tree.audio(f"final_audio_files/vietnamese/{file_name(number)}", number, "wav")
        tree.imported(number, sha256)
        records.append(_v1_record(number, f"D:\\crawl\\final_audio_files\\vietnamese\\{file_name(number)}"))
    records.append(_v1_record(5, "D:\\crawl\\final_audio_files\\gone.wav"))
    tree.expected.add("imported_without_audio")
    tree.write_json("final_audio_files/manifest.json", records)
    sha256 = tree.audio(f"crawler_outputs/audio_files/{file_name(6)}", 6, "wav")
    tree.imported(6, sha256)
    repeated = _v1_record(1, f"crawler_outputs/audio_files/{file_name(1)}")
    mine = _v1_record(6, f"/home/na/crawler_outputs/audio_files/{file_name(6)}")
    tree.write_json("crawler_outputs/crawler_manifest.json", [mine, repeated])
    tree.expected.add("duplicate")
    # Two addresses on one line, no last newline, blank lines, a repetition, a short address with parameters.
    glued = (
        f"{watch(video_id(1))}{watch(video_id(7))}\n\n{watch(video_id(2))}&t=3s\nhttps://youtu.be/{video_id(8)}?si=x"
    )
    tree.write("youtube_url_outputs/20250901_multi_query_collected_video_urls.txt", glued)
    tree.expected.add("duplicate", 2)
    tree.expected.add("imported_without_audio", 2)
    tree.write("final_audio_files/tmp_abc.webm", b"partial")
    tree.write("youtube_url_outputs/20250901_collection_report.txt", "text of numbers")
    return tree.expected


def build_v1_5(root: Path) -> Expected:
    """A work queue beside a wrapped manifest, and titles."""
    tree = TreeBuilder(root)
    records = []
    for number in (11, 12):
        sha256 = tree.audio(f"final_audio_files/unclassified/{file_name(number)}", number, "wav")
        tree.imported(number, sha256)
        title = "Bé hát 🎵 <script>alert(1)</script> \u202e"
        records.append({**_v1_record(number, f"final_audio_files/unclassified/{file_name(number)}"), "title": title})
    tree.write_json("final_audio_files/manifest.json", {"total_duration_seconds": 3.0, "records": records})
    queue = {name: {"video_id": name} for name in (video_id(11), video_id(13))}
    tree.write_json("final_audio_files/processing_queue.json", {"version": "1.0", "records": queue})
    tree.expected.add("duplicate")
    tree.expected.add("imported_without_audio")
    tree.write("final_audio_files/processing_queue.backup", "{")
    tree.write("final_audio_files/manifest.json.lock", "")
    return tree.expected


def build_v2(root: Path) -> Expected:
    """The last generation, with MP3 under ``.wav`` names and all that its cleaning, merging and recovering left."""
    tree = TreeBuilder(root)
    records: list[Any] = []

    def held(number: int, folder: str = "vi", **changes: Any) -> None:
        sha256 = tree.audio(f"output/final_audio/{folder}/{file_name(number)}", number)
        tree.imported(number, sha256)
        records.append(v2_record(number, **{"language_folder": folder, **changes}))

    held(21)
    held(22, "en", output_path=f"output/final_audio/unclassified/{file_name(22)}")  # moved since it was written
    held(23, "unknown", video_id=None)
    held(24, url=None)
    held(25, "backups/no_children_voice", containing_children_voice=False, file_available=False, output_path=None)
    records.append(v2_record(21, output_path="output/final_audio/vi/other.wav"))
    tree.expected.add("duplicate")
    records.append(v2_record(26, status="failed", output_path=None, all_downloads_failed=True, classified=False))
    tree.expected.add("imported_without_audio")
    # Recovered from the file name: eight characters of the id. One is completed by the list, one by nothing.
    for number in (27, 28):
        sha256 = tree.audio(f"output/final_audio/unclassified/{file_name(number)}", number)
        cut = {"video_id": video_id(number)[:8], "url": None, "status": "recovered"}
        records.append(v2_record(number, output_path=f"output\\final_audio\\unclassified\\{file_name(number)}", **cut))
        if number == 27:
            tree.imported(27, sha256)
        else:
            tree.expected.add("imported")
    records.append(v2_record(29, video_id=None, url=None, output_path=None))
    records += ["a string", None, {}]
    records.append(v2_record(30, video_id="TEST_123456", url=watch("TEST_123456"), output_path=None))
    records.append(v2_record(31, url=watch(video_id(32)), output_path=None))
    tree.expected.add("refused", 6)
    tree.write_json("output/final_audio/manifest.json", {"total_duration_seconds": 1e9, "records": records})
    # Audio that no record names.
    tree.expected.audio[f"youtube:{video_id(33)}"] = tree.audio(f"output/final_audio/vi/{file_name(33)}", 33)
    tree.audio("output/final_audio/vi/recording.wav", 34)
    tree.expected.add("imported", 2)  # the address of 33 and its audio are one
    listed = "\n".join(watch(video_id(number)) for number in (21, 27, 33))
    tree.write("output/url_outputs/discovered_urls.txt", f"{listed}\nnot an address\n")
    tree.expected.add("duplicate", 2)
    tree.expected.add("refused")
    described = {"video_id": video_id(27), "title": "Kể chuyện", "channel_title": "Kênh Bé", "view_count": 3}
    tree.write_json("output/url_outputs/discovered_videos.json", [described, {"video_id": None}])
    tree.expected.add("duplicate")
    tree.expected.add("refused")
    tree.write("output/audio_outputs/backups/.keep", "")
    return tree.expected


def build_large(root: Path, count: int, sounds: int = 50, seconds: float = 1.5) -> Expected:
    """``count`` records of the last generation, every fourth without its file; files share ``sounds`` contents."""
    tree = TreeBuilder(root)
    records = []
    for number in range(count):
        records.append(v2_record(number, download_index=number))
        if number % 4:
            tree.audio(f"output/final_audio/vi/{file_name(number)}", number % sounds, seconds=seconds)
    tree.write_json("output/final_audio/manifest.json", {"total_duration_seconds": 0.0, "records": records})
    missing = len(range(0, count, 4))
    tree.expected.add("imported", count - missing)
    tree.expected.add("imported_without_audio", missing)
    return tree.expected


def _v1_record(number: int, output_path: str) -> dict[str, Any]:
    return {
        "video_id": video_id(number),
        "url": watch(video_id(number)),
        "output_path": output_path,
        "status": "success",
        "timestamp": "2025-09-20T10:00:00Z",
        "duration_seconds": 1.5,
    }


def fingerprint(root: Path) -> Mapping[str, tuple[Any, ...]]:
    """Every name below ``root`` with its kind, size, times, links and content."""
    entries = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        facts = (status.st_mode, status.st_ino, status.st_nlink, status.st_mtime_ns, status.st_ctime_ns)
        entries[str(path.relative_to(root))] = (*facts, content)
    return entries
