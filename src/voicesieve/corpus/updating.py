"""Reusing the sound of an earlier export in the same folder, so that an update cuts only what is new."""

from __future__ import annotations

import hashlib
from pathlib import Path

from voicesieve.corpus.cut_orders import CutOrder
from voicesieve.corpus.formats.protocol import Format, Place
from voicesieve.corpus.index import IndexEntry, read_index
from voicesieve.corpus.outcomes import SoundFile, write_outcome
from voicesieve.files import new_file


class Earlier:
    """An earlier export, read in step with the plan: both are in order of their recordings."""

    def __init__(self, folder: Path, form: Format) -> None:
        self._folder = folder
        self._format = form
        self._entries = read_index(folder)
        self._entry: IndexEntry | None = next(self._entries, None)

    def take_over(self, order: CutOrder) -> bool:
        """Copy what ``order`` asks for into its folder, if all of it is here and undamaged. Call it in order of ids."""
        while self._entry is not None and self._entry.id < order.id:
            self._entry = next(self._entries, None)
        entry = self._entry
        if entry is None or entry.id != order.id or entry.outcome is None or entry.outcome.key != order.key:
            return False
        if entry.left_out and any(entry.outcome.pieces()):
            return False  # as a duplicate or by its language, and may be included now
        for item, piece in entry.outcome.pieces():
            if item not in entry.places:
                continue  # left out by a filter, and will be again
            data = self._sound_at(entry.places[item], piece)
            if data is None:
                return False
            with new_file(order.folder / piece.name) as file:
                file.write(data)
        order.folder.mkdir(parents=True, exist_ok=True)
        write_outcome(order.outcome, entry.outcome)
        return True

    def _sound_at(self, place: Place, piece: SoundFile) -> bytes | None:
        """The sound at ``place``; ``None`` if it is missing or changed."""
        read_sound = self._format.read_sound
        data = _stretch(self._folder, place, piece.bytes) if read_sound is None else read_sound(self._folder, place)
        return data if data is not None and hashlib.sha256(data).hexdigest() == piece.sha256 else None


def _stretch(folder: Path, place: Place, size: int) -> bytes | None:
    try:
        with (folder / place.file).open("rb") as file:
            file.seek(place.offset or 0)
            return file.read(size)
    except OSError:
        return None
