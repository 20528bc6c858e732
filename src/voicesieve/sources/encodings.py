"""Decodes remote text, whose encoding may be declared wrongly or not at all."""

from __future__ import annotations

import codecs
import re

_UTF16 = "utf-16-le", "utf-16-be"
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, _UTF16[0]), (codecs.BOM_UTF16_BE, _UTF16[1]))
XML_ENCODING = re.compile(rb"<\?xml[^>]{0,200}?encoding\s{0,9}=\s{0,9}[\"']([^\"'>]{0,100})", re.IGNORECASE)
"""The encoding that an XML declaration states."""
_SNIFFED_BYTES = 1_024
_LANGUAGE_BYTES = 10_000
_WORTH_OF_A_MISTAKE = 3
"""Valid UTF-8 characters required for each invalid byte: programs cut texts in the middle of a character."""
_LAST_RESORT = "cp1252"  # the default of browsers (HTML standard, section 13.2.3.2)
_LAST_RESORT_OF_VIETNAMESE = "cp1258"
_VIETNAMESE = re.compile(rb"(?:<(?:dc:)?language>\s{0,20}|\blang\s?=\s?[\"']?)vi\b", re.IGNORECASE)

_CHARACTER_SET = re.compile(
    r"ascii|utf-8.*|utf-16.*|iso8859-.*|cp(?:125\d|437|65001|8(?:5\d|6\d|74)|9(?:32|36|49|50))|mac-.*|koi8-.*|"
    r"gb.*|big5.*|hz|shift_jis.*|euc_.*|iso2022_.*|tis-620"
)
"""Python's names of the character sets that are used on the web. Its other text codecs are left out: decoding
``punycode`` takes time quadratic in the length (0.3 s for 40 kB on one core), and mainframe codecs (``cp037``) move the
markup to other bytes."""


def is_character_set(name: str) -> bool:
    """Whether ``name``, as a server or document states it, is a character set that is safe to decode."""
    try:
        return _CHARACTER_SET.fullmatch(codecs.lookup(name).name) is not None
    except (LookupError, ValueError):  # ValueError: a name with a NUL or a lone surrogate
        return False


def sniffed(head: bytes) -> str | None:
    """The encoding that the first bytes of a text prove, by a byte order mark or by the zeros of UTF-16."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    head = head[: len(head) // 2 * 2]
    zeros = head[1::2].count(0), head[::2].count(0)
    # Markup and addresses are mostly ASCII, so every second byte is zero: always the first or always the second.
    if max(zeros) * 4 > len(head) and min(zeros) * 10 < max(zeros):
        return _UTF16[zeros[1] > zeros[0]]
    return None


def decoded(body: bytes, *declared: str | None) -> str:
    """``body`` as text, without a byte order mark.

    What the bytes prove counts first, then the ``declared`` encodings: text that is meant to be in another one hardly
    ever makes sense as UTF-8. What fits none of them is read as Western European, or as Vietnamese where it says that
    this is its language, and never refused.
    """
    proven = sniffed(body[:_SNIFFED_BYTES])
    if proven is not None:
        return body.decode(proven, "replace").removeprefix("\ufeff")
    text = body.decode("utf-8", "replace")
    wrong = text.count("\ufffd")
    foreign = 0 if text.isascii() else len(text) - len(text.encode("ascii", "ignore"))
    if foreign and (foreign - wrong) >= _WORTH_OF_A_MISTAKE * wrong:
        return text
    for name in declared:
        # Real UTF-16 was recognised above: programs declare it for texts that they write in another encoding.
        if name is not None and is_character_set(name) and not codecs.lookup(name).name.startswith("utf-16"):
            try:
                return body.decode(name)
            except UnicodeDecodeError:
                continue
    if not wrong:
        return text
    is_vietnamese = _VIETNAMESE.search(body[:_LANGUAGE_BYTES]) is not None
    return body.decode(_LAST_RESORT_OF_VIETNAMESE if is_vietnamese else _LAST_RESORT, "replace")
