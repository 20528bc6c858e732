"""The ``urls`` export: the address of every accepted video, one per line, in a stable order."""

from __future__ import annotations

from pathlib import Path

from voicesieve.catalog.reads import exportable
from voicesieve.catalog.store import Catalog
from voicesieve.corpus.errors import ExportError
from voicesieve.corpus.publishing import refused_by_the_system
from voicesieve.domain.candidates import MAX_URL_CHARS
from voicesieve.files import SHARED_FILE, atomic_file, becoming, make_folder, sweep_unfinished


def export_urls(catalog: Catalog, target: Path, *, update: bool = False, replace: bool = False) -> int:
    """Write the list to the file ``target``. Returns the number of addresses.

    ``update`` allows an earlier list there, ``replace`` any file. Raises `ExportError` for what must not be replaced
    and for a list without an address; the file is unchanged then.
    """
    if target.is_dir():
        raise ExportError(
            f"{target} is a folder; the list of addresses is a file. Name one, such as {target}/urls.txt."
        )
    if not replace:
        _refuse_present(target, update=update)
    count = 0
    with refused_by_the_system(target):
        make_folder(target.parent)
        sweep_unfinished(target.parent, becoming(target.name))
        with atomic_file(target, mode=SHARED_FILE) as file, catalog.read() as connection:
            for url in exportable.accepted_urls(connection):
                file.write(url.encode() + b"\n")
                count += 1
            if count == 0:
                raise ExportError(f"Nothing to export: the catalog has no accepted video. {target} was not written.")
    return count


def _refuse_present(target: Path, *, update: bool) -> None:
    try:
        with target.open("rb") as lines:
            first = lines.readline(MAX_URL_CHARS)
            held = bool(first) + sum(1 for _ in lines)
    except FileNotFoundError:
        return
    except OSError as error:
        raise ExportError(f"{target} cannot be read ({error.strerror}). Name another file.") from error
    if held == 0:
        return
    is_list = b"://" in first
    if update and is_list:
        return
    what = f"a list of {held:,} lines" if is_list else "something that is not a list of addresses"
    allowed = "Use --update to write the list again" if is_list else "Use --replace to overwrite it"
    raise ExportError(f"{target} already holds {what}. {allowed}, or name another file. Nothing was changed.")
