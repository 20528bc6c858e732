"""The whole program against servers that are merely odd."""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import json
from pathlib import Path

from crawling import CLIPS, QUICK, events_named, files_below, stories_of, url_list, voicesieve
from fetch_servers import Site, Visit, serving

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


PASSWORD = "hunter2:secret"
SHOWN = "Basic " + base64.b64encode(f"reader:{PASSWORD}".encode()).decode()


def protected(visit: Visit, body: bytes, content_type: str) -> None:
    if visit.headers.get("Authorization") == SHOWN:
        visit.answer(body, Content_Type=content_type)
    else:
        visit.answer(b"", 401, WWW_Authenticate='Basic realm="x"')


def private_feed(visit: Visit) -> None:
    item = '<item><title>a</title><enclosure url="/a.ogg" type="audio/ogg" length="1"/></item>'
    feed = f'<rss version="2.0"><channel><title>F</title>{item}</channel></rss>'
    protected(visit, feed.encode(), "application/rss+xml")


PRIVATE = {"/feed": private_feed, "/a.ogg": lambda visit: protected(visit, SOUND, "audio/ogg")}


def credentials_for(site: Site) -> dict[str, str]:
    by_host = {site.base.partition("//")[2]: {"user": "reader", "password": PASSWORD}}
    return QUICK | {"VOICESIEVE_FETCHING__CREDENTIALS": json.dumps(by_host)}


def test_a_private_feed_is_crawled_with_credentials_that_are_written_nowhere_else(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with serving(PRIVATE) as site:
        settings = credentials_for(site)
        ended = [
            voicesieve("crawl", "-vv", "--source", f"rss:{site.base}/feed", "--data", data, settings=settings),
            voicesieve("config", "check", "--data", data, settings=settings),
            voicesieve("config", "check", "--json", "--data", data, settings=settings),
        ]
    assert {story["state"] for story in stories_of(data).values()} == {"accepted"}
    printed = "".join(run.out + run.err for run in ended)
    stored = b"".join(files_below(tmp_path).values())
    for secret in (PASSWORD, SHOWN, SHOWN.removeprefix("Basic ")):
        assert secret not in printed
        assert secret.encode() not in stored


def test_each_request_of_an_attempt_is_in_the_log_and_counted(tmp_path: Path) -> None:
    data = tmp_path / "data"

    def cut(visit: Visit) -> None:
        visit.part(SOUND, only=None if "Range" in visit.headers else len(SOUND) // 2, Content_Type="audio/ogg")

    routes = {"/go": lambda visit: visit.answer(b"", 302, Location="/a.ogg?token=secret"), "/a.ogg": cut}
    with serving(routes) as site:
        source = url_list(tmp_path / "list.txt", [f"{site.base}/go"])
        voicesieve("crawl", "--source", source, "--data", data, "--quiet", settings=QUICK)
    lines = events_named(data, "http_request")
    assert [(line["number"], line["status"]) for line in lines] == [(1, 302), (2, 206), (3, 206)]
    assert sum(line["bytes"] for line in lines) == len(SOUND)
    assert {line["level"] for line in lines} == {"debug"}
    assert {line["visit"] for line in lines} == {events_named(data, "video_fetched")[0]["video"]}
    assert lines[1]["url"] == f"{site.base}/a.ogg?token=[secret]"
    metrics = (data / "logs" / "metrics.prom").read_text()
    assert 'voicesieve_http_requests_total{answer="2xx"} 2.0' in metrics
    assert f"voicesieve_http_received_bytes_total {float(len(SOUND))}" in metrics


def test_an_address_with_a_password_is_refused_without_showing_it(tmp_path: Path) -> None:
    """Wherever a person may give one; and the message says where passwords go."""
    data = tmp_path / "data"
    wrong = [
        "http://reader:hunter2@127.0.0.1:9/feed",
        "http://reader:hun/ter2#hunter2@127.0.0.1:9/feed",
        "http://hunter2@127.0.0.1:9/feed",
        "reader:hunter2@127.0.0.1:9/feed",
    ]
    address, mistyped = wrong[0], wrong[-1]
    listed = url_list(tmp_path / "list.txt", wrong)
    commands: list[tuple[str, ...]] = [
        ("crawl", "--source", listed, "-vv"),
        ("status",),
        ("why", listed, "--json"),
        ("crawl", "--source", f"rss:{address}"),
        ("crawl", "--source", f"page:{mistyped}"),
        ("crawl", address),
        ("why", address),
        ("withdraw", "video", mistyped, "--yes"),
    ]
    ended = [voicesieve(*command, "--data", data, code=None) for command in commands]
    (tmp_path / "list.txt").unlink()
    assert "hunter2" not in "".join(run.out + run.err for run in ended)
    assert b"hunter2" not in b"".join(files_below(tmp_path).values())
    assert ended[0].err.count("[secret]@127.0.0.1") >= len(wrong)
    assert "fetching.credentials" in ended[3].err


def test_no_tls_keys_are_written_by_any_method(tmp_path: Path) -> None:
    with serving({}) as site:
        address = site.base.replace("http:", "https:") + "/page"
        source = url_list(tmp_path / "list.txt", [address])
        environment = QUICK | {"SSLKEYLOGFILE": str(tmp_path / "keys"), "VOICESIEVE_FETCHING__METHODS": '["yt-dlp"]'}
        command = ("crawl", "--source", source, "--source", f"page:{address}", "--data", tmp_path / "data")
        voicesieve(*command, "--quiet", code=None, settings=environment)
    assert not (tmp_path / "keys").exists()


def test_an_address_that_redirects_to_itself_is_not_followed_by_one_method_after_the_other(tmp_path: Path) -> None:
    """yt-dlp follows ten redirects, and again for each of its own tries."""
    data = tmp_path / "data"
    with serving({"/round.mp3": lambda visit: visit.answer(b"", 302, Location="/round.mp3")}) as site:
        listed = tmp_path / "list.txt"
        listed.write_text(f"{site.base}/round.mp3\n", encoding="utf-8")
        voicesieve("crawl", "--source", f"urls:{listed}", "--data", data)
        assert len(site.visits) == 1
    (story,) = stories_of(data).values()
    (attempt,) = story["attempts"]
    assert "in a loop" in attempt["message"]
