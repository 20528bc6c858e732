"""Whisper as a recogniser of languages, on children and adults whose language is known: the table of docs/accuracy.md.

    python -m benchmarks.language_whisper MODEL CORPORA [--speakers 25]

MODEL is a name on the hub or a folder (see docs/languages.md), CORPORA holds ``common-voice-vi`` and
``speechocean762``. Of each speaker it gets up to 20 s, as one vote would, and one clip of a few seconds. An answer is
given where a language has a probability of 0.6 after the wishes were applied.
"""

from __future__ import annotations

import argparse
import csv
import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from voicesieve.audio.decode import decode_blocks
from voicesieve.domain.languages import LanguageEvidence
from voicesieve.domain.sound import SAMPLE_RATE
from voicesieve.languages.recognition import evidence_of, restricted
from voicesieve.languages.whisper import LoadedWhisper, locate

ANSWERS_FROM = 0.6
VOTE_S = 20.0
OLDEST_CHILD, YOUNGEST_ADULT = 12, 18
WISHES: tuple[tuple[str, tuple[str, ...], float], ...] = (
    ("any", (), 1.0),
    ("vi and en, others a tenth as likely", ("vi", "en"), 0.1),
    ("vi and en alone", ("vi", "en"), 0.0),
)


@dataclass(frozen=True)
class Speaker:
    group: str
    code: str
    clips: tuple[Path, ...]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("model")
    parser.add_argument("corpora", type=Path)
    parser.add_argument("--speakers", type=int, default=25, help="of each group")
    arguments = parser.parse_args()
    folder, weights = locate(arguments.model, "")
    whisper = LoadedWhisper(str(folder), "cpu")
    votes: dict[tuple[str, str], list[tuple[str, LanguageEvidence | None]]] = defaultdict(list)
    spent_s = 0.0
    for speaker in _speakers(arguments.corpora, arguments.speakers):
        for length, clips in (("up to 20 s", speaker.clips), ("one clip", speaker.clips[:1])):
            sound = _joined(clips)
            started = time.process_time()
            languages = whisper.languages(sound)
            spent_s += time.process_time() - started
            votes[length, speaker.group].append((speaker.code, evidence_of([(0.0, 1.0)], languages, "")))
    print(f"model.bin {weights[:16]}; {spent_s / sum(map(len, votes.values())):.2f} s of one core a vote\n")
    print("| sound | speakers | wanted | answered | right of the answers | taken for |\n|---|---|---|---|---|---|")
    for (length, group), group_votes in sorted(votes.items(), reverse=True):
        for name, wanted, unwanted in WISHES:
            print(f"| {length} | {len(group_votes)} {group} | {name} | {_figures(group_votes, wanted, unwanted)} |")


def _figures(votes: list[tuple[str, LanguageEvidence | None]], wanted: tuple[str, ...], unwanted: float) -> str:
    answers = []
    for code, piece in votes:
        answer, probability = restricted(piece, wanted, unwanted) if piece else ("", 0.0)
        if probability >= ANSWERS_FROM:
            answers.append((code, answer))
    wrong = Counter(answer for code, answer in answers if answer != code)
    right = f"{1 - wrong.total() / len(answers):.2f}" if answers else ""
    return f"{len(answers) / len(votes):.2f} | {right} | {', '.join(f'{a} {n}' for a, n in wrong.most_common(3))}"


def _speakers(corpora: Path, count: int) -> Iterable[Speaker]:
    """The same speakers in every run."""
    chance = random.Random(1)
    groups: dict[tuple[str, str], dict[str, list[Path]]] = defaultdict(lambda: defaultdict(list))
    for name, code in (("common-voice-vi", "vi"), ("speechocean762", "en")):
        with (corpora / name / "metadata.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if group := _group(name, row["age"]):
                    groups[group, code][row["speaker"]].append(corpora / name / row["path"])
    for (group, code), speakers in groups.items():
        for speaker in chance.sample(sorted(speakers), min(count, len(speakers))):
            yield Speaker(group, code, tuple(chance.sample(speakers[speaker], len(speakers[speaker]))))


def _group(corpus: str, age: str) -> str:
    if corpus == "common-voice-vi":
        return "adults, Vietnamese"
    years = int(age)
    if years <= OLDEST_CHILD:
        return "children of 6 to 12, English as a foreign language"
    return "adults, English as a foreign language" if years >= YOUNGEST_ADULT else ""


def _joined(clips: Iterable[Path]) -> np.ndarray:
    parts: list[np.ndarray] = []
    for clip in clips:
        parts += decode_blocks(clip)
        if sum(map(len, parts)) >= VOTE_S * SAMPLE_RATE:
            break
    return np.concatenate(parts)[: round(VOTE_S * SAMPLE_RATE)]


if __name__ == "__main__":
    main()
