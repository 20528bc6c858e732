"""``redecide`` and ``reanalyse`` on the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from crawling import status, voicesieve

from tests import filled_catalog
from voicesieve.catalog.opening import open_catalog


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("filled")
    catalog = open_catalog(folder, create=True)
    filled_catalog.fill(catalog, 200, windows=40)
    catalog.close()
    return folder


@pytest.fixture
def data(filled: Path, tmp_path: Path) -> Path:
    return shutil.copytree(filled, tmp_path / "data")


def test_a_policy_is_tried_from_a_file_and_then_applied(data: Path, tmp_path: Path) -> None:
    policy = tmp_path / "strict.toml"
    policy.write_text("[policy]\nmin_child_share = 1.0\nmin_score = 1.0\n")
    accepted = status(data)["videos"]["accepted"]
    tried = voicesieve("redecide", "--policy", policy, "--dry-run", "--data", data)
    assert f"accepted -> rejected: {accepted} videos" in tried.out and "such as url:" in tried.out
    assert "-> 0.00 h" in tried.out and "would move" in tried.err
    assert status(data)["videos"]["accepted"] == accepted > 0
    done = voicesieve("redecide", "--policy", policy, "--json", "--data", data).json
    assert done["moved"] == {"accepted -> rejected": accepted} and done["child_s_after"] == 0.0
    assert status(data)["videos"]["accepted"] == 0
    (line,) = voicesieve("audit", "--action", "redecide", "--json", "--data", data).out.splitlines()
    entry = json.loads(line)
    assert entry["subject"] == f"policy {done['policy_revision']}"
    assert entry["details"]["accepted -> rejected"] == accepted


def test_what_the_configured_model_has_not_analysed_is_queued(data: Path) -> None:
    settings = {"VOICESIEVE_ANALYSIS__DETECTOR": "floor"}
    wrong = voicesieve("reanalyse", "--model", "r1", "--data", data, settings=settings, code=1)
    assert "the configured model is floor" in wrong.err
    dry = voicesieve("reanalyse", "--model", "floor", "--dry-run", "--json", "--data", data, settings=settings).json
    assert (dry["queued"], dry["purged"], dry["model"]["name"]) == (200, 0, "floor")
    assert "200 videos are due" in voicesieve("reanalyse", "--all", "--data", data, settings=settings).err
    assert status(data)["videos"]["fetched"] == 0, "old decisions stand until the new verdicts are stored"
    assert "Say what" in voicesieve("reanalyse", "--data", data, code=1).err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[policy]\nmin_scor = 1\n", "strict.toml: policy.min_scor is not a setting"),
        ("[policy]\nmin_score = 7\n", "strict.toml: policy.min_score = 7"),
        ("[fetching]\nmax_bytes = 5000\n", "may hold [policy]"),
        ("policy = 3\n", "may hold [policy]"),
        ("", "found nothing"),
        ("[policy", "is not a TOML file"),
        (None, "cannot be read"),
    ],
)
def test_a_policy_file_that_cannot_be_used_is_explained(
    filled: Path, tmp_path: Path, text: str | None, message: str
) -> None:
    policy = tmp_path / "strict.toml"
    if text is not None:
        policy.write_text(text)
    assert message in voicesieve("redecide", "--policy", policy, "--dry-run", "--data", filled, code=1).err
