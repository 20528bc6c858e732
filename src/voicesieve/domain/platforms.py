"""To which platform an address belongs: the one list of the hosts of platforms with rules of their own."""

from __future__ import annotations

from urllib.parse import urlsplit

YOUTUBE = "youtube"
YOUTUBE_HOST = "www.youtube.com"
"""The one host of all YouTube addresses that we store, and so the one whose pace and circuit they share."""

YOUTUBE_SHORT = "youtu.be"
"""Where the path is the ID of a video."""

DOMAINS = {
    YOUTUBE: (
        "youtube.com",
        YOUTUBE_SHORT,
        "youtube-nocookie.com",
        "youtubekids.com",
        "youtubeeducation.com",
        "youtube.googleapis.com",
        "googlevideo.com",
    )
}
"""Domains of each platform; every host below them belongs to it too. Those of YouTube are the ones that yt-dlp's own
extractor accepts (compared by a test), and the one that serves its media."""


def platform_of_host(host: str) -> str | None:
    """The platform that ``host`` belongs to, if any. Case and a trailing dot make no difference."""
    name = host.lower().rstrip(".")
    for platform, domains in DOMAINS.items():
        if any(name == domain or name.endswith(f".{domain}") for domain in domains):
            return platform
    return None


def platform_of(url: str) -> str | None:
    """The platform that ``url`` leads to, if any; ``None`` also for what is not a URL."""
    try:
        return platform_of_host(urlsplit(url).hostname or "")
    except ValueError:
        return None


def is_youtube(url: str) -> bool:
    """Whether ``url`` leads to YouTube, whether to a video or not."""
    return platform_of(url) == YOUTUBE


def youtube_video(video_id: str) -> str:
    """The one address of a video of YouTube that we store."""
    return f"https://{YOUTUBE_HOST}/watch?v={video_id}"
