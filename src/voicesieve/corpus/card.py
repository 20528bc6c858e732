"""The card of a corpus: its content, how it was made, its known limits, and whom to contact.

``README.md`` for people, ``croissant.json`` for programs, and plots as SVG. Remote text in them is cleaned:
titles and channels never become markup.
"""

from __future__ import annotations

import json

from voicesieve.corpus.card_settings import CardSettings
from voicesieve.corpus.croissant import croissant
from voicesieve.corpus.facts import CorpusFacts
from voicesieve.corpus.formats.protocol import Order
from voicesieve.corpus.options import Unit
from voicesieve.corpus.plots import write_plots
from voicesieve.corpus.readme import readme
from voicesieve.domain.version import __version__
from voicesieve.files import SHARED_FILE, write_text


def write_card(order: Order, facts: CorpusFacts, settings: CardSettings) -> None:
    """Write the card into ``order.folder``, as the last of its files: it describes the others."""
    summary = description(order, facts, settings)
    write_plots(order.folder / "plots", facts)
    write_text(order.folder / "README.md", readme(order, facts, settings, summary), mode=SHARED_FILE)
    described = json.dumps(croissant(order, facts, settings, summary), ensure_ascii=False, indent=1)
    write_text(order.folder / "croissant.json", f"{described}\n", mode=SHARED_FILE)


def description(order: Order, facts: CorpusFacts, settings: CardSettings) -> str:
    """One paragraph."""
    given = f"{settings.description.strip()} " if settings.description.strip() else ""
    what = "clips of child speech" if order.options.unit is Unit.CLIPS else "recordings with child speech"
    return (
        f"{given}{facts.items:,} {what} ({facts.child_s / 3600:.2f} hours of child speech) from {facts.recordings:,} "
        f"public recordings, found and cut by voicesieve {__version__}."
    )
