"""The page of accuracy gets its figures from what a training wrote."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from training.network import page


def figures(auc: float, women: str) -> dict[str, object]:
    called = dict.fromkeys(page.GROUPS, "0 of 40 (0.000)") | {"cv woman": women}
    return {
        "auc_child_woman": auc,
        "auc_child_woman_interval": [0.6, 0.9],
        "auc_child_man": 0.95,
        "auc_child_vietnamese_adult": 0.93,
        "auc_child_prompt_woman": 0.94,
        "auc_child_woman_clip": 0.7,
        "speakers": dict.fromkeys(page.GROUPS, 5),
        "windows_called_child_at_discover": called,
        "clips_called_child_at_discover": called,
        "calibration_error_by_window": 0.08,
    }


def training(folder: Path, auc: float, women: str) -> None:
    cells = dict.fromkeys(page.CELLS, -0.01) | {"clean": auc}
    metrics = {
        "shortcuts": {"silence": 0.52, "duration": 0.53},
        "most_clips_of_a_speaker": 7,
        "network": {
            "as_recorded": figures(auc, women),
            "equalised": figures(auc, women),
            "warp_rank_correlation": {"speakers": 9, "lower_quartile": 0.9, "median": 1.0, "upper_quartile": 1.0},
            "child_woman_auc_clean_and_drop": cells,
            "loud_sound_outside_speech": {"child": 0.03, "woman": 0.02, "man": 0.01},
            "windows_called_child_when_sped_up": {"woman x1.25": "3 of 4 (0.750)"},
        },
        "floor": {"as_recorded": figures(0.6, women), "equalised": figures(0.6, women)},
        "age_curve": {"6": {"speakers": 2, "mean_child_probability": 0.8}},
    }
    (folder / "metrics.json").write_text(json.dumps(metrics))
    (folder / "network.json").write_text(json.dumps({"revision": "abc", "parameters": 238_960}))


def write(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> str:
    (folder / "page.md").write_text(text)
    monkeypatch.setattr(sys, "argv", ["page", str(folder), str(folder / "page.md")])
    page.main()
    return (folder / "page.md").read_text()


def test_only_what_stands_between_the_marks_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training(tmp_path, 0.8, "6 of 88 (0.068)")
    written = write(tmp_path, f"above\n{page.BEGIN}\nearlier figures\n{page.END}\nbelow\n", monkeypatch)
    assert written.startswith(f"above\n{page.BEGIN}\nRevision `abc`, 238,960 parameters")
    assert written.endswith(f"{page.END}\nbelow\n")
    assert "earlier figures" not in written
    assert write(tmp_path, written, monkeypatch) == written


@pytest.mark.parametrize(
    ("auc", "women", "outcomes"),
    [(0.8, "6 of 88 (0.068)", ("missed", "met")), (0.91, "34 of 88 (0.386)", ("met", "missed"))],
)
def test_goals_are_judged_by_the_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, auc: float, women: str, outcomes: tuple[str, str]
) -> None:
    training(tmp_path, auc, women)
    rows = write(tmp_path, f"{page.BEGIN}{page.END}", monkeypatch).splitlines()
    goals = [
        next(row for row in rows if row.startswith(goal)) for goal in ("| child against woman, e", "| Common Voice wom")
    ]
    assert ["missed" if "**missed**" in row else "met" for row in goals] == list(outcomes)


def test_a_page_without_marks_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training(tmp_path, 0.8, "6 of 88 (0.068)")
    with pytest.raises(SystemExit, match="has no"):
        write(tmp_path, "no marks\n", monkeypatch)
