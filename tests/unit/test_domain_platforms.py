"""Whose platform an address belongs to, held against what yt-dlp itself takes for YouTube."""

from __future__ import annotations

import re

import pytest
from yt_dlp.extractor import youtube
from yt_dlp.extractor.youtube import YoutubeIE

from voicesieve.domain.platforms import DOMAINS, YOUTUBE, is_youtube, platform_of
from voicesieve.sources.identity import candidate_identity

ID = "dQw4w9WgXcQ"
EXTRACTORS = [getattr(youtube, name) for name in dir(youtube) if name.startswith("Youtube") and name.endswith("IE")]
PREFIXES = ("", "www.", "m.", "music.", "gaming.", "kids.", "tv.", "charts.", "consent.", "WWW.")
PATHS = (
    f"watch?v={ID}",
    f"watch?feature=share&v={ID}&t=3",
    f"watch/?v={ID}",
    f"watch.php?v={ID}",
    f"watch_popup?v={ID}",
    f"movie?v={ID}",
    f"?v={ID}",
    f"embed/{ID}",
    f"e/{ID}",
    f"v/{ID}?version=3",
    f"shorts/{ID}",
    f"live/{ID}",
    ID,
    "@channel/videos",
    "playlist?list=PL0123456789abcdef",
    "embed/videoseries?list=PL0123456789abcdef",
)


@pytest.mark.parametrize("domain", DOMAINS[YOUTUBE])
def test_whatever_yt_dlp_takes_for_youtube_is_youtube_here(domain: str) -> None:
    """With the same ID, so that a video has one identity, one basis and one pace by whatever address it comes."""
    for prefix in PREFIXES:
        for path in PATHS:
            address = f"https://{prefix}{domain}/{path}"
            assert is_youtube(address), address
            if domain != "googlevideo.com" and YoutubeIE.suitable(address):
                expected = (YOUTUBE, YoutubeIE._match_id(address))
                assert candidate_identity(address)[:2] == expected, address


def test_every_name_of_youtube_that_yt_dlp_accepts_is_known() -> None:
    patterns = "\n".join(str(extractor._VALID_URL) for extractor in EXTRACTORS if extractor._VALID_URL)
    names = set(re.findall(r"you[tT\[][a-zA-Z\[\]]*", patterns.replace("[yY][oO][uU][tT][uU][bB][eE]", "youtube")))
    # The sites deturl, pwnyoutube and the like are mirrors: their addresses are not YouTube's, but lead there, and
    # yt-dlp's process refuses to follow (test_fetching_ytdlp).
    assert names == {"youtu", "youtube"}, "yt-dlp knows a new name of YouTube: add it to domain.platforms"


@pytest.mark.parametrize(
    "address",
    [
        f"https://www.youtube.com./watch?v={ID}",
        f"https://WWW.YouTube.COM:443/watch?v={ID}",
        f"http://kids.youtube.com/watch?v={ID}",
        f"https://www.youtubekids.com/watch?v={ID}",
        f"https://tv.youtube.com/watch?v={ID}",
        f"https://www。youtube。com/watch?v={ID}",
        f"https://youtu.be./{ID}",
    ],
)
def test_no_spelling_of_a_host_hides_a_video_of_youtube(address: str) -> None:
    assert candidate_identity(address) == (YOUTUBE, ID, f"https://www.youtube.com/watch?v={ID}")


@pytest.mark.parametrize(
    "address",
    ["https://notyoutube.com/", "https://youtube.com.example.org/", "https://example.org/?u=youtube.com", "http://["],
)
def test_what_only_resembles_youtube_is_not(address: str) -> None:
    assert platform_of(address) is None
