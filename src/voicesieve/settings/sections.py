"""The sections of the settings: every setting with its default, its bounds and its sentence for the settings file."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from voicesieve.settings.values import (
    CALIBRATION_NAME,
    HOST_AND_PORT,
    HeaderSecret,
    HeaderText,
    PositiveSeconds,
    Seconds,
    Weight,
)
from voicesieve.voices.registry import DETECTORS, detectors_in_words


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HostCredentials(_Section):
    """The credentials for one host: a user name with a password, or a token."""

    user: SecretStr = SecretStr("")
    password: SecretStr = SecretStr("")
    bearer: SecretStr = SecretStr("")
    plain_http: bool = False

    @model_validator(mode="after")
    def _can_be_sent(self) -> Self:
        user, password, bearer = (secret.get_secret_value() for secret in (self.user, self.password, self.bearer))
        if bool(bearer) == bool(user or password):
            raise ValueError("give user and password, or bearer alone")
        if ":" in user:
            raise ValueError("a user name cannot hold a colon")
        if not (user + password + bearer).isprintable():
            raise ValueError("a user name, password or token cannot hold control characters")
        if not bearer.isascii() or " " in bearer:
            raise ValueError("a token is ASCII without blanks")
        return self


class Fetching(_Section):
    max_concurrent_downloads: int = Field(
        4, ge=1, le=256, description="Most downloads at the same time, over all hosts."
    )
    methods: tuple[Literal["http", "yt-dlp"], ...] = Field(
        ("http", "yt-dlp"), min_length=1, description="Methods for fetching web addresses, tried in this order."
    )
    deadline_s: PositiveSeconds = Field(1800.0, description="Longest time for one fetch by one method, in seconds.")
    stall_s: PositiveSeconds = Field(
        30.0, description="A transfer is stopped when it brings less than stall_bytes in this many seconds."
    )
    stall_bytes: int = Field(65_536, ge=1, description="Least bytes in stall_s seconds.")
    max_bytes: int = Field(1_073_741_824, ge=1024, description="Largest file to fetch, in bytes.")
    min_duration_s: Seconds = Field(1.0, description="Shorter recordings are given up as too_short, in seconds.")
    max_duration_s: PositiveSeconds = Field(
        4 * 3600.0, description="Longer recordings are given up as too_long, in seconds."
    )
    max_redirects: int = Field(20, ge=0, le=50, description="Most redirects to follow from one address.")
    allow_private_addresses: bool = Field(
        False, description="Also fetch from loopback and private networks. Only for servers of your own."
    )
    contact: HeaderText = Field("", description="Your mail address or URL, sent to servers in the User-Agent.")
    credentials: dict[Annotated[str, Field(pattern=f"^{HOST_AND_PORT}$")], HostCredentials] = Field(
        {},
        description='Sent to one host, or host:port, alone: {"feeds.example.org" = {user = "me", password = "..."}}, '
        'or {bearer = "..."}. Over http only with plain_http = true.',
    )

    @model_validator(mode="after")
    def _leave_something(self) -> Self:
        if self.min_duration_s > self.max_duration_s:
            raise ValueError(
                f"min_duration_s {self.min_duration_s:g} is above max_duration_s {self.max_duration_s:g}, "
                "which leaves no recording"
            )
        return self


class Pace(_Section):
    requests_per_hour: float = Field(
        240.0,
        ge=0,
        allow_inf_nan=False,
        description="Most requests to one host, shared by all runs. 0 = no limit (own servers).",
    )
    burst: int = Field(4, ge=1, description="Most requests that may follow each other at once after a pause.")


class Retry(_Section):
    first_delay_s: Seconds = Field(
        60.0, description="Wait before the second try, in seconds; it doubles with each further try."
    )
    max_delay_s: Seconds = Field(6 * 3600.0, description="Longest of these waits, in seconds.")
    max_item_failures: int = Field(
        5,
        ge=1,
        description="Failures of a video before it is given up, or of a source before it is paused for max_delay_s.",
    )
    max_machine_failures: int = Field(
        2, ge=1, description="Crashes of our own processes on one video before it is given up."
    )
    defer_s: Seconds = Field(6 * 3600.0, description="Wait before a live or upcoming video is tried again, in seconds.")
    pause_s: Seconds = Field(3600.0, description="How long a host that refuses our requests is paused, in seconds.")


class Discovery(_Section):
    refresh_s: Seconds = Field(
        3600.0, description="A feed or page that was read to its end is read again after this many seconds."
    )
    max_feed_bytes: int = Field(64_000_000, ge=1024, description="Largest feed to read, in bytes.")
    max_page_bytes: int = Field(2_000_000, ge=1024, description="Largest web page to read, in bytes.")
    obey_robots: bool = Field(
        True,
        description="Obey robots.txt when a page: source reads pages and takes their links.",
    )
    page_size: int = Field(500, ge=1, le=10_000, description="Most candidates stored in one transaction.")
    max_documents: int = Field(
        250, ge=1, le=10_000, description="Most pages to read of a feed whose pages each name the next."
    )


class Crawl(_Section):
    order: Literal["yield", "fifo"] = Field(
        "yield",
        description="What is fetched first: what promises most child speech (yield), or what was found first (fifo).",
    )
    expand_channels: bool = Field(True, description="Also search the other uploads of channels with accepted videos.")
    max_videos_per_channel: int = Field(
        300,
        ge=1,
        le=100_000,
        description="Most videos that expand_channels adds of one channel, so that none dominates the corpus.",
    )


class Analysis(_Section):
    detector: str = Field(DETECTORS[0].name, description=f"Child-voice detector: {detectors_in_words()}.")
    workers: int = Field(0, ge=0, le=256, description="Number of analysis processes. 0 = one for each core.")
    deadline_s: PositiveSeconds = Field(600.0, description="Longest time for one analysis, in seconds.")
    memory_mb: int = Field(4096, ge=512, description="Most memory (address space) of one analysis process, in MiB.")


class Voices(_Section):
    calibration: str = Field(
        "",
        pattern=f"^({CALIBRATION_NAME})?$",
        description="Name of a calibration of the detector, made by `voicesieve calibrate`. Empty = none.",
    )
    accept_noncommercial: bool = Field(
        False, description="Set to true if your use complies with a licence that forbids commercial use."
    )
    weights: str = Field(
        "",
        description="Folder with a detector's config.json and model.safetensors. Empty = from the hub.",
    )
    weights_sha256: str = Field(
        "", pattern="^([0-9A-Fa-f]{64})?$", description="SHA-256 of that model.safetensors; required with weights."
    )
    commit: str = Field(
        "",
        pattern="^([0-9a-f]{40})?$",
        description="Commit of the detector on the hub; required without weights.",
    )


class Policy(_Section):
    operating_point: Literal["corpus", "discover"] = Field(
        "corpus", description="Precision first (corpus), or recall first (discover)."
    )
    min_score: float = Field(
        0.5, ge=0, le=1, description="Lowest accepted probability that the recording holds child speech."
    )
    min_child_s: Seconds = Field(1.0, description="Least child speech in an accepted recording, in seconds.")
    min_child_share: float = Field(
        0.0, ge=0, le=1, description="Least share of child speech in all speech of an accepted recording, 0 to 1."
    )
    languages: tuple[str, ...] = Field((), description='Wanted spoken languages, such as ["vi"]. Empty = any.')
    min_language_probability: float = Field(
        0.6, ge=0, le=1, description="Lowest accepted probability of a wanted language."
    )
    undetermined_language: Literal["accept", "review", "reject"] = Field(
        "review",
        description="What happens to a recording whose language is undetermined or too unlikely, if languages is set.",
    )


class Language(_Section):
    model: str = Field(
        "",
        description="Whisper model for the spoken language: a name on the hub such as small, or a folder. Empty = off.",
    )
    checksum: str = Field(
        "", pattern="^([0-9a-fA-F]{64})?$", description="SHA-256 of its model.bin; required for a folder."
    )
    commit: str = Field(
        "",
        pattern="^([0-9a-f]{40})?$",
        description="Commit of the model on the hub. Empty = the commit that voicesieve knows for this name, if any.",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="Where the model runs; auto uses a GPU if one works."
    )
    votes: int = Field(
        3, ge=1, le=9, description="Number of stretches of child speech that it is given, up to 30 s each."
    )
    unwanted: float = Field(
        0.1,
        ge=0,
        le=1,
        description="How likely a language that is not wanted is assumed to be, relative to a wanted one.",
    )
    min_probability: float = Field(
        0.6, ge=0, le=1, description="Below this probability the language is und (undetermined)."
    )
    contradiction: float = Field(
        0.8,
        ge=0,
        le=1,
        description="Evidence for different languages, each with at least this probability, sends a video to review.",
    )


class LanguageWeights(_Section):
    asr_captions: Weight = Field(1.0, description="The language that the platform's own speech recognition states.")
    audio_track: Weight = Field(0.9, description="The language of the original audio track.")
    declared_audio: Weight = Field(0.85, description="The language that the uploader declared.")
    whisper: Weight = Field(1.0, description="The language that Whisper recognises in the child segments.")
    manual_subtitles: Weight = Field(0.5, description="The languages of subtitles written by people.")
    text: Weight = Field(0.65, description="The language of title, description and tags.")
    channel: Weight = Field(
        0.0,
        description="Languages of the channel's accepted videos. Above 0, results depend on the order of decisions.",
    )
    feed_language: Weight = Field(0.7, description="The <language> of a feed.")
    page_language: Weight = Field(0.3, description="The lang attribute of a web page.")


class Rights(_Section):
    basis: Literal["", "own_channel", "written_permission", "research_exception", "open_licence"] = Field(
        "", description="Your legal basis for fetching from platforms such as YouTube. Empty = these are disabled."
    )
    statement: str = Field("", description="Your legal basis in your own words; stored with each recording.")

    @property
    def stated_basis(self) -> str:
        """``basis`` if ``statement`` says something in words, else empty: blanks and dots state nothing."""
        return self.basis if any(map(str.isalnum, self.statement)) else ""


class Youtube(_Section):
    requests_per_hour: float = Field(
        90.0,
        ge=0,
        le=300,
        allow_inf_nan=False,
        description="Most videos and listing pages, shared by all runs; guests are known to be cut off at 300 videos.",
    )
    burst: int = Field(1, ge=1, le=10, description="Most requests that may follow each other at once after a pause.")
    jitter: float = Field(
        0.5,
        ge=0,
        le=2,
        allow_inf_nan=False,
        description="Each wait is lengthened at random, by up to this share of it.",
    )
    licences: tuple[Literal["creative_commons", "standard", "unknown"], ...] = Field(
        ("creative_commons",), min_length=1, description="Licences of videos to fetch; unknown = no licence is stated."
    )
    allow_made_for_kids: bool = Field(False, description="Fetch videos that are marked as made for kids.")
    allow_live: bool = Field(False, description="Keep running and announced broadcasts until they are over.")
    allow_past_live: bool = Field(True, description="Fetch recordings of past broadcasts.")
    allow_age_restricted: bool = Field(
        False, description="Try age-restricted videos; YouTube mostly refuses them to guests."
    )
    allow_synthetic_media: bool = Field(False, description="Fetch videos that are marked as altered or synthetic.")
    allow_unlisted: bool = Field(False, description="Fetch unlisted videos.")
    region: str = Field(
        "",
        pattern=r"^([A-Z]{2})?$",
        description="Country to search in, such as VN; videos blocked there are left out.",
    )
    language: str = Field(
        "", pattern=r"^([a-z]{2}(-[A-Za-z]{2,4})?)?$", description="Language to search for, such as vi."
    )
    duration: Literal["any", "short", "medium", "long"] = Field(
        "any", description="Length of videos to search for: short is below 4 minutes, long is above 20."
    )
    safe_search: Literal["none", "moderate", "strict"] = Field("moderate", description="Safe search of the Data API.")
    max_results: int = Field(
        500, ge=1, le=20_000, description="Most videos of one youtube: query that does not set max itself."
    )
    refresh_s: PositiveSeconds = Field(
        604_800.0,
        description="A search, channel or playlist that was read to its end is read again after this many seconds.",
    )


class YoutubeApi(_Section):
    key: HeaderSecret = Field(
        SecretStr(""),
        description="Key of the YouTube Data API v3; better set as VOICESIEVE_YOUTUBE_API__KEY.",
    )
    endpoint: str = Field(
        "https://www.googleapis.com/youtube/v3", pattern=r"^https?://[!$-;=A-~]+$", description="Address of the API."
    )
    search_calls_per_day: int = Field(100, ge=0, description="Calls of search.list that Google allows you per day.")
    units_per_day: int = Field(10_000, ge=0, description="Units for all other methods that Google allows you per day.")
    max_calls_per_query: int = Field(
        20, ge=1, le=1000, description="Most search calls of one query; each brings up to 50 videos."
    )
    requests_per_hour: float = Field(
        3600.0,
        ge=0,
        allow_inf_nan=False,
        description="Most requests to the API. 0 = no limit (own servers).",
    )


class Corpus(_Section):
    name: str = Field("children-speech", min_length=1, max_length=200, description="Name of exported corpora.")
    description: str = Field("", description="A sentence about the corpus, for its dataset card.")
    creator: str = Field("", description="Who publishes the corpus.")
    url: str = Field("", description="Address at which the corpus can be found.")
    licence: str = Field("", description="Licence of the corpus as a whole; each recording keeps its own.")
    takedown: str = Field("", description="Mail address or URL for people who want something removed.")


class Retention(_Section):
    rejected_audio_days: float = Field(
        0.0,
        ge=0,
        le=36_500,
        description="Audio is deleted this many days after it was rejected; its scores are kept. 0 = never.",
    )
    quarantine_days: float = Field(
        30.0,
        ge=0,
        le=36_500,
        description="Files that `voicesieve doctor --fix` put into quarantine are deleted after this. 0 = never.",
    )


class Catalog(_Section):
    url: SecretStr = Field(SecretStr(""), description="PostgreSQL URL. Empty = SQLite in the data folder.")


class Backup(_Section):
    folder: str = Field("", description="Folder for copies of the catalog. Empty = backups/ in the data folder.")
    keep: int = Field(7, ge=1, le=10_000, description="Number of copies to keep, besides those made before an update.")
    every_s: Seconds = Field(
        86_400.0,
        description="A run copies the catalog when the newest copy is older than this. 0 = only `voicesieve backup`.",
    )


class Logging(_Section):
    file_bytes: int = Field(
        16_777_216, ge=4096, description="Size at which logs/voicesieve.jsonl is rotated, in bytes."
    )
    file_count: int = Field(5, ge=1, description="Number of rotated log files to keep.")
