"""The whole program against servers that are merely odd."""

from __future__ import annotations

import gzip
import hashlib
import hmac
from pathlib import Path

from crawling import CLIPS, QUICK, stories_of, url_list, voicesieve
from fetch_servers import Visit, serving

SOUND = CLIPS["child-en-zoo"].body
KEY = b"of the server alone"
TARGET = "/media/B%C3%A9%20k%E1%BB%83%3a%201.ogg?type=audio%2Fogg&t=a+b~c&Expires=1795799999"


def signature(target: str) -> str:
    return hmac.new(KEY, target.encode(), hashlib.sha256).hexdigest()


def signed(visit: Visit) -> None:
    target, _, stated = visit.path.partition("&Signature=")
    if stated == signature(target):
        visit.answer(SOUND, Content_Type="audio/ogg")
    else:
        visit.answer(b"SignatureDoesNotMatch", 403)


def test_signed_addresses_are_crawled_and_exported_as_they_were_given(tmp_path: Path) -> None:
    """Asked for directly and behind a redirect, from a list and from a feed; `why` knows every spelling of them."""
    data, address = tmp_path / "data", f"{TARGET}&Signature={signature(TARGET)}"
    feed = (
        f'<rss version="2.0"><channel><title>F</title><item><title>a</title>'
        f'<enclosure url="{address.replace("&", "&amp;")}" type="audio/ogg" length="1"/></item></channel></rss>'
    )
    routes = {
        "/go": lambda visit: visit.answer(b"", 302, Location=address),
        TARGET.partition("?")[0]: signed,
        "/feed": lambda visit: visit.answer(
            gzip.compress(feed.encode()), Content_Type="application/rss+xml", Content_Encoding="gzip"
        ),
    }
    with serving(routes) as site:
        listed = url_list(tmp_path / "list.txt", [f"{site.base}/go"])
        voicesieve(
            *("crawl", "--source", listed, "--source", f"rss:{site.base}/feed", "--data", data, "--quiet"),
            settings=QUICK,
        )
        voicesieve("export", "urls", tmp_path / "urls.txt", "--data", data)
        for spelling in (site.base + address, site.base + address.replace("%3a", "%3A")):
            assert voicesieve("why", spelling, "--json", "--data", data).json["url"] == site.base + address
    assert {story["state"] for story in stories_of(data).values()} == {"accepted"}
    assert sorted((tmp_path / "urls.txt").read_text().split()) == sorted([f"{site.base}/go", site.base + address])
