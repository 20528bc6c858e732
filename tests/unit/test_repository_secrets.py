"""The repository holds no credentials, no addresses of package registries and no paths of anybody's machine."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

PATTERNS = {
    "a Google API key": re.compile(rb"AIza[0-9A-Za-z_-]{35}(?![0-9A-Za-z_-])"),
    "a private key": re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{40}"),
    "a token of a code forge": re.compile(rb"\b(gh[pousr]_[0-9A-Za-z]{36}|glpat-[0-9A-Za-z_-]{20}|hf_[0-9A-Za-z]{34})"),
    "a key of a cloud": re.compile(rb"\bAKIA[0-9A-Z]{16}\b"),
    "a registry's host": re.compile(rb"(files\.pythonhosted\.org|--(extra-)?index-url|registry\.npmjs\.org)"),
    "a home folder": re.compile(rb"(?<![\w/.])/(home|Users)/[a-z][a-z0-9_-]+/|/root/"),
}
MADE_UP = re.compile(rb"(Fake|ForTests|OnlyForThisTest|example)")
"""What a made-up secret says of itself."""


def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, timeout=60)
    if listed.returncode != 0:
        pytest.skip("not a git checkout, so nobody says which files belong to the repository")
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name]


@pytest.mark.parametrize("what", PATTERNS)
def test_the_repository_holds_no_secret(what: str) -> None:
    secrets = []
    for path in tracked_files():
        invented = what == "a home folder" and "tests" in path.relative_to(ROOT).parts
        if path == Path(__file__) or not path.is_file() or invented:
            continue
        hits = [hit[0] for hit in PATTERNS[what].finditer(path.read_bytes()) if not MADE_UP.search(hit[0])]
        if hits:
            secrets.append((str(path.relative_to(ROOT)), hits[:3]))
    assert secrets == []


def test_the_scan_sees_what_it_is_there_for() -> None:
    assert PATTERNS["a Google API key"].search(b"key=AIza" + b"x" * 35)
    assert PATTERNS["a home folder"].search(b"open('/home/someone/x')")
    assert PATTERNS["a private key"].search(b"-----BEGIN " + b"EC PRIVATE KEY-----\n" + b"M" * 64)
