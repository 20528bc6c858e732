"""The examples in docstrings run as they stand."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

import voicesieve

HOUSE = Path(voicesieve.__file__).parent
MODULES = [
    ".".join(("voicesieve", *file.relative_to(HOUSE).with_suffix("").parts)).removesuffix(".__init__")
    for file in sorted(HOUSE.rglob("*.py"))
    if ">>> " in file.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_of_a_module_run(module: str) -> None:
    failed, _ = doctest.testmod(importlib.import_module(module))
    assert failed == 0


def test_examples_are_found() -> None:
    assert {"voicesieve.domain.text", "voicesieve.domain.errors"} <= set(MODULES)
