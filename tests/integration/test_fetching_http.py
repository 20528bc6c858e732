"""Direct HTTP against a real server that does everything wrong."""

from __future__ import annotations

import asyncio
import contextlib
import random
import resource
import socket
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from fetch_servers import Route, Site, Visit, endless, serving, taking_turns

from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.domain.fetching import Fetched, FetchLimits, FetchRequest
from voicesieve.fetching import guard, http
from voicesieve.fetching.client import HttpAnswer, HttpClient
from voicesieve.fetching.http import MAX_FRUITLESS_RESUMES, RANGE_BYTES, HttpFetcher

LIMITS = FetchLimits(
    deadline_s=20,
    stall_s=5,
    stall_bytes=10_000,
    max_bytes=50_000_000,
    max_duration_s=3_600,
    max_redirects=3,
    allow_private_addresses=True,
)
MEDIA = random.Random(1).randbytes(400_000)
AGENT = "voicesieve/test (+https://example.org/contact)"


def client(*, allow_private_addresses: bool = True) -> HttpClient:
    return HttpClient(
        allow_private_addresses=allow_private_addresses, max_redirects=LIMITS.max_redirects, user_agent=AGENT
    )


def fetch(url: str, scratch: Path, limits: FetchLimits = LIMITS, *, allow_private_addresses: bool = True) -> Fetched:
    async def run() -> Fetched:
        async with client(allow_private_addresses=allow_private_addresses) as opened:
            return await HttpFetcher(opened).fetch(FetchRequest("list:1", url, scratch, limits))

    return asyncio.run(run())


def failure_of(
    url: str, scratch: Path, limits: FetchLimits = LIMITS, *, allow_private_addresses: bool = True
) -> Failure:
    with pytest.raises(FailureError) as caught:
        fetch(url, scratch, limits, allow_private_addresses=allow_private_addresses)
    return caught.value.failure


def read(url: str, headers: Mapping[str, str] | None = None, *, max_bytes: int = 1_000_000) -> HttpAnswer:
    async def run() -> HttpAnswer:
        async with client() as opened:
            return await opened.read(url, max_bytes=max_bytes, deadline_s=5, headers=headers)

    return asyncio.run(run())


def redirect(location: str) -> Route:
    return lambda visit: visit.answer(b"", 302, Location=location)


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "RESUME_PAUSE_S", 0.0)


def test_a_large_file_comes_by_one_request_of_an_honest_client(tmp_path: Path) -> None:
    body = random.Random(2).randbytes(RANGE_BYTES + 5)
    with serving({"/a.mp3": lambda visit: visit.answer(body, Content_Type="audio/mpeg", ETag='"1"')}) as site:
        fetched = fetch(f"{site.base}/a.mp3?token=secret", tmp_path)
    assert fetched.path == tmp_path / "media"
    assert fetched.path.read_bytes() == body
    assert fetched.bytes == len(body)
    assert site.ranges == [None]
    _, headers = site.visits[0]
    assert headers["User-Agent"] == AGENT
    assert headers["Accept-Encoding"] == "identity"
    assert fetched.facts == {"final_url": f"{site.base}/a.mp3", "etag": '"1"', "content_type": "audio/mpeg"}


def test_a_cut_transfer_asks_only_for_what_is_missing(tmp_path: Path) -> None:
    route = taking_turns(
        lambda visit: visit.part(MEDIA, only=100_000, ETag='"1"'), lambda visit: visit.part(MEDIA, ETag='"1"')
    )
    with serving({"/a": route}) as site:
        fetched = fetch(f"{site.base}/a", tmp_path)
    assert fetched.path.read_bytes() == MEDIA
    assert site.ranges == [None, f"bytes=100000-{len(MEDIA) - 1}"]
    assert site.visits[1][1]["If-Range"] == '"1"'


def test_a_reset_connection_is_resumed_and_the_file_is_identical(tmp_path: Path) -> None:
    def cut(visit: Visit) -> None:
        visit.part(MEDIA, only=200_000)
        visit.reset()

    with serving({"/a": taking_turns(cut, cut, lambda visit: visit.part(MEDIA))}) as site:
        fetched = fetch(f"{site.base}/a", tmp_path)
    assert fetched.path.read_bytes() == MEDIA
    starts = [int((asked or "bytes=0-").removeprefix("bytes=").partition("-")[0]) for asked in site.ranges]
    assert starts == sorted(set(starts))


@pytest.mark.usefixtures("no_pause")
def test_a_server_without_ranges_is_read_from_the_start_again(tmp_path: Path) -> None:
    def short(visit: Visit) -> None:
        visit.start(200, Content_Length=len(MEDIA))
        visit.wfile.write(MEDIA[:150_000])
        visit.close_connection = True

    with serving({"/a": taking_turns(short, lambda visit: visit.answer(MEDIA))}) as site:
        assert fetch(f"{site.base}/a", tmp_path).path.read_bytes() == MEDIA
    assert len(site.visits) == 2


@pytest.mark.usefixtures("no_pause")
@pytest.mark.parametrize("answer", ["part", "whole"])
def test_a_file_that_changes_in_between_is_never_stitched(tmp_path: Path, answer: str) -> None:
    newer = MEDIA[::-1]

    def changed(visit: Visit) -> None:
        if answer == "part":  # as from a server that ignores If-Range
            visit.part(newer, ETag='"2"')
        else:
            visit.answer(newer, ETag='"2"')

    with serving({"/a": taking_turns(lambda visit: visit.part(MEDIA, only=100_000, ETag='"1"'), changed)}) as site:
        assert fetch(f"{site.base}/a", tmp_path).path.read_bytes() == newer


@pytest.mark.usefixtures("no_pause")
def test_resuming_without_progress_ends(tmp_path: Path) -> None:
    route = taking_turns(lambda visit: visit.part(MEDIA, only=100_000), lambda visit: visit.part(MEDIA, only=0))
    with serving({"/a": route}) as site:
        failure = failure_of(f"{site.base}/a", tmp_path)
    assert failure.kind is FailureKind.TRUNCATED
    assert len(site.visits) == 1 + MAX_FRUITLESS_RESUMES


@pytest.mark.usefixtures("no_pause")
def test_an_address_that_runs_out_is_asked_for_again(tmp_path: Path) -> None:
    routes = {
        "/a": taking_turns(redirect("/signed-1"), redirect("/signed-2")),
        "/signed-1": taking_turns(
            lambda visit: visit.part(MEDIA, only=100_000), lambda visit: visit.answer(b"expired", 403)
        ),
        "/signed-2": lambda visit: visit.part(MEDIA),
    }
    with serving(routes) as site:
        assert fetch(f"{site.base}/a", tmp_path).path.read_bytes() == MEDIA


def test_a_server_that_refuses_ranges_is_asked_without(tmp_path: Path) -> None:
    def route(visit: Visit) -> None:
        if "Range" in visit.headers:
            visit.answer(b"", 416)
        else:
            visit.answer(MEDIA)

    with serving({"/a": route}) as site:
        assert fetch(f"{site.base}/a", tmp_path).path.read_bytes() == MEDIA


def test_the_end_of_a_file_of_unstated_size_is_found(tmp_path: Path) -> None:
    def route(visit: Visit) -> None:
        start, end = visit.asked_range(len(MEDIA))
        if start < end:
            visit.answer(MEDIA[start:end], 206, Content_Range=f"bytes {start}-{end - 1}/*")
        else:
            visit.answer(b"", 416, Content_Range=f"bytes */{len(MEDIA)}")

    with serving({"/a": route}) as site:
        assert fetch(f"{site.base}/a", tmp_path).path.read_bytes() == MEDIA


@pytest.mark.parametrize(
    "route",
    [
        lambda visit: visit.answer(b""),
        lambda visit: visit.answer(b"", 416, Content_Range="bytes */0"),
        lambda visit: visit.start(204),
    ],
)
def test_an_empty_answer_is_a_failure(tmp_path: Path, route: Route) -> None:
    with serving({"/a": route}) as site:
        assert failure_of(f"{site.base}/a", tmp_path).kind in (FailureKind.TRUNCATED, FailureKind.UNSUPPORTED)


@pytest.mark.parametrize("stated", ["bytes 7-399999/400000", "bytes 0-399999/7", "bytes */400000", "items 0-1/2", ""])
def test_an_answer_with_another_part_than_asked_is_refused(tmp_path: Path, stated: str) -> None:
    with serving({"/a": lambda visit: visit.answer(MEDIA, 206, Content_Range=stated)}) as site:
        assert failure_of(f"{site.base}/a", tmp_path).kind is FailureKind.SERVER_ERROR


def test_a_trickle_cannot_live_on_a_fast_start(tmp_path: Path) -> None:
    def route(visit: Visit) -> None:
        visit.start(200, Content_Length=len(MEDIA))
        visit.wfile.write(MEDIA[:300_000])
        visit.trickle(0.05, bytes(26))  # 512 bytes a second

    with serving({"/a": route}) as site:
        started = time.monotonic()
        failure = failure_of(f"{site.base}/a", tmp_path, replace(LIMITS, stall_s=1.0))
        elapsed = time.monotonic() - started
    assert failure.kind is FailureKind.TIMEOUT
    assert "stalled" in failure.message
    assert 1.0 <= elapsed < 3.0


def test_silence_before_the_first_byte_is_a_stall(tmp_path: Path) -> None:
    with serving({"/a": Visit.hang}) as site:
        failure = failure_of(f"{site.base}/a", tmp_path, replace(LIMITS, stall_s=0.3))
    assert (failure.kind, "stalled" in failure.message) == (FailureKind.TIMEOUT, True)


def test_the_deadline_holds_however_steady_the_transfer(tmp_path: Path) -> None:
    def route(visit: Visit) -> None:
        visit.start(200, Connection="close")
        visit.trickle(0.02, bytes(1_000))

    with serving({"/a": route}) as site:
        started = time.monotonic()
        failure = failure_of(f"{site.base}/a", tmp_path, replace(LIMITS, deadline_s=1.0, stall_bytes=100))
        elapsed = time.monotonic() - started
    assert (failure.kind, "deadline" in failure.message) == (FailureKind.TIMEOUT, True)
    assert elapsed < 3.0


def test_a_declared_size_over_the_limit_is_refused_unread(tmp_path: Path) -> None:
    with serving({"/a": lambda visit: visit.part(MEDIA)}) as site:
        failure = failure_of(f"{site.base}/a", tmp_path, replace(LIMITS, max_bytes=len(MEDIA) - 1))
    assert failure.kind is FailureKind.TOO_LONG
    assert f"{len(MEDIA):,}" in failure.message
    assert (tmp_path / "media").stat().st_size == 0


def test_an_endless_body_is_cut_off_at_the_limit(tmp_path: Path) -> None:
    with serving({"/a": endless}) as site:
        failure = failure_of(f"{site.base}/a", tmp_path, replace(LIMITS, max_bytes=1_000_000))
    assert failure.kind is FailureKind.TOO_LONG
    assert (tmp_path / "media").stat().st_size <= 1_000_000


@pytest.mark.parametrize(
    "headers",
    [
        {"Content_Type": "text/html; charset=utf-8"},
        {"Content_Type": "application/json"},
        {"Content_Type": "application/ld+json"},
        {"Content_Type": "image/png"},
        {"Content_Type": "application/vnd.apple.mpegurl"},
        {"Content_Type": "audio/x-mpegurl"},
        {"Content_Type": "application/rss+xml"},
        {"Content_Type": "application/dash+xml"},
        {"Content_Type": "audio/mpeg", "Content_Encoding": "br"},
    ],
)
def test_what_is_not_media_is_left_to_another_method(tmp_path: Path, headers: dict[str, object]) -> None:
    with serving({"/a": lambda visit: visit.answer(MEDIA, **headers)}) as site:
        assert failure_of(f"{site.base}/a", tmp_path).kind is FailureKind.UNSUPPORTED


@pytest.mark.parametrize("body", [b"\n <!DOCTYPE html><html>", b"#EXTM3U\n/etc/passwd", b"ffconcat version 1.0\n"])
def test_a_page_or_playlist_under_a_false_name_is_seen(tmp_path: Path, body: bytes) -> None:
    with serving({"/a.mp3": lambda visit: visit.answer(body, Content_Type="audio/mpeg")}) as site:
        assert failure_of(f"{site.base}/a.mp3", tmp_path).kind is FailureKind.UNSUPPORTED


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, FailureKind.PRIVATE),
        (403, FailureKind.PRIVATE),
        (404, FailureKind.GONE),
        (410, FailureKind.GONE),
        (429, FailureKind.RATE_LIMITED),
        (451, FailureKind.GEO_BLOCKED),
        (503, FailureKind.SERVER_ERROR),
    ],
)
def test_statuses_are_typed_with_the_wait_they_ask_for(tmp_path: Path, status: int, kind: FailureKind) -> None:
    with serving({"/a": lambda visit: visit.answer(b"", status, Retry_After="120")}) as site:
        failure = failure_of(f"{site.base}/a", tmp_path)
    assert (failure.kind, failure.retry_after_s) == (kind, 120.0)


def test_a_refused_connection_names_the_host_and_the_cause(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound but not listening: nobody else can take the port
        failure = failure_of(f"http://127.0.0.1:{closed.getsockname()[1]}/a", tmp_path)
    assert failure.kind is FailureKind.NETWORK
    assert "127.0.0.1" in failure.message
    assert "refused" in failure.message.lower() or "connect call failed" in failure.message.lower()


def test_a_reset_before_the_answer_is_a_network_failure(tmp_path: Path) -> None:
    with serving({"/a": Visit.reset}) as site:
        assert failure_of(f"{site.base}/a", tmp_path).kind is FailureKind.NETWORK


def test_a_server_that_speaks_no_tls_is_a_network_failure(tmp_path: Path) -> None:
    with serving({}) as site:
        failure = failure_of(site.base.replace("http:", "https:") + "/a", tmp_path)
    assert failure.kind is FailureKind.NETWORK
    assert "127.0.0.1" in failure.message


def test_an_answer_that_is_not_http_is_a_network_failure(tmp_path: Path) -> None:
    def route(visit: Visit) -> None:
        visit.wfile.write(b"SSH-2.0-OpenSSH\r\n\r\n")
        visit.close_connection = True

    with serving({"/a": route}) as site:
        assert failure_of(f"{site.base}/a", tmp_path).kind is FailureKind.NETWORK


def test_a_full_disk_says_how_much_was_needed(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with serving({"/a": lambda visit: visit.part(MEDIA)}) as site:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
        try:
            failure = failure_of(f"{site.base}/a", tmp_path)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert failure.kind is FailureKind.DISK_FULL
    assert f"{len(MEDIA):,} bytes" in failure.message


def test_redirects_are_followed_up_to_the_limit(tmp_path: Path) -> None:
    routes = {
        "/0": redirect("/1"),
        "/1": redirect("/2"),
        "/2": redirect("/3"),
        "/3": lambda visit: visit.part(MEDIA),
        "/too-far": redirect("/0"),
    }
    with serving(routes) as site:
        assert fetch(f"{site.base}/0", tmp_path).facts["final_url"] == f"{site.base}/3"
        (tmp_path / "media").unlink()
        failure = failure_of(f"{site.base}/too-far", tmp_path)
    assert (failure.kind, "redirects" in failure.message) == (FailureKind.SERVER_ERROR, True)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/a",
        "http://localhost:1/a",
        "http://[::1]:1/a",
        "http://[::ffff:127.0.0.1]:1/a",
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/a",
        "http://0.0.0.0:1/a",
    ],
)
def test_private_addresses_are_refused_with_the_setting_that_allows_them(tmp_path: Path, url: str) -> None:
    failure = failure_of(url, tmp_path, allow_private_addresses=False)
    assert failure.kind is FailureKind.FORBIDDEN_ADDRESS
    assert "fetching.allow_private_addresses" in failure.message


@pytest.mark.parametrize(
    ("location", "kind"),
    [
        ("http://localhost:{port}/secret", FailureKind.FORBIDDEN_ADDRESS),
        ("http://[::1]:{port}/secret", FailureKind.FORBIDDEN_ADDRESS),
        ("http://169.254.169.254/latest/meta-data", FailureKind.FORBIDDEN_ADDRESS),
        ("http://127.1:{port}/secret", FailureKind.FORBIDDEN_ADDRESS),
        ("http://2130706433:{port}/secret", FailureKind.FORBIDDEN_ADDRESS),
        ("file:///etc/passwd", FailureKind.UNSUPPORTED),
        ("http://user:word@127.0.0.1:{port}/secret", FailureKind.UNSUPPORTED),
        ("http://[bad", FailureKind.UNSUPPORTED),
    ],
)
def test_a_redirect_cannot_lead_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, location: str, kind: FailureKind
) -> None:
    # The literal 127.0.0.1 plays the public server here; everything else of loopback stays private.
    really_public = guard.is_public
    monkeypatch.setattr(guard, "is_public", lambda ip: str(ip) == "127.0.0.1" or really_public(ip))

    def route(visit: Visit) -> None:
        visit.answer(b"", 302, Location=location.format(port=visit.server.server_port))

    with serving({"/a": route, "/secret": lambda visit: visit.part(MEDIA)}) as site:
        failure = failure_of(f"{site.base}/a", tmp_path, allow_private_addresses=False)
    assert failure.kind is kind
    assert [path for path, _ in site.visits] == ["/a"]


@pytest.mark.parametrize(
    "url", ["http://" + "x" * 64 + "/", "http://a..b/", "http://\ud800/", "http://[::1/", "http:///a"]
)
def test_a_malformed_url_is_a_typed_failure(tmp_path: Path, url: str) -> None:
    assert failure_of(url, tmp_path).kind in (FailureKind.UNSUPPORTED, FailureKind.NETWORK)


def test_reading_returns_304_and_lower_case_headers() -> None:
    def route(visit: Visit) -> None:
        if visit.headers.get("If-None-Match") == '"7"':
            visit.start(304, ETag='"7"')
        else:
            visit.answer(b"<rss/>", ETag='"7"')

    with serving({"/feed": route}) as site:
        first = read(f"{site.base}/feed")
        second = read(f"{site.base}/feed", {"If-None-Match": first.headers["etag"]})
    assert (first.status, first.body, first.url) == (200, b"<rss/>", f"{site.base}/feed")
    assert (second.status, second.body) == (304, b"")


@pytest.mark.parametrize(
    ("route", "kind"),
    [
        (endless, FailureKind.TOO_LONG),
        (lambda visit: visit.answer(bytes(1_001)), FailureKind.TOO_LONG),
        (lambda visit: visit.answer(b"", 404), FailureKind.GONE),
        (lambda visit: visit.answer(b"x", Content_Encoding="br"), FailureKind.UNSUPPORTED),
        (lambda visit: (visit.start(200, Content_Length=9), visit.reset()), FailureKind.TRUNCATED),
        (Visit.reset, FailureKind.NETWORK),
    ],
)
def test_reading_fails_typed(route: Route, kind: FailureKind) -> None:
    with serving({"/feed": route}) as site, pytest.raises(FailureError) as caught:
        read(f"{site.base}/feed", max_bytes=1_000)
    assert caught.value.failure.kind is kind


def test_credentials_do_not_follow_a_redirect_to_another_origin() -> None:
    with serving({"/feed": lambda visit: visit.answer(b"ok")}) as other:
        routes = {"/feed": redirect(f"{other.base}/feed"), "/same": redirect("/feed")}
        with serving(routes) as site:
            read(f"{site.base}/same", {"X-Goog-Api-Key": "secret", "If-None-Match": '"1"'})
    assert [headers.get("X-Goog-Api-Key") for _, headers in site.visits] == ["secret", "secret"]
    _, headers = other.visits[0]
    assert "X-Goog-Api-Key" not in headers
    assert headers["If-None-Match"] == '"1"'


def test_cookies_last_as_long_as_one_item(tmp_path: Path) -> None:
    """Some servers send whoever has no cookie round in a circle. Nobody is followed from one item to the next."""
    routes = {
        "/a": lambda visit: (
            visit.part(MEDIA) if "Cookie" in visit.headers else visit.answer(b"", 302, Location="/a", Set_Cookie="id=1")
        )
    }

    async def run(address: str) -> None:
        async with client() as opened:
            for name in ("first", "second"):
                (tmp_path / name).mkdir()
                await HttpFetcher(opened).fetch(FetchRequest(name, address, tmp_path / name, LIMITS))

    with serving(routes) as site:
        asyncio.run(run(f"{site.base}/a"))
    assert [headers.get("Cookie") for _, headers in site.visits] == [None, "id=1", None, "id=1"]


def test_cancelling_thirty_fetches_at_random_leaves_nothing_open(tmp_path: Path) -> None:
    def slow(visit: Visit) -> None:
        visit.start(200, Content_Length=10_000_000)
        visit.trickle(0.01, bytes(2_000))

    async def run(site: Site, folder: Path) -> None:
        chance = random.Random(3)
        loop = asyncio.get_running_loop()
        async with client() as opened:
            tasks = []
            for number in range(30):
                scratch = folder / str(number)
                scratch.mkdir(parents=True)
                request = FetchRequest(f"list:{number}", f"{site.base}/a", scratch, LIMITS)
                tasks.append(asyncio.create_task(HttpFetcher(opened).fetch(request)))
                loop.call_later(chance.uniform(0, 0.5), tasks[-1].cancel)
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)
            assert not any("media" in target for target in open_files())

    with serving({"/a": slow}) as site:
        asyncio.run(run(site, tmp_path / "first"))
    before = open_files()
    with serving({"/a": slow}) as site:
        asyncio.run(run(site, tmp_path / "second"))
    assert len(open_files()) <= len(before)


def open_files() -> list[str]:
    targets = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the descriptor of the listing itself
            targets.append(str(descriptor.readlink()))
    return targets
