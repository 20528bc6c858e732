"""The formats by name: what each holds by default, what it can hold, and who writes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from voicesieve.corpus.formats.items import Order, Writer
from voicesieve.corpus.options import Audio, Unit

_SOUND = (Audio.FLAC, Audio.OPUS, Audio.WAV)


@dataclass(frozen=True)
class Format:
    """``units`` and ``audio`` are what it can hold, the default first. ``points``: with ``--audio none`` its tables
    point at the recordings in the data folder, since they cannot do without a path. ``refuse`` raises `ExportError`
    where the format cannot be written at all, before any work is done."""

    name: str
    summary: str
    units: tuple[Unit, ...]
    audio: tuple[Audio, ...]
    make: Callable[[Order], Writer]
    points: bool = False
    splits: bool = True
    refuse: Callable[[], None] | None = None


def _lhotse(order: Order) -> Writer:
    from voicesieve.corpus.formats.lhotse import LhotseWriter

    return LhotseWriter(order)


def _shar(order: Order) -> Writer:
    from voicesieve.corpus.formats.lhotse import SharWriter

    return SharWriter(order)


def _kaldi(order: Order) -> Writer:
    from voicesieve.corpus.formats.kaldi import KaldiWriter

    return KaldiWriter(order)


def _nemo(order: Order) -> Writer:
    from voicesieve.corpus.formats.nemo import NemoWriter

    return NemoWriter(order)


def _nemo_tarred(order: Order) -> Writer:
    from voicesieve.corpus.formats.nemo import NemoTarredWriter

    return NemoTarredWriter(order)


def _parquet(order: Order) -> Writer:
    from voicesieve.corpus.formats.huggingface import ParquetWriter

    return ParquetWriter(order)


def _refuse_without_pyarrow() -> None:
    from voicesieve.corpus.formats.huggingface import refuse_without_pyarrow

    refuse_without_pyarrow()


def _audiofolder(order: Order) -> Writer:
    from voicesieve.corpus.formats.huggingface import AudioFolderWriter

    return AudioFolderWriter(order)


def _webdataset(order: Order) -> Writer:
    from voicesieve.corpus.formats.webdataset import WebDatasetWriter

    return WebDatasetWriter(order)


def _jsonl(order: Order) -> Writer:
    from voicesieve.corpus.formats.jsonl import JsonlWriter

    return JsonlWriter(order)


def _rttm(order: Order) -> Writer:
    from voicesieve.corpus.formats.rttm import RttmWriter

    return RttmWriter(order)


def _manifest(order: Order) -> Writer:
    from voicesieve.corpus.formats.manifest import ManifestWriter

    return ManifestWriter(order)


_BOTH = (Unit.CLIPS, Unit.RECORDINGS)
_FILES = (*_SOUND, Audio.ORIGINAL, Audio.NONE)

FORMATS = {
    entry.name: entry
    for entry in (
        Format("jsonl", "JSON lines and the files", (Unit.RECORDINGS, Unit.CLIPS), (Audio.ORIGINAL, *_FILES), _jsonl),
        Format("lhotse", "Lhotse manifests", _BOTH, _FILES, _lhotse, points=True),
        Format("lhotse-shar", "Lhotse Shar", _BOTH, _SOUND, _shar),
        Format("kaldi", "Kaldi data folder", _BOTH, (Audio.WAV, *_FILES), _kaldi, points=True),
        Format("nemo", "NeMo manifest", _BOTH, _FILES, _nemo, points=True),
        Format("nemo-tarred", "NeMo tarred", (Unit.CLIPS,), _SOUND, _nemo_tarred),
        Format(
            "huggingface",
            "Hugging Face Parquet",
            (Unit.CLIPS,),
            (*_SOUND, Audio.NONE),
            _parquet,
            refuse=_refuse_without_pyarrow,
        ),
        Format("audiofolder", "Hugging Face AudioFolder", (Unit.CLIPS,), _SOUND, _audiofolder),
        Format("webdataset", "WebDataset tars", _BOTH, (*_SOUND, Audio.ORIGINAL), _webdataset),
        Format("rttm", "RTTM and UEM", (Unit.RECORDINGS,), (Audio.NONE,), _rttm),
        Format(
            "manifest",
            "the earlier crawler's folders",
            (Unit.RECORDINGS,),
            (Audio.WAV, *_FILES),
            _manifest,
            splits=False,
        ),
    )
}
"""All formats of a folder. The ``urls`` list is a single file and stands beside them."""
