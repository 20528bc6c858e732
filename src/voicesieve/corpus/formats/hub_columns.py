"""The columns of clips as the Hugging Face hub describes them, and its names for the parts of a split."""

from __future__ import annotations

from typing import Any

HUB_SPLITS = {"dev": "validation"}
"""Names that the hub gives to parts of a split."""

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
"""Plain columns and their types, in the hub's words; the sound comes before them, the sources after them."""


def hub_split(split: str) -> str:
    return HUB_SPLITS.get(split, split)


def features(*, with_audio: bool) -> dict[str, Any]:
    """The hub's description of the columns, as `datasets.Features` writes it."""
    found: dict[str, Any] = {"audio": {"sampling_rate": 16000, "_type": "Audio"}} if with_audio else {}
    found |= {name: {"dtype": kind, "_type": "Value"} for name, kind in COLUMNS.items()}
    return found | {"sources": {"feature": {"dtype": "string", "_type": "Value"}, "_type": "List"}}
