"""The command line speaks plain English: the words that a reader stumbled over are not in its help and messages."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import voicesieve

CLI = Path(voicesieve.__file__).parent / "cli"
PLAIN = {
    r"tells?|told": "report",
    r"hears?|heard": "score, transcribe or recognise",
    r"left alone|leaves? alone": "pause",
    r"goes on (?:from|where)|go on (?:from|where)|gone on from": "resume",
    r"mends?|mended": "fix",
    r"blot(?:s|ted)? out": "redact",
    r"torn apart|tears?|torn": "split or break",
    r"nobody": "say who, or use the passive: is not asked again",
    r"for want of": "because there is no",
    r"dice": "random",
}
"""Words that are not used, each with the plain ones."""


@pytest.mark.parametrize("file", sorted(CLI.glob("*.py")), ids=lambda file: file.stem)
def test_help_and_messages_are_in_plain_words(file: Path) -> None:
    nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    texts = [(n.lineno, n.value) for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    strange = [
        f"line {line}: {match.group()!r}, plain: {plain}"
        for line, text in texts
        for word, plain in PLAIN.items()
        for match in re.finditer(rf"(?i)\b(?:{word})\b", text)
    ]
    assert strange == []
