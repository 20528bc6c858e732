"""The ``urls`` export: the address of every accepted video, one a line, in a stable order."""

from __future__ import annotations

from pathlib import Path

from voicesieve.catalog import views
from voicesieve.catalog.store import Catalog
from voicesieve.corpus.publishing import ExportError, refused_by_the_system
from voicesieve.files import atomic_file, make_folder, sweep_unfinished


def export_urls(catalog: Catalog, target: Path) -> int:
    """Write the list to the file ``target``, replacing an earlier one. Returns how many addresses it holds."""
    if target.is_dir():
        raise ExportError(
            f"{target} is a folder; the list of addresses is a file. Name one, such as {target}/urls.txt."
        )
    count = 0
    with refused_by_the_system(target):
        make_folder(target.parent)
        sweep_unfinished(target.parent, target.name)
        with atomic_file(target) as file, catalog.read() as connection:
            for url in views.accepted_urls(connection):
                file.write(url.encode() + b"\n")
                count += 1
    return count
