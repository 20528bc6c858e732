"""The house as drawn: arrows point inwards, SQL stays in the catalog, and the core imports in an instant."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import voicesieve

HOUSE = Path(voicesieve.__file__).parent

ALLOWED: dict[str, tuple[str, ...]] = {
    "domain": (),
    "files": ("domain",),
    "machine": ("domain", "files"),
    "settings": ("domain", "files", "voices.registry"),
    "policy": ("domain",),
    "frontier": ("domain",),
    "catalog": (
        "domain",
        "files",
        "machine",
        "policy.retries",
        "frontier.rates",
        "frontier.facts",
        "frontier.phrases",
    ),
    "audio": ("domain", "files"),
    "voices": ("domain", "audio"),
    "evaluation": ("domain", "audio", "voices"),
    "languages": ("domain", "files", "machine"),
    "fetching": ("domain", "files", "machine"),
    "sources": ("domain", "files", "languages.codes", "frontier.costs"),
    "observability": ("domain", "files"),
    "legacy": ("domain", "sources"),
    "corpus": ("domain", "catalog", "audio", "files", "observability.terminal"),
    "datafolder": ("domain", "files", "machine", "catalog", "audio", "observability.terminal"),
    "engines": ("domain", "machine"),
    "crawl": (
        "domain",
        "files",
        "machine",
        "policy",
        "frontier",
        "catalog",
        "sources",
        "fetching",
        "audio",
        "voices",
        "languages",
        "observability",
        "datafolder",
        "engines",
    ),
    "operations": (
        "domain",
        "files",
        "machine",
        "policy",
        "frontier",
        "catalog",
        "sources",
        "fetching",
        "audio",
        "voices",
        "languages",
        "legacy",
        "observability",
        "corpus",
        "datafolder",
        "engines",
        "crawl",
    ),
    "api": (
        "domain",
        "settings",
        "catalog",
        "sources",
        "audio",
        "voices",
        "datafolder",
        "crawl",
        "operations",
    ),
    "cli": (
        "domain",
        "files",
        "machine",
        "settings",
        "policy",
        "frontier",
        "catalog",
        "sources",
        "fetching",
        "audio",
        "voices",
        "evaluation",
        "languages",
        "legacy",
        "observability",
        "corpus",
        "datafolder",
        "engines",
        "crawl",
        "operations",
        "api",
    ),
    "__main__": ("cli",),
    "__init__": ("api", "domain"),
}
"""What each part of the package may import of ours, besides itself: whole parts, or single modules of them."""

ONLY_HERE: dict[str, tuple[str, ...]] = {
    "sqlalchemy": ("catalog",),
    "alembic": ("catalog",),
    "psycopg": (),
    "yt_dlp": ("fetching",),
    "aiohttp": ("fetching",),
    "feedparser": ("sources",),
    "protego": ("sources",),
    "av": ("audio",),
    "onnxruntime": ("voices",),
    "py3langid": ("languages",),
    "matplotlib": ("evaluation", "cli"),
    "faster_whisper": ("languages",),
    "ctranslate2": ("languages",),
    "pebble": ("engines",),
    "pydantic": ("settings",),
    "pydantic_settings": ("settings",),
    "structlog": ("observability",),
    "prometheus_client": ("observability",),
    "typer": ("cli",),
    "rich": ("cli",),
}
"""Where a library may be imported at all; each is one part's business."""

HEAVY = {"yt_dlp", "av", "onnxruntime", "aiohttp", "feedparser", "numpy", "pebble", "alembic", "sqlalchemy", "pydantic"}
LIGHT_MODULES = [
    "voicesieve",
    "voicesieve.domain.*",
    "voicesieve.policy.*",
    "voicesieve.cli.main",
    "voicesieve.sources.registry",
    "voicesieve.cli.table",
]


@dataclass(frozen=True)
class Import:
    """``name`` is imported from ``module`` in a line of ``file``."""

    file: Path
    line: int
    module: str
    name: str

    @property
    def part(self) -> str:
        return self.file.relative_to(HOUSE).parts[0].removesuffix(".py")

    @property
    def full(self) -> str:
        return f"{self.module}.{self.name}" if self.name else self.module

    def __str__(self) -> str:
        return f"{self.file.relative_to(HOUSE)}:{self.line} imports {self.full}"


def imports() -> Iterator[Import]:
    for file in sorted(HOUSE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (Import(file, node.lineno, alias.name, "") for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{file}:{node.lineno} imports relatively"
                yield from (Import(file, node.lineno, node.module or "", alias.name) for alias in node.names)


ALL = list(imports())


def within(full: str, place: str) -> bool:
    return full == f"voicesieve.{place}" or full.startswith(f"voicesieve.{place}.")


def test_every_part_of_the_house_is_on_the_plan() -> None:
    parts = {path.name.removesuffix(".py") for path in HOUSE.iterdir() if path.name != "__pycache__"}
    parts = {part for part in parts if (HOUSE / f"{part}.py").exists() or list((HOUSE / part).rglob("*.py"))}
    assert parts == set(ALLOWED)


def test_arrows_point_inwards() -> None:
    wrong = [
        str(imported)
        for imported in ALL
        if imported.module.split(".")[0] == "voicesieve"
        and not any(within(imported.full, place) for place in (imported.part, *ALLOWED[imported.part]))
    ]
    assert wrong == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Imports inside of functions count as well: they only hide a circle."""
    modules = {".".join(("voicesieve", *file.relative_to(HOUSE).with_suffix("").parts)) for file in HOUSE.rglob("*.py")}
    graph: dict[str, set[str]] = {module: set() for module in modules}
    for each in ALL:
        importer = ".".join(("voicesieve", *each.file.relative_to(HOUSE).with_suffix("").parts))
        graph[importer] |= {name for name in (each.full, each.module) if name in modules and name != importer}
    ends = {""}
    while ends:
        ends = {module for module, below in graph.items() if not below} | (graph.keys() - set().union(*graph.values()))
        graph = {module: below - ends for module, below in graph.items() if module not in ends}
    assert graph == {}


@pytest.mark.parametrize("library", ONLY_HERE)
def test_a_library_is_one_parts_business(library: str) -> None:
    users = [imported for imported in ALL if imported.module.split(".")[0] == library]
    as_type = [
        imported
        for imported in users
        if imported.full == "sqlalchemy.Connection" and imported.part in ("crawl", "datafolder", "operations")
    ]
    wrong = [str(imported) for imported in users if imported.part not in ONLY_HERE[library] and imported not in as_type]
    assert wrong == []


def test_packages_import_nothing_by_themselves() -> None:
    """Or importing one light module would load its heavy neighbours. The first speaks to the environment, and loads the
    public names when they are used; the settings are one door to files that load together anyway."""
    packages = [imported for imported in ALL if imported.file.name == "__init__.py" and imported.module != "__future__"]
    door = HOUSE / "settings" / "__init__.py"
    packages = [imported for imported in packages if imported.file != door or not within(imported.full, "settings")]
    wrong = [str(imported) for imported in packages if imported.file != HOUSE / "__init__.py"]
    assert wrong == []


def test_the_core_is_light() -> None:
    names = []
    for pattern in LIGHT_MODULES:
        folder = HOUSE.joinpath(*pattern.split(".")[1:-1])
        package = pattern.removesuffix(".*")
        names += [package] + [f"{package}.{p.stem}" for p in folder.glob("*.py") if pattern.endswith("*")]
    names = [name for name in names if not name.endswith("__init__")]
    program = (
        f"import sys\nfor name in {names!r}: __import__(name)\n"
        f"print(*sorted({{name.split('.')[0] for name in sys.modules}} & {HEAVY!r}))"
    )
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert child.returncode == 0, child.stderr
    assert child.stdout.split() == []
    assert len(names) > 10
