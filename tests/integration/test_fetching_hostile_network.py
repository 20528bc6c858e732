"""A network that means harm, met by our own client and by the real yt-dlp in its process.

Names that change their address, redirects that lead inside, packed bodies that grow, headers that never end, lengths
that are lies, and servers of another age.
"""

from __future__ import annotations

import os
import socket
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import test_fetching_http as by_http
import test_fetching_ytdlp as by_ytdlp
from fetch_servers import Route, Site, Visit, serving, taking_turns
from pretending_worker import INSIDE, NAME, PUBLIC
from test_fetching_http import MEDIA

from voicesieve.domain.failures import FailureKind
from voicesieve.fetching import guard, resolver
from voicesieve.fetching.ytdlp import fetcher

METHODS = pytest.mark.parametrize("by", [by_http, by_ytdlp], ids=["http", "yt-dlp"])
LENGTH = len(MEDIA)


@pytest.fixture
def public_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """127.0.0.1 plays the public internet, in this process and in yt-dlp's; the rest of loopback stays private."""
    really_public = guard.is_public
    for module in (guard, resolver):
        monkeypatch.setattr(module, "is_public", lambda ip: str(ip) == PUBLIC or really_public(ip))
    monkeypatch.setattr(fetcher, "MODULE", "pretending_worker")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(Path(__file__).parent), os.environ["PYTHONPATH"])))


@pytest.fixture
def inside() -> Iterator[Site]:
    with serving({"/a.mp3": by_ytdlp.media, "/page": by_ytdlp.page("/a.mp3")}, INSIDE) as served:
        yield served


def resolving(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """The name server's whole answer for `NAME`."""
    really = socket.getaddrinfo

    def resolved(host: Any, *arguments: Any, **options: Any) -> Any:
        hosts = addresses if host == NAME else (host,)
        return [answer for target in hosts for answer in really(target, *arguments, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", resolved)


@pytest.mark.usefixtures("public_loopback")
def test_a_name_with_an_address_inside_is_asked_outside_only(
    inside: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a name server says the second time (DNS rebinding): only what was checked is connected to."""
    port = inside.server.server_port
    with serving({"/a.mp3": by_ytdlp.media}, PUBLIC, port) as outside:
        resolving(monkeypatch, INSIDE, PUBLIC)
        fetched = by_http.fetch(f"http://{NAME}:{port}/a.mp3", tmp_path, allow_private_addresses=False)
        assert fetched.path.read_bytes() == MEDIA
        assert len(outside.visits) == 1
        fetched.path.unlink()
        resolving(monkeypatch, INSIDE)
        failure = by_http.failure_of(f"http://{NAME}:{port}/a.mp3", tmp_path, allow_private_addresses=False)
    assert failure.kind is FailureKind.FORBIDDEN_ADDRESS
    assert inside.visits == []


@pytest.mark.usefixtures("public_loopback")
def test_a_name_that_changes_its_address_brings_ytdlp_nowhere_inside(inside: Site, tmp_path: Path) -> None:
    port = inside.server.server_port
    page = b'<html><title>A story</title><audio src="/a.mp3"></audio></html>'

    def once(visit: Visit) -> None:
        visit.answer(page, Content_Type="text/html", Connection="close")  # the name is asked for again

    with serving({"/page": once}, PUBLIC, port) as outside:
        limits = replace(by_ytdlp.LIMITS, allow_private_addresses=False)
        failure = by_ytdlp.failure_of(f"http://{NAME}:{port}/page", tmp_path, limits)
    assert [path for path, _ in outside.visits] == ["/page"], "the first answer was public"
    assert failure.kind is FailureKind.FORBIDDEN_ADDRESS
    assert inside.visits == []


@METHODS
@pytest.mark.usefixtures("public_loopback")
@pytest.mark.parametrize("host", [INSIDE, "[::1]"])
def test_a_redirect_of_a_public_server_leads_nowhere_inside(inside: Site, tmp_path: Path, by: Any, host: str) -> None:
    location = f"http://{host}:{inside.server.server_port}/a.mp3"
    with serving({"/a.mp3": by_http.redirect(location)}) as outside:
        limits = replace(by.LIMITS, allow_private_addresses=False)
        arguments = {"allow_private_addresses": False} if by is by_http else {}
        failure = by.failure_of(f"{outside.base}/a.mp3", tmp_path, limits, **arguments)
    assert failure.kind is FailureKind.FORBIDDEN_ADDRESS
    assert len(outside.visits) == 1
    assert inside.visits == []


def bomb(start: bytes) -> bytes:
    """1.5 MB that unpack to ``start`` and 1.6 GB of blanks."""
    member = zlib.compressobj(9, zlib.DEFLATED, 31)
    blanks = member.compress(b" " * (64 << 20)) + member.flush()
    first = zlib.compressobj(9, zlib.DEFLATED, 31)
    return first.compress(start) + first.flush() + blanks * 25


@METHODS
@pytest.mark.parametrize(
    ("start", "content_type"), [(b"<html><title>A story</title>", "text/html"), (b"", "audio/mpeg")]
)
def test_a_packed_body_that_grows_without_end_costs_bounded_memory(
    tmp_path: Path, by: Any, start: bytes, content_type: str
) -> None:
    """yt-dlp unpacks whole pages in memory: its process took 3 GB of it for 1.5 MB."""
    packed = bomb(start)

    def route(visit: Visit) -> None:
        visit.answer(packed, Content_Type=content_type, Content_Encoding="gzip")

    with serving({"/a": route}) as site:
        failure = by.failure_of(f"{site.base}/a", tmp_path, replace(by.LIMITS, max_bytes=10_000_000))
    expected = {
        (by_http, start): FailureKind.UNSUPPORTED,
        (by_http, b""): FailureKind.TOO_LONG,
        (by_ytdlp, b""): FailureKind.TOO_LONG,
    }
    assert failure.kind is expected.get((by, start), FailureKind.OUT_OF_MEMORY), failure


@METHODS
def test_headers_that_never_end_meet_the_deadline(tmp_path: Path, by: Any) -> None:
    def route(visit: Visit) -> None:
        visit.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\n")
        visit.trickle(0.2, b"X-More: to come\r\n")

    with serving({"/a.mp3": route}) as site:
        failure = by.failure_of(f"{site.base}/a.mp3", tmp_path, replace(by.LIMITS, deadline_s=4.0))
    assert failure.kind is FailureKind.TIMEOUT


def stating(length: int) -> Route:
    def route(visit: Visit) -> None:
        visit.start(200, Content_Type="audio/mpeg", Content_Length=length)
        visit.wfile.write(MEDIA)
        visit.close_connection = True

    return route


@METHODS
def test_a_body_shorter_than_stated_is_not_taken_for_whole(
    tmp_path: Path, by: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(by_http.http, "RESUME_PAUSE_S", 0.0)
    with serving({"/a.mp3": stating(LENGTH + 1_000)}) as site:
        failure = by.failure_of(f"{site.base}/a.mp3", tmp_path)
    assert failure.kind in (FailureKind.TRUNCATED, FailureKind.NETWORK)


@METHODS
def test_of_a_body_longer_than_stated_the_rest_is_left(tmp_path: Path, by: Any) -> None:
    with serving({"/a.mp3": stating(LENGTH - 1_000)}) as site:
        assert by.fetch(f"{site.base}/a.mp3", tmp_path).path.read_bytes() == MEDIA[:-1_000]


def of_another_age(*, only: int | None = None, length: int | None = None) -> Callable[[Visit], None]:
    """HTTP/1.0: no ranges, and the end of the connection ends the body, cut after ``only`` bytes."""

    def route(visit: Visit) -> None:
        visit.protocol_version = "HTTP/1.0"
        stated = {} if length is None else {"Content_Length": length}
        visit.start(200, Content_Type="audio/mpeg", **stated)
        visit.wfile.write(MEDIA[:only])
        visit.close_connection = True

    return route


@METHODS
def test_a_server_of_http_1_0_is_read_to_its_end(tmp_path: Path, by: Any) -> None:
    with serving({"/a.mp3": of_another_age()}) as site:
        assert by.fetch(f"{site.base}/a.mp3", tmp_path).path.read_bytes() == MEDIA


@METHODS
def test_a_cut_transfer_of_http_1_0_begins_anew(tmp_path: Path, by: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(by_http.http, "RESUME_PAUSE_S", 0.0)
    whole, half = of_another_age(length=LENGTH), of_another_age(only=LENGTH // 2, length=LENGTH)
    routes = (half, whole) if by is by_http else (whole, half, whole)  # yt-dlp looks first, then fetches
    with serving({"/a.mp3": taking_turns(*routes)}) as site:
        assert by.fetch(f"{site.base}/a.mp3", tmp_path).path.read_bytes() == MEDIA
