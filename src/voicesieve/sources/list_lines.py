"""Reads one line of a list, as people and programs write lists: plain, with remarks, as tables and playlists."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection
from dataclasses import dataclass

from voicesieve.domain.candidates import Candidate, PassedOver, SourceProblem
from voicesieve.domain.platforms import platform_of_host, youtube_video
from voicesieve.domain.text import quoted
from voicesieve.sources.media import Likeness, likeness
from voicesieve.sources.offers import remote_candidate

Entry = Candidate | SourceProblem | PassedOver

_INVISIBLE = "\ufeff\u200b\u200e\u200f\u2060"
"""Byte-order marks inside joined files, and invisible characters that come with text copied from a web page."""
_COMMENT = re.compile(
    r"[#;\]].*"  # the three that yt-dlp has; "#EXTM3U" is a comment too
    r"|\[\w+\]|(?:NumberOfEntries|Version|Title\d+|Length\d+)\s?=.*",  # the lines around the addresses in a .pls file
    re.IGNORECASE | re.DOTALL,
)
_REMARK = re.compile(r"\s#.*", re.DOTALL)
_WRAPPED = re.compile(r"""[<("'“‘](https?://[^<>"“”]*)[>)"'”’][,;]?""", re.IGNORECASE)
_WRAPPING = "\"'<>“”‘’,;|" + _INVISIBLE
_GLUED = re.compile(r"(?<=[^/=?&#:%])(?=https?://)", re.IGNORECASE)
"""Where the next address begins without a line break. An address inside another one (an archive's path, a ``?url=``
parameter) follows a delimiter and is not split off."""
_SCHEME = re.compile(r"https?://", re.IGNORECASE)
_ADDRESS_END = re.compile(r"[\"<>“”]")
_FIELD_END = re.compile(r"[,;|]")

_BARE_VIDEO_ID = re.compile(r"[A-Za-z0-9_-]{11}")
_BARE_HOST = re.compile(r"(?:[\w-]{1,63}\.){1,8}[a-z]{2,24}(?::\d{1,5})?(?:/\S*)?", re.IGNORECASE)
_LOCAL = re.compile(r"file:|[~.]{0,2}[/\\]|[a-z]:[/\\]", re.IGNORECASE)
_FEED = re.compile(r"(?:feed|itpc|pcast|podcast)s?:", re.IGNORECASE)

_ADDRESS_COLUMN = re.compile(
    r"(?:(?:audio|media|video|download|webpage|enclosure|file)[_ ])?(?:urls?|uri|links?|href|address)|"
    r"enclosure|audio|media"
)
_TITLE_COLUMNS = frozenset({"title", "name", "episode"})


@dataclass(frozen=True)
class Table:
    """The columns of a list with a heading. ``title`` is ``None`` if there is no such column."""

    delimiter: str
    address: int
    title: int | None


def table_of(heading: str) -> Table | None:
    """The columns that the first line of a list names, if any."""
    text = heading.strip(_INVISIBLE + " \t\r\n")
    if _SCHEME.search(text):
        return None
    for delimiter in (",", ";", "\t", "|"):
        names = [name.strip().lower() for name in _fields(text, delimiter)]
        addresses = [place for place, name in enumerate(names) if _ADDRESS_COLUMN.fullmatch(name)]
        titles = [place for place, name in enumerate(names) if name in _TITLE_COLUMNS]
        # A heading with one name belongs to a plain list, in which commas are part of addresses.
        if addresses and (len(names) > 1 or delimiter == "\t"):
            return Table(delimiter, addresses[0], titles[0] if titles else None)
    return None


def is_blank(line: str) -> bool:
    """Whether a line is empty or a comment."""
    text = line.strip(_INVISIBLE + " \t\r\n")
    return not text or _COMMENT.fullmatch(text) is not None


def read_line(text: str, where: str, table: Table | None = None, kinds: Collection[str] = ()) -> list[Entry]:
    """The entries in one line of a list, or of a ``table``. ``where`` is the place that problems name.

    A line that begins with one of ``kinds`` and a colon, such as ``rss:``, is a query and not an address.

    U+FFFD stands for bytes that are not text. A line without an address is one problem, however long it is.
    """
    # A single carriage return also ends a line, as on old Macs; such lines share one number.
    lines = [line.strip(_INVISIBLE + " \n\t") for line in text.split("\r")]
    return [what for line in lines for what in _read(line, where, table, kinds)]


def _read(text: str, where: str, table: Table | None, kinds: Collection[str]) -> list[Entry]:
    if not text or _COMMENT.fullmatch(text):
        return []
    if table is not None:
        fields = [field.strip() for field in _fields(text, table.delimiter)]
        address = fields[table.address] if len(fields) > table.address else ""
        if _SCHEME.match(address):
            title = fields[table.title] if table.title is not None and len(fields) > table.title else ""
            return [_entry(address, where, title)]
        if not _SCHEME.search(text):
            text = address or text
    if wrapped := _WRAPPED.fullmatch(text):
        return [_entry(wrapped[1], where)]
    return _read_words(_REMARK.sub("", text).strip(), where, kinds)


def _read_words(text: str, where: str, kinds: Collection[str]) -> list[Entry]:
    words = text.split()
    goes_on = "\t" not in text and len(words) > 1
    named = [(place, address) for place, word in enumerate(words) for address in _addresses(word, goes_on)]
    is_source = _names_source(text, kinds)
    if not named or is_source or _FEED.match(text):
        return [SourceProblem(where, f"{_objection(text, is_source)}: {quoted(text)}")]
    last, address = named[-1]
    # Words between addresses are labels; words after the last address are about it.
    rest = " ".join(words[last + 1 :])
    if rest and _is_media(rest) and not _is_media(address):
        return [SourceProblem(where, f"white space inside an address (write it as %20): {quoted(text)}")]
    title = _title_beside(text, words[last]) if len(named) == 1 else ""
    entries = [_entry(address, where, title) for _, address in named]
    if rest and not title:
        entries.append(PassedOver("remarks behind an address", 1, f"{where}: {quoted(rest)}"))
    return entries


def _title_beside(text: str, address: str) -> str:
    """The text of the cell after the one with ``address``, or else of the one before it; tabs separate cells."""
    cells = [cell.strip() for cell in text.split("\t")]
    if address not in cells:
        return ""
    place = cells.index(address)
    beside = [*cells[place + 1 : place + 2], *cells[place - 1 : place]]
    return next((cell for cell in beside if cell and not cell.isdecimal()), "")


def _addresses(word: str, goes_on: bool) -> list[str]:
    """The addresses in a word without white space. They may be joined, wrapped, labelled, or end a field.

    ``goes_on``: the line has further words.
    """
    addresses = []
    for piece in _GLUED.split(word.strip(_WRAPPING)):
        begin = _SCHEME.search(piece)
        bare = piece.lstrip("([")
        host, slash, _ = bare.partition("/")
        if begin is None and not (slash and platform_of_host(host)):
            continue
        address = _ADDRESS_END.split(piece[begin.start() :] if begin else f"https://{bare}", maxsplit=1)[0]
        address = _first_field(address.rstrip(_WRAPPING), goes_on)
        if address.endswith(")") and address.count("(") < address.count(")"):
            address = address[:-1]  # of [text](address)
        addresses.append(address)
    return addresses


def _first_field(address: str, goes_on: bool) -> str:
    """``address`` up to the next field of a table without a heading.

    A query may be signed and hold delimiters itself: there a delimiter ends the address only if the words of a title
    follow. In a path, delimiters stand before ``name=value`` (RFC 3986, section 3.3).
    """
    end = _FIELD_END.search(address)
    if end is None or not _is_media(address[: end.start()]):
        return address
    if "?" in address[: end.start()]:
        belongs = not goes_on or "=" in address[end.end() :]
    else:
        belongs = end[0] != "|" and "=" in address[end.end() :]
    return address if belongs else address[: end.start()]


def _entry(address: str, where: str, title: str = "") -> Entry:
    if "\ufffd" in address:
        return SourceProblem(where, f"not UTF-8 text: {quoted(address)}")
    try:
        return remote_candidate(address, title=title.replace("\ufffd", ""))
    except ValueError as error:
        return SourceProblem(where, f"{error}: {quoted(address)}")


def _objection(text: str, is_source: bool) -> str:
    """Why ``text`` is not an address, and what to write instead."""
    if "\ufffd" in text:
        return "not UTF-8 text"
    if _BARE_VIDEO_ID.fullmatch(text):
        return f"if this is a YouTube video ID, write {youtube_video('')} before it"
    no_address = "not an http or https address"
    if _LOCAL.match(text) or (_is_media(text) and "/" not in text):
        return f"{no_address}: for files of this machine, add their folder as --source folder:DIR"
    if is_source:
        return f"{no_address}, but a source of its own: add it as --source"
    if _FEED.match(text):
        return f"{no_address}, but a feed: add it as --source rss:https://..."
    if _BARE_HOST.fullmatch(text):
        return f"{no_address}: write https:// before it"
    return no_address


def _names_source(text: str, kinds: Collection[str]) -> bool:
    kind, colon, _ = text.partition(":")
    return bool(colon) and kind.lower() in kinds


def _is_media(text: str) -> bool:
    return likeness("", text) is Likeness.MEDIA


def _fields(text: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([text], delimiter=delimiter, skipinitialspace=True), [])
    except csv.Error:
        return []
