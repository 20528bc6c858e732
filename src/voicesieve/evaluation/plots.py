"""Three pictures of how detectors do: ROC, reliability, and score by age. Needs matplotlib (extra ``plots``)."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from voicesieve.domain.extras import how_to_install
from voicesieve.evaluation import statistics
from voicesieve.evaluation.figures import Scored, ages_and_scores, curve_sample
from voicesieve.evaluation.labels import OLDEST_CHILD, YOUNGEST_ADULT, SoundLabel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ADVICE = f"Plots need matplotlib: {how_to_install('plots')}"
INCHES, DPI = (6.4, 5.4), 120
COLOURS = {SoundLabel.CHILD: "#d1495b", SoundLabel.TEEN: "#8d6a9f", SoundLabel.ADULT: "#30638e"}
LINES = ("-", "--", ":", "-.")


def plots(scored: Mapping[str, Sequence[Scored]]) -> dict[str, bytes]:
    """PNG files by name, for the scored stretches of each detector. ImportError without matplotlib.

    A picture for which the labels hold nothing is left out: curves need children and adults, ages need ages.
    """
    files: dict[str, bytes] = {}
    samples = {name: curve_sample(clips) for name, clips in scored.items()}
    if all(sample.has_both for sample in samples.values()):
        files["roc.png"] = _roc(samples)
        files["reliability.png"] = _reliability(samples)
    for name, clips in scored.items():
        if ages_and_scores(clips):
            files[f"score_by_age_{_file_name(name)}.png"] = _score_by_age(name, clips)
    return files


def _roc(samples: Mapping[str, statistics.Sample]) -> bytes:
    figure, axes = _axes("Children against adults, clips")
    for (name, sample), line in zip(samples.items(), LINES * len(samples), strict=False):
        alarms, hits = statistics.roc(sample)
        area = statistics.figures(sample, {"auc": statistics.auc})["auc"]
        reach = f" ({area.low:.2f}–{area.high:.2f})" if area.low is not None else ""
        axes.plot(alarms, hits, line, drawstyle="steps-post", label=f"{name}: AUC {area.value:.3f}{reach}")
    axes.plot([0, 1], [0, 1], color="#bbbbbb", linewidth=0.8)
    axes.set(xlabel="adults called child", ylabel="children found", xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    axes.legend(loc="lower right")
    return _png(figure)


def _reliability(samples: Mapping[str, statistics.Sample]) -> bytes:
    figure, axes = _axes("Are probabilities right? (children and adults weighing alike)")
    axes.plot([0, 1], [0, 1], color="#bbbbbb", linewidth=0.8)
    for (name, sample), line in zip(samples.items(), LINES * len(samples), strict=False):
        rows = np.array(statistics.reliability(sample))
        if len(rows):
            error = statistics.calibration(sample, draws=1).value
            axes.plot(rows[:, 0], rows[:, 1], f"o{line}", markersize=4, label=f"{name}: error {error:.3f}")
    axes.set(xlabel="probability given", ylabel="share of children", xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    axes.legend(loc="upper left")
    return _png(figure)


def _score_by_age(name: str, scored: Sequence[Scored]) -> bytes:
    figure, axes = _axes(f"Score by age, clips ({name})")
    rng = np.random.default_rng(statistics.SEED)
    rows = ages_and_scores(scored)
    for kind, colour in COLOURS.items():
        chosen = [row for row in rows if row[2] is kind or (kind is SoundLabel.ADULT and row[2] not in COLOURS)]
        if chosen:
            ages = np.array([row[0] for row in chosen]) + rng.uniform(-0.3, 0.3, len(chosen))
            axes.plot(ages, [row[1] for row in chosen], ".", color=colour, alpha=0.4, label=kind.value)
    ages = np.array([row[0] for row in rows])
    scores = np.array([row[1] for row in rows])
    years = np.unique(np.round(ages))
    means = [scores[np.round(ages) == year].mean() for year in years]
    axes.plot(years, means, color="#222222", linewidth=1.2, label="mean")
    axes.axvspan(OLDEST_CHILD + 0.5, YOUNGEST_ADULT - 0.5, color="#eeeeee", zorder=0)
    axes.set(xlabel="age in years (13 to 17 count as neither)", ylabel="probability of a child", ylim=(-0.02, 1.02))
    axes.legend(loc="upper right")
    return _png(figure)


def _axes(title: str) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=INCHES, layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, fontsize=11)
    axes.grid(color="#eeeeee")
    return figure, axes


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=DPI)
    return file.getvalue()


def _file_name(name: str) -> str:
    return "".join(char if char.isascii() and char.isalnum() else "-" for char in name)[:60]
