"""From settings to the rules and objects that commands work with."""

from __future__ import annotations

import dataclasses
import functools
import os
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from voicesieve.api.opening import actor, backup_rules_of, open_catalog_of
from voicesieve.audio.store import RecordingStore
from voicesieve.catalog.backups import CATALOG_FILE
from voicesieve.catalog.committer import Committer
from voicesieve.catalog.records import Pace, Paces
from voicesieve.catalog.store import Catalog
from voicesieve.cli.detectors import configured_model, detector_choice
from voicesieve.cli.output import OperatorError, note
from voicesieve.cli.rights import closed_platforms
from voicesieve.crawl.context import Run, RunContext, Tools
from voicesieve.crawl.rules import FrontierRules, Rules
from voicesieve.datafolder.folder import DataFolder
from voicesieve.datafolder.retention import RetentionRules
from voicesieve.domain.candidates import Query
from voicesieve.domain.fetching import FetchLimits, Observe, unobserved
from voicesieve.domain.platforms import DOMAINS, YOUTUBE_HOST
from voicesieve.domain.version import __version__
from voicesieve.languages.codes import normalise
from voicesieve.languages.fusion import FusionRules
from voicesieve.languages.recognition import Recogniser
from voicesieve.observability.events import Events, Sink
from voicesieve.policy.acceptance import AcceptanceRules
from voicesieve.policy.language import LanguageRules
from voicesieve.policy.platforms import PlatformRules
from voicesieve.policy.retries import RetryRules
from voicesieve.policy.screening import ScreeningRules
from voicesieve.settings import HostCredentials, Settings, SettingsError
from voicesieve.sources.documents import DocumentLimits
from voicesieve.sources.kinds import SourceSettings, SourceTools
from voicesieve.sources.protocol import Reader
from voicesieve.sources.registry import KINDS, NAMES, parse_query
from voicesieve.sources.youtube.settings import ApiAccess, YoutubeSettings
from voicesieve.voices.detector import DetectorChoice

if TYPE_CHECKING:
    from voicesieve.fetching.client import HttpClient
    from voicesieve.fetching.credentials import Credentials

SHORTEST_SECRET = 5
"""Characters."""
WORKERS_LOAD = ("voicesieve.crawl.work", *dict.fromkeys(module for kind in KINDS for module in kind.preload))
"""Modules that analysis workers and the readers of documents have from the start, as both come from one process."""


def rules_of(settings: Settings, detector: DetectorChoice, folder: DataFolder) -> Rules:
    """Settings as the rules of a run."""
    embedded = not settings.catalog.url.get_secret_value()
    return Rules(
        fetch_limits=fetch_limits_of(settings),
        methods=settings.fetching.methods,
        min_duration_s=settings.fetching.min_duration_s,
        max_concurrent_downloads=settings.fetching.max_concurrent_downloads,
        pace=paces_of(settings),
        retry=RetryRules(**settings.retry.model_dump()),
        screening=ScreeningRules(
            rights_basis=settings.rights.stated_basis,
            sources_needing_basis=tuple(DOMAINS),
            min_duration_s=settings.fetching.min_duration_s,
            max_duration_s=settings.fetching.max_duration_s,
            platform=platform_rules_of(settings),
        ),
        acceptance=acceptance_of(settings),
        fusion=fusion_of(settings),
        recogniser=recogniser_of(settings),
        detector=detector,
        analysis_deadline_s=settings.analysis.deadline_s,
        refresh_s=settings.discovery.refresh_s,
        own_refresh_s={kind.name: value_of(settings, kind.refresh_setting) for kind in KINDS if kind.is_remote},
        quotas=quotas_of(settings),
        page_size=settings.discovery.page_size,
        rights_basis=settings.rights.stated_basis,
        rights_statement=settings.rights.statement,
        closed_platforms=closed_platforms(settings),
        frontier=frontier_rules_of(settings),
        retention=retention_rules_of(settings),
        backups=backup_rules_of(folder, settings) if embedded else None,
        only_driver=embedded,
    )


def platform_rules_of(settings: Settings) -> PlatformRules:
    names = [field.name for field in dataclasses.fields(PlatformRules)]
    return PlatformRules(**{name: getattr(settings.youtube, name) for name in names})


def paces_of(settings: Settings) -> Paces:
    """The ordinary pace, and those of the hosts that have their own."""
    youtube, api = settings.youtube, settings.youtube_api
    return Paces(
        Pace.per_hour(settings.pace.requests_per_hour, settings.pace.burst),
        {
            YOUTUBE_HOST: Pace.per_hour(youtube.requests_per_hour, youtube.burst, youtube.jitter),
            urlsplit(api.endpoint).hostname or "": Pace.per_hour(api.requests_per_hour, 10),
        },
    )


def quotas_of(settings: Settings) -> dict[str, int]:
    """Units a day by bucket."""
    return {bucket: value_of(settings, key) for kind in KINDS for bucket, key in kind.quotas.items()}


def youtube_of(settings: Settings) -> YoutubeSettings:
    """What the YouTube sources go by."""
    youtube, api = settings.youtube, settings.youtube_api
    only = youtube.licences[0] if len(youtube.licences) == 1 and youtube.licences[0] != "unknown" else ""
    filters = {
        "duration": "" if youtube.duration == "any" else youtube.duration,
        "language": youtube.language,
        "licence": only,
        "region": youtube.region,
        "safe_search": youtube.safe_search,
    }
    key = api.key.get_secret_value()
    return YoutubeSettings(
        access=ApiAccess(key, api.endpoint) if key else None,
        filters={name: value for name, value in filters.items() if value},
        max_calls=api.max_calls_per_query,
        max_results=youtube.max_results,
    )


def value_of(settings: Settings, key: str) -> Any:
    """The value of a setting by its name, such as ``discovery.refresh_s``."""
    section, _, name = key.partition(".")
    return getattr(getattr(settings, section), name)


def source_settings_of(settings: Settings) -> SourceSettings:
    discovery = settings.discovery
    return SourceSettings(
        limits=DocumentLimits(discovery.max_feed_bytes, discovery.max_page_bytes, discovery.max_documents),
        obey_robots=discovery.obey_robots,
        youtube=youtube_of(settings),
    )


def source_tools_of(client: Reader, root: Path, settings: Settings, observe: Observe) -> SourceTools:
    """What sources work with in the data folder ``root``."""
    from voicesieve.fetching.ytdlp.lister import YtDlpLister

    lister = YtDlpLister(
        allow_private_addresses=settings.fetching.allow_private_addresses,
        user_agent=user_agent_of(settings),
        observe=observe,
    )
    return SourceTools(
        client,
        lister=lister,
        data=root.absolute(),
        settings=source_settings_of(settings),
        kinds=NAMES,
    )


def fetch_limits_of(settings: Settings) -> FetchLimits:
    fetching = settings.fetching
    return FetchLimits(
        deadline_s=fetching.deadline_s,
        stall_s=fetching.stall_s,
        stall_bytes=fetching.stall_bytes,
        max_bytes=fetching.max_bytes,
        max_duration_s=fetching.max_duration_s,
        max_redirects=fetching.max_redirects,
        allow_private_addresses=fetching.allow_private_addresses,
    )


def acceptance_of(settings: Settings) -> AcceptanceRules:
    from voicesieve.voices.pooling import OPERATING_POINTS, POOLING

    policy = settings.policy
    return AcceptanceRules(
        operating_point=OPERATING_POINTS[policy.operating_point],
        pooling=POOLING,
        min_score=policy.min_score,
        min_child_s=policy.min_child_s,
        min_child_share=policy.min_child_share,
        language=LanguageRules(
            wanted=_codes(policy.languages),
            min_probability=policy.min_language_probability,
            undetermined=policy.undetermined_language,
            fusion=fusion_of(settings).revision,
        ),
    )


def fusion_of(settings: Settings) -> FusionRules:
    """How evidence of the spoken language is weighed."""
    return FusionRules(
        weights=settings.language_weights.model_dump(),
        min_probability=settings.language.min_probability,
        contradiction=settings.language.contradiction,
        wanted=_codes(settings.policy.languages),
        unwanted=settings.language.unwanted,
    )


def recogniser_of(settings: Settings) -> Recogniser | None:
    """The recogniser that the settings ask for, ready to load, or the reason why it is not.

    Raises `SettingsError` for what only the settings can fix; a model that cannot be fetched now is recorded with each
    video that it should have recognised.
    """
    language = settings.language
    if not language.model:
        return None
    from voicesieve.languages import whisper

    local = whisper.is_local(language.model)
    if local and not language.checksum:
        raise SettingsError(f"language.checksum: give the SHA-256 of the model.bin in {language.model}.")
    if not local:
        try:
            whisper.pinned(language.model, language.commit)
        except whisper.RecogniserError as error:
            raise SettingsError(f"{error}.") from error
    if not local and sys.stderr.isatty():
        note(f"Looking for the Whisper model {language.model}; where it is not there yet it is fetched from its hub.")
    try:
        folder, weights = whisper.locate(language.model, language.checksum, language.commit)
    except whisper.RecogniserError as error:
        if local or not whisper.installed():
            raise SettingsError(f"language.model: {error}.") from error
        return Recogniser("", "", language.device, language.votes, unavailable=str(error))
    return Recogniser(str(folder), whisper.revision_of(weights), language.device, language.votes)


def _codes(given: tuple[str, ...]) -> tuple[str, ...]:
    """Wanted languages in the short form that evidence has. Raises `SettingsError` for what is no language."""
    wrong = [code for code in given if normalise(code) is None]
    if wrong:
        raise SettingsError(
            f"policy.languages: {', '.join(map(repr, wrong))} is not a known language code. "
            "Use BCP-47 or ISO 639, such as vi, en or hmn."
        )
    return tuple(sorted({code for code in map(normalise, given) if code}))


def retention_rules_of(settings: Settings) -> RetentionRules:
    return RetentionRules(**settings.retention.model_dump())


def frontier_rules_of(settings: Settings) -> FrontierRules:
    crawl = settings.crawl
    return FrontierRules(crawl.order == "yield", crawl.expand_channels, crawl.max_videos_per_channel)


def worker_count(settings: Settings) -> int:
    return settings.analysis.workers or len(os.sched_getaffinity(0))


def client_of(settings: Settings, observe: Observe = unobserved) -> HttpClient:
    """The HTTP client of a command, with our user agent, credentials, and the platforms it must not contact."""
    from voicesieve.fetching.client import HttpClient

    return HttpClient(
        allow_private_addresses=settings.fetching.allow_private_addresses,
        max_redirects=settings.fetching.max_redirects,
        user_agent=user_agent_of(settings),
        closed_platforms=closed_platforms(settings),
        credentials=_credentials_of(settings),
        observe=observe,
    )


def user_agent_of(settings: Settings) -> str:
    """The user agent that every request sends, whatever fetches."""
    contact = f" (+{settings.fetching.contact})" if settings.fetching.contact else ""
    return f"voicesieve/{__version__}{contact}"


def log_requests(events: Events) -> Observe:
    """Puts each HTTP request into the log and the metrics."""
    return lambda exchange: events.emit("http_request", **dataclasses.asdict(exchange))


def secrets_of(settings: Settings) -> list[str]:
    """What must not appear in a log. Very short secrets would redact half of every line, and protect nothing."""
    credentials = settings.fetching.credentials.values()
    given = [secret for host in credentials for secret in (host.user, host.password, host.bearer)]
    by_host = [secret.get_secret_value() for secret in given]
    own = [settings.catalog.url.get_secret_value(), settings.youtube_api.key.get_secret_value()]
    return own + [secret for secret in by_host if len(secret) >= SHORTEST_SECRET]


def _credentials_of(settings: Settings) -> Credentials:
    from voicesieve.fetching.credentials import Credential, Credentials

    def credential(given: HostCredentials) -> Credential:
        user, password, bearer = (secret.get_secret_value() for secret in (given.user, given.password, given.bearer))
        if bearer:
            return Credential.bearer(bearer, plain_http=given.plain_http)
        return Credential.basic(user, password, plain_http=given.plain_http)

    return Credentials({host: credential(given) for host, given in settings.fetching.credentials.items()})


def refuse_postgres(settings: Settings, instead: str) -> None:
    """Raise `OperatorError` with the command that does ``instead``, if the catalog is no file of ours."""
    if settings.catalog.url.get_secret_value():
        raise OperatorError(
            "The catalog lies in PostgreSQL (catalog.url), which has its own tools for this: "
            f"`{instead}`, or base backups with a write-ahead log archive. Nothing was done."
        )


def query_named(text: str) -> Query | None:
    """The query that ``text`` names as ``--source`` would; ``None`` for anything else, such as the id of a video."""
    try:
        return parse_query(text)
    except ValueError:
        return None


def has_catalog(data: Path, settings: Settings) -> bool:
    """Whether there is a catalog to open; one in PostgreSQL is taken to exist."""
    return bool(settings.catalog.url.get_secret_value()) or (data / CATALOG_FILE).exists()


@contextmanager
def opened_catalog(data: Path, settings: Settings, *, create: bool = False) -> Iterator[Catalog]:
    """The catalog of a data folder, closed again when the block ends."""
    catalog = open_catalog_of(DataFolder(data), settings, create=create, warn=note)
    try:
        yield catalog
    finally:
        catalog.close()


@asynccontextmanager
async def opened_run(
    run_id: str, folder: DataFolder, catalog: Catalog, settings: Settings, sinks: Sequence[Sink] = ()
) -> AsyncIterator[RunContext]:
    """Everything a run needs, opened in order and closed in reverse. Its events go to ``sinks`` and to its metrics."""
    from voicesieve.crawl import work
    from voicesieve.engines.local import LocalEngine
    from voicesieve.fetching.http import HttpFetcher
    from voicesieve.fetching.local import LocalFetcher
    from voicesieve.fetching.ytdlp.fetcher import YtDlpFetcher
    from voicesieve.observability.metrics import Metrics

    metrics = Metrics()
    events = Events([*sinks, metrics])
    observe = log_requests(events)
    client = client_of(settings, observe)
    ytdlp = YtDlpFetcher(user_agent=user_agent_of(settings), observe=observe)
    choice = detector_choice(settings, folder.root)
    model, rules = configured_model(choice), rules_of(settings, choice, folder)
    watch = folder.watch()
    committer = Committer(catalog, watch.check)
    engine = LocalEngine(
        worker_count(settings),
        memory_mb=settings.analysis.memory_mb,
        preload=WORKERS_LOAD,
        trial=functools.partial(work.prove_detector, choice),
    )
    try:
        async with client:
            tools = Tools(
                folder=folder,
                catalog=catalog,
                store=RecordingStore(folder.recordings),
                engine=engine,
                fetchers={fetcher.method: fetcher for fetcher in (HttpFetcher(client), LocalFetcher(), ytdlp)},
                sources=source_tools_of(client, folder.root, settings, observe),
                model=model,
                metrics=metrics,
            )
            yield RunContext(Run(run_id, committer, events, actor()), tools, rules)
    finally:
        await engine.close()
        committer.close()
        watch.close()
