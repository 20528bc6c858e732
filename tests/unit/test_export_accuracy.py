"""What a corpus says of its detector: the figures of just the revision that decided, or that there are none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from export_world import ExportWorld, Spoken

from voicesieve.catalog.store import Catalog
from voicesieve.cli.export import card_settings
from voicesieve.corpus.options import Audio, ExportOptions, Unit
from voicesieve.domain.verdicts import Model
from voicesieve.settings import Settings
from voicesieve.voices.network import NetworkDetector
from voicesieve.voices.pooling import OPERATING_POINTS

FACTS = json.loads(files("voicesieve.voices").joinpath("network.json").read_text("utf-8"))
OPTIONS = ExportOptions(format="manifest", unit=Unit.CLIPS, audio=Audio.NONE, measured=False)
UNKNOWN = "nothing is measured of this revision"


@pytest.fixture
def world(catalog: Catalog, tmp_path: Path) -> Iterator[ExportWorld]:
    folder = tmp_path / "data"
    folder.mkdir()
    yield ExportWorld(catalog, folder)


def exported(world: ExportWorld, target: Path, *models: Model) -> tuple[str, list[str]]:
    """The paragraph of the card, and the limits in Croissant, of a corpus that ``models`` decided."""
    for number, world.model in enumerate(models):
        world.accept(Spoken(f"v{number}", 7.0, [(0.5, 2.5, "child"), (4.0, 6.0, "child")]))
    world.export(target, OPTIONS, card_settings(Settings()))
    card = (target / "README.md").read_text("utf-8").partition("## Accuracy and limits")[2].partition("\n## ")[0]
    return card, json.loads((target / "croissant.json").read_text("utf-8"))["rai:dataLimitations"]


def test_the_card_states_the_figures_of_the_shipped_network(world: ExportWorld, tmp_path: Path) -> None:
    model = NetworkDetector.embedded().model
    card, limits = exported(world, tmp_path / "corpus", model)
    measured = FACTS["measured"]
    called = measured["windows_called_child"]["corpus"]
    for figure in (
        f"network {model.revision} (corpus): ",
        f"child against woman, {measured['auc_child_woman']:.3f} ",
        " to ".join(f"{bound:.3f}" for bound in measured["auc_child_woman_interval"]),
        f"{called['so child'] * 100:.0f} % of the children's windows",
        f"{called['so woman'] * 100:.0f} % of the women's",
        f"{measured['speakers']['so child']} children and {measured['speakers']['so woman']} women",
        "No Vietnamese child was measured",
        "docs/accuracy.md",
    ):
        assert figure in card
        assert figure in limits[0]
    assert UNKNOWN not in card


@pytest.mark.parametrize(
    "model", [Model("network", "0123456789ab"), Model("network", f"{FACTS['revision']}+abcdef"), Model("floor", "r1")]
)
def test_the_card_states_no_figures_of_what_was_not_measured(world: ExportWorld, tmp_path: Path, model: Model) -> None:
    card, limits = exported(world, tmp_path / "corpus", model)
    assert f"{model.name} {model.revision} (corpus): {UNKNOWN}" in card
    assert "voicesieve eval" in card
    assert UNKNOWN in limits[0]
    assert f"{FACTS['measured']['auc_child_woman']:.3f}" not in card


def test_each_detector_that_decided_has_its_own_line(world: ExportWorld, tmp_path: Path) -> None:
    card, _ = exported(world, tmp_path / "corpus", Model("network", FACTS["revision"]), Model("floor", "r1"))
    assert (card.count("area under the curve"), card.count(UNKNOWN)) == (1, 1)


def test_what_was_measured_is_at_the_probabilities_that_the_operating_points_ask_for() -> None:
    about = json.loads(files("voicesieve.voices").joinpath("network.json").read_text("utf-8"))
    measured = about["measured"]["windows_called_child"]
    assert {name: figures["child_probability"] for name, figures in measured.items()} == {
        name: point.child_probability for name, point in OPERATING_POINTS.items()
    }
