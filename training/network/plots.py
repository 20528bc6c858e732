"""The card's picture, drawn from its figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path


def draw_reliability(bins: Sequence[Mapping[str, float]], path: Path) -> None:
    """Share of children against the probability given, in bins; areas tell how many windows each has."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "voicesieve"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(4.2, 4), layout="constrained")
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1, label="calibrated")
    most = max(bar["windows"] for bar in bins)
    given, true = [bar["probability"] for bar in bins], [bar["children"] for bar in bins]
    axes.plot(given, true, color="tab:blue", linewidth=1)
    axes.scatter(given, true, s=[4 + 90 * bar["windows"] / most for bar in bins], label="held-out windows, equalised")
    axes.set(xlabel="probability of a child", ylabel="share of children", xlim=(0, 1), ylim=(0, 1))
    axes.legend(frameon=False, loc="upper left")
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
