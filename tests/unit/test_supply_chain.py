"""What is installed is what was locked: every extra, every hash, and no name on an index that is not ours."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from voicesieve.domain.extras import how_to_install
from voicesieve.languages.whisper import HUB, RecogniserError, pinned
from voicesieve.voices.registry import DETECTORS

ROOT = Path(__file__).parent.parent.parent
LOCKS = ROOT / "requirements"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = sorted({*PROJECT["optional-dependencies"]} - {"build"})
"""``build`` is part of every lock file."""


def locked(extra: str) -> dict[str, list[str]]:
    """The requirement lines of a lock file, by name of the package; a name may have one for each Python version."""
    text = (LOCKS / f"{extra}.txt").read_text(encoding="utf-8").replace("\\\n", " ")
    pins: dict[str, list[str]] = {}
    for line in filter(None, text.splitlines()):
        pins.setdefault(line.partition("==")[0].partition("[")[0], []).append(line)
    return pins


@pytest.mark.parametrize("extra", ["core", *EXTRAS])
def test_every_line_of_every_lock_names_one_version_and_its_hashes(extra: str) -> None:
    for lines in locked(extra).values():
        for line in lines:
            assert re.match(r"[a-z0-9._-]+(\[[a-z,]+\])?==[^ ]+ ", line), line
            assert "--hash=sha256:" in line, line


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_changes_nothing_of_the_core(extra: str) -> None:
    core, theirs = locked("core"), locked(extra)
    versions = {name: {line.partition(" ")[0] for line in lines} for name, lines in core.items()}
    assert {name: {line.partition(" ")[0] for line in theirs[name]} for name in core} == versions


@pytest.mark.parametrize("extra", EXTRAS)
def test_a_lock_holds_what_its_extra_asks_for(extra: str) -> None:
    wanted = {re.split(r"[^A-Za-z0-9._-]", line)[0].lower() for line in PROJECT["optional-dependencies"][extra]}
    assert wanted <= set(locked(extra))


def test_no_page_or_message_says_to_install_a_name_that_is_not_ours() -> None:
    """Whoever registered it on the public index would run code on their machines."""
    files = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("src/**/*.py"), ROOT / "Makefile"]
    by_name = re.compile(r"(pip|pipx|uv|uvx)( tool)?( install| run)? +['\"]?voicesieve(\[|['\"]?\s*$)", re.MULTILINE)
    assert [str(file) for file in files if by_name.search(file.read_text(encoding="utf-8"))] == []
    assert by_name.search("pip install 'voicesieve[whisper]'")


def test_each_message_that_misses_an_extra_names_a_lock_file_that_is_there() -> None:
    asked = {kind.extra for kind in DETECTORS if kind.extra}
    for file in ROOT.glob("src/**/*.py"):
        asked |= set(re.findall(r"how_to_install\(['\"](\w+)['\"]\)", file.read_text(encoding="utf-8")))
    assert asked == {"postgres", "parquet", "plots", "transformers", "whisper"}
    for extra in asked:
        name = how_to_install(extra).rpartition(" ")[2]
        assert (ROOT / name).is_file(), name


def test_models_of_the_hub_are_pinned_to_a_commit() -> None:
    for name, (repository, commit) in HUB.items():
        assert re.fullmatch(r"[0-9a-f]{40}", commit), name
        assert pinned(name, "") == (repository, commit)
        assert pinned(name, "a" * 40) == (repository, "a" * 40)
    assert pinned("someone/whisper", "b" * 40) == ("someone/whisper", "b" * 40)
    with pytest.raises(RecogniserError, match=r"language\.commit must name the commit of someone/whisper"):
        pinned("someone/whisper", "")
