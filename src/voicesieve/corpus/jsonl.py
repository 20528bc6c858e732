"""The ``jsonl`` export: audio files, ``recordings.jsonl`` and ``segments.jsonl``, all paths relative."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from voicesieve import __version__
from voicesieve.audio.store import CHUNK, RecordingStore
from voicesieve.catalog import views
from voicesieve.catalog.store import Catalog
from voicesieve.corpus.publishing import ExportError, published_folder
from voicesieve.files import make_folder


@dataclass(frozen=True)
class Exported:
    """What an export holds. Seconds are of child speech."""

    recordings: int
    segments: int
    child_s: float


def export_jsonl(
    catalog: Catalog,
    store: RecordingStore,
    target: Path,
    *,
    progressed: Callable[[int, int], None] = lambda done, total: None,
) -> Exported:
    """Write all accepted recordings to the folder ``target``; an earlier export there is replaced whole.

    Equal catalogs give equal bytes. ``progressed(done, total)`` counts audio files. Raises `ExportError` if a
    recording's file is missing or damaged.
    """
    marker = json.dumps({"format": "jsonl", "version": 1, "written_by": f"voicesieve {__version__}"})
    with published_folder(target, marker) as folder:
        exported = _write_tables(catalog, folder)
        with (folder / "recordings.jsonl").open(encoding="utf-8") as lines:
            for done, line in enumerate(lines, start=1):
                row = json.loads(line)
                _copy_audio(store, row, folder)
                progressed(done, exported.recordings)
    return exported


def _write_tables(catalog: Catalog, folder: Path) -> Exported:
    """Both tables from one snapshot. Audio is copied later, so that no reader stays open for long."""
    recordings, segments, child_s = 0, 0, 0.0
    with (
        (folder / "recordings.jsonl").open("wb") as recording_file,
        (folder / "segments.jsonl").open("wb") as segment_file,
        catalog.read() as connection,
    ):
        for accepted in views.accepted_recordings(connection):
            row = recording_row(accepted)
            _write_line(recording_file, row)
            for segment in segment_rows(accepted, row):
                _write_line(segment_file, segment)
                segments += 1
            recordings += 1
            child_s += row["child_s"]
        for file in (recording_file, segment_file):
            file.flush()
            os.fsync(file.fileno())
    return Exported(recordings, segments, child_s)


def recording_row(accepted: views.Accepted) -> dict[str, Any]:
    """One line of ``recordings.jsonl``. ``video`` is the first that carried this audio; the others stand in
    ``also_videos``."""
    recording, verdict, (video, *others) = accepted.recording, accepted.verdict, accepted.videos
    return {
        "id": recording.sha256[:16],
        "video": video.id,
        "also_videos": [other.id for other in others],
        "source": video.source,
        "url": video.url,
        "title": video.title,
        "channel": video.channel,
        "path": f"audio/{recording.path}",
        "sha256": recording.sha256,
        "duration_s": round(recording.duration_s, 3),
        "language": video.language,
        "licence": video.licence,
        "rights_basis": video.rights_basis,
        "rights_statement": video.rights_statement,
        "score": round(verdict.score, 4),
        "child_s": round(verdict.child_s, 3),
        "verdict": verdict.label,
    }


def segment_rows(accepted: views.Accepted, row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The lines of ``segments.jsonl`` for one recording, in order of time."""
    return [
        {
            "id": f"{row['id']}-{number:05d}",
            "recording": row["id"],
            "video": row["video"],
            "start": round(segment["start"], 3),
            "end": round(segment["end"], 3),
            "label": segment["label"],
            "score": round(segment["score"], 4),
            "language": row["language"],
        }
        for number, segment in enumerate(accepted.verdict.segments)
    ]


def _write_line(file: IO[bytes], row: Mapping[str, Any]) -> None:
    file.write(json.dumps(row, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n")


def _copy_audio(store: RecordingStore, row: Mapping[str, Any], folder: Path) -> None:
    target = folder / row["path"]
    source = store.path(row["path"].removeprefix("audio/"))
    make_folder(target.parent)
    digest = hashlib.sha256()
    try:
        with source.open("rb") as reading, target.open("wb") as writing:
            while block := reading.read(CHUNK):
                digest.update(block)
                writing.write(block)
            writing.flush()
            os.fsync(writing.fileno())
    except FileNotFoundError as error:
        raise ExportError(f"The audio of {row['video']} is missing ({source}). {_MEND}") from error
    if digest.hexdigest() != row["sha256"]:
        raise ExportError(f"The audio of {row['video']} is damaged ({source}). {_MEND}")


_MEND = "`voicesieve doctor --fix` queues it to be fetched again; then export again."
