"""The demo site and the fault server, asked with real requests."""

from __future__ import annotations

import gzip
import http.client
import json
import select
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree

import av
import feedparser
import pytest
import yt_dlp

from demo.answers import Content, ResetAt, Stall
from demo.clips import CLIPS, read_clips
from demo.faults import NOT_MEDIA, Fault
from demo.pages import LICENCE
from demo.server import serving
from demo.site import FEED_ITEMS, HOSTILE_TITLE, LINKED_MEDIA, OPUS, WATCH_ITEMS, Item, Site, folder_site, running_site
from tests.servers.faults import FaultServer, fault_server

ROOT = Path(__file__).parents[2]

BODY = bytes(index % 251 for index in range(100_000))
HALF = len(BODY) // 2
PATIENCE_S = 10.0


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes


def ask(url: str, method: str = "GET", **headers: str) -> Reply:
    """One request, no redirect followed; header names with ``_`` for ``-``. Raises what http.client raises."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=PATIENCE_S)
    try:
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target, headers={name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return Reply(response.status, dict(response.headers.items()), response.read())
    finally:
        connection.close()


def begin(url: str) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    """A request whose body is left to be read."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=PATIENCE_S)
    connection.request("GET", parts.path)
    return connection, connection.getresponse()


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with running_site() as running:
        yield running


@pytest.fixture
def faults() -> Iterator[FaultServer]:
    with fault_server(BODY) as server:
        yield server


# Content


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-", 0, 100_000),
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=99990-", 99_990, 100_000),
        ("bytes=99990-999999", 99_990, 100_000),
        ("bytes=-10", 99_990, 100_000),
        ("bytes=-999999", 0, 100_000),
    ],
)
def test_a_range_is_answered_with_that_part(faults: FaultServer, asked: str, start: int, end: int) -> None:
    reply = ask(faults.sound_url, Range=asked)
    assert reply.status == 206
    assert reply.body == BODY[start:end]
    assert reply.headers["Content-Range"] == f"bytes {start}-{end - 1}/100000"


@pytest.mark.parametrize("asked", ["bytes=100000-", "bytes=500000-600000", "bytes=-0"])
def test_a_range_beyond_the_end_is_refused_with_the_size(faults: FaultServer, asked: str) -> None:
    reply = ask(faults.sound_url, Range=asked)
    assert (reply.status, reply.body) == (416, b"")
    assert reply.headers["Content-Range"] == "bytes */100000"


@pytest.mark.parametrize("asked", ["bytes=-", "bytes=9-3", "bytes=0-1,5-6", "lines=1-2", "bytes=a-b"])
def test_a_range_that_cannot_be_served_brings_the_whole(faults: FaultServer, asked: str) -> None:
    reply = ask(faults.sound_url, Range=asked)
    assert (reply.status, reply.body) == (200, BODY)


def test_a_range_is_served_only_of_the_content_that_the_client_knows(faults: FaultServer) -> None:
    tag = ask(faults.sound_url, "HEAD").headers["ETag"]
    same = ask(faults.sound_url, Range="bytes=5-", If_Range=tag)
    other = ask(faults.sound_url, Range="bytes=5-", If_Range='"another"')
    assert (same.status, same.body) == (206, BODY[5:])
    assert (other.status, other.body) == (200, BODY)


def test_head_sends_the_headers_of_get_and_no_body(faults: FaultServer) -> None:
    head, get = ask(faults.sound_url, "HEAD"), ask(faults.sound_url)
    assert head.body == b""
    for name in ("Content-Length", "Content-Type", "ETag", "Accept-Ranges"):
        assert head.headers[name] == get.headers[name]


def test_known_content_is_not_sent_again(site: Site) -> None:
    tag = ask(site.feed).headers["ETag"]
    reply = ask(site.feed, If_None_Match=tag)
    assert (reply.status, reply.body) == (304, b"")


def test_one_connection_serves_many_requests(faults: FaultServer) -> None:
    connection = http.client.HTTPConnection(urlsplit(faults.base_url).netloc, timeout=PATIENCE_S)
    for _ in range(3):
        connection.request("GET", "/sound", headers={"Range": "bytes=0-9"})
        response = connection.getresponse()
        assert response.read() == BODY[:10]
        assert not response.will_close
    connection.close()


# Faults


def test_reset_comes_at_its_byte_and_a_resumed_request_gets_the_rest(faults: FaultServer) -> None:
    url = faults.url(Fault.RESET)
    connection, response = begin(url)
    got = b""
    with pytest.raises(ConnectionResetError):
        while True:
            got += response.read1()
    connection.close()
    assert got == BODY[:HALF]
    assert ask(url, Range=f"bytes={HALF}-").body == BODY[HALF:]


def test_reset_strikes_again_before_its_byte(faults: FaultServer) -> None:
    with pytest.raises(ConnectionResetError):
        ask(faults.url(Fault.RESET), Range=f"bytes={HALF - 1}-")


def test_reset_delivers_everything_before_its_byte_however_much_that_is() -> None:
    body = bytes(8_000_000)
    with serving(lambda _: {"/x": ResetAt(Content(body, OPUS), at=7_000_000)}) as server:
        connection, response = begin(server.base_url + "/x")
        got = 0
        with pytest.raises(ConnectionResetError):
            while True:
                got += len(response.read1())
        connection.close()
    assert got == 7_000_000


def test_stall_stays_open_and_silent_after_half(faults: FaultServer) -> None:
    connection, response = begin(faults.url(Fault.STALL))
    assert response.read(HALF) == BODY[:HALF]
    readable, _, _ = select.select([connection.sock], [], [], 0.3)
    connection.close()
    assert readable == []


def test_trickle_is_slow_and_never_silent(faults: FaultServer) -> None:
    connection, response = begin(faults.url(Fault.TRICKLE))
    started = time.monotonic()
    assert response.read(3) == BODY[:3]
    connection.close()
    assert 0.4 < time.monotonic() - started < PATIENCE_S
    assert response.headers["Content-Length"] == "100000"


def test_truncated_ends_half_way_whatever_range_is_asked_for(faults: FaultServer) -> None:
    with pytest.raises(http.client.IncompleteRead) as whole:
        ask(faults.url(Fault.TRUNCATED))
    assert whole.value.partial == BODY[:HALF]
    with pytest.raises(http.client.IncompleteRead) as rest:
        ask(faults.url(Fault.TRUNCATED), Range=f"bytes={HALF}-")
    assert rest.value.partial == b""


def test_wrong_length_declares_half_and_sends_all(faults: FaultServer) -> None:
    parts = urlsplit(faults.url(Fault.WRONG_LENGTH))
    with socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE_S) as connection:
        connection.sendall(f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert f"Content-Length: {HALF}".encode() in head
    assert body == BODY


def test_ranges_may_be_ignored(faults: FaultServer) -> None:
    reply = ask(faults.url(Fault.NO_RANGES), Range="bytes=10-19")
    assert (reply.status, reply.body) == (200, BODY)
    assert "Accept-Ranges" not in reply.headers


def test_endless_goes_on(faults: FaultServer) -> None:
    connection, response = begin(faults.url(Fault.ENDLESS))
    got = response.read(3_000_000)
    connection.close()
    assert len(got) == 3_000_000
    assert "Content-Length" not in response.headers


def test_busy_twice_then_well(faults: FaultServer) -> None:
    replies = [ask(faults.url(Fault.BUSY_TWICE)) for _ in range(4)]
    assert [reply.status for reply in replies] == [503, 503, 200, 200]
    assert [reply.headers.get("Retry-After") for reply in replies] == ["1", "1", None, None]
    assert replies[2].body == BODY


@pytest.mark.parametrize(
    ("fault", "status", "retry_after"),
    [(Fault.MISSING, 404, None), (Fault.SERVER_ERROR, 500, None), (Fault.RATE_LIMITED, 429, "1")],
)
def test_refusals(faults: FaultServer, fault: Fault, status: int, retry_after: str | None) -> None:
    for _ in range(3):
        reply = ask(faults.url(fault))
        assert (reply.status, reply.headers.get("Retry-After")) == (status, retry_after)


def test_redirect_loop_never_ends(faults: FaultServer) -> None:
    with pytest.raises(urllib.error.HTTPError, match="infinite loop"):
        urllib.request.urlopen(faults.url(Fault.REDIRECT_LOOP), timeout=PATIENCE_S)
    assert len(faults.requests.of(urlsplit(faults.url(Fault.REDIRECT_LOOP)).path)) > 3


def test_web_page_under_an_audio_type(faults: FaultServer) -> None:
    reply = ask(faults.url(Fault.WRONG_TYPE))
    assert (reply.headers["Content-Type"], reply.body) == ("audio/ogg", NOT_MEDIA)


def test_gzip_comes_unasked(faults: FaultServer) -> None:
    reply = ask(faults.url(Fault.GZIPPED), Accept_Encoding="identity")
    assert reply.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(reply.body) == BODY


def test_connection_refused(faults: FaultServer) -> None:
    with pytest.raises(ConnectionRefusedError):
        ask(faults.refusing_url)


def test_certificate_that_nobody_signed(faults: FaultServer) -> None:
    if faults.untrusted_url is None:
        pytest.skip("the openssl program is missing")
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(faults.untrusted_url, timeout=PATIENCE_S)
    unchecked = ssl.create_default_context()
    unchecked.check_hostname = False
    unchecked.verify_mode = ssl.CERT_NONE
    with urllib.request.urlopen(faults.untrusted_url, timeout=PATIENCE_S, context=unchecked) as response:
        assert response.read() == BODY


def test_every_fault_answers_head_without_a_body(faults: FaultServer) -> None:
    for fault in Fault:
        assert ask(faults.url(fault), "HEAD").body == b""


# The server


def test_stopping_lets_no_held_client_wait() -> None:
    with serving(lambda _: {"/stall": Stall(Content(BODY, OPUS), at=10)}) as server:
        connection, response = begin(server.base_url + "/stall")
        assert response.read(10) == BODY[:10]
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        response.read()
    connection.close()


def test_requests_are_remembered(faults: FaultServer) -> None:
    ask(faults.sound_url, Range="bytes=1-2", User_Agent="tester")
    ask(faults.sound_url, "HEAD")
    ask(faults.base_url + "/nowhere?secret=1")
    assert [(request.method, request.path, request.range, request.nth) for request in faults.requests] == [
        ("GET", "/sound", "bytes=1-2", 1),
        ("HEAD", "/sound", None, 2),
        ("GET", "/nowhere", None, 1),
    ]
    assert faults.requests.of("/sound")[0].headers["user-agent"] == "tester"


# The demo site


def test_feed_reads_as_a_podcast(site: Site) -> None:
    feed = feedparser.parse(ask(site.feed).body)
    assert not feed.bozo
    assert feed.feed.language == "vi"
    assert feed.feed.rights == LICENCE
    assert [entry.id for entry in feed.entries] == [item.name for item in FEED_ITEMS]
    assert [entry.enclosures[0].href for entry in feed.entries] == [site.media[item.name] for item in FEED_ITEMS]
    for entry in feed.entries:
        assert entry.enclosures[0].type == OPUS
        assert entry.published_parsed.tm_year == 2025
        assert entry.itunes_duration.startswith("00:00:")


def test_titles_arrive_as_they_are(site: Site) -> None:
    text = ask(site.feed).body.decode()
    assert "Bé kể chuyện" in text
    # feedparser strips markup from titles, as it should; what stands in the feed is for a plain XML reader.
    titles = [title.text for title in ElementTree.fromstring(text).iterfind("channel/item/title")]
    assert HOSTILE_TITLE in titles


def test_feed_items_come_to_what_is_expected_of_them(site: Site) -> None:
    clips = read_clips()
    media = site.media
    assert ask(media["story"]).body == clips["child-vi-story"].body
    assert ask(media["story-again"]).body == clips["child-vi-story"].body
    assert [ask(media["counting"]).status for _ in range(3)] == [503, 503, 200]
    assert ask(media["removed"]).status == 404
    assert ask(media["news"]).status == 302
    with urllib.request.urlopen(media["news"], timeout=PATIENCE_S) as response:
        assert response.read() == clips["adult-man-news"].body
    with pytest.raises(ConnectionResetError):
        ask(media["melody"])
    half = len(clips["music"].body) // 2
    assert ask(media["melody"], Range=f"bytes={half}-").body == clips["music"].body[half:]
    with pytest.raises(av.error.InvalidDataError):
        av.open(media["damaged"])


def test_page_links_to_watch_pages_and_to_one_recording_of_the_feed(site: Site) -> None:
    page = ask(site.page).body.decode()
    for item in WATCH_ITEMS:
        assert f'href="/watch/{item.name}"' in page
    assert f'href="{LINKED_MEDIA.path}"' in page
    assert site.media[LINKED_MEDIA.name] in ask(site.feed).body.decode()
    assert f'<link rel="license" href="{LICENCE}">' in page


@pytest.mark.parametrize("item", WATCH_ITEMS, ids=lambda item: item.name)
def test_yt_dlp_finds_the_recording_of_a_watch_page(site: Site, item: Item, tmp_path: Path) -> None:
    options = {"quiet": True, "no_warnings": True, "cachedir": False, "outtmpl": str(tmp_path / "media.%(ext)s")}
    with yt_dlp.YoutubeDL(options) as downloader:
        info = downloader.extract_info(f"{site.url}/watch/{item.name}")
    assert info["extractor"] in ("generic", "html5")
    assert info["title"].startswith(item.title)
    (file,) = tmp_path.iterdir()
    assert file.read_bytes() == ask(site.media[item.name]).body


def test_site_shows_every_fault_under_a_path(site: Site) -> None:
    for fault in Fault:
        assert ask(f"{site.url}/fault/{fault}", "HEAD").status == {
            Fault.BUSY_TWICE: 503,
            Fault.MISSING: 404,
            Fault.SERVER_ERROR: 500,
            Fault.RATE_LIMITED: 429,
            Fault.REDIRECT_LOOP: 302,
        }.get(fault, 200)


def test_a_folder_of_files_becomes_a_site(tmp_path: Path) -> None:
    files = {"giọng \u202e<b>.wav": b"first", "a\nb\x01.MP3": b"second", "x.opus": b"third"}
    paths = [tmp_path / name for name in files]
    for path, body in zip(paths, files.values(), strict=True):
        path.write_bytes(body)
    with folder_site(paths, language="en") as site:
        feed = feedparser.parse(ask(site.feed).body)
        assert not feed.bozo
        assert feed.feed.language == "en"
        enclosures = [entry.enclosures[0] for entry in feed.entries]
        assert [(enclosure.type, enclosure.length) for enclosure in enclosures] == [
            ("audio/wav", "5"),
            ("audio/mpeg", "6"),
            ("audio/ogg", "5"),
        ]
        assert [site.media[str(path)] for path in paths] == [enclosure.href for enclosure in enclosures]
        assert [ask(enclosure.href).body for enclosure in enclosures] == list(files.values())
        assert '<a href="/media/2.mp3">ab</a>' in ask(site.page).body.decode()


def test_a_folder_site_refuses_what_it_has_no_type_for(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"notes\.txt"), folder_site([tmp_path / "notes.txt"]):
        pass


def test_command_prints_the_base_url_first_and_writes_the_seed_info(tmp_path: Path) -> None:
    seed_info = tmp_path / "seed.json"
    command = [sys.executable, "-m", "demo.site", "--port", "0", "--seed-info", str(seed_info)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            base_url = process.stdout.readline().strip()
            info = json.loads(seed_info.read_text())
            assert info["base_url"] == base_url
            assert info["queries"] == [f"rss:{base_url}/feed.xml", f"page:{base_url}/"]
            assert info["expected"][f"{base_url}/media/story.opus"] == "accepted"
            assert ask(base_url + "/").status == 200
        finally:
            process.terminate()


# The clips


def test_clips_are_small_mono_opus_of_the_stated_length() -> None:
    clips = read_clips()
    assert {f"{name}.opus" for name in clips} == {path.name for path in CLIPS.glob("*.opus")}
    assert sum(path.stat().st_size for path in CLIPS.iterdir()) < 1_000_000
    for name, clip in clips.items():
        assert 8 <= clip.seconds <= 25
        with av.open(str(CLIPS / f"{name}.opus")) as container:
            (stream,) = container.streams.audio
            assert (stream.codec.canonical_name, stream.layout.nb_channels) == ("opus", 1)
            samples = sum(frame.samples for frame in container.decode(audio=0))
        assert samples / 48_000 == pytest.approx(clip.seconds, abs=0.05)


def test_clips_hold_children_adults_and_nobody() -> None:
    clips = read_clips().values()
    children = [clip for clip in clips if clip.verdict == "child"]
    assert len(children) >= 4
    assert {clip.language for clip in children} == {"vi", "en"}
    assert len([clip for clip in clips if clip.verdict == "no_child"]) >= 5
