"""The columns of clips as the Hugging Face hub describes them, and its names for the parts of a split."""

from __future__ import annotations

from voicesieve.corpus.json_lines import Row
from voicesieve.domain.sound import SAMPLE_RATE

HUB_SPLITS = {"dev": "validation"}
"""The hub's own names for parts of a split."""

COLUMNS: dict[str, str] = {
    "id": "string",
    "recording": "string",
    "video": "string",
    "source": "string",
    "url": "string",
    "title": "string",
    "channel": "string",
    "published": "string",
    "licence": "string",
    "rights_basis": "string",
    "language": "string",
    "speaker": "string",
    "start": "float64",
    "end": "float64",
    "duration": "float64",
    "score": "float32",
    "snr_db": "float32",
    "clipping": "float32",
    "bandwidth_hz": "float32",
    "loudness_lufs": "float32",
    "peak_dbfs": "float32",
    "nonspeech_share": "float32",
    "overlap_share": "float32",
}
"""Plain columns and their types, by the hub's names; ``audio`` comes before them, ``sources`` after them."""


def hub_split(split: str) -> str:
    return HUB_SPLITS.get(split, split)


def features(*, with_audio: bool) -> Row:
    """The hub's description of the columns, as `datasets.Features` writes it."""
    audio: Row = {"audio": {"sampling_rate": SAMPLE_RATE, "_type": "Audio"}} if with_audio else {}
    columns: Row = {name: {"dtype": kind, "_type": "Value"} for name, kind in COLUMNS.items()}
    return {**audio, **columns, "sources": {"feature": {"dtype": "string", "_type": "Value"}, "_type": "List"}}


def header_features(*, with_audio: bool) -> list[Row]:
    """The same columns as the header of a card lists them."""
    audio: list[Row] = [{"name": "audio", "dtype": {"audio": {"sampling_rate": SAMPLE_RATE}}}] if with_audio else []
    columns: list[Row] = [{"name": name, "dtype": kind} for name, kind in COLUMNS.items()]
    return [*audio, *columns, {"name": "sources", "list": "string"}]
