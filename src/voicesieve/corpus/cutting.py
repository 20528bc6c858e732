"""One recording, cut: decode once, write its clips, measure them. Runs in a worker on plain data."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voicesieve.corpus.options import Audio, CutRules, Unit
from voicesieve.corpus.segmenting import CHILD, Span, cut
from voicesieve.files import new_file, write_text

CUT_REVISION = 3
"""Part of every outcome's key: raise it when the same order would give other bytes or columns."""
MEASURED_S = 60.0
"""Of longer segments the first minute is measured."""


@dataclass(frozen=True)
class CutOrder:
    """What to do with the recording ``id`` in the file ``source``.

    ``folder`` is where its clips and its outcome go. ``stretches`` are spans (clips) or segments (recordings) of the
    plan. ``fingerprinter`` is the path of ``fpcalc``, or ``None``.
    """

    id: str
    sha256: str
    source: Path
    folder: Path
    unit: Unit
    audio: Audio
    rules: CutRules
    stretches: tuple[dict[str, Any], ...]
    measured: bool
    identified: bool
    fingerprinter: str | None

    @property
    def key(self) -> str:
        """Equal keys give equal outcomes."""
        from voicesieve.audio.encode import LIBRARY

        asked = (
            CUT_REVISION,
            LIBRARY,
            self.sha256,
            self.unit,
            self.audio,
            repr(self.rules),
            self.measured,
            self.identified,
            bool(self.fingerprinter),
            json.dumps(self.stretches, sort_keys=True),
        )
        return hashlib.sha256(repr(asked).encode()).hexdigest()[:24]

    @property
    def outcome(self) -> Path:
        return self.folder / f"{self.id}.json"


def cut_recording(order: CutOrder) -> None:
    """Write the clips and then the outcome that names them.

    Raises FailureError if the file is not what was stored, or does not decode; OSError if it cannot be read or
    written.
    """
    from voicesieve.audio.identity import fingerprint, packet_hash

    _refuse_damaged(order)
    outcome: dict[str, Any] = {"id": order.id, "key": order.key, "clips": []}
    if order.identified:
        outcome["packets"] = packet_hash(order.source)
    if order.fingerprinter:
        found = fingerprint(order.source, order.fingerprinter)
        outcome["print"] = [] if found is None else found.tolist()
    if order.audio is Audio.ORIGINAL:
        outcome["file"] = _copied(order)
    if order.measured or order.audio not in (Audio.ORIGINAL, Audio.NONE):
        _cut(order, outcome)
    order.folder.mkdir(parents=True, exist_ok=True)
    write_text(order.outcome, json.dumps(outcome))


def _refuse_damaged(order: CutOrder) -> None:
    from voicesieve.audio.store import sha256_of
    from voicesieve.domain.failures import Failure, FailureError, FailureKind

    if sha256_of(order.source) != order.sha256:
        raise FailureError(Failure(FailureKind.UNDECODABLE, "the file is damaged: its content is not what was stored"))


def _copied(order: CutOrder) -> dict[str, Any]:
    target = order.folder / f"{order.id}{order.source.suffix}"
    with order.source.open("rb") as reading, new_file(target) as writing:
        shutil.copyfileobj(reading, writing, 1 << 20)
    return {"name": target.name, "sha256": order.sha256, "bytes": target.stat().st_size}


def _cut(order: CutOrder, outcome: dict[str, Any]) -> None:
    stretches = _stretches(order)
    collector = _Collector(order, stretches)
    blocks = collector.blocks()
    if order.unit is Unit.RECORDINGS and order.audio not in (Audio.ORIGINAL, Audio.NONE):
        from voicesieve.audio.encode import encode_file

        target = order.folder / f"{order.id}.{order.audio}"
        encode_file(blocks, order.audio, target)
        outcome["file"] = {"name": target.name, **_facts(target)}
    for _ in blocks:
        pass
    outcome["samples"] = collector.total
    outcome["clips"] = collector.clips()


def _facts(file: Path) -> dict[str, Any]:
    from voicesieve.audio.store import sha256_of

    return {"sha256": sha256_of(file), "bytes": file.stat().st_size}


def _stretches(order: CutOrder) -> list[dict[str, Any]]:
    """The clips to cut or the segments to measure, with the columns that the plan knows of them."""
    if order.unit is Unit.RECORDINGS:
        return [
            {**stretch, "end": min(stretch["end"], stretch["start"] + MEASURED_S)}
            for stretch in order.stretches
            if stretch["label"] == CHILD
        ]
    spans = [Span(s["start"], s["end"], s["score"], tuple((a, b) for a, b in s["pauses"])) for s in order.stretches]
    levels = None
    if any(span.seconds > order.rules.max_s for span in spans):
        levels = _levels_of(order.source)
    found = []
    for span, stretch in zip(spans, order.stretches, strict=True):
        columns = {name: value for name, value in stretch.items() if name != "pauses"}
        for start, end in cut(span, order.rules, levels):
            found.append({**columns, "start": round(start, 3), "end": round(end, 3)})
    return found


def _levels_of(path: Path) -> Any:
    import numpy as np

    from voicesieve.audio.decode import decode_blocks
    from voicesieve.audio.quality import levels

    return np.concatenate([levels(block) for block in decode_blocks(path)])


class _Collector:
    """Walks the sound once, handing on every block as int16 while it cuts and measures the stretches in it."""

    def __init__(self, order: CutOrder, stretches: list[dict[str, Any]]) -> None:
        self._order = order
        self._stretches = stretches
        self._found: list[tuple[dict[str, Any], Any, dict[str, float]]] = []
        self._levels: list[Any] = []
        self.total = 0

    def blocks(self) -> Iterator[Any]:
        import numpy as np

        from voicesieve.audio.decode import decode_blocks
        from voicesieve.audio.encode import to_int16
        from voicesieve.audio.quality import levels

        waiting = list(self._stretches)
        parts: list[Any] = []
        for block in decode_blocks(self._order.source):
            start, self.total = self.total, self.total + len(block)
            self._levels.append(levels(block))
            exact = to_int16(block)
            while waiting:
                first, last = sample_of(waiting[0]["start"]), sample_of(waiting[0]["end"])
                if first >= self.total:
                    break
                parts.append(exact[max(0, first - start) : last - start])
                if last > self.total:
                    break
                self._keep(waiting.pop(0), np.concatenate(parts))
                parts = []
            yield exact
        if parts and waiting:
            self._keep(waiting.pop(0), np.concatenate(parts))

    def _keep(self, stretch: dict[str, Any], samples: Any) -> None:
        import numpy as np

        from voicesieve.audio.encode import encode
        from voicesieve.audio.quality import levels

        if not len(samples):
            return
        order = self._order
        clip = {**stretch, "id": clip_id(order.id, stretch["start"], stretch["end"]), "samples": len(samples)}
        if order.unit is Unit.CLIPS and order.audio is not Audio.NONE:
            file = order.folder / f"{clip['id']}.{order.audio}"
            data = encode([samples], order.audio)
            with new_file(file) as writing:
                writing.write(data)
            clip |= {"name": file.name, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
        columns: dict[str, float] = {}
        heard = samples.astype(np.float32) / np.float32(32768.0)
        if order.measured:
            columns = _measured(heard)
        self._found.append((clip, levels(heard), columns))

    def clips(self) -> list[dict[str, Any]]:
        import numpy as np

        from voicesieve.audio.quality import CONTEXT_S, snr_db

        everything = np.concatenate(self._levels) if self._levels else np.zeros(0, np.float32)
        clips = []
        for clip, own, columns in self._found:
            if self._order.measured:
                first = max(0, int((clip["start"] - CONTEXT_S) * 50))
                around = everything[first : int((clip["end"] + CONTEXT_S) * 50)]
                columns = {"snr_db": round(snr_db(own, around), 1), **columns}
            clips.append({**clip, **columns})
        return clips


def _measured(samples: Any) -> dict[str, float]:
    from voicesieve.audio.quality import measure

    return measure(samples)


def sample_of(seconds: float) -> int:
    """Index at 16 kHz of a time that is a whole number of milliseconds."""
    return round(seconds * 1000) * 16


def clip_id(recording: str, start: float, end: float) -> str:
    """``<recording>-<start>-<end>`` in milliseconds of eight digits: stable, and in order of time when sorted."""
    return f"{recording}-{round(start * 1000):08d}-{round(end * 1000):08d}"
