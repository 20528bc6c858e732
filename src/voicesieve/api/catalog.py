"""Reading a catalog: `voicesieve.open`, and what its videos and segments look like."""

from __future__ import annotations

import dataclasses
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from voicesieve.api.opening import open_catalog_of, settings_for
from voicesieve.audio.store import RecordingStore
from voicesieve.catalog.reads import listing
from voicesieve.catalog.reads.why import story_of
from voicesieve.catalog.store import Catalog as Store
from voicesieve.datafolder.folder import DataFolder
from voicesieve.domain.decisions import Reason
from voicesieve.domain.errors import VoicesieveError
from voicesieve.domain.states import VideoState
from voicesieve.domain.verdicts import Label
from voicesieve.sources.identity import video_named

if TYPE_CHECKING:
    import pandas

T = TypeVar("T")


@dataclass(frozen=True)
class Video:
    """A video of the catalog. Times are in UTC, durations in seconds.

    ``duration_s`` is what the source stated. ``recording`` is the SHA-256 of the fetched audio and ``audio`` its file,
    ``None`` before the fetch and after the audio was deleted. A withdrawn video keeps its id alone.

    >>> video.state.value, video.reasons[0].rule  # doctest: +SKIP
    ('rejected', 'no_child')
    """

    id: str
    source: str
    state: VideoState
    reasons: tuple[Reason, ...]
    failure: str | None
    url: str
    title: str
    channel: str
    licence: str | None
    duration_s: float | None
    published: datetime | None
    language: str | None
    rights_basis: str | None
    recording: str | None
    audio: Path | None
    discovered: datetime
    changed: datetime


@dataclass(frozen=True)
class VideoSegment:
    """A segment of an accepted video. Seconds from the first decoded sample; ``score`` is P(child), 0..1."""

    video: str
    recording: str
    audio: Path | None
    start: float
    end: float
    label: Label
    score: float
    language: str | None


@dataclass(frozen=True)
class Story:
    """Everything that led to a video's state, in order, as ``voicesieve why --json`` prints it.

    >>> catalog.why("file:91bc...").decision["outcome"]  # doctest: +SKIP
    'rejected'
    """

    video: str
    state: VideoState
    reasons: Sequence[Mapping[str, str]]
    url: str
    title: str
    channel: str
    licence: str | None
    rights_basis: str | None
    rights_statement: str | None
    due: str | None
    choice: Any
    found_by: Sequence[Mapping[str, Any]]
    passed_over: Sequence[Mapping[str, Any]]
    attempts: Sequence[Mapping[str, Any]]
    recording: Mapping[str, Any] | None
    verdict: Mapping[str, Any] | None
    language: Mapping[str, Any] | None
    decision: Mapping[str, Any] | None
    facts: Mapping[str, Any]
    legacy: Mapping[str, Any] | None

    def to_dict(self) -> dict[str, Any]:
        """The contract of ``why --json``."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}


def story_in(store: Store, video: str) -> Story:
    """The story of a video, by its id or URL. Raises `UnknownVideoError`."""
    with store.read() as connection:
        return Story(**story_of(connection, video, video_named(video)))


class Rows(Generic[T]):
    """Rows of a catalog, read page by page each time they are iterated, so that memory stays flat."""

    def __init__(self, kind: type[T], walk: Callable[[], Iterator[T]]) -> None:
        self._kind = kind
        self._walk = walk

    def __iter__(self) -> Iterator[T]:
        return self._walk()

    def to_pandas(self) -> pandas.DataFrame:
        """All rows as a table with a column for each field, enums and paths as text.

        Raises `VoicesieveError` where pandas is not installed.
        """
        try:
            import pandas
        except ModuleNotFoundError as error:
            raise VoicesieveError("to_pandas() needs pandas: pip install pandas.") from error
        names = [field.name for field in dataclasses.fields(self._kind)]  # type: ignore[arg-type]
        return pandas.DataFrame([[_plain(getattr(row, name)) for name in names] for row in self], columns=names)


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    return os.fspath(value) if isinstance(value, Path) else value


class Catalog:
    """The catalog of a data folder, open for reading, also beside a running crawl. Close it, or use ``with``.

    >>> with voicesieve.open("voicesieve-data") as catalog:  # doctest: +SKIP
    ...     for video in catalog.videos(state="unsure"):
    ...         print(video.id, video.title)
    """

    def __init__(self, store: Store, recordings: RecordingStore) -> None:
        self._store = store
        self._recordings = recordings

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._store.close()

    def videos(self, *, state: str | None = None, source: str | None = None) -> Rows[Video]:
        """Videos in the order of their discovery, all or those of a state (`VideoState`) and source kind (``rss``).

        Each page is a snapshot of its own. Raises `ValueError` for a state that does not exist.
        """
        wanted = None if state is None else VideoState(state).value

        def walk() -> Iterator[Video]:
            for row in self._rows(lambda connection, after: listing.videos(connection, after, wanted, source)):
                yield _video(row, self._audio(row))

        return Rows(Video, walk)

    def segments(self) -> Rows[VideoSegment]:
        """The segments of all accepted videos by their newest verdict; two videos of one recording both name it."""

        def walk() -> Iterator[VideoSegment]:
            for row in self._rows(listing.accepted_segments):
                yield from _segments(row, self._audio(row))

        return Rows(VideoSegment, walk)

    def why(self, video: str) -> Story:
        """The story of a video, by its id or its URL. Raises `VoicesieveError` if the catalog has none of that name."""
        return story_in(self._store, video)

    def _rows(self, read: Callable[[Any, int], Sequence[Any]]) -> Iterator[Any]:
        after = 0
        while True:
            with self._store.read() as connection:
                rows = read(connection, after)
            if not rows:
                return
            yield from rows
            after = rows[-1].key

    def _audio(self, row: Any) -> Path | None:
        return None if row.path is None or row.audio_purged_at is not None else self._recordings.path(row.path)


def _video(row: Any, audio: Path | None) -> Video:
    return Video(
        id=row.id,
        source=row.source,
        state=VideoState(row.state),
        reasons=tuple(Reason(**reason) for reason in row.reasons),
        failure=row.failure_kind,
        url=row.url,
        title=row.title,
        channel=row.channel,
        licence=row.licence,
        duration_s=row.duration_s,
        published=_utc(row.published_at),
        language=row.language,
        rights_basis=row.rights_basis or None,
        recording=row.recording,
        audio=audio,
        discovered=datetime.fromtimestamp(row.discovered_at, UTC),
        changed=datetime.fromtimestamp(row.changed_at, UTC),
    )


def _segments(row: Any, audio: Path | None) -> Iterator[VideoSegment]:
    for segment in row.segments or ():
        yield VideoSegment(
            video=row.id,
            recording=row.recording,
            audio=audio,
            start=segment["start"],
            end=segment["end"],
            label=Label(segment["label"]),
            score=segment["score"],
            language=row.language,
        )


def _utc(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def open(data: str | os.PathLike[str], *, config: str | os.PathLike[str] | None = None) -> Catalog:
    """Open the catalog of a data folder for reading, by the folder's settings or those of the file ``config``.

    As every command does, it first marks the folder of an earlier version and updates its tables, after a copy was
    made; what a takedown names under another spelling is then withdrawn.

    Raises `VoicesieveError` where there is no catalog or it cannot be opened: the message says what to do.
    """
    folder = DataFolder(Path(data))
    settings = settings_for(folder.root, None if config is None else Path(config))
    store = open_catalog_of(folder, settings, warn=lambda text: warnings.warn(text, stacklevel=4))
    return Catalog(store, RecordingStore(folder.recordings))
