"""Draw what `benchmarks/frontier.py --curves FILE` wrote (needs matplotlib, in the extra ``plots``).

python benchmarks/frontier.py --seeds 4 --curves curves.json
python benchmarks/frontier_plot.py curves.json docs/images/frontier.png
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
from matplotlib import pyplot as plt

STYLES = {
    "oracle": ("knows every outcome", "#999999", ":"),
    "informed": ("knows every channel's rate", "#555555", "--"),
    "yield": ("yield", "#d1495b", "-"),
    "fifo": ("fifo", "#2e6f95", "-"),
    "first_hit": ("first hit, then channel", "#e0a030", "-"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("curves", type=Path)
    parser.add_argument("picture", type=Path)
    options = parser.parse_args()
    curves = json.loads(options.curves.read_text())
    share = np.linspace(0.0, 1.0, 201)
    figure, axes = plt.subplots(figsize=(9.0, 4.5), dpi=130)
    for name, (label, colour, line) in STYLES.items():
        runs = [np.array(run) for run in curves[name]]
        ends = float(np.mean([run[-1, 0] for run in runs]))
        mean = np.mean([np.interp(share, run[:, 0], run[:, 1]) for run in runs], axis=0)
        seen = share <= max(ends, 0.01)
        axes.plot(100 * share[seen], mean[seen], line, color=colour, label=label, linewidth=2)
    axes.set_xlabel("budget spent, %  (the budget would fetch a tenth of the web)")
    axes.set_ylabel("hours of accepted child speech")
    axes.set_xlim(0, 100)
    axes.set_ylim(bottom=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    axes.set_title(f"Mean of {len(curves['yield'])} simulated webs", fontsize=10)
    figure.tight_layout()
    figure.savefig(options.picture)


if __name__ == "__main__":
    main()
