"""The demo's clips as they lie in `demo/clips`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

CLIPS = Path(__file__).parent / "clips"


@dataclass(frozen=True)
class Clip:
    """One clip: its Opus bytes, what is heard, and the verdict expected of a detector (`VerdictLabel`'s words).

    ``language`` is BCP-47 and ``None`` where nobody speaks; ``seconds`` is the length of the sound.
    """

    body: bytes
    about: str
    verdict: str
    language: str | None
    seconds: float


def read_clips(folder: Path = CLIPS) -> dict[str, Clip]:
    """The clips of ``folder`` by name (file name without its suffix), in the order of its ``clips.json``."""
    entries = json.loads((folder / "clips.json").read_text(encoding="utf-8"))
    return {
        Path(entry["file"]).stem: Clip(
            body=(folder / entry["file"]).read_bytes(),
            about=entry["about"],
            verdict=entry["verdict"],
            language=entry["language"],
            seconds=entry["seconds"],
        )
        for entry in entries
    }
