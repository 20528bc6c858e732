"""Servers that are merely odd are served: signed addresses, packed bodies, long ways, validators that mean nothing."""

from __future__ import annotations

import asyncio
import gzip
import random
import resource
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import test_fetching_http as by_http
from fetch_servers import Route, Site, Visit, serving, taking_turns
from test_fetching_http import LIMITS, failure_of, fetch, read, redirect

from voicesieve.domain.failures import METHOD_SPECIFIC, FailureError, FailureKind
from voicesieve.domain.fetching import Exchange
from voicesieve.fetching import http
from voicesieve.fetching.client import HttpClient
from voicesieve.fetching.credentials import Credential, Credentials
from voicesieve.settings import Settings

SOUND = b"ID3\x04\x00\x00" + random.Random(3).randbytes(300_000)
"""Bytes that begin as a recording does."""
DEFAULT_REDIRECTS = Settings.model_fields["fetching"].default.max_redirects


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "RESUME_PAUSE_S", 0.0)


def read_with(client: HttpClient, *urls: str) -> list[bytes]:
    async def run() -> list[bytes]:
        async with client:
            return [(await client.read(url, max_bytes=1_000_000, deadline_s=5)).body for url in urls]

    return asyncio.run(run())


# Addresses


@pytest.mark.parametrize(
    "target",
    [
        "/media/B%C3%A9%20k%E1%BB%83%3A%201.mp3?type=audio%2Fmpeg&Signature=0a%2bF%3D",
        "/a%7Eb%2fc.mp3?Policy=e~_-&t=a+b%20c;d|e&&empty=&=x",
        "/a.mp3?",
        "/prefix/https://other.example/a.mp3?hdnea=st=1~acl=/*~hmac=0",
    ],
)
@pytest.mark.parametrize("by_redirect", [False, True], ids=["asked", "redirected"])
def test_the_bytes_of_a_signed_address_go_out_unchanged(tmp_path: Path, target: str, by_redirect: bool) -> None:
    """Also when what was cut off is asked for again."""
    asked: list[str] = []

    def signed(visit: Visit) -> None:
        asked.append(visit.path)
        if visit.path != target:
            visit.answer(b"SignatureDoesNotMatch", 403)
        else:
            visit.part(SOUND, only=100_000 if len(asked) == 1 else None)

    routes = {target.partition("?")[0]: signed, "/start": redirect(target)}
    with serving(routes) as site:
        fetched = fetch(site.base + ("/start" if by_redirect else target), tmp_path)
    assert fetched.path.read_bytes() == SOUND
    assert asked == [target, target]


def test_bytes_of_any_encoding_in_a_location_are_followed() -> None:
    def route(visit: Visit) -> None:
        visit.wfile.write(b"HTTP/1.1 302 Found\r\nLocation: /B\xe9 \xc3\xa9.xml\r\nContent-Length: 0\r\n\r\n")

    with serving({"/a": route, "/B%E9%20%C3%A9.xml": lambda visit: visit.answer(b"ok")}) as site:
        assert read(f"{site.base}/a").body == b"ok"


# Packed bodies


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", gzip.compress(SOUND)),
        ("X-GZIP", gzip.compress(SOUND)),
        ("deflate", zlib.compress(SOUND)),
        ("deflate", zlib.compress(SOUND)[2:-4]),
        ("gzip, gzip", gzip.compress(gzip.compress(SOUND))),
        ("gzip", gzip.compress(SOUND[:50_000]) + gzip.compress(SOUND[50_000:]) + bytes(8)),
        ("gzip", SOUND),
        ("utf-8", SOUND),
        ("aws-chunked", SOUND),
    ],
)
def test_a_body_that_is_packed_unasked_is_unpacked(tmp_path: Path, coding: str, packed: bytes) -> None:
    def route(visit: Visit) -> None:
        visit.answer(packed, Content_Type="audio/mpeg", Content_Encoding=coding)

    with serving({"/a": route}) as site:
        assert fetch(f"{site.base}/a", tmp_path).path.read_bytes() == SOUND
        assert read(f"{site.base}/a").body == SOUND
    assert [headers["Accept-Encoding"] for _, headers in site.visits] == ["identity"] * 2


def test_a_packed_file_that_is_served_as_it_lies_there_is_unpacked() -> None:
    with serving({"/feed.xml.gz": lambda visit: visit.answer(gzip.compress(b"<rss/>"))}) as site:
        assert read(f"{site.base}/feed.xml.gz").body == b"<rss/>"


def test_a_packed_answer_that_was_cut_is_asked_for_as_a_whole(tmp_path: Path) -> None:
    packed = gzip.compress(SOUND)

    def cut(visit: Visit) -> None:
        visit.start(206, Content_Range=f"bytes 0-{len(packed) - 1}/{len(packed)}", Content_Encoding="gzip")
        visit.wfile.write(packed[:200_000])
        visit.close_connection = True

    whole = taking_turns(cut, lambda visit: visit.answer(packed, Content_Encoding="gzip"))
    with serving({"/a": whole}) as site:
        assert fetch(f"{site.base}/a", tmp_path).path.read_bytes() == SOUND
    assert site.ranges == [None, None]


def test_a_packed_bomb_costs_its_own_item_and_little_memory(tmp_path: Path) -> None:
    member = gzip.compress(bytes(64 << 20))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with serving({"/a": lambda visit: visit.answer(member * 20, Content_Encoding="gzip")}) as site:
        failure = failure_of(f"{site.base}/a", tmp_path, replace(LIMITS, max_bytes=20_000_000))
        with pytest.raises(FailureError) as caught:
            read(f"{site.base}/a")
    assert (failure.kind, caught.value.failure.kind) == (FailureKind.TOO_LONG, FailureKind.TOO_LONG)
    assert "fetching.max_bytes" in failure.message
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000  # kB


@pytest.mark.parametrize("packed", [gzip.compress(SOUND)[:-5], b"\x1f\x8b" + SOUND])
def test_a_packed_body_that_is_damaged_is_a_typed_failure(tmp_path: Path, packed: bytes) -> None:
    with serving({"/a": lambda visit: visit.answer(packed, Content_Encoding="gzip")}) as site:
        assert failure_of(f"{site.base}/a", tmp_path).kind is FailureKind.TRUNCATED
    assert len(site.visits) <= 1 + http.MAX_FRUITLESS_RESUMES


def test_a_server_that_has_it_only_packed_is_asked_for_that() -> None:
    def route(visit: Visit) -> None:
        if "gzip" in visit.headers["Accept-Encoding"]:
            visit.answer(gzip.compress(b"<rss/>"), Content_Encoding="gzip")
        else:
            visit.answer(b"", 406)

    with serving({"/feed": route}) as site:
        assert read(f"{site.base}/feed").body == b"<rss/>"


# Validators, ranges, lengths


class Nodes:
    """A site of many nodes that disagree: every answer to a range has another ``ETag``; ``moved`` counts bytes sent."""

    def __init__(self, body: bytes, etag: Callable[[int], str], *, cut: int, cuts: int = 10**6) -> None:
        self._body, self._etag, self._cut, self._cuts = body, etag, cut, cuts
        self.moved = 0
        self.requests = 0

    def __call__(self, visit: Visit) -> None:
        self.requests += 1
        start, end = visit.asked_range(len(self._body))
        sent = self._body[start:end]
        if "Range" in visit.headers or self.requests <= self._cuts:
            sent = sent[: self._cut]
        self.moved += len(sent)
        visit.start(
            206,
            Content_Range=f"bytes {start}-{end - 1}/{len(self._body)}",
            Content_Length=end - start,
            ETag=self._etag(self.requests),
            Content_Type="audio/mpeg",
        )
        visit.wfile.write(sent)
        visit.close_connection = True


BIG = b"ID3\x04\x00\x00" + random.Random(4).randbytes(6_000_000)


def test_weak_etags_that_differ_by_node_decide_nothing(tmp_path: Path) -> None:
    nodes = Nodes(BIG, lambda number: f'W/"be{number}"', cut=2_500_000)
    with serving({"/a.mp3": nodes}) as site:
        assert fetch(f"{site.base}/a.mp3", tmp_path).path.read_bytes() == BIG
    assert nodes.moved == len(BIG)
    assert nodes.requests == 3


def test_strong_etags_that_differ_by_node_cost_one_beginning_from_the_start(tmp_path: Path) -> None:
    nodes = Nodes(BIG, lambda number: f'"be{number}"', cut=2_500_000, cuts=1)
    with serving({"/a.mp3": nodes}) as site:
        assert fetch(f"{site.base}/a.mp3", tmp_path).path.read_bytes() == BIG
    assert site.ranges == [None, f"bytes=2500000-{len(BIG) - 1}", None]
    assert nodes.moved <= 2 * len(BIG)


def test_a_site_whose_nodes_disagree_and_cut_every_answer_is_given_up_soon(tmp_path: Path) -> None:
    nodes = Nodes(BIG, lambda number: f'"be{number}"', cut=2_500_000)
    with serving({"/a.mp3": nodes}) as site:
        failure = failure_of(f"{site.base}/a.mp3", tmp_path)
    assert failure.kind is FailureKind.TRUNCATED
    assert nodes.moved <= 2 * len(BIG)
    assert nodes.requests <= 6


def test_dates_of_change_decide_where_no_strong_etag_does(tmp_path: Path) -> None:
    newer = BIG[::-1]
    route = taking_turns(
        lambda visit: visit.part(BIG, only=1_000_000, ETag='W/"1"', Last_Modified="Fri, 27 Nov 2026 10:00:00 GMT"),
        lambda visit: visit.part(newer, ETag='W/"1"', Last_Modified="Fri, 27 Nov 2026 11:00:00 GMT"),
    )
    with serving({"/a": route}) as site:
        assert fetch(f"{site.base}/a", tmp_path).path.read_bytes() == newer
    assert site.visits[1][1]["If-Range"] == "Fri, 27 Nov 2026 10:00:00 GMT"


def test_a_server_that_gives_a_file_in_crumbs_is_not_asked_for_ever(tmp_path: Path) -> None:
    def crumb(visit: Visit) -> None:
        start, _ = visit.asked_range(len(BIG))
        visit.answer(BIG[start : start + 10], 206, Content_Range=f"bytes {start}-{start + 9}/{len(BIG)}")

    with serving({"/a": crumb}) as site:
        failure = failure_of(f"{site.base}/a", tmp_path)
    assert failure.kind is FailureKind.SERVER_ERROR
    assert len(site.visits) == http.MAX_ASKED


@pytest.mark.parametrize("status", [400, 405, 406, 412, 416, 417, 501])
def test_a_server_that_refuses_a_range_gives_the_whole_once_more(tmp_path: Path, status: int) -> None:
    def cut(visit: Visit) -> None:
        visit.start(200, Content_Length=len(SOUND))
        visit.wfile.write(SOUND[:100_000])
        visit.close_connection = True

    def later(visit: Visit) -> None:
        visit.answer(b"", status) if "Range" in visit.headers else visit.answer(SOUND)

    with serving({"/a": taking_turns(cut, later)}) as site:
        assert fetch(f"{site.base}/a", tmp_path).path.read_bytes() == SOUND


def test_a_server_that_says_it_has_no_ranges_is_asked_for_none(tmp_path: Path) -> None:
    def cut(visit: Visit) -> None:
        visit.start(200, Content_Length=len(SOUND), Accept_Ranges="none")
        visit.wfile.write(SOUND[:100_000])
        visit.close_connection = True

    with serving({"/a": taking_turns(cut, lambda visit: visit.answer(SOUND))}) as site:
        assert fetch(f"{site.base}/a", tmp_path).path.read_bytes() == SOUND
    assert site.ranges == [None, None]


def test_another_part_than_asked_leads_to_the_whole(tmp_path: Path) -> None:
    def wrong(visit: Visit) -> None:
        visit.answer(SOUND[:500], 206, Content_Range=f"bytes 0-499/{len(SOUND)}")

    route = taking_turns(lambda visit: visit.part(SOUND, only=100_000), wrong, lambda visit: visit.answer(SOUND))
    with serving({"/a": route}) as site:
        assert fetch(f"{site.base}/a", tmp_path).path.read_bytes() == SOUND
    assert site.ranges[2] is None


def test_a_length_that_was_stated_too_great_is_corrected_by_the_server(tmp_path: Path) -> None:
    def too_great(visit: Visit) -> None:
        visit.start(200, Content_Length=len(SOUND) + 50)
        visit.wfile.write(SOUND)
        visit.close_connection = True

    end = lambda visit: visit.answer(b"", 416, Content_Range=f"bytes */{len(SOUND)}")  # noqa: E731
    with serving({"/a": taking_turns(too_great, end)}) as site:
        assert fetch(f"{site.base}/a", tmp_path).path.read_bytes() == SOUND


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\nContent-Length: 300006\n\n",
        b"HTTP/1.1 200\r\nContent-Length: 300006\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 300006\r\nX-Long: " + b"x" * 20_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 300006\r\nX-Bytes: \xe9\xff\r\nSet-Cookie: ;;==\r\n\r\n",
        b"HTTP/1.1 100 Wait\r\n\r\nHTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 203 Changed\r\nContent-Length: 300006\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 300006\r\nConnection: keep-alive\r\n\r\n",
    ],
)
def test_answers_of_an_odd_form_are_read(tmp_path: Path, answer: bytes) -> None:
    def route(visit: Visit) -> None:
        visit.wfile.write(answer + SOUND)
        visit.close_connection = True

    with serving({"/a": route}) as site:
        assert fetch(f"{site.base}/a", tmp_path).path.read_bytes() == SOUND


def test_chunks_with_trailers_are_read(tmp_path: Path) -> None:
    def route(visit: Visit) -> None:
        visit.start(200, Transfer_Encoding="chunked", Trailer="X-Sum")
        visit.wfile.write(b"%x;name=value\r\n%s\r\n0\r\nX-Sum: 1\r\n\r\n" % (len(SOUND), SOUND))

    with serving({"/a": route}) as site:
        assert fetch(f"{site.base}/a", tmp_path).path.read_bytes() == SOUND


# What it is


@pytest.mark.parametrize(
    "content_type", ["text/html", "image/jpeg", "application/json", "text/plain", "application/octet-stream", ""]
)
@pytest.mark.parametrize("start", [b"ID3\x04", b"\xff\xfb\x90d", b"OggS", b"\x00\x00\x00\x20ftypM4A ", b"RIFF"])
def test_a_recording_under_a_false_type_is_fetched(tmp_path: Path, content_type: str, start: bytes) -> None:
    body = start + SOUND
    with serving({"/a": lambda visit: visit.answer(body, Content_Type=content_type)}) as site:
        assert fetch(f"{site.base}/a", tmp_path).path.read_bytes() == body


@pytest.mark.parametrize(
    "body",
    [
        b"\xef\xbb\xbf<!DOCTYPE html><form>Log in</form>",
        b"<!-- a comment -->" + b" " * 600 + b"<html>",
        b" " * 200 + b"<head>",
        "<html>Log in".encode("utf-16"),
        b'{"error": "not signed in"}',
    ],
)
def test_a_page_to_log_in_on_is_no_recording(tmp_path: Path, body: bytes) -> None:
    def in_crumbs(visit: Visit) -> None:
        visit.start(200, Content_Type="audio/mpeg", Content_Length=len(body))
        for byte in range(len(body)):
            visit.wfile.write(body[byte : byte + 1])

    with serving({"/a.mp3": in_crumbs}) as site:
        failure = failure_of(f"{site.base}/a.mp3", tmp_path)
    assert failure.kind is FailureKind.UNSUPPORTED
    assert "browser" in failure.message


def test_what_a_server_is_still_preparing_is_asked_for_later(tmp_path: Path) -> None:
    with serving({"/a": lambda visit: visit.answer(b"wait", 202, Retry_After="90")}) as site:
        failure = failure_of(f"{site.base}/a", tmp_path)
    assert (failure.kind, failure.retry_after_s) == (FailureKind.SERVER_ERROR, 90)


# Ways


def chain(length: int) -> dict[str, Route]:
    hops = {f"/{number}": redirect(f"/{number + 1}") for number in range(length)}
    return {**hops, f"/{length}": lambda visit: visit.answer(SOUND)}


def patient(**arguments: object) -> HttpClient:
    return HttpClient(
        allow_private_addresses=True, max_redirects=DEFAULT_REDIRECTS, user_agent=by_http.AGENT, **arguments
    )


@pytest.mark.parametrize("hops", [6, 12, 20])
def test_the_redirects_of_tracking_prefixes_are_followed_by_default(hops: int) -> None:
    with serving(chain(hops)) as site:
        assert read_with(patient(), f"{site.base}/0") == [SOUND]


def test_too_many_redirects_name_the_setting() -> None:
    with serving(chain(DEFAULT_REDIRECTS + 1)) as site, pytest.raises(FailureError, match=r"fetching\.max_redirects"):
        read_with(patient(), f"{site.base}/0")


def test_a_loop_of_redirects_is_not_mistaken_for_a_long_chain() -> None:
    routes = {"/a": redirect("/b"), "/b": redirect("/a")}
    with serving(routes) as site, pytest.raises(FailureError, match="redirects in a loop"):
        read_with(patient(), f"{site.base}/a")
    assert len(site.visits) == 2


@pytest.mark.parametrize(
    "answer",
    [
        lambda visit: visit.answer(b"<html>moved</html>" * 10_000, 302, Location="/b", Content_Type="text/html"),
        lambda visit: visit.answer(b"", 303, Location="/b"),
        lambda visit: visit.answer(b"<html>choose</html>", 300, Location="/b"),
        lambda visit: visit.answer(b"", 308, Location="b#part"),
        lambda visit: visit.answer(b"<html></html>", 200, Refresh="0; url=/b", Content_Type="text/html"),
    ],
)
def test_every_way_of_sending_us_on_is_followed(tmp_path: Path, answer: Route) -> None:
    with serving({"/a": answer, "/b": lambda visit: visit.answer(SOUND)}) as site:
        assert fetch(f"{site.base}/a", tmp_path).path.read_bytes() == SOUND


def test_a_redirect_to_nowhere_says_so(tmp_path: Path) -> None:
    with serving({"/a": lambda visit: visit.answer(b"", 302)}) as site:
        assert "redirects without saying where" in failure_of(f"{site.base}/a", tmp_path).message


# Credentials

SECRET = Credential.basic("reader", "pa:ss/wörd")
SHOWN = "Basic cmVhZGVyOnBhOnNzL3fDtnJk"


def protected(visit: Visit) -> None:
    if visit.headers.get("Authorization") == SHOWN:
        visit.answer(b"<rss/>")
    else:
        visit.answer(b"", 401, WWW_Authenticate='Basic realm="x"')


def host_of(site: Site) -> str:
    return site.base.partition("//")[2]


@pytest.mark.parametrize("with_port", [True, False])
def test_a_host_is_shown_the_credentials_that_are_set_for_it(with_port: bool) -> None:
    with serving({"/feed": protected}) as site:
        name = host_of(site) if with_port else "127.0.0.1"
        assert read_with(patient(credentials=Credentials({name: SECRET})), f"{site.base}/feed") == [b"<rss/>"]


def test_no_other_host_and_no_other_port_is_shown_them() -> None:
    with serving({"/feed": protected}) as other:
        routes = {
            "/feed": redirect(f"{other.base}/feed"),
            "/name": redirect(other.base.replace("127.0.0.1", "localhost")),
        }
        with serving(routes) as site:
            for name in ("127.0.0.1", host_of(site)):
                client = patient(credentials=Credentials({name: SECRET}))
                with pytest.raises(FailureError):
                    read_with(client, f"{site.base}/feed")
    assert [headers.get("Authorization") for _, headers in site.visits] == [SHOWN, SHOWN]
    assert [headers.get("Authorization") for _, headers in other.visits] == [None, None]


def test_a_host_behind_a_redirect_is_shown_its_own() -> None:
    with serving({"/feed": protected}) as other, serving({"/feed": redirect(f"{other.base}/feed")}) as site:
        client = patient(credentials=Credentials({host_of(other): SECRET}))
        assert read_with(client, f"{site.base}/feed") == [b"<rss/>"]
    assert "Authorization" not in site.visits[0][1]


@pytest.mark.parametrize(
    ("set_for", "advice"),
    [({}, 'set fetching.credentials."127.0.0.1:{port}"'), ({"127.0.0.1": Credential.bearer("x")}, "does not accept")],
)
def test_a_refusal_says_how_credentials_are_set(set_for: dict[str, Credential], advice: str) -> None:
    with serving({"/feed": protected}) as site, pytest.raises(FailureError) as caught:
        read_with(patient(credentials=Credentials(set_for)), f"{site.base}/feed")
    failure = caught.value.failure
    assert failure.kind is FailureKind.PRIVATE
    assert advice.format(port=site.server.server_port) in failure.message


def test_credentials_go_over_plain_http_only_where_that_is_said() -> None:
    from voicesieve.domain.addresses import web_address

    address = web_address("http://feeds.example/a")
    careful, bold = (
        Credentials({"feeds.example": SECRET}),
        Credentials({"feeds.example": replace(SECRET, plain_http=True)}),
    )
    assert careful.header_for(address, address) is None
    assert "plain_http" in careful.why_not(address)
    assert bold.header_for(address, address) == SHOWN
    secure = web_address("https://feeds.example/a")
    assert careful.header_for(secure, secure) == SHOWN
    assert careful.header_for(address, secure) is None
    assert SHOWN not in repr(SECRET)


# The log


def test_every_request_is_reported_with_its_number_status_and_bytes(tmp_path: Path) -> None:
    seen: list[Exchange] = []
    routes = {
        "/start": redirect("/a"),
        "/a": taking_turns(lambda visit: visit.part(SOUND, only=100_000), lambda visit: visit.part(SOUND)),
    }

    async def run(site: Site) -> None:
        async with patient(observe=seen.append) as client:
            request = by_http.FetchRequest("url:1", f"{site.base}/start", tmp_path, LIMITS)
            await by_http.HttpFetcher(client).fetch(request)

    with serving(routes) as site:
        asyncio.run(run(site))
    assert [(exchange.visit, exchange.number, exchange.status, exchange.range != "") for exchange in seen] == [
        ("url:1", 1, 302, False),
        ("url:1", 2, 206, False),
        ("url:1", 3, 206, True),
    ]
    assert [exchange.bytes for exchange in seen] == [0, 100_000, len(SOUND) - 100_000]
    assert seen[1].url == f"{site.base}/a"


@pytest.mark.parametrize("header", [b"Content-Length: 300006\r\nContent-Length: 300006", b"Content Type: audio/mpeg"])
def test_an_answer_that_only_stricter_readers_refuse_is_left_to_the_next_method(tmp_path: Path, header: bytes) -> None:
    def route(visit: Visit) -> None:
        visit.wfile.write(b"HTTP/1.1 200 OK\r\n" + header + b"\r\n\r\n" + SOUND)
        visit.close_connection = True

    with serving({"/a": route}) as site, pytest.raises(FailureError, match="not valid HTTP") as caught:
        read_with(patient(), f"{site.base}/a")
    assert caught.value.failure.kind in METHOD_SPECIFIC


def test_a_request_without_an_answer_is_reported_with_its_reason() -> None:
    seen: list[Exchange] = []
    with serving({"/a": Visit.reset}) as site, pytest.raises(FailureError):
        read_with(patient(observe=seen.append), f"{site.base}/a")
    assert seen[0].status is None
    assert seen[0].error


def test_no_tls_keys_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``SSLKEYLOGFILE`` lets whoever sets it read along."""
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    with serving({}) as site, pytest.raises(FailureError):
        read_with(patient(), site.base.replace("http:", "https:"))
    assert list(tmp_path.iterdir()) == []
