"""By what an entry of a feed is recognised when its address has changed.

Addresses of audio carry tokens that change with every reading; the entry's guid stays. It means something only within
its own feed, and only while it stands for one thing there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeVar
from urllib.parse import urlsplit

from voicesieve.domain.candidates import Candidate, Name, NameKind

_Found = TypeVar("_Found")


def entry_names(guid: str, url: str) -> tuple[Name, ...]:
    """The names of the entry ``guid`` (as its feed gives it, empty for none) whose audio lies at ``url``.

    The first holds also where a feed gives one guid to several files, whose addresses differ by more than the query.
    """
    text = guid.strip()
    if not text:
        return ()
    parts = urlsplit(url)
    return (
        Name(NameKind.ENTRY, _digest("file", text, parts.netloc + parts.path)),
        Name(NameKind.ENTRY, _digest("entry", text)),
    )


def feed_key(known_as: str) -> str:
    """The hash of an address or of a ``podcast:guid`` by which a feed is known."""
    return _digest("feed", known_as.strip())


class Entries:
    """The entries of one walk through a feed, which may be several documents long."""

    def __init__(self) -> None:
        self._files: dict[str, Name] = {}

    def unambiguous(self, findings: Sequence[_Found | Candidate]) -> tuple[_Found | Candidate, ...]:
        """The findings of the next document, without those entry names that stand for more than one thing so far.

        An entry that an earlier document has shown with the same file is that entry, if its address has changed.
        """
        candidates = [found for found in findings if isinstance(found, Candidate) and found.names]
        shared = self._shared(candidates)
        return tuple(_without(found, shared) if isinstance(found, Candidate) else found for found in findings)

    def _shared(self, candidates: Iterable[Candidate]) -> set[str]:
        ids: dict[str, str] = {}
        shared = {
            name.value
            for candidate in candidates
            for name in candidate.names
            if ids.setdefault(name.value, candidate.id) != candidate.id
        }
        for candidate in candidates:
            file, entry = candidate.names
            if self._files.setdefault(entry.value, file) != file:
                shared.add(entry.value)
        return shared


def _without(candidate: Candidate, shared: set[str]) -> Candidate:
    if not any(name.value in shared for name in candidate.names):
        return candidate
    return replace(candidate, names=tuple(name for name in candidate.names if name.value not in shared))


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
