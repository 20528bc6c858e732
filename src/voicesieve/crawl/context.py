"""What a run is made of: the run itself, its tools and its rules. Each stage is given what concerns it."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from voicesieve.audio.store import RecordingStore
from voicesieve.catalog.committer import Committer
from voicesieve.catalog.store import Catalog
from voicesieve.crawl.rules import Rules
from voicesieve.datafolder.folder import DataFolder
from voicesieve.domain.verdicts import Model
from voicesieve.engines.protocol import Engine
from voicesieve.observability.events import Events
from voicesieve.observability.metrics import Metrics
from voicesieve.sources.kinds import SourceTools

if TYPE_CHECKING:
    from voicesieve.fetching.methods import Fetcher


@dataclass(frozen=True)
class Run:
    """One run: its name, where it commits and reports, its clock and its chance.

    A stage first commits, then reports what is on disk::

        await run.committer.run(leases.release, claim, run.clock())
        run.events.emit("stale_result_dropped", video=claim.video, stage=claim.stage.value)

    ``clock`` gives epoch seconds, ``chance`` numbers in [0, 1), ``new_token`` the fencing tokens of leases. ``actor``
    is who started it, for the audit log.
    """

    id: str
    committer: Committer
    events: Events
    actor: str = ""
    clock: Callable[[], float] = time.time
    chance: Callable[[], float] = random.SystemRandom().random
    new_token: Callable[[], str] = lambda: secrets.token_hex(8)


@dataclass(frozen=True)
class Tools:
    """What the stages work with: the folder and its stores, the engine, and the doors to the outside.

    ``sources`` is what sources are opened with, ``fetchers`` are by method; ``model`` is the one that analyses now.
    """

    folder: DataFolder
    catalog: Catalog
    store: RecordingStore
    engine: Engine
    fetchers: Mapping[str, Fetcher]
    sources: SourceTools
    model: Model
    metrics: Metrics


@dataclass(frozen=True)
class RunContext:
    """All that a run is given from outside."""

    run: Run
    tools: Tools
    rules: Rules
