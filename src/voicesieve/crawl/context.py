"""What every stage of a run needs, gathered once."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from voicesieve.audio.store import RecordingStore
from voicesieve.catalog.committer import Committer
from voicesieve.catalog.records import Paces
from voicesieve.catalog.store import Catalog
from voicesieve.crawl.ordering import Frontier
from voicesieve.crawl.pulse import Pulse
from voicesieve.crawl.streaks import Streaks
from voicesieve.datafolder.folder import DataFolder
from voicesieve.domain.fetching import FetchLimits
from voicesieve.domain.verdicts import Model
from voicesieve.engines.protocol import Engine
from voicesieve.languages.fusion import FusionRules
from voicesieve.languages.recognition import Recogniser
from voicesieve.observability.events import Events
from voicesieve.policy.acceptance import AcceptanceRules
from voicesieve.policy.retries import RetryRules
from voicesieve.policy.screening import ScreeningRules
from voicesieve.sources.protocol import Reader

if TYPE_CHECKING:
    from voicesieve.fetching.methods import Fetcher
    from voicesieve.voices.detector import DetectorChoice


@dataclass(frozen=True)
class Rules:
    """The settings as the stages use them."""

    fetch_limits: FetchLimits
    methods: tuple[str, ...]
    min_duration_s: float
    max_concurrent_downloads: int
    pace: Paces
    retry: RetryRules
    screening: ScreeningRules
    acceptance: AcceptanceRules
    fusion: FusionRules
    recogniser: Recogniser | None
    detector: DetectorChoice
    analysis_deadline_s: float
    refresh_s: float
    own_refresh_s: Mapping[str, float]
    quotas: Mapping[str, int]
    page_size: int
    rights_basis: str
    rights_statement: str

    def refresh_of(self, kind: str) -> float:
        """Seconds after which a remote query of ``kind`` that was read to its end is asked again."""
        return self.own_refresh_s.get(kind, self.refresh_s)


@dataclass(frozen=True)
class RunContext:
    """One run: its stores, its engine and its rules. ``clock`` gives epoch seconds.

    ``in_analysis`` holds a lock for each recording whose analysis is in hand, ``told`` what people were told already,
    ``refused`` how often the source of a video refused it to this run, ``lost`` the videos whose stored file vanished.
    ``downloads`` has a place for each download at the same time; ``between_methods`` are the tokens of claims that wait
    for their host's next slot and take no place meanwhile. ``progressed`` is set whenever there may be something new to
    take up, ``faulted`` when nothing may be taken up any more because the run cannot go on, ``stopping`` when somebody
    asked the run to stop. ``streaks`` notices defects of our own, ``pulse`` that the process stood still;
    the ``pardoned`` are videos that were excused for that, once each. ``frontier`` says what to take first.
    """

    run: str
    folder: DataFolder
    catalog: Catalog
    committer: Committer
    store: RecordingStore
    engine: Engine
    client: Reader
    fetchers: Mapping[str, Fetcher]
    model: Model
    rules: Rules
    events: Events
    downloads: asyncio.Semaphore
    frontier: Frontier
    clock: Callable[[], float] = time.time
    random: random.Random = field(default_factory=random.SystemRandom)
    new_token: Callable[[], str] = lambda: secrets.token_hex(8)
    told: set[str] = field(default_factory=set)
    refused: Counter[str] = field(default_factory=Counter)
    lost: set[str] = field(default_factory=set)
    in_analysis: MutableMapping[str, asyncio.Lock] = field(default_factory=WeakValueDictionary)
    between_methods: set[str] = field(default_factory=set)
    progressed: asyncio.Event = field(default_factory=asyncio.Event)
    faulted: asyncio.Event = field(default_factory=asyncio.Event)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    streaks: Streaks = field(default_factory=Streaks)
    pulse: Pulse = field(default_factory=Pulse)
    pardoned: set[str] = field(default_factory=set)
