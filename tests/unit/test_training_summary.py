"""The figures that travel with a network come from what its training wrote."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from training.network import summary
from voicesieve.voices.pooling import DISCOVER, OPERATING_POINTS

ABOUT = {"revision": "abc", "reference": {"frames": [0]}}


def metrics(table: dict[str, float]) -> dict[str, object]:
    figures = {
        "speakers": dict.fromkeys(summary.GROUPS, 5),
        "auc_child_woman": 0.8,
        "auc_child_woman_interval": [0.6, 0.9],
        "windows_by_least_probability": dict.fromkeys(summary.GROUPS, table),
    }
    return {"network": {"equalised": figures}}


def test_each_operating_point_is_looked_up_in_the_table() -> None:
    table = {str(point.child_probability): 1 - point.child_probability for point in OPERATING_POINTS.values()}
    called = summary.summary(metrics(table))["windows_called_child"]
    for name, point in OPERATING_POINTS.items():
        expected = dict.fromkeys(summary.GROUPS, 1 - point.child_probability)
        assert called[name] == {"child_probability": point.child_probability, **expected}


def test_an_operating_point_that_was_not_measured_is_left_out() -> None:
    table = {str(DISCOVER.child_probability): 0.4, "0.5": 0.5}
    assert set(summary.summary(metrics(table))["windows_called_child"]) == {DISCOVER.name}


def test_figures_of_another_network_are_not_put_beside_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = tmp_path / "shipped.json"
    shipped.write_text(json.dumps(ABOUT))
    (tmp_path / "metrics.json").write_text(json.dumps(metrics({"0.5": 0.5, "0.9": 0.1})))
    monkeypatch.setattr(sys, "argv", ["summary", str(tmp_path), str(shipped)])
    (tmp_path / "network.json").write_text(json.dumps(ABOUT | {"revision": "other"}))
    with pytest.raises(SystemExit, match="nothing was written"):
        summary.main()
    assert json.loads(shipped.read_text()) == ABOUT
    (tmp_path / "network.json").write_text(json.dumps(ABOUT))
    summary.main()
    assert json.loads(shipped.read_text())["measured"]["auc_child_woman"] == 0.8
