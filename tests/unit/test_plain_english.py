"""What a person reads is plain English: the words that CONTRIBUTING.md rules out are nowhere else."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "CONTRIBUTING.md"
HISTORY = ROOT / "CHANGELOG.md"

ROWS = re.findall(r"^\| (.+) \| (.+) \|$", RULES.read_text(encoding="utf-8"), flags=re.MULTILINE)
PHRASES = [phrase for say, avoid in ROWS if say != "say" and "`" not in avoid for phrase in avoid.split(", ")]
NAMES = {name for _, avoid in ROWS for name in re.findall("`([a-z]+)`", avoid)}
AVOIDED = re.compile(rf"(?<![\w`\"])({'|'.join(map(re.escape, PHRASES))})(?![\w`\"]| apart)", re.IGNORECASE)


def test_the_table_of_words_is_read() -> None:
    assert {"told", "hear", "for want of"} <= set(PHRASES)
    assert {"found", "one", "heard", "told", "known", "kept"} == NAMES
    assert AVOIDED.search("They are told by line.") and not AVOIDED.search("the key `told` and a fold")


def sentences(file: Path) -> Iterator[tuple[int, str]]:
    """Comments and texts of more than one word, with their lines; single words are keys and names."""
    text = file.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
            yield node.lineno, node.value
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def stored_names(file: Path) -> Iterator[tuple[int, str]]:
    """Variables, parameters and functions that a file names."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, node.name


def test_help_messages_and_docstrings_are_in_plain_words() -> None:
    wrong = [
        f"{file.relative_to(ROOT)}:{line}: {match[0]}: {' '.join(text.split())[:120]}"
        for file in sorted((ROOT / "src").rglob("*.py"))
        for line, text in sentences(file)
        if (match := AVOIDED.search(text))
    ]
    assert wrong == []


@pytest.mark.parametrize("folder", ["src", "tests"])
def test_names_are_plain_words(folder: str) -> None:
    wrong = [
        f"{file.relative_to(ROOT)}:{line}: {name}"
        for file in sorted((ROOT / folder).rglob("*.py"))
        for line, name in stored_names(file)
        if name in NAMES or (name.startswith("test_") and AVOIDED.search(name.replace("_", " ")))
    ]
    assert wrong == []


def test_docs_are_written_in_plain_words() -> None:
    wrong: list[str] = []
    for file in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")):
        if file == HISTORY:
            continue
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
            if (match := AVOIDED.search(line)) and not (file == RULES and line.startswith("|")):
                wrong.append(f"{file.relative_to(ROOT)}:{number}: {match[0]}: {line}")
    assert wrong == []
