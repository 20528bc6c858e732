"""One tree of errors: every exception of ours is in it, in the document, and carries its exit code."""

from __future__ import annotations

import ast
import builtins
import importlib
import pickle
import re
from pathlib import Path

import pytest

import voicesieve
from voicesieve.cli.errors import explained
from voicesieve.domain.errors import EXIT_FAULT, EXIT_OPERATOR, InnerError, VoicesieveError
from voicesieve.domain.failures import REMEDIES, Failure, FailureError, FailureKind, Remedy

SOURCE = Path(voicesieve.__file__).parent
DOCUMENT = Path(__file__).parents[2] / "docs" / "errors.md"
BUILT_IN = {name for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, Exception)}


def classes_of_exceptions() -> dict[str, str]:
    """The names of all exceptions in the source, each with its module: classes whose bases lead to `Exception`."""
    bases: dict[str, tuple[str, list[str]]] = {}
    for file in SOURCE.rglob("*.py"):
        module = ".".join(("voicesieve", *file.relative_to(SOURCE).with_suffix("").parts))
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                bases[node.name] = (module, [ast.unparse(base).rpartition(".")[2] for base in node.bases])
    exceptions = set(BUILT_IN)
    while more := {name for name, (_, above) in bases.items() if name not in exceptions and exceptions & set(above)}:
        exceptions |= more
    return {name: bases[name][0] for name in exceptions & set(bases)}


PUBLIC = {name: module for name, module in classes_of_exceptions().items() if not name.startswith("_")}


def class_of(name: str) -> type[Exception]:
    public = getattr(importlib.import_module(PUBLIC[name]), name)
    assert isinstance(public, type) and issubclass(public, Exception)
    return public


def drawn() -> list[tuple[str, str]]:
    """Each class of the tree in the document with the class that it hangs from, the root with none."""
    text = DOCUMENT.read_text(encoding="utf-8")
    branches: list[tuple[str, str]] = []
    above: list[str] = []
    for line in re.findall(r"^    ([│├└─ ]*\w+)$", text, re.MULTILINE):
        name = line.lstrip("│├└─ ")
        depth = (len(line) - len(name)) // 4
        branches.append((name, above[depth - 1] if depth else ""))
        above[depth:] = [name]
    return branches


def parent(kind: type[Exception]) -> str:
    return "" if kind is VoicesieveError else next(base for base in kind.__bases__ if _is_ours(base)).__name__


def _is_ours(kind: type) -> bool:
    return issubclass(kind, VoicesieveError)


def written_code(kind: type[Exception]) -> str:
    """As the document writes it: a typed failure decides for itself, and an inner error has none."""
    if issubclass(kind, FailureError):
        return "1 or 3"
    assert issubclass(kind, VoicesieveError)
    return "-" if kind.exit_code is None else str(kind.exit_code)


def test_every_exception_of_ours_has_the_one_root() -> None:
    assert [name for name in PUBLIC if not _is_ours(class_of(name))] == []
    assert len(PUBLIC) > 25


@pytest.mark.parametrize("name", sorted(set(classes_of_exceptions()) - set(PUBLIC)))
def test_a_private_exception_never_leaves_its_module(name: str) -> None:
    users = [file for file in SOURCE.rglob("*.py") if re.search(rf"\b{name}\b", file.read_text(encoding="utf-8"))]
    assert len(users) == 1


def test_the_document_draws_the_tree_as_it_is() -> None:
    assert sorted(drawn()) == sorted((name, parent(class_of(name))) for name in PUBLIC)


def test_the_document_has_a_row_with_exit_code_and_meaning_for_every_error() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+) \|$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert {name: code for name, code, _ in rows} == {name: written_code(class_of(name)) for name in PUBLIC}
    assert not [name for name, _, meaning in rows if len(meaning.split()) < 4]


@pytest.mark.parametrize("kind", FailureKind)
def test_a_typed_failure_has_the_exit_code_of_its_remedy(kind: FailureKind) -> None:
    error = FailureError(Failure(kind, "why"))
    assert error.exit_code == (EXIT_FAULT if REMEDIES[kind] is Remedy.STOP_RUN else EXIT_OPERATOR)
    assert pickle.loads(pickle.dumps(error)).exit_code == error.exit_code


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_a_command_ends_by_what_its_error_says(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    kind = class_of(name)
    error = kind.__new__(kind)
    error.args = ("what happened",)
    if issubclass(kind, InnerError):
        with pytest.raises(kind), explained():
            raise error
        return
    with pytest.raises(SystemExit) as ended, explained():
        raise error
    assert isinstance(error, VoicesieveError) and ended.value.code == error.exit_code
    assert capsys.readouterr().err == "voicesieve: what happened\n"


def test_no_command_names_a_list_of_errors() -> None:
    """The command line asks an error for its exit code; a list of classes would lack the next one."""
    for file in (SOURCE / "cli").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Tuple | ast.BinOp):
                names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
                assert len(names & set(PUBLIC)) < 2, f"{file.name}, line {node.lineno}"
    handlers = ast.parse((SOURCE / "cli" / "errors.py").read_text(encoding="utf-8"))
    names = {node.id for node in ast.walk(handlers) if isinstance(node, ast.Name)}
    assert names & set(PUBLIC) == {"VoicesieveError"}
