"""How well the language of titles is recognised: the table of docs/accuracy.md (section Language), and the calibration.

    python -m benchmarks.language_text CORPORA [--docs]

CORPORA holds ``common-voice-vi`` and ``speechocean762``, whose transcripts stand for titles. ``--docs`` writes the
table into docs/accuracy.md. A text abstains when no language has `LEAST` of it.
"""

from __future__ import annotations

import argparse
import csv
import math
import time
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from voicesieve.languages import text
from voicesieve.languages.codes import normalise
from voicesieve.languages.text import calibrated, languages_of

ACCURACY = Path(__file__).parents[1] / "docs/accuracy.md"
BEGIN, END = "<!-- language: begin -->", "<!-- language: end -->"
LEAST = 0.5
FIRST_WORDS = (1, 2, 3, 4)
"""Titles are short: calibration sees the beginnings of the sentences too."""

Change = Callable[[str, str], str]
"""A title made of a sentence and one in the other language."""

CHANGES: dict[str, Change] = {
    "plain": lambda own, other: own,
    "diacritics stripped": lambda own, other: without_diacritics(own),
    "upper-cased": lambda own, other: own.upper(),
    "emoji and hashtags added": lambda own, other: f"🎵🌈 {own} 🎉🎉 #shorts #kids",
    "first four words": lambda own, other: " ".join(own.split()[:4]),
    "the other language beside it, after a bar": lambda own, other: f"{own} | {other}",
    "the other language in the same sentence": lambda own, other: f"{own} {other.lower()}",
}


@dataclass(frozen=True)
class Figures:
    """Shares of ``texts``: ``silent`` abstained; of the rest ``right`` is the own language, ``third`` neither."""

    texts: int
    silent: float
    right: float
    third: float
    milliseconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("corpora", type=Path)
    parser.add_argument("--docs", action="store_true", help="write the table into docs/accuracy.md")
    arguments = parser.parse_args()
    sentences = {
        "vi": _sentences(arguments.corpora / "common-voice-vi/metadata.csv"),
        # The corpus writes capitals throughout; people write sentences.
        "en": [text.capitalize() for text in _sentences(arguments.corpora / "speechocean762/metadata.csv")],
    }
    started = time.process_time()
    languages_of(["Bé Na"])
    print(f"loading: {time.process_time() - started:.1f} s")
    table = _table(sentences)
    print(table)
    _print_calibration(sentences)
    if arguments.docs:
        page = ACCURACY.read_text(encoding="utf-8")
        before, rest = page.split(BEGIN, 1)
        ACCURACY.write_text(f"{before}{BEGIN}\n\n{table}\n{END}{rest.split(END, 1)[1]}", encoding="utf-8")


def _sentences(metadata: Path) -> list[str]:
    with metadata.open(encoding="utf-8", newline="") as file:
        return [row["text"] for row in csv.DictReader(file)]


def without_diacritics(sentence: str) -> str:
    plain = unicodedata.normalize("NFD", sentence.replace("đ", "d").replace("Đ", "D"))
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def _table(sentences: dict[str, list[str]]) -> str:
    lines = [
        "| titles | language | texts | abstained | right of the rest | a third language | ms of one core |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, change in CHANGES.items():
        for code, other in (("vi", "en"), ("en", "vi")):
            figures = measured(sentences[code], sentences[other], code, change)
            shares = " | ".join(f"{share:.3f}" for share in (figures.silent, figures.right, figures.third))
            lines.append(f"| {name} | {code} | {figures.texts:,} | {shares} | {figures.milliseconds:.2f} |")
    return "\n".join(lines) + "\n"


def measured(own: Sequence[str], other: Sequence[str], code: str, change: Change) -> Figures:
    """What is answered about each sentence of ``own``, which is in ``code``, after ``change``."""
    titles = [change(sentence, other[number % len(other)]) for number, sentence in enumerate(own)]
    started = time.process_time()
    answers_by_title = [languages_of([title]) for title in titles]
    spent_s = time.process_time() - started
    answers = [languages[0].code for languages in answers_by_title if languages and languages[0].probability >= LEAST]
    share = max(1, len(answers))
    return Figures(
        texts=len(titles),
        silent=1 - len(answers) / len(titles),
        right=answers.count(code) / share,
        third=sum(answer not in ("vi", "en") for answer in answers) / share,
        milliseconds=1_000 * spent_s / len(titles),
    )


def _print_calibration(sentences: dict[str, list[str]]) -> None:
    """Logistic regression of right on the detector's log-odds, both languages weighing the same; then its bins."""
    reader = text._reader()
    odds, right, weights = [], [], []
    for code, texts in sentences.items():
        pieces = [" ".join(words[:n]) for words in map(str.split, sorted(set(texts))) for n in (*FIRST_WORDS, None)]
        for piece in pieces:
            label, raw = reader.rank(piece.lower())[0]
            odds.append(math.log(raw) - math.log1p(-min(raw, 1 - 1e-9)))
            right.append(normalise(label) == code)
        weights += [1 / len(pieces)] * len(pieces)
    x, y, w = np.array(odds), np.array(right, float), np.array(weights) * len(odds) / 2
    slope, offset = _fitted(x, y, w)
    print(f"\ncalibration fitted: SLOPE, OFFSET = {slope:.2f}, {offset:.2f}; in use: {text.SLOPE}, {text.OFFSET}")
    raw = 1 / (1 + np.exp(-x))
    print("| detector's own probability | texts | right | called |\n|---|---|---|---|")
    for low, high in ((0.25, 0.3), (0.3, 0.4), (0.4, 0.5), (0.5, 0.7), (0.7, 0.9), (0.9, 1.01)):
        here = (raw >= low) & (raw < high)
        called = float(np.average([calibrated(float(value)) for value in raw[here]], weights=w[here]))
        right_here = np.average(y[here], weights=w[here])
        print(f"| {low:.2f}-{min(high, 1):.2f} | {here.sum()} | {right_here:.3f} | {called:.3f} |")


def _fitted(x: np.ndarray, y: np.ndarray, w: np.ndarray) -> tuple[float, float]:
    """Newton's method; the problem is convex."""
    parameters = np.array([1.0, 0.0])
    features = np.stack([x, np.ones_like(x)])
    for _ in range(50):
        guess = 1 / (1 + np.exp(-parameters @ features))
        gradient = features @ (w * (guess - y))
        curvature = (features * (w * guess * (1 - guess))) @ features.T
        parameters -= np.linalg.solve(curvature, gradient)
    return float(parameters[0]), float(parameters[1])


if __name__ == "__main__":
    main()
