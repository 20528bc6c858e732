"""The earlier crawler's folders, so that scripts written for them keep working.

``DEST`` takes the place of its output folder: ``url_outputs/discovered_urls.txt``,
``url_outputs/discovered_videos.json`` and ``final_audio/manifest.json`` beside
``final_audio/{vi,en,unknown,unclassified}/``. Titles are only in the tables: file names consist of an index, eight
characters of the video's own id, and the recording's id.
"""

from __future__ import annotations

import re

from voicesieve.corpus.formats.files import create, place_file
from voicesieve.corpus.formats.protocol import ANY_SOUND, Format, Item, Order, Place
from voicesieve.corpus.json_lines import Row, encoded
from voicesieve.corpus.options import Audio, Unit
from voicesieve.domain.times import day

FOLDERS = ("vi", "en", "unknown", "unclassified")
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
SOURCES = {"youtube": "youtube_api", "youtube_api": "youtube_api", "youtube_ytdlp": "youtube_scraping"}
"""Its three names for the origin of a video; everything else was ``manual``."""


def folder_of(language: str | None) -> str:
    """``unclassified`` without a language, ``unknown`` for a language that had no folder."""
    if language is None:
        return "unclassified"
    primary = language.split("-")[0].lower()
    return primary if primary in ("vi", "en") else "unknown"


class ManifestWriter:
    """Tables are arrays, written element by element. The URL list names all videos that carry a recording."""

    def __init__(self, order: Order) -> None:
        self._order = order
        for name in FOLDERS:
            (order.folder / "final_audio" / name).mkdir(parents=True, exist_ok=True)
        self._urls = create(order.folder / "url_outputs" / "discovered_urls.txt")
        self._videos = create(order.folder / "url_outputs" / "discovered_videos.json")
        self._manifest = create(order.folder / "final_audio" / "records.part")
        self._index = 0
        self._duration_s = 0.0

    def add(self, item: Item) -> Place | None:
        self._index += 1
        native = native_id(item.recording.video)
        folder = folder_of(item.recording.language)
        short = (_UNSAFE.sub("_", native) + "________")[:8]
        name = f"final_audio/{folder}/{self._index:04d}_{short}_{item.recording.id}{item.suffix}"
        place = place_file(self._order, item, name) if item.audio and item.sha256 else None
        for source in item.recording.sources:
            self._urls.write(_one_line(source.url) + b"\n")
        before = b"[\n" if self._index == 1 else b",\n"
        self._videos.write(before + encoded(_video(item, native), indent=2))
        self._manifest.write(before + encoded(_record(item, native, self._index, folder, place, self._order), indent=2))
        self._duration_s += item.duration_s
        return place

    def close(self) -> None:
        end = b"\n]" if self._index else b"[]"
        self._urls.close()
        self._videos.write(end + b"\n")
        self._videos.close()
        self._manifest.write(end)
        self._manifest.close()
        part = self._order.folder / "final_audio" / "records.part"
        with create(self._order.folder / "final_audio" / "manifest.json") as whole, part.open("rb") as records:
            whole.write(b'{\n"total_duration_seconds": %.3f,\n"records": ' % self._duration_s)
            while block := records.read(1 << 20):
                whole.write(block)
            whole.write(b"\n}\n")
        part.unlink()


def native_id(video: str) -> str:
    """The source's own id: the part of our id after the first colon."""
    return video.partition(":")[2]


def _one_line(url: str) -> bytes:
    return re.sub(r"[\x00-\x20\x7f]", "", url).encode("utf-8", "backslashreplace")


def _video(item: Item, native: str) -> Row:
    metadata = item.recording.metadata
    return {
        "video_id": native,
        "title": item.recording.title,
        "channel_id": metadata.get("channel_id", ""),
        "channel_title": item.recording.channel,
        "description": metadata.get("description", ""),
        "published_at": item.recording.published,
        "duration_seconds": item.duration_s,
        "view_count": metadata.get("view_count", 0),
        "like_count": metadata.get("like_count", 0),
        "comment_count": metadata.get("comment_count", 0),
        "thumbnail_url": "",
        "tags": metadata.get("tags", []),
        "source": SOURCES.get(item.recording.source, "manual"),
    }


def _record(item: Item, native: str, index: int, folder: str, place: Place | None, order: Order) -> Row:
    when = day(item.recording.changed_at)
    return {
        "video_id": native,
        "url": item.recording.url,
        "output_path": f"{order.target.name}/{place.file}" if place else None,
        "status": "success",
        "timestamp": f"{when}T00:00:00Z",
        "duration_seconds": item.duration_s,
        "title": item.recording.title,
        "language_folder": folder,
        "download_index": index,
        "classified": True,
        "classification_timestamp": f"{when}T00:00:00Z",
        "containing_children_voice": True,
        "voice_analysis_confidence": item.recording.score,
        "uploaded": False,
        "file_available": place is not None,
        "all_downloads_failed": False,
    }


FORMAT = Format(
    name="manifest",
    summary="the earlier crawler's folders",
    loading='json.load(open("DEST/final_audio/manifest.json"))["records"]',
    units=(Unit.RECORDINGS,),
    audio=(Audio.WAV, *ANY_SOUND),
    writer=ManifestWriter,
    splits=False,
    tables=("*_outputs/*", "final_audio/manifest.json"),
    sound_files="final_audio/*/*",
)
