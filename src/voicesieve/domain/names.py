"""Names as people write them: the one form that is stored, and the one by which they are compared.

The same name reaches us composed (NFC) from the web and a keyboard, decomposed (NFD) from a Mac's folders and archives,
and with invisible characters. People who ask for a takedown write what they see.
"""

from __future__ import annotations

import re
import unicodedata

_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""Unicode's Default_Ignorable_Code_Point (DerivedCoreProperties.txt, 16.0): shown as nothing by any font."""

_BLANKS = re.compile(r"\s+")


def composed(text: str) -> str:
    """``text`` in Unicode's composed form (NFC), in which names are stored and shown."""
    return unicodedata.normalize("NFC", text)


def without_invisible(text: str) -> str:
    """``text`` without the characters that no font shows. To compare by, not to store: it takes joiners too."""
    return _INVISIBLE.sub("", text)


def name_key(text: str) -> str:
    """What two spellings of a name have in common that look alike: composed, without invisible characters, blanks one.

    Letters of another case are another name. Hashes in catalogs and the parts of published corpora rest on this form;
    it must never change.

    >>> name_key("Be\u0301  Na\u200b") == name_key("B\u00e9 Na")
    True
    """
    return _BLANKS.sub(" ", composed(without_invisible(text))).strip()


def spellings(text: str) -> frozenset[str]:
    """The forms in which a name was compared before there was one: as it stands, composed and decomposed."""
    return frozenset(
        unicodedata.normalize(form, name) for name in (text, name_key(text)) for form in ("NFC", "NFD")
    ) | {text}


def loose_key(text: str) -> str:
    """What similar names have in common: no case, no accents. For suggestions, never to decide."""
    plain = unicodedata.normalize("NFKD", name_key(text)).casefold()
    return "".join(char for char in plain if not unicodedata.combining(char)).replace("đ", "d")
