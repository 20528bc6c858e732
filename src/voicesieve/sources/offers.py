"""Makes candidates from what a server or a list offers: cleaned and checked in one place."""

from __future__ import annotations

from collections.abc import Mapping

from voicesieve.domain.candidates import Candidate
from voicesieve.domain.platforms import is_youtube
from voicesieve.domain.text import clean_text
from voicesieve.languages.codes import normalise
from voicesieve.sources.entries import entry_names
from voicesieve.sources.identity import FILE, URL, absolute_url, candidate_identity, youtube_video_id


def remote_candidate(
    address: str,
    *,
    base: str | None = None,
    title: object = "",
    channel: object = "",
    duration_s: float | None = None,
    published_at: float | None = None,
    language: str | None = None,
    licence: object = "",
    metadata: Mapping[str, object] | None = None,
    keep_s: float | None = None,
    guid: str = "",
) -> Candidate:
    """A candidate for ``address``, which may be relative to ``base``. Texts are as the source states them.

    ``guid`` is the id that the feed gives this entry, empty for none.

    Raises ValueError, with a readable reason, if a fetcher may not open the address.
    """
    identity = candidate_identity(absolute_url(base, address) if base else address)
    if identity.source == FILE:
        raise ValueError("not an http or https address")
    if is_youtube(identity.url) and youtube_video_id(identity.url) is None:
        raise ValueError("a YouTube address that names no single video")
    return Candidate(
        source=identity.source,
        native_id=identity.native_id,
        url=identity.url,
        title=clean_text(title),
        channel=clean_text(channel),
        duration_s=duration_s,
        published_at=published_at,
        language=normalise(language),
        licence=clean_text(licence) or None,
        metadata=metadata or {},
        keep_s=keep_s,
        names=entry_names(guid, identity.url) if identity.source == URL else (),
    )
