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
    """What one host is shown: a user name with a password, or a token."""

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
    max_concurrent_downloads: int = Field(4, ge=1, le=256, description="Downloads at the same time, over all hosts.")
    methods: tuple[Literal["http", "yt-dlp"], ...] = Field(
        ("http", "yt-dlp"), min_length=1, description="Methods for web addresses, in this order."
    )
    deadline_s: PositiveSeconds = Field(1800.0, description="Hard end of one fetch by one method, in seconds.")
    stall_s: PositiveSeconds = Field(
        30.0, description="A transfer that brings less than stall_bytes in this time ends."
    )
    stall_bytes: int = Field(65_536, ge=1, description="See stall_s.")
    max_bytes: int = Field(1_073_741_824, ge=1024, description="Largest file that is fetched, in bytes.")
    min_duration_s: Seconds = Field(1.0, description="Shorter recordings are given up as too_short.")
    max_duration_s: PositiveSeconds = Field(4 * 3600.0, description="Longer recordings are given up as too_long.")
    max_redirects: int = Field(20, ge=0, le=50, description="Redirects that are followed from one address.")
    allow_private_addresses: bool = Field(
        False, description="Fetch from loopback and private networks too. Only for servers of your own."
    )
    contact: HeaderText = Field("", description="Mail address or URL shown to servers in the User-Agent.")
    credentials: dict[Annotated[str, Field(pattern=f"^{HOST_AND_PORT}$")], HostCredentials] = Field(
        {},
        description='By host or host:port, sent to it alone: {"feeds.example.org" = {user = "me", password = "..."}}, '
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
        240.0, ge=0, allow_inf_nan=False, description="Per host, over all runs. 0 = no pace (own servers)."
    )
    burst: int = Field(4, ge=1, description="Requests that may follow each other at once after a rest.")


class Retry(_Section):
    first_delay_s: Seconds = Field(60.0, description="Wait before the second try; it doubles each time.")
    max_delay_s: Seconds = Field(6 * 3600.0, description="Longest of these waits.")
    max_item_failures: int = Field(
        5, ge=1, description="Failures of a video before it is given up; of a source before it rests for max_delay_s."
    )
    max_machine_failures: int = Field(2, ge=1, description="Crashes of our own workers on a video before that.")
    defer_s: Seconds = Field(6 * 3600.0, description="When to look again at a live or upcoming video.")
    pause_s: Seconds = Field(3600.0, description="How long a source that refuses us is left alone.")


class Discovery(_Section):
    refresh_s: Seconds = Field(3600.0, description="A feed or page that was read to its end is asked again after this.")
    max_feed_bytes: int = Field(64_000_000, ge=1024, description="Longest feed that is read, in bytes.")
    max_page_bytes: int = Field(2_000_000, ge=1024, description="Longest web page that is read, in bytes.")
    obey_robots: bool = Field(
        True, description="robots.txt decides which pages page: reads, and what it takes from their links."
    )
    page_size: int = Field(500, ge=1, le=10_000, description="Candidates in one discovery transaction.")
    max_documents: int = Field(
        250, ge=1, le=10_000, description="Pages of one feed that are read, where each names the next."
    )


class Crawl(_Section):
    order: Literal["yield", "fifo"] = Field(
        "yield", description="What is fetched first: what should bring most child speech, or what was found first."
    )
    expand_channels: bool = Field(True, description="Look through the uploads of channels with accepted videos.")
    max_videos_per_channel: int = Field(
        300, ge=1, le=100_000, description="Most videos that such a look adds, so that no channel dominates the corpus."
    )


class Analysis(_Section):
    detector: str = Field(DETECTORS[0].name, description=f"Child-voice detector: {detectors_in_words()}.")
    workers: int = Field(0, ge=0, le=256, description="Analysis processes. 0 = one for each core.")
    deadline_s: PositiveSeconds = Field(600.0, description="Hard end of one analysis, in seconds.")
    memory_mb: int = Field(4096, ge=512, description="Address space of one worker, in MiB.")


class Voices(_Section):
    calibration: str = Field(
        "",
        pattern=f"^({CALIBRATION_NAME})?$",
        description="Name of a calibration of the detector, made by `voicesieve calibrate`. Empty = none.",
    )
    accept_noncommercial: bool = Field(
        False, description="Your use complies with the licence of a detector that forbids commercial use."
    )
    weights: str = Field(
        "", description="Folder of a published detector's config.json and model.safetensors. Empty = hub."
    )
    weights_sha256: str = Field(
        "", pattern="^([0-9A-Fa-f]{64})?$", description="SHA-256 of that model.safetensors; needed with weights."
    )
    commit: str = Field(
        "",
        pattern="^([0-9a-f]{40})?$",
        description="Commit of a detector on the hub; needed without a folder.",
    )


class Policy(_Section):
    operating_point: Literal["corpus", "discover"] = Field("corpus", description="Precision first, or recall first.")
    min_score: float = Field(0.5, ge=0, le=1, description="Least probability that the recording holds child speech.")
    min_child_s: Seconds = Field(1.0, description="Least seconds of child speech.")
    min_child_share: float = Field(0.0, ge=0, le=1, description="Least share of child speech in all speech.")
    languages: tuple[str, ...] = Field((), description='Wanted spoken languages, such as ["vi"]. Empty = any.')
    min_language_probability: float = Field(0.6, ge=0, le=1, description="Least probability of a wanted language.")
    undetermined_language: Literal["accept", "review", "reject"] = Field(
        "review", description="When languages are wanted: what happens where the language is und or too unlikely."
    )


class Language(_Section):
    model: str = Field("", description="Whisper that listens: name on the hub such as small, or a folder. Empty = off.")
    checksum: str = Field(
        "", pattern="^([0-9a-fA-F]{64})?$", description="SHA-256 of its model.bin; needed for a folder."
    )
    commit: str = Field(
        "",
        pattern="^([0-9a-f]{40})?$",
        description="Commit of the model on the hub. Empty = ours, where we know one.",
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="Where it runs; auto takes a GPU that works.")
    votes: int = Field(3, ge=1, le=9, description="Stretches of child speech that it hears, up to 30 s each.")
    unwanted: float = Field(
        0.1, ge=0, le=1, description="How likely it holds each language that is not wanted, relative to a wanted one."
    )
    min_probability: float = Field(0.6, ge=0, le=1, description="Below it the language is und (undetermined).")
    contradiction: float = Field(
        0.8, ge=0, le=1, description="Two sources this sure of different spoken languages send a video to review."
    )


class LanguageWeights(_Section):
    asr_captions: Weight = Field(1.0, description="The platform's speech recognition named the language.")
    audio_track: Weight = Field(0.9, description="Language of the original audio track.")
    declared_audio: Weight = Field(0.85, description="Declared by the uploader.")
    whisper: Weight = Field(1.0, description="Whisper on the child segments.")
    manual_subtitles: Weight = Field(0.5, description="Languages of subtitles that people wrote.")
    text: Weight = Field(0.65, description="Title, description and tags.")
    channel: Weight = Field(
        0.0,
        description="Languages of the channel's accepted videos. Above 0, what was judged first matters.",
    )
    feed_language: Weight = Field(0.7, description="<language> of a feed.")
    page_language: Weight = Field(0.3, description="The lang attribute of a page.")


class Rights(_Section):
    basis: Literal["", "own_channel", "written_permission", "research_exception", "open_licence"] = Field(
        "", description="Your legal basis for fetching from platforms such as YouTube; empty disables them."
    )
    statement: str = Field("", description="The basis in your own words; stored with each recording.")

    @property
    def stated_basis(self) -> str:
        """``basis`` where a statement in words stands beside it, else empty: blanks and dots state nothing."""
        return self.basis if any(map(str.isalnum, self.statement)) else ""


class Youtube(_Section):
    requests_per_hour: float = Field(
        90.0,
        ge=0,
        le=300,
        allow_inf_nan=False,
        description="Videos and listing pages per hour, over all runs; guests are known to be cut off at 300 videos.",
    )
    burst: int = Field(1, ge=1, le=10, description="Requests that may follow each other at once after a rest.")
    jitter: float = Field(
        0.5, ge=0, le=2, allow_inf_nan=False, description="Each interval is stretched by up to this share, at random."
    )
    licences: tuple[Literal["creative_commons", "standard", "unknown"], ...] = Field(
        ("creative_commons",), min_length=1, description="Licences that are fetched. unknown: none is stated."
    )
    allow_made_for_kids: bool = Field(False, description="Fetch videos that are marked as made for children.")
    allow_live: bool = Field(False, description="Keep broadcasts that are running or announced until they are over.")
    allow_past_live: bool = Field(True, description="Fetch recordings of past broadcasts.")
    allow_age_restricted: bool = Field(False, description="Try age-restricted videos; guests are mostly refused.")
    allow_synthetic_media: bool = Field(False, description="Fetch what is marked as altered or synthetic.")
    allow_unlisted: bool = Field(False, description="Fetch videos that are reached by their address only.")
    region: str = Field(
        "", pattern=r"^([A-Z]{2})?$", description="Country (VN) to search for; what is blocked there is left out."
    )
    language: str = Field("", pattern=r"^([a-z]{2}(-[A-Za-z]{2,4})?)?$", description="Language (vi) to search for.")
    duration: Literal["any", "short", "medium", "long"] = Field(
        "any", description="Searches: short is below 4 minutes, long is above 20."
    )
    safe_search: Literal["none", "moderate", "strict"] = Field("moderate", description="Searches through the Data API.")
    max_results: int = Field(
        500, ge=1, le=20_000, description="Most videos of one youtube: query that does not say max itself."
    )
    refresh_s: PositiveSeconds = Field(
        604_800.0, description="A search, channel or playlist that was read to its end is asked again after this."
    )


class YoutubeApi(_Section):
    key: HeaderSecret = Field(
        SecretStr(""), description="Key of the YouTube Data API v3; better in VOICESIEVE_YOUTUBE_API__KEY."
    )
    endpoint: str = Field(
        "https://www.googleapis.com/youtube/v3", pattern=r"^https?://[!$-;=A-~]+$", description="Where the API answers."
    )
    search_calls_per_day: int = Field(100, ge=0, description="Calls of search.list that Google grants you a day.")
    units_per_day: int = Field(10_000, ge=0, description="Units of all other methods that Google grants you a day.")
    max_calls_per_query: int = Field(20, ge=1, le=1000, description="Search calls (pages of 50) of one query.")
    requests_per_hour: float = Field(
        3600.0, ge=0, allow_inf_nan=False, description="Pace of the API's host. 0 = none (own servers)."
    )


class Corpus(_Section):
    name: str = Field("children-speech", min_length=1, max_length=200, description="What exports are called.")
    description: str = Field("", description="A sentence about the corpus, for its card.")
    creator: str = Field("", description="Who publishes it.")
    url: str = Field("", description="Where it can be found.")
    licence: str = Field("", description="Licence of the corpus as a whole; each item keeps its own.")
    takedown: str = Field("", description="Mail address or URL to which people write who want something removed.")


class Retention(_Section):
    rejected_audio_days: float = Field(
        0.0,
        ge=0,
        le=36_500,
        description="Audio that was rejected this many days ago is deleted; its scores stay. 0 = kept for good.",
    )
    quarantine_days: float = Field(
        30.0,
        ge=0,
        le=36_500,
        description="What `voicesieve doctor --fix` put into quarantine is deleted after this many days. 0 = never.",
    )


class Catalog(_Section):
    url: SecretStr = Field(SecretStr(""), description="PostgreSQL URL. Empty = SQLite in the data folder.")


class Backup(_Section):
    folder: str = Field("", description="Where copies of the catalog lie. Empty = backups in the data folder.")
    keep: int = Field(7, ge=1, le=10_000, description="Copies that are kept; those made before an update apart.")
    every_s: Seconds = Field(
        86_400.0, description="A run copies the catalog when the newest copy is older. 0 = only `voicesieve backup`."
    )


class Logging(_Section):
    file_bytes: int = Field(16_777_216, ge=4096, description="Size at which logs/voicesieve.jsonl is rotated.")
    file_count: int = Field(5, ge=1, description="Rotated log files that are kept.")
