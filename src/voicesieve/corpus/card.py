"""The card of a corpus."""

from __future__ import annotations

from dataclasses import dataclass

from voicesieve.corpus.facts import CorpusFacts
from voicesieve.corpus.formats.items import Order


@dataclass(frozen=True)
class CardSettings:
    name: str = "children's speech"
    takedown: str = ""


def write_card(order: Order, facts: CorpusFacts, settings: CardSettings, *, fingerprinted: bool) -> None: ...
