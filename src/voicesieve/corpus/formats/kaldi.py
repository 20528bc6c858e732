"""A Kaldi data folder for each split, sorted as ``LC_ALL=C sort`` does, that ``validate_data_dir.sh`` accepts.

There are no transcripts, so there is no ``text``: validate with ``--no-text --no-feats``. Utterance ids start with
their speaker's id, as Kaldi requires; the speaker is a pseudonym for each recording.
"""

from __future__ import annotations

import os
import shlex

from voicesieve.corpus.formats.files import Tables, audio_path, place_file
from voicesieve.corpus.formats.protocol import ANY_SOUND, Format, Item, Order, Place
from voicesieve.corpus.options import Audio, Unit

NAMES = ("wav.scp", "utt2spk", "spk2utt", "utt2dur", "reco2dur", "utt2lang", "segments")


class KaldiWriter:
    """Items come in order of their ids, which start with the recording's, so every file is written in order."""

    def __init__(self, order: Order) -> None:
        self._order = order
        whole = order.options.unit is Unit.RECORDINGS
        self._tables = {
            name: Tables(order, lambda split, name=name: order.part(split) / name)  # type: ignore[misc]
            for name in NAMES
            if whole or name != "segments"
        }
        self._speaker: dict[str, tuple[str, list[str]]] = {}

    def add(self, item: Item) -> Place | None:
        place = place_file(self._order, item, audio_path(item)) if item.audio and item.sha256 else None
        utterances = [(item.id, 0.0, item.samples / item.rate, item.language)]
        if "segments" in self._tables:
            length = item.samples / item.rate
            utterances = [
                (segment.id, segment.start, min(segment.end, length), segment.language or item.language)
                for segment in item.child_segments
            ]
        if not utterances:
            return place
        self._write("wav.scp", item.split, f"{item.id} {self._sound(item, place)}")
        self._write("reco2dur", item.split, f"{item.id} {item.samples / item.rate:.3f}")
        for name, start, end, language in utterances:
            self._write("utt2spk", item.split, f"{name} {item.speaker}")
            self._write("utt2dur", item.split, f"{name} {end - start:.3f}")
            self._write("utt2lang", item.split, f"{name} {language}")
            if "segments" in self._tables:
                self._write("segments", item.split, f"{name} {item.id} {start:.3f} {end:.3f}")
        self._add_speaker(item.split, item.speaker, [name for name, *_ in utterances])
        return place

    def _write(self, name: str, split: str, text: str) -> None:
        self._tables[name].write(split, text.encode() + b"\n")

    def _sound(self, item: Item, place: Place | None) -> str:
        """An absolute path for WAV, because Kaldi's programs run in any folder; a pipe for what Kaldi cannot read."""
        relative = place.file if place else None
        if relative is None:
            path = str(item.audio)
        elif self._order.options.path_prefix is not None:
            path = self._order.shown(relative)
        else:
            path = os.path.join(self._order.target, relative)  # noqa: PTH118 - text for another program
        if path.endswith(".wav") and relative is not None:
            return path
        return f"ffmpeg -v error -i {shlex.quote(path)} -f wav -ac 1 -ar {item.rate} -acodec pcm_s16le - |"

    def _add_speaker(self, split: str, speaker: str, names: list[str]) -> None:
        waiting = self._speaker.get(split)
        if waiting and waiting[0] == speaker:
            waiting[1].extend(names)
            return
        self._end_speaker(split)
        self._speaker[split] = (speaker, list(names))

    def _end_speaker(self, split: str) -> None:
        if split in self._speaker:
            speaker, names = self._speaker[split]
            self._write("spk2utt", split, f"{speaker} {' '.join(names)}")

    def close(self) -> None:
        for split in self._speaker:
            self._end_speaker(split)
        for table in self._tables.values():
            table.close()


FORMAT = Format(
    name="kaldi",
    summary="Kaldi data folder",
    loading="utils/validate_data_dir.sh --no-text --no-feats DEST{folder}",
    units=(Unit.CLIPS, Unit.RECORDINGS),
    audio=(Audio.WAV, *ANY_SOUND),
    writer=KaldiWriter,
    points=True,
    absolute_paths=True,
    tables=("**/wav.scp", "**/utt2spk", "**/segments"),
)
