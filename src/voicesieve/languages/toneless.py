"""Vietnamese typed without its diacritics, which general detectors take for any of a dozen languages.

A written Vietnamese word is one syllable: an onset and a rime out of two small closed sets. Source of both: the
orthography of 1945 as Thompson, *A Vietnamese Reference Grammar* (1987), chapter 3, gives it, with tone marks and the
marks of â ă ê ô ơ ư đ taken away. A text of several words that all have this shape, some of them in ways that hardly
any other language spells, is Vietnamese.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_ONSETS = "b c ch d g gh gi h k kh l m n ng ngh nh p ph qu r s t th tr v x"
_RIMES = """
    a ac ach ai am an ang anh ao ap at au ay e ec ech em en eng enh eo ep et eu i ia ich iec iem ien ieng iep iet ieu
    im in inh ip it iu o oa oac oach oai oam oan oang oanh oao oat oay oc oe oen oeo oet oi om on ong op ot u ua uan
    uang uat uay uc ue uech uenh ui um un ung uo uoc uoi uom uon uong uop uot uou up ut uu uy uya uych uyen uyet uynh
    uyt uyu y yem yen yet yeu
"""
_SYLLABLE = re.compile(
    rf"(?:{'|'.join(sorted(_ONSETS.split(), key=len, reverse=True))})?(?:{'|'.join(_RIMES.split())})"
)

_TELLING = re.compile(
    r"ng.*|nh.*|kh.*|tr[aiuo].*|ph[aou].*|th[uoa].+|gi[aou].*|qu[ay].*|x[aeiou].*"
    r"|.*(?:uo[cimnptu]g?|ie[cmnptu]g?|ye[ntu]|uy[enat].*|oa[cimnty]g?|oanh|[aeiy]nh|[aei]ch|[aouie]ng|u[cu]|[oa]i)"
)
"""Shapes that few other languages have in short words."""

_SHARED_WORDS = """
    a ai am an at bang bay be bin bo boy bring but can chat chin cho come con cot cut dad dan day de den di do dot
    du e each em en et eu fu ga gang gay gi go got ha hang hay he hen hi him hip hit ho hop hot how hum hut i in
    it key king la lay le lo long los lot ma mai man mat may me men met mi mom mon mu much my na nay ne ni no non
    not nu nun nut o oh on one out pa pay pen pet phone pi po pop pot put que qui quy ran rang ray rich ring run
    sa san sang say se set si sin sing sit so son song su such sun ta tan tap te teach ten than that the then thin
    thing this ti tin tip to ton too top tot toy try tu tun u un up va van ve vet vi way what win wing ye yen yet
    you
"""
"""Words of this shape that English, Spanish, Italian, French, Malay or Tagalog write all the time."""
_SHARED = frozenset(_SHARED_WORDS.split())

MIN_WORDS = 3
"""Fewer words can be anything."""


def may_be_vietnamese(words: Sequence[str]) -> bool:
    """Whether all of lower-case ASCII ``words`` have the shape of Vietnamese syllables, whatever else they may be."""
    return bool(words) and all(_SYLLABLE.fullmatch(word) for word in words)


def looks_vietnamese(words: Sequence[str]) -> bool:
    """Whether lower-case ASCII ``words`` are Vietnamese without diacritics.

    One word in five may be foreign (a name, an English word); half of the rest must not be words that other languages
    share, and a third must have a telling shape.
    """
    if len(words) < MIN_WORDS:
        return False
    syllables = [word for word in words if _SYLLABLE.fullmatch(word)]
    own = [word for word in syllables if word not in _SHARED]
    telling = [word for word in own if _TELLING.fullmatch(word)]
    return len(syllables) >= 0.8 * len(words) and len(own) >= 0.5 * len(words) and len(telling) >= len(words) / 3
