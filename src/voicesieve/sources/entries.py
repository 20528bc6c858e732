"""How an entry of a feed is recognised after its address has changed.

Addresses of audio carry tokens that change with every request; the entry's guid stays the same. A guid is valid only
within its own feed, and only while one entry there has it.
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
    """The names of the entry with this ``guid`` (as its feed states it, empty for none) and its audio at ``url``.

    The first name also works where a feed gives one guid to several files whose addresses differ by more than the
    query.
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
    """The hash of an address or of a ``podcast:guid`` by which a feed is recognised."""
    return _digest("feed", known_as.strip())


class Entries:
    """The entries of one walk through a feed, which may consist of several documents."""

    def __init__(self) -> None:
        self._files: dict[str, Name] = {}

    def unambiguous(self, findings: Sequence[_Found | Candidate]) -> tuple[_Found | Candidate, ...]:
        """The findings of the next document, without the names that more than one entry has so far.

        An entry with the same name and file as one in an earlier document is the same entry, even at another address.
        """
        candidates = [finding for finding in findings if isinstance(finding, Candidate) and finding.names]
        shared = self._shared(candidates)
        return tuple(_without(finding, shared) if isinstance(finding, Candidate) else finding for finding in findings)

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
