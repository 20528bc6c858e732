"""A catalog full of decided videos with real window scores, made in bulk: for re-deciding, retention and benchmarks."""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
from sqlalchemy import insert

from voicesieve.catalog import schema
from voicesieve.catalog.counters import add_to_counter
from voicesieve.catalog.reads.decided import NUMBERS
from voicesieve.catalog.store import Catalog
from voicesieve.domain.languages import LanguageEvidence, SpokenLanguage
from voicesieve.domain.verdicts import Model, OperatingPoint, Verdict
from voicesieve.languages.fusion import FusionRules, fuse
from voicesieve.policy.acceptance import AcceptanceRules, decide
from voicesieve.policy.language import LanguageRules
from voicesieve.voices.pooling import CORPUS, POOLING, pool
from voicesieve.voices.scores import WindowScores

MODEL = Model("network", "r1")
FUSION = FusionRules()
VARIETY = 200
"""So many different recordings are pooled; the others repeat their scores under hashes of their own."""
AT = 1_000.0


def rules(point: OperatingPoint = CORPUS, **changes: Any) -> AcceptanceRules:
    defaults: dict[str, Any] = {"min_score": 0.5, "min_child_s": 1.0, "min_child_share": 0.0}
    language = LanguageRules(fusion=FUSION.revision)
    return AcceptanceRules(operating_point=point, pooling=POOLING, language=language, **{**defaults, **changes})


def random_scores(random: np.random.Generator, windows: int) -> tuple[WindowScores, float]:
    """Turns of a child, adults and silence, each a few windows long; and the length in seconds."""
    starts = np.arange(windows, dtype=np.float32)
    child = random.random() ** 2
    shares = [child, (1 - child) / 2, (1 - child) / 4, (1 - child) / 4]
    turns = np.repeat(random.choice(4, windows // 5 + 1, p=shares), 5)[:windows]
    weights = random.random((windows, 4)) ** 2 + 0.01
    weights[np.arange(windows), turns] += random.random(windows) * random.choice([0.5, 4.0, 40.0])
    logs = np.log(weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return WindowScores(starts, starts + np.float32(1.5), logs), windows + 0.5


def samples(seed: int, windows: int, count: int) -> list[tuple[bytes, Verdict]]:
    random = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        scores, duration_s = random_scores(random, windows)
        made.append((scores.to_bytes(), pool(scores, duration_s, CORPUS, MODEL)))
    return made


def fill(catalog: Catalog, count: int, *, windows: int = 100, shared: int = 10, batch: int = 5_000) -> None:
    """``count`` videos, decided by `rules`; every ``shared``-th carries the recording of the one before it."""
    scored = samples(1, windows, min(VARIETY, count))
    language = fuse([LanguageEvidence("vi", "asr_captions", 0.97, "1")], FUSION)
    counts: Counter[str] = Counter()
    accepted: dict[str, Verdict] = {}
    for start in range(0, count, batch):
        rows = list(_rows(range(start, min(count, start + batch)), scored, language, shared))
        holders = Counter(row["recording"]["sha256"] for row in rows if row["video"]["state"] == "accepted")
        with catalog.write() as connection:
            for table in ("recording", "video", "verdict", "decision", "language_evidence"):
                values = [row[table] for row in rows if table in row and len(row[table]) > 1]
                connection.execute(insert(schema.metadata.tables[table]), values)
            for sha256, holding in holders.items():
                table = schema.recording
                connection.execute(table.update().where(table.c.sha256 == sha256).values(accepted_videos=holding))
        for row in rows:
            counts[f"state:{row['video']['state']}"] += 1
            counts["language_state:settled"] += 1
            if row["video"]["state"] == "accepted":
                counts["language:vi"] += 1
                accepted[row["recording"]["sha256"]] = row["pooled"]
    with catalog.write() as connection:
        for name, value in counts.items():
            add_to_counter(connection, name, value)
        add_to_counter(connection, "accepted_recordings", len(accepted))
        add_to_counter(connection, "accepted_s", sum(verdict.duration_s for verdict in accepted.values()))
        add_to_counter(connection, "child_s", sum(verdict.child_s for verdict in accepted.values()))


def _rows(
    numbers: range, scored: list[tuple[bytes, Verdict]], language: SpokenLanguage, shared: int
) -> Iterator[dict[str, Any]]:
    for number in numbers:
        first = number - 1 if shared and number % shared == shared - 1 and number > numbers.start else number
        windows, verdict = scored[first % len(scored)]
        sha256 = hashlib.sha256(str(first).encode()).hexdigest()
        decision = decide(verdict, rules(), language)
        reasons = [dataclasses.asdict(reason) for reason in decision.reasons]
        row: dict[str, Any] = {
            "pooled": verdict,
            "video": _video(number, sha256, decision.outcome, reasons, language, verdict.child_s),
        }
        row["decision"] = {
            "video": number + 1,
            "outcome": decision.outcome,
            "reasons": reasons,
            "policy_revision": decision.policy_revision,
            "model": MODEL.name,
            "revision": MODEL.revision,
            "decided_at": AT,
        }
        (piece,) = language.evidence
        values = {name: getattr(piece, name) for name in ("source", "code", "probability", "weight", "revision")}
        row["language_evidence"] = {"video": number + 1, "position": 0, **values}
        row["recording"] = {"sha256": sha256}
        if first == number:
            row["recording"] |= {
                "path": f"{sha256[:2]}/{sha256}.opus",
                "bytes": 1_000,
                "duration_s": verdict.duration_s,
                "container": "ogg",
                "codec": "opus",
                "sample_rate": 48_000,
                "channels": 1,
                "stored_at": AT,
                "accepted_videos": 0,
            }
            row["verdict"] = {
                "recording": sha256,
                "model": MODEL.name,
                "revision": MODEL.revision,
                **{name: getattr(verdict, name) for name in NUMBERS},
                "segments": [dataclasses.asdict(segment) for segment in verdict.segments],
                "windows": windows,
                "levels": {},
                "analysed_at": AT,
                "pooling": verdict.pooling,
                "point": verdict.point,
            }
        yield row


def _video(
    number: int, sha256: str, state: str, reasons: list[Any], language: SpokenLanguage, child_s: float
) -> dict[str, Any]:
    return {
        "key": number + 1,
        "id": f"url:{number:032x}",
        "source": "url",
        "url": f"https://a.example/{number}.mp3",
        "host": "a.example",
        "title": f"title {number}",
        "channel": f"channel {number % 1000}",
        "metadata": {},
        "facts": {},
        "state": state,
        "reasons": reasons,
        "item_failures": 0,
        "machine_failures": 0,
        "recording": sha256,
        "discovered_at": AT,
        "changed_at": AT,
        "language": language.code,
        "language_probability": language.probability,
        "language_state": language.state.value,
        "language_fusion": language.fusion,
    }
