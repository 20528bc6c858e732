"""The records of the detectors: each can be loaded, and each is in the documentation."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from voicesieve.voices.detector import DetectorKind
from voicesieve.voices.registry import DETECTORS

EVALUATION = Path(__file__).parents[2] / "docs" / "evaluation.md"


@pytest.mark.parametrize("kind", DETECTORS, ids=lambda kind: kind.name)
def test_a_record_names_a_function_that_loads_it(kind: DetectorKind) -> None:
    module, _, function = kind.load.partition(":")
    assert callable(getattr(import_module(module), function))


def test_the_documentation_has_a_row_for_every_detector() -> None:
    section = EVALUATION.read_text(encoding="utf-8").partition("\n## Detectors\n")[2].partition("\n## ")[0]
    rows = [[cell.strip(" `") for cell in line.split("|")[1:-1]] for line in section.splitlines() if "| `" in line]
    expected = [
        [
            *(kind.name, kind.about, kind.extra),
            *((kind.published.repository, kind.published.licence) if kind.published else ("", "")),
        ]
        for kind in DETECTORS
    ]
    assert rows == expected


def test_reading_the_records_loads_no_detector() -> None:
    program = "import sys, voicesieve.voices.registry; print({'numpy', 'onnxruntime', 'torch'} & set(sys.modules))"
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert child.stdout.strip() == "set()"
