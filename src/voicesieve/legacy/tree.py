"""What an earlier crawler's folder contains: manifests, lists of addresses, audio. Links are not followed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from voicesieve.domain.text import clean_text
from voicesieve.sources.media import is_media_name

MANIFESTS = ("manifest.json", "crawler_manifest.json")
ADDRESS_LISTS = re.compile(r"(discovered|.*collected_video)_urls\.txt|.*backup_collected_videos\.txt")
VIDEO_LIST = "discovered_videos.json"
QUEUE = "processing_queue.json"
BACKUPS = "backups"

_NAME = re.compile(r"(\d{4,})_(.{8})_(.*)\.[^.]+")
"""``0001_dQw4w9Wg_Title.wav``; the eight characters may hold ``_`` and ``-`` themselves: the name is not split at
them."""


@dataclass(frozen=True)
class Tree:
    """Paths relative to ``root``, each list in a stable order. ``passed_over`` counts useless files."""

    root: Path
    manifests: tuple[PurePosixPath, ...]
    address_lists: tuple[PurePosixPath, ...]
    video_lists: tuple[PurePosixPath, ...]
    queues: tuple[PurePosixPath, ...]
    audio: AudioIndex
    passed_over: int

    @property
    def empty(self) -> bool:
        return not (self.manifests or self.address_lists or self.video_lists or self.queues or self.audio.files)

    def generation(self, manifest: PurePosixPath) -> str:
        """``v2`` has ``final_audio/``, ``v1.5`` a work queue beside its manifest."""
        if manifest.parent.name == "final_audio":
            return "v2"
        return "v1.5" if manifest.parent / QUEUE in self.queues else "v1"


def survey(root: Path) -> Tree:
    """Walk the folder once. Raises `OSError` if ``root`` itself cannot be read."""
    os.scandir(root).close()
    files = list(_files(root))
    named: dict[str, list[PurePosixPath]] = {"manifest": [], "addresses": [], "videos": [], "queue": [], "audio": []}
    passed_over = 0
    for path in files:
        kind = _kind(path)
        if kind:
            named[kind].append(path)
        else:
            passed_over += 1
    manifests = {*named["manifest"], *_lost_manifests(files)}
    return Tree(
        root,
        # The latest generation first: where two describe a video, it has more facts.
        tuple(sorted(manifests, key=lambda path: (path.parent.name != "final_audio", path))),
        tuple(named["addresses"]),
        tuple(named["videos"]),
        tuple(named["queue"]),
        AudioIndex(tuple(named["audio"])),
        passed_over,
    )


def _files(root: Path) -> Iterator[PurePosixPath]:
    for folder, names, files in os.walk(root):
        names[:] = sorted(name for name in names if not name.startswith("."))
        here = PurePosixPath(os.path.relpath(folder, root))
        for name in sorted(files):
            path = Path(folder) / name
            if not name.startswith(".") and path.is_file() and not path.is_symlink():
                yield here / name


def _kind(path: PurePosixPath) -> str | None:
    name = path.name
    if name in MANIFESTS and BACKUPS not in path.parts:
        return "manifest"
    if ADDRESS_LISTS.fullmatch(name):
        return "addresses"
    if name == VIDEO_LIST:
        return "videos"
    if name == QUEUE:
        return "queue"
    return "audio" if is_media_name(name) and not name.startswith("tmp") else None


def _lost_manifests(files: list[PurePosixPath]) -> Iterator[PurePosixPath]:
    """Manifests of which only backups are left: the crawler's own recovery moved them away."""
    for path in files:
        if re.fullmatch(r"(crawler_)?manifest(_|\.).*backup.*", path.name):
            folder = path.parent.parent if path.parent.name == BACKUPS else path.parent
            stem = "crawler_manifest" if path.name.startswith("crawler_") else "manifest"
            yield folder / f"{stem}.json"


@dataclass(frozen=True)
class AudioIndex:
    """The audio files of a tree, looked up by a path that was written on another machine."""

    files: tuple[PurePosixPath, ...]
    _by_name: dict[str, list[PurePosixPath]] = field(default_factory=dict)
    _by_stem: dict[str, list[PurePosixPath]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for path in self.files:
            self._by_name.setdefault(clean_text(path.name), []).append(path)
            self._by_stem.setdefault(clean_text(path.stem), []).append(path)

    def find(self, written: str) -> PurePosixPath | None:
        """The file that ``written``, a Windows or POSIX path, most likely meant; ``None`` if none or several may be.

        Files of that name are taken, or of that name with another suffix; among them the one that shares most of the
        path's end. Files in ``backups/`` count only where there is no other.
        """
        parts = [clean_text(part) for part in path_parts(written)]
        if not parts:
            return None
        candidates = self._by_name.get(parts[-1]) or self._by_stem.get(PurePosixPath(parts[-1]).stem, [])
        candidates = [path for path in candidates if BACKUPS not in path.parts] or candidates
        ranked = sorted(candidates, key=lambda path: _shared_end(_cleaned(path), parts), reverse=True)
        if len(ranked) > 1 and _shared_end(_cleaned(ranked[0]), parts) == _shared_end(_cleaned(ranked[1]), parts):
            return None
        return ranked[0] if ranked else None


def _cleaned(path: PurePosixPath) -> tuple[str, ...]:
    """The names in ``path`` as records have them, which are cleaned when they are read."""
    return tuple(clean_text(part) for part in path.parts)


def path_parts(written: str) -> list[str]:
    """The names in a path of either kind of machine, without drive, ``.`` and ``..``."""
    parts = re.split(r"[\\/]+", written.strip())
    return [part for part in parts if part not in ("", ".", "..") and not re.fullmatch(r"[A-Za-z]:", part)]


def id_in_name(name: str) -> str:
    """The first eight characters of the video id that a file name carries, empty without one."""
    match = _NAME.fullmatch(name)
    return match[2] if match else ""


def _shared_end(path: tuple[str, ...], other: list[str]) -> int:
    count = 0
    for a, b in zip(reversed(path), reversed(other), strict=False):
        if a != b:
            break
        count += 1
    return count
