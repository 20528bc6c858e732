"""What a kind of source is, as one record: its words, how its argument is read, how it is opened, and what it costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from voicesieve.domain.candidates import Cursor
from voicesieve.domain.languages import EvidenceKind
from voicesieve.domain.platforms import platform_of
from voicesieve.frontier.costs import LISTING_PAGE
from voicesieve.sources.documents import DocumentLimits
from voicesieve.sources.protocol import Lister, Reader, Source
from voicesieve.sources.youtube.settings import YoutubeSettings


@dataclass(frozen=True)
class SourceSettings:
    """What the settings say to sources. With ``obey_robots``, robots.txt decides which pages are read."""

    limits: DocumentLimits = field(default_factory=DocumentLimits)
    obey_robots: bool = False
    youtube: YoutubeSettings = field(default_factory=YoutubeSettings)


@dataclass(frozen=True)
class SourceTools:
    """What a source is given to work with.

    ``data`` is our own data folder, which no source reads; ``kinds`` are the names of all kinds, by which a query is
    recognised where an address is expected. ``lister`` reads lists of YouTube.
    """

    reader: Reader
    lister: Lister | None = None
    data: Path | None = None
    settings: SourceSettings = field(default_factory=SourceSettings)
    kinds: tuple[str, ...] = ()


def _asks_nobody(argument: str, cursor: Cursor | None, settings: SourceSettings) -> dict[str, int]:
    return {}


def _list_page(argument: str) -> float:
    return LISTING_PAGE


def _nothing_missing(settings: SourceSettings) -> str:
    return ""


@dataclass(frozen=True)
class SourceKind:
    """One kind of source: all that the rest of the program knows of it.

    A kind is a module with a record, and that record's place in `voicesieve.sources.registry.KINDS`:

        KIND = SourceKind(
            name="folder",
            argument="DIR",
            summary="audio and video files below a folder",
            examples=("folder:./recordings",),
            parse=str,
            open=lambda tools: FolderSource(left_out=tools.data),
        )

    Words: ``name`` stands before the colon of a query, ``argument`` is its placeholder behind it, ``summary`` says what
    is read. The command line's help and the table in docs/guide.md show them.

    - ``parse`` gives the normal form of an argument, so that equal queries are spelt alike; parsing twice changes
      nothing. Raises ValueError with what is wrong and what to write instead.
    - ``open`` makes the source of a run.
    - ``platform`` is the platform with rights of its own that every query asks (`domain.platforms`), empty where it is
      that of the argument's host, if any.
    - ``refresh_setting`` is the setting (in seconds) after which a query that was read to its end is asked again; empty
      for what lies on this machine, which every run reads again.
    - ``quotas`` maps each bucket of a daily quota to the setting that says how many units there are.
    - ``estimate`` gives the most requests that the rest of a query takes, by bucket of a quota or else by host, from
      its argument and cursor; empty where nobody is asked.
    - ``page_cost`` is the cost of one request for a page, from the argument (unit: `voicesieve.frontier.costs`).
    - ``missing`` says what the settings lack for asking at all; empty where nothing is missing.
    - ``takes_phrases``: an argument may be a phrase to search for, so ``queries.toml`` may name this kind.
    - ``lists_channels``: ``channel:ID`` is an argument, with the ``channel_id`` in a candidate's metadata for ID.
    - ``is_respelt``: catalogs of earlier releases hold arguments in spellings that ``parse`` now brings into another.
    - ``declares`` is what the language that it states of a candidate speaks of.
    - ``preload`` names modules that the process which reads documents has from its start.
    """

    name: str
    argument: str
    summary: str
    examples: tuple[str, ...]
    parse: Callable[[str], str]
    open: Callable[[SourceTools], Source]
    platform: str = ""
    refresh_setting: str = ""
    quotas: Mapping[str, str] = field(default_factory=dict)
    estimate: Callable[[str, Cursor | None, SourceSettings], dict[str, int]] = _asks_nobody
    page_cost: Callable[[str], float] = _list_page
    missing: Callable[[SourceSettings], str] = _nothing_missing
    takes_phrases: bool = False
    lists_channels: bool = False
    is_respelt: bool = False
    declares: EvidenceKind = EvidenceKind.DECLARED_AUDIO
    preload: tuple[str, ...] = ()

    @property
    def is_remote(self) -> bool:
        """Whether it asks other machines."""
        return bool(self.refresh_setting)

    def platform_of(self, argument: str) -> str | None:
        """The platform that is asked, if any: a feed or page of YouTube is YouTube, too."""
        return self.platform or platform_of(argument)

    def __str__(self) -> str:
        """For people: ``folder: audio and video files below a folder, for example folder:./recordings``."""
        return f"{self.name}: {self.summary}, for example {_listed(self.examples)}"


def _listed(texts: tuple[str, ...]) -> str:
    return " or ".join(filter(None, (", ".join(texts[:-1]), texts[-1])))
