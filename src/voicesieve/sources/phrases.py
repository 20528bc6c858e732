"""``queries.toml`` in the data folder: the search phrases, which start with a few of ours and grow with your own."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path

from voicesieve.domain.candidates import Query
from voicesieve.domain.errors import VoicesieveError
from voicesieve.domain.text import quoted
from voicesieve.files import read_person_text
from voicesieve.sources.registry import KINDS, parse_query

FILE = "queries.toml"


class PhrasesError(VoicesieveError, ValueError):
    """The file cannot be used. The message says what is wrong and what to write instead."""


def template() -> str:
    """The text of a new file: phrases in Vietnamese and English, switched off."""
    return resources.files("voicesieve.sources").joinpath(FILE).read_text(encoding="utf-8")


def read_queries(file: Path) -> list[Query]:
    """The queries of ``file``, in its order; none if it names no source.

    Raises `PhrasesError`.
    """
    content = _content(file)
    source = content.pop("source", "")
    if source == "":
        return []
    searching = [kind.name for kind in KINDS if kind.takes_phrases]
    if source not in searching:
        raise PhrasesError(f'{file}: source is {quoted(str(source))}; write one of {", ".join(searching)}, or "".')
    return list(dict.fromkeys(_query(file, source, phrase) for phrase in _phrases(file, content)))


def read_phrases(file: Path) -> list[str]:
    """All phrases of ``file``, whether it names a source or not; none if there is no file."""
    if not file.exists():
        return []
    content = _content(file)
    content.pop("source", None)
    return _phrases(file, content)


def _content(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(read_person_text(file))
    except OSError as error:
        raise PhrasesError(f"{file} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PhrasesError(f"{file} is not a TOML file: {error}.") from error


def _phrases(file: Path, content: dict[str, object]) -> list[str]:
    phrases: list[str] = []
    for language, section in content.items():
        given = section.get("phrases") if isinstance(section, dict) else None
        if not isinstance(given, list) or not all(isinstance(phrase, str) for phrase in given):
            raise PhrasesError(f'{file}: the section {quoted(language)} needs phrases = ["...", ...] and nothing else.')
        phrases.extend(given)
    return phrases


def _query(file: Path, source: str, phrase: str) -> Query:
    try:
        return parse_query(f"{source}:{phrase}")
    except ValueError as error:
        raise PhrasesError(f"{file}: {error}") from error
