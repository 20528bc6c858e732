"""Which files of a folder were moved there from where the catalog last saw them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from voicesieve.audio.store import RecordingStore
from voicesieve.catalog.records import SeenFile
from voicesieve.domain.candidates import Candidate, NameKind
from voicesieve.fetching.local import gone, is_alike


def moved_files(seen: Sequence[SeenFile], candidates: Iterable[Candidate], store: RecordingStore) -> frozenset[str]:
    """The names of those that were moved: their old place is empty, and their bytes agree with what is stored.

    Inodes alone prove nothing. A card reader numbers the files of each card anew, and recorders without a clock give
    files of one length the same time.
    """
    if not seen:
        return frozenset()
    missing = gone(file.url for file in seen)
    urls = {name.value: c.url for c in candidates for name in c.names if name.kind is NameKind.FILE}
    return frozenset(
        file.name
        for file in seen
        if file.url in missing and (file.stored is None or is_alike(urls[file.name], store.path(file.stored)))
    )
