"""A kind of source as one record: its words, how its argument is read, how it is opened, and what it costs."""

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

    ``lister`` reads lists of YouTube. ``data`` is our own data folder, which no source reads. ``kinds`` are the names
    of all kinds, by which a list of addresses recognises a query that stands in it.
    """

    reader: Reader
    lister: Lister | None = None
    data: Path | None = None
    settings: SourceSettings = field(default_factory=SourceSettings)
    kinds: tuple[str, ...] = ()


def _no_requests(argument: str, cursor: Cursor | None, settings: SourceSettings) -> dict[str, int]:
    return {}


def _list_page(argument: str) -> float:
    return LISTING_PAGE


def _nothing_missing(settings: SourceSettings) -> str:
    return ""


@dataclass(frozen=True)
class SourceKind:
    """Everything the rest of the program knows about one kind of source.

    To add a kind, write a module with a record and add the record to `voicesieve.sources.registry.KINDS`:

        KIND = SourceKind(
            name="folder",
            argument="DIR",
            summary="audio and video files below a folder",
            examples=("folder:./recordings",),
            parse=str,
            source=lambda tools: FolderSource(left_out=tools.data),
        )

    A query is written ``name:argument``. The command line's help and the table in docs/guide.md show ``name``,
    ``argument`` (a placeholder) and ``summary`` (what is read).

    - ``parse`` returns the normal form of an argument, so that equal queries are equal strings; parsing twice changes
      nothing. It raises ValueError, which says what is wrong and what to write instead.
    - ``source`` makes the source for a run.
    - ``platform`` is the platform with rights of its own (`domain.platforms`) that every query asks. If empty, the host
      of the argument decides.
    - ``refresh_setting`` names the setting (in seconds) after which a query that was read to its end is asked again.
      It is empty for local files, which every run reads again.
    - ``quotas`` maps each bucket of a daily quota to the setting that holds its size in units.
    - ``estimate`` returns the most requests that the rest of a query may take, from its argument and cursor: by bucket
      of a quota, or by host where there is no quota. It is empty if no requests are made.
    - ``page_cost`` is the cost of one request for a page, from the argument (unit: `voicesieve.frontier.costs`).
    - ``missing`` says what the settings lack before a request can be made; empty if nothing is missing.
    - ``takes_phrases``: an argument may be a search phrase, so ``queries.toml`` may name this kind.
    - ``lists_channels``: ``channel:ID`` is a valid argument, where ID is the ``channel_id`` in a candidate's metadata.
    - ``is_respelt``: catalogs of earlier releases hold arguments in spellings that ``parse`` changes.
    - ``declares`` is the kind of evidence that the language stated for a candidate is.
    - ``preload`` names the modules that the process which reads documents imports at its start.
    """

    name: str
    argument: str
    summary: str
    examples: tuple[str, ...]
    parse: Callable[[str], str]
    source: Callable[[SourceTools], Source]
    platform: str = ""
    refresh_setting: str = ""
    quotas: Mapping[str, str] = field(default_factory=dict)
    estimate: Callable[[str, Cursor | None, SourceSettings], dict[str, int]] = _no_requests
    page_cost: Callable[[str], float] = _list_page
    missing: Callable[[SourceSettings], str] = _nothing_missing
    takes_phrases: bool = False
    lists_channels: bool = False
    is_respelt: bool = False
    declares: EvidenceKind = EvidenceKind.DECLARED_AUDIO
    preload: tuple[str, ...] = ()

    @property
    def is_remote(self) -> bool:
        """Whether it makes requests to other machines."""
        return bool(self.refresh_setting)

    def platform_of(self, argument: str) -> str | None:
        """The platform that a query asks, if any. A feed or page on a host of YouTube counts as YouTube."""
        return self.platform or platform_of(argument)

    def __str__(self) -> str:
        """For people: ``folder: audio and video files below a folder, for example folder:./recordings``."""
        return f"{self.name}: {self.summary}, for example {_listed(self.examples)}"


def _listed(texts: tuple[str, ...]) -> str:
    return " or ".join(filter(None, (", ".join(texts[:-1]), texts[-1])))
