"""A data folder with real sound in its store, made in a moment: what exports are tested on."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from catalog_world import MODEL, NO_ATTEMPT, World, decision

from voicesieve.audio.probe import probe
from voicesieve.audio.store import RecordingStore, sha256_of
from voicesieve.catalog.store import Catalog
from voicesieve.catalog.writes import results
from voicesieve.corpus.card_settings import CardSettings
from voicesieve.corpus.options import ExportOptions
from voicesieve.domain.candidates import Candidate
from voicesieve.domain.decisions import Outcome
from voicesieve.domain.fetching import FetchedRecording
from voicesieve.domain.languages import LanguageEvidence, SpokenLanguage
from voicesieve.domain.verdicts import Label, Segment, Verdict, VerdictLabel
from voicesieve.operations.export import Exported, ExportJob, export
from voicesieve.voices.scores import WindowScores

RATE = 16_000


@dataclass(frozen=True)
class Spoken:
    """A recording to make: segments are ``(start, end, label)``; what is labelled is loud, the rest is faint noise."""

    name: str
    seconds: float
    segments: Sequence[tuple[float, float, str]]
    channel: str = ""
    language: str = "vi"
    title: str = ""
    noise: float = 0.001
    facts: dict[str, Any] = field(default_factory=dict)


def sound(spoken: Spoken) -> np.ndarray:
    """int16 (n,): syllables of noise where somebody speaks, 4 a second, over a noise floor."""
    rng = np.random.default_rng(sum(spoken.name.encode()))
    count = round(spoken.seconds * RATE)
    samples = rng.normal(0, spoken.noise, count)
    time = np.arange(count) / RATE
    for start, end, _label in spoken.segments:
        inside = (time >= start) & (time < end)
        syllables = 0.5 + 0.5 * np.sin(2 * np.pi * 4 * time[inside])
        samples[inside] += 0.1 * syllables * rng.normal(0, 1, int(inside.sum()))
    return np.clip(np.rint(samples * 32768), -32768, 32767).astype(np.int16)


def write_wav(path: Path, samples: np.ndarray) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())


class InlineEngine:
    """Runs orders in a thread of this process, one after another: the same function on the same data."""

    workers = 1

    def __init__(self) -> None:
        self.orders: list[Any] = []

    async def run(self, function: Callable[[Any], Any], item: Any, *, deadline_s: float, alone: bool = False) -> Any:
        self.orders.append(item)
        return await asyncio.to_thread(function, item)

    async def close(self) -> None:
        return None


class ExportWorld:
    """Recordings enter through the catalog's own steps, as a crawl would bring them."""

    def __init__(self, catalog: Catalog, folder: Path) -> None:
        self.catalog = catalog
        self.folder = folder
        self.store = RecordingStore(folder / "recordings")
        self.world = World(catalog)
        self.engine = InlineEngine()
        self.model = MODEL
        self._number = 0

    def accept(self, spoken: Spoken, file: Path | None = None, outcome: Outcome = Outcome.ACCEPTED) -> str:
        """Bring in one recording (``file``, or made from ``spoken``); returns its hash."""
        self._number += 1
        if file is None:
            file = self.folder / f"{self._number}.wav"
            write_wav(file, sound(spoken))
        media, sha256, size = probe(file), sha256_of(file), file.stat().st_size
        path = self.store.adopt(file, sha256, media.suffix)
        url = f"https://a.example/{spoken.name}.mp3"
        facts = {"title": spoken.title or spoken.name, "channel": spoken.channel, **spoken.facts}
        self.world.queue(Candidate("url", spoken.name, url, **facts))
        (claim,) = self.world.claim()
        recording = FetchedRecording(Path("unused"), sha256, size, media, {})
        self.world.step(
            results.finish_fetch, claim, NO_ATTEMPT, recording, path, self.world.now, rights_basis="open_licence"
        )
        (claim,) = self.world.claim_analysis()
        self.world.step(
            results.publish,
            claim,
            NO_ATTEMPT,
            self.verdict(spoken),
            self.windows(spoken),
            {"rms_dbfs": -20.0},
            SpokenLanguage(spoken.language, (LanguageEvidence(spoken.language, "declared"),)),
            decision(outcome),
            self.world.now,
        )
        return sha256

    def verdict(self, spoken: Spoken) -> Verdict:
        segments = tuple(Segment(start, end, Label(label), 0.95) for start, end, label in spoken.segments)
        child_s = sum(end - start for start, end, label in spoken.segments if label == "child")
        return Verdict(
            self.model,
            "corpus",
            VerdictLabel.CHILD,
            spoken.seconds,
            child_s,
            child_s,
            1.0,
            len(segments),
            0.97,
            segments,
        )

    @staticmethod
    def windows(spoken: Spoken) -> bytes:
        starts = np.arange(0, spoken.seconds - 0.5, 0.5, dtype=np.float32)
        middle = starts + 0.25
        scores = np.full((len(starts), 4), np.log(0.01), np.float32)
        labels = {"child": 0, "adult": 1, "unsure": 0}
        column = np.full(len(starts), 3)
        for start, end, label in spoken.segments:
            column[(middle >= start) & (middle < end)] = labels.get(label, 3)
        scores[np.arange(len(starts)), column] = np.log(0.97)
        return WindowScores(starts, starts + 0.5, scores).to_bytes()

    def export(self, target: Path, options: ExportOptions, card: CardSettings | None = None, **job: Any) -> Exported:
        return export(
            ExportJob(
                catalog=self.catalog,
                store=self.store,
                target=target,
                options=options,
                card=card or CardSettings(),
                engine=lambda: self.engine,
                actor="tester",
                **job,
            )
        )
