"""Feeds and web pages, read with the real client from a real server on loopback."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import resource
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.integration import document_readers
from voicesieve.domain.candidates import Budget, Cursor, Page, Query
from voicesieve.domain.failures import FailureError, FailureKind
from voicesieve.fetching.client import HttpClient
from voicesieve.settings import Settings
from voicesieve.sources import confined
from voicesieve.sources.documents import READING, DocumentLimits
from voicesieve.sources.kinds import SourceSettings, SourceTools
from voicesieve.sources.protocol import Source
from voicesieve.sources.registry import kind_named
from voicesieve.sources.rss import FeedSource

ID = "dQw4w9WgXcQ"


@pytest.fixture(scope="module", autouse=True)
def _readers_that_start_fast() -> None:
    multiprocessing.set_forkserver_preload(["voicesieve.sources.rss", "voicesieve.sources.page"])


@dataclass
class Site:
    """A server whose answers a test sets: path to (body, headers)."""

    base: str = ""
    answers: dict[str, tuple[bytes, dict[str, str]]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)

    def put(self, path: str, body: str | bytes, **headers: str) -> str:
        stated = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers[path] = (body.encode() if isinstance(body, str) else body, stated)
        return self.base + path


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.requests.append(self.path)
            if self.path not in site.answers:
                self.send_error(404)
                return
            body, headers = site.answers[self.path]
            validators = [("If-None-Match", "ETag"), ("If-Modified-Since", "Last-Modified")]
            if any(name in headers and self.headers.get(ask) == headers[name] for ask, name in validators):
                self.send_response(304)
                self.end_headers()
                return
            self.send_response(302 if "Location" in headers else 200)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.base = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield site
    server.shutdown()
    thread.join()
    server.server_close()


Walk = Callable[..., list[Page]]


def walk(
    url: str,
    kind: str = "rss",
    memory: Cursor | None = None,
    size: int = 500,
    restarts: bool = False,
    limits: DocumentLimits | None = None,
) -> list[Page]:
    """All pages of one walk; with ``restarts``, each by a new source as after a crash."""

    async def ask() -> list[Page]:
        async with HttpClient(allow_private_addresses=True, max_redirects=3, user_agent="voicesieve-test") as client:
            tools = SourceTools(client, settings=SourceSettings(limits=limits or DocumentLimits()))
            source: Source = kind_named(kind).source(tools)
            pages: list[Page] = []
            while not pages or pages[-1].cursor is not None:
                cursor = pages[-1].cursor if pages else None
                query, budget = Query(kind, url), Budget(max_candidates=size)
                pages.append(await source.page(query, cursor, memory or {}, budget))
                if restarts:
                    source = kind_named(kind).source(tools)
            return pages

    return asyncio.run(ask())


def only_page(url: str, kind: str = "rss", **options: object) -> Page:
    [page] = walk(url, kind, **options)  # type: ignore[arg-type]
    return page


def addresses(*pages: Page) -> list[str]:
    return [candidate.url for page in pages for candidate in page.candidates]


def rss(*items: str, channel: str = "<title>Kể chuyện</title>") -> str:
    namespaces = (
        'xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd" xmlns:media="http://search.yahoo.com/mrss/" '
        'xmlns:atom="http://www.w3.org/2005/Atom" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        'xmlns:creativeCommons="http://backend.userland.com/creativeCommonsRssModule" '
        'xmlns:podcast="https://podcastindex.org/namespace/1.0"'
    )
    entries = "".join(f"<item>{item}</item>" for item in items)
    return f'<?xml version="1.0"?><rss version="2.0" {namespaces}><channel>{channel}{entries}</channel></rss>'


def audio(number: object, inside: str = "") -> str:
    return f'<enclosure url="http://media.example/{number}.mp3" type="audio/mpeg" length="1"/>{inside}'


def test_a_podcast_entry_has_all_facts_of_the_feed(site: Site) -> None:
    channel = "<title>Kể chuyện</title><language>vi-VN</language><copyright>© Bà Lan</copyright>"
    item = audio(
        1,
        "<title> Tấm\n  Cám\x07 </title><pubDate>Tue, 03 Mar 2026 07:30:00 +0700</pubDate>"
        "<itunes:duration>1:02:03</itunes:duration><link>http://site.example/1</link>",
    ).replace("\x07", "")
    url = site.put("/feed", rss(item, channel=channel))

    page = only_page(url)
    [candidate] = page.candidates

    assert (candidate.source, candidate.url) == ("url", "http://media.example/1.mp3")
    assert (candidate.title, candidate.channel) == ("Tấm Cám", "Kể chuyện")
    assert candidate.duration_s == 3723.0
    assert candidate.published_at == 1_772_497_800.0
    assert (candidate.language, candidate.licence) == ("vi", "© Bà Lan")
    assert (page.problems, page.cursor, page.requests) == ((), None, 1)


@pytest.mark.parametrize(
    ("channel", "item", "licence"),
    [
        ("<copyright>c</copyright>", "", "c"),
        ("<creativeCommons:license>http://cc.example/by</creativeCommons:license><copyright>c</copyright>", "",
         "http://cc.example/by"),
        ("<podcast:license>cc-by-4.0</podcast:license>", "", "cc-by-4.0"),
        ("<license>free</license>", "", "free"),
        ("<copyright>c</copyright>", "<dc:rights>mine</dc:rights>", "mine"),
        ("", '<media:license href="http://cc.example/by-sa">x</media:license>', "http://cc.example/by-sa"),
        ("", "", None),
    ],
)  # fmt: skip
def test_the_licence_is_the_nearest_statement(site: Site, channel: str, item: str, licence: str | None) -> None:
    page = only_page(site.put("/feed", rss(audio(1, item), channel=channel)))

    assert [candidate.licence for candidate in page.candidates] == [licence]


def test_what_counts_as_the_recording_of_an_entry(site: Site) -> None:
    url = site.put(
        "/dir/feed",
        rss(
            '<enclosure url="/cover.jpg" type="image/jpeg"/><enclosure url="a b.mp3" type="audio/mpeg"/>',
            '<enclosure url="x.ogg" type="application/octet-stream"/>',
            '<media:group><media:content url="v.mp4" type="video/mp4" duration="12"/></media:group>',
            "<link>/episode/4</link>",
            '<guid isPermaLink="true">http://site.example/5</guid>',
            f"<link>https://youtu.be/{ID}</link>",
        ),
    )

    page = only_page(url)

    assert addresses(page) == [
        f"{site.base}/dir/a%20b.mp3",
        f"{site.base}/dir/x.ogg",
        f"{site.base}/dir/v.mp4",
        f"{site.base}/episode/4",
        "http://site.example/5",
        f"https://www.youtube.com/watch?v={ID}",
    ]
    assert page.candidates[2].duration_s == 12.0
    assert page.candidates[5].id == f"youtube:{ID}"


def test_a_video_channel_feed_gives_its_videos(site: Site) -> None:
    url = site.put(
        "/feeds/videos.xml",
        f"""<?xml version="1.0" encoding="UTF-8"?>
        <feed xmlns:yt="http://www.youtube.com/xml/schemas/2015" xmlns:media="http://search.yahoo.com/mrss/"
              xmlns="http://www.w3.org/2005/Atom"><title>Bé Na</title>
        <entry><id>yt:video:{ID}</id><title>Bé hát</title>
          <link rel="alternate" href="https://www.youtube.com/watch?v={ID}"/>
          <author><name>Bé Na</name></author><published>2026-03-03T00:30:00+00:00</published>
          <media:group><media:title>Bé hát</media:title>
            <media:content url="https://www.youtube.com/v/{ID}?version=3" type="application/x-shockwave-flash"/>
          </media:group></entry></feed>""",
    )

    [candidate] = only_page(url).candidates

    assert (candidate.id, candidate.title, candidate.channel) == (f"youtube:{ID}", "Bé hát", "Bé Na")
    assert candidate.published_at == 1_772_497_800.0


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ("<title>nothing</title>", "neither"),
        ('<guid isPermaLink="false">tag:1</guid>', "neither"),
        ("<link>javascript:alert(1)</link>", "not an http or https address"),
        ('<enclosure url="data:audio/mpeg;base64,AA" type="audio/mpeg"/>', "not an http or https address"),
        ('<enclosure url="file:///etc/passwd" type="audio/mpeg"/>', "not an http or https address"),
        ('<enclosure url="http://u:p@media.example/1.mp3" type="audio/mpeg"/>', "password"),
        ('<enclosure url="http://[x/1.mp3" type="audio/mpeg"/>', "host name"),
        (f'<enclosure url="http://media.example/{"x" * 5000}.mp3" type="audio/mpeg"/>', "more than 4000"),
        ("<link>https://www.youtube.com/@channel</link>", "no single video"),
    ],
)
def test_an_entry_without_a_usable_address_costs_only_itself(site: Site, item: str, reason: str) -> None:
    page = only_page(site.put("/feed", rss(audio(1), item, audio(3))))

    assert addresses(page) == ["http://media.example/1.mp3", "http://media.example/3.mp3"]
    [problem] = page.problems
    assert problem.where == "entry 2"
    assert reason in problem.message
    assert len(problem.message) < 300


def test_bad_dates_durations_and_languages_are_unknown(site: Site) -> None:
    inside = "<pubDate>Mon, 31 Feb 2026 25:61:00</pubDate><itunes:duration>long</itunes:duration>"
    url = site.put("/feed", rss(audio(1, inside), channel="<language>Klingon!</language>"))

    [candidate] = only_page(url).candidates

    assert (candidate.published_at, candidate.duration_s, candidate.language) == (None, None, None)


def test_an_endless_title_is_cut(site: Site) -> None:
    [candidate] = only_page(site.put("/feed", rss(audio(1, f"<title>{'x' * 3_000_000}</title>")))).candidates

    assert len(candidate.title) == 1_000


@pytest.mark.parametrize(
    ("body", "headers", "hint"),
    [
        (b"", {}, "is empty"),
        (b"   \n", {}, "is empty"),
        (b"<!DOCTYPE html><html><head><title>x</title></head></html>", {"Content-Type": "text/html"}, "page:"),
        (b"just text", {}, "not a feed"),
        (b'{"items": []}', {"Content-Type": "application/json"}, "not a feed"),
        (b"ID3\x00\x00", {"Content-Type": "audio/mpeg"}, "urls:"),
        (b"\x00\xff" * 500, {}, "not a feed"),
    ],
)
def test_a_document_that_is_not_a_feed_fails_with_advice(
    site: Site, body: bytes, headers: dict[str, str], hint: str
) -> None:
    site.answers["/feed"] = (body, headers)

    with pytest.raises(FailureError) as raised:
        walk(site.base + "/feed")

    assert raised.value.failure.kind is FailureKind.UNSUPPORTED
    assert hint in raised.value.failure.message


def test_exploding_entities_are_not_expanded(site: Site) -> None:
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 20))
    bomb = rss(audio(1, "<title>&e19;</title>")).replace("<rss", f'<!DOCTYPE rss [<!ENTITY e0 "ha">{levels}]><rss', 1)
    url = site.put("/feed", bomb)

    try:
        page = only_page(url)
    except FailureError as error:
        assert error.failure.kind is FailureKind.UNSUPPORTED
    else:
        assert all(len(candidate.title) <= 1_000 for candidate in page.candidates)


@pytest.mark.parametrize(
    "declaration",
    [
        '<!ENTITY x SYSTEM "file:///etc/passwd">',
        '<!ENTITY x SYSTEM "{base}/canary">',
        '<!ENTITY % p SYSTEM "{base}/canary">%p;<!ENTITY x "">',
    ],
)
def test_external_entities_of_a_feed_are_not_read(site: Site, declaration: str) -> None:
    doctype = f'<!DOCTYPE rss SYSTEM "{site.base}/canary" [{declaration.format(base=site.base)}]>'
    include = f'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="{site.base}/canary"/>'
    body = rss(audio(1, f"<title>a&x;b{include}</title>")).replace("<rss", f"{doctype}<rss", 1)

    page = only_page(site.put("/feed", body))

    assert len(page.candidates) == 1
    assert "root:" not in page.candidates[0].title
    assert site.requests == ["/feed"]


def test_a_feed_that_is_cut_off_gives_the_entries_received(site: Site) -> None:
    page = only_page(site.put("/feed", rss(audio(1), audio(2)).removesuffix("</item></channel></rss>")))

    assert addresses(page) == ["http://media.example/1.mp3", "http://media.example/2.mp3"]


def test_a_feed_without_entries_is_a_problem_not_a_failure(site: Site) -> None:
    page = only_page(site.put("/feed", rss()))

    assert page.candidates == ()
    assert "no entries" in page.problems[0].message


@pytest.mark.parametrize("header", ["ETag", "Last-Modified"])
def test_an_unchanged_feed_is_answered_with_304_and_an_empty_page(site: Site, header: str) -> None:
    stamp = {"ETag": 'W/"abc"', "Last-Modified": "Tue, 03 Mar 2026 07:30:00 GMT"}[header]
    site.answers["/feed"] = (rss(audio(1)).encode(), {header: stamp})
    first = only_page(site.base + "/feed")
    assert dict(first.memory) == {header.lower(): stamp, "reading": READING}

    second = only_page(site.base + "/feed", memory=first.memory)

    assert second == Page(memory=first.memory, requests=1, unchanged=True)

    site.answers["/feed"] = (rss(audio(1), audio(2)).encode(), {header: stamp.replace("a", "b")})
    third = only_page(site.base + "/feed", memory=second.memory)
    assert len(third.candidates) == 2
    assert third.memory != first.memory


def test_a_missing_feed_is_a_typed_failure_of_the_client(site: Site) -> None:
    with pytest.raises(FailureError) as raised:
        walk(site.base + "/feed")

    assert raised.value.failure.kind is FailureKind.GONE


def chain_of_three(site: Site) -> str:
    for number in (1, 2, 3):
        following = f'<atom:link rel="next" href="feed?page={number + 1}"/>' if number < 3 else ""
        path = "/feed" if number == 1 else f"/feed?page={number}"
        items = [audio(f"{number}-{count}") for count in range(4)]
        site.put(path, rss(*items, channel=f"<title>t</title>{following}"), ETag=f'"{number}"')
    return site.base + "/feed"


@pytest.mark.parametrize("size", [1, 3, 4, 5, 500])
def test_a_paged_feed_is_walked_with_one_request_a_document(site: Site, size: int) -> None:
    url = chain_of_three(site)

    pages = walk(url, size=size)

    assert addresses(*pages) == [f"http://media.example/{n}-{k}.mp3" for n in (1, 2, 3) for k in range(4)]
    assert site.requests == ["/feed", "/feed?page=2", "/feed?page=3"]
    assert sum(page.requests for page in pages) == 3
    assert all(len(page.candidates) <= size and page.requests <= 1 for page in pages)
    assert dict(pages[-1].memory) == {"etag": '"1"', "reading": READING}
    assert all(dict(page.memory) == {} for page in pages[:-1])


@pytest.mark.parametrize("size", [1, 3, 5])
def test_a_restart_resumes_at_the_cursor(site: Site, size: int) -> None:
    pages = walk(chain_of_three(site), size=size, restarts=True)

    assert addresses(*pages) == [f"http://media.example/{n}-{k}.mp3" for n in (1, 2, 3) for k in range(4)]
    assert pages[-1].problems == ()


def test_a_feed_that_changed_while_it_was_walked_misses_nothing(site: Site) -> None:
    url = site.put("/feed", rss(audio(1), audio(2), audio(3)))

    async def ask() -> tuple[Page, Page]:
        async with HttpClient(allow_private_addresses=True, max_redirects=3, user_agent="voicesieve-test") as client:
            query = Query("rss", url)
            first = await FeedSource(client, DocumentLimits()).page(query, None, {}, Budget(max_candidates=2))
            site.put("/feed", rss(audio(0), audio(1), audio(2), audio(3)))
            return first, await FeedSource(client, DocumentLimits()).page(query, first.cursor, {}, Budget())

    first, second = asyncio.run(ask())

    assert addresses(first) == ["http://media.example/1.mp3", "http://media.example/2.mp3"]
    assert addresses(second) == [f"http://media.example/{n}.mp3" for n in range(4)]


@pytest.mark.parametrize(
    ("following", "reason"),
    [
        ("feed", "circle"),
        ("http://other.example/feed", "another host"),
        ("file:///etc/passwd", "not an http or https address"),
    ],
)
def test_a_next_link_that_leads_astray_is_not_followed(site: Site, following: str, reason: str) -> None:
    url = site.put("/feed", rss(audio(1), channel=f'<title>t</title><atom:link rel="next" href="{following}"/>'))

    page = only_page(url)

    assert len(page.candidates) == 1
    assert reason in page.problems[0].message
    assert site.requests == ["/feed"]


def test_a_circular_chain_ends(site: Site) -> None:
    link = '<title>t</title><atom:link rel="next" href="{}"/>'
    site.put("/b", rss(audio(2), channel=link.format("/feed")))
    url = site.put("/feed", rss(audio(1), channel=link.format("/b")))

    pages = walk(url)

    assert site.requests == ["/feed", "/b"]
    assert "circle" in pages[-1].problems[0].message


def test_relative_addresses_are_resolved_against_the_end_of_a_redirect(site: Site) -> None:
    url = site.put("/feed", "", Location="/new/place/feed")
    site.put("/new/place/feed", rss('<enclosure url="1.mp3" type="audio/mpeg"/>'))

    assert addresses(only_page(url)) == [f"{site.base}/new/place/1.mp3"]


def test_pace_counts_against_the_host_of_the_query() -> None:
    source = FeedSource(HttpClient(allow_private_addresses=True, max_redirects=0, user_agent="x"), DocumentLimits())

    assert source.fair_host(Query("rss", "https://feeds.example:8443/x")) == "feeds.example"


PAGE = """<!doctype html><html lang="vi-VN"><head><title>Truyện &amp; thơ</title>
<base href="/media/"><link rel="license" href="https://cc.example/by/4.0/">
<meta property="og:audio" content="og.mp3"><meta property="og:image" content="cover.jpg">
<meta property="og:video:secure_url" content="https://cdn.example/og.mp4"></head><body>
<a href="/about">about</a> <a href="javascript:play('x.mp3')">play</a> <a name="x">no href</a>
<audio src="one.ogg" title="Một"></audio>
<video controls><source src="two.webm"><source src="two.mp4"></video>
<picture><source src="picture.webp"></picture>
<a href="three.MP3?x=1"> Bé <b>kể</b>
 chuyện </a> <a href="three.MP3?x=1">again</a>
<a href="/watch?v=7">Tập 7</a> <a href="/videos/8">Tập 8</a> <a href="/videos">all</a> <a href="/watch">none</a>
<a href="http://other.example/watch?v=9">elsewhere</a> <a href="http://other.example/9.flac">file elsewhere</a>
<a href="mailto:a@example.org">mail</a> <a href="http://[bad">bad</a>
</body></html>"""


def test_a_page_gives_its_recordings_in_document_order(site: Site) -> None:
    url = site.put("/stories", PAGE, Content_Type="text/html; charset=utf-8")

    page = only_page(url, "page")

    assert [(candidate.url.removeprefix(site.base), candidate.title) for candidate in page.candidates] == [
        ("/media/og.mp3", "Truyện & thơ"),
        ("https://cdn.example/og.mp4", "Truyện & thơ"),
        ("/media/one.ogg", "Một"),
        ("/media/two.webm", "Truyện & thơ"),
        ("/media/three.MP3?x=1", "Bé kể chuyện"),
        ("/watch?v=7", "Tập 7"),
        ("/videos/8", "Tập 8"),
        ("http://other.example/9.flac", "file elsewhere"),
    ]
    assert {candidate.language for candidate in page.candidates} == {"vi"}
    assert {candidate.licence for candidate in page.candidates} == {"https://cc.example/by/4.0/"}
    assert {candidate.channel for candidate in page.candidates} == {"127.0.0.1"}
    assert (page.problems, page.cursor, page.requests) == ((), None, 1)


def test_an_address_on_a_page_that_may_not_be_opened_is_a_problem(site: Site) -> None:
    url = site.put("/p", '<audio src="data:audio/mpeg;base64,AA"></audio><a href="file:///a.mp3">x</a><a href=1.mp3>')

    page = only_page(url, "page")

    assert addresses(page) == [f"{site.base}/1.mp3"]
    assert [problem.where for problem in page.problems] == ["reference 1", "reference 2"]


def test_a_page_without_recordings_is_a_problem(site: Site) -> None:
    page = only_page(site.put("/p", "<p>Hello</p>"), "page")

    assert page.candidates == ()
    assert "no audio or video" in page.problems[0].message


def test_a_page_is_returned_in_parts_for_one_request(site: Site) -> None:
    links = "".join(f'<a href="{n}.mp3">{n}</a>' for n in range(7))
    pages = walk(site.put("/p", links, ETag='"p"'), "page", size=3)

    assert [len(page.candidates) for page in pages] == [3, 3, 1]
    assert site.requests == ["/p"]
    assert only_page(site.base + "/p", "page", memory=pages[-1].memory).candidates == ()


@pytest.mark.parametrize(
    ("mime_type", "hint"),
    [("audio/mpeg", "urls:"), ("application/rss+xml", "rss:"), ("application/pdf", "application/pdf")],
)
def test_a_document_that_is_not_a_page_fails_with_advice(site: Site, mime_type: str, hint: str) -> None:
    with pytest.raises(FailureError) as raised:
        walk(site.put("/p", "x", Content_Type=mime_type), "page")

    assert raised.value.failure.kind is FailureKind.UNSUPPORTED
    assert hint in raised.value.failure.message


@pytest.mark.parametrize(
    ("content_type", "head", "encoding"),
    [
        ("text/html; charset=windows-1258", "", "cp1258"),
        ("text/html", '<meta charset="shift_jis">', "shift_jis"),
        ("text/html", '<meta http-equiv="Content-Type" content="text/html; charset=utf-16le">', "utf-16"),
        ("text/html; charset=punycode", "", "utf-8"),
        ("text/html; charset=nonsense", "", "utf-8"),
        ("text/html", "", "utf-8"),
    ],
)
def test_titles_are_read_in_the_character_set_of_the_page(
    site: Site, content_type: str, head: str, encoding: str
) -> None:
    title = "こども" if encoding == "shift_jis" else "ĐƯƠC"
    body = f'{head}<a href="1.mp3">{title}</a>'.encode(encoding)

    [candidate] = only_page(site.put("/p", body, Content_Type=content_type), "page").candidates

    assert candidate.title == title


@pytest.mark.parametrize(
    "unit", ["<", "<!--", "<a ", '<a x="', "</", "<![CDATA[", "<script>", "&#", "<!", "<?", "<a href=1.mp3>", "<audio>"]
)
def test_hostile_markup_costs_no_more_than_its_length(site: Site, unit: str) -> None:
    page = only_page(site.put("/p", unit * 50_000), "page")

    assert len(page.candidates) <= 1


@pytest.mark.parametrize(("kind", "setting"), [("rss", "max_feed_bytes"), ("page", "max_page_bytes")])
def test_a_document_above_its_limit_fails_and_names_the_setting(site: Site, kind: str, setting: str) -> None:
    url = site.put("/d", rss(audio(1)) + " " * 5_000)
    limits = DocumentLimits(max_feed_bytes=5_000, max_page_bytes=5_000)

    with pytest.raises(FailureError, match=rf"discovery\.{setting} sets the limit") as raised:
        walk(url, kind, limits=limits)

    assert raised.value.failure.kind is FailureKind.TOO_LONG


def test_the_limits_of_documents_are_those_of_the_settings() -> None:
    discovery = Settings().discovery

    assert DocumentLimits() == DocumentLimits(discovery.max_feed_bytes, discovery.max_page_bytes)


def test_a_feed_of_2500_long_episodes_is_read(site: Site) -> None:
    notes = f"<description><![CDATA[{'<p>Ngày xưa có một cô bé</p>' * 250}]]></description>"
    url = site.put("/feed", rss(*(audio(number, notes) for number in range(2_500))))
    assert len(site.answers["/feed"][0]) > 20_000_000

    pages = walk(url)

    assert len(addresses(*pages)) == 2_500
    assert [len(page.candidates) for page in pages] == [500] * 5
    assert site.requests == ["/feed"]


BOMBS = {
    "one tag of countless attributes": ("page", "<a " + "x=1 " * 2_500_000 + ">"),
    "attributes without value": ("page", "<a " + "x " * 3_000_000 + ">"),
    "a feed of countless attributes": ("rss", "<rss><item><x " + "y=1 " * 2_500_000 + "/></item></rss>"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_document_that_fills_the_memory_does_so_in_its_own_process(site: Site, name: str) -> None:
    kind, bomb = BOMBS[name]
    url = site.put("/d", bomb)
    walk(site.put("/small", "<audio src=1.mp3>"), "page")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    limits = DocumentLimits(max_page_bytes=100_000_000)

    with pytest.raises(FailureError) as raised:
        walk(url, kind, limits=limits)

    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert raised.value.failure.kind is FailureKind.UNSUPPORTED
    assert "MiB of memory" in raised.value.failure.message
    assert url in raised.value.failure.message
    assert grown < 150_000  # kB: the document itself, a few times


def test_a_reader_gets_its_document_and_a_limit_of_memory() -> None:
    about, size, limit = asyncio.run(confined.in_confinement(document_readers.answer, "x", b"y" * 3_000_000))

    assert (about, size, limit[0]) == ("x", 3_000_000, confined.MEMORY_BYTES)


@pytest.mark.parametrize(
    ("read", "about", "kind", "message"),
    [
        (document_readers.die, "SIGKILL", FailureKind.OUT_OF_MEMORY, "killed"),
        (document_readers.die, "SIGXCPU", FailureKind.UNSUPPORTED, "more than 60 s of processor time"),
        (document_readers.exit, "", FailureKind.INTERNAL_ERROR, "exit code 3"),
        (document_readers.fail, "", FailureKind.INTERNAL_ERROR, "LookupError: no such thing"),
        (document_readers.answer_much, "", FailureKind.UNSUPPORTED, "lists more"),
    ],
)
def test_a_reader_that_does_not_answer_is_a_typed_failure(
    read: Callable[[str, bytes], object], about: str, kind: FailureKind, message: str
) -> None:
    with pytest.raises(FailureError) as raised:
        asyncio.run(confined.in_confinement(read, about, b"x" * 1_000_000))

    assert raised.value.failure.kind is kind
    assert message in raised.value.failure.message


def test_a_reader_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confined, "DEADLINE_S", 0.3)

    with pytest.raises(FailureError, match="this machine is too busy") as raised:
        asyncio.run(confined.in_confinement(document_readers.sleep, "", b"x"))

    assert raised.value.failure.kind is FailureKind.TIMEOUT
    assert _no_reader_is_left()


def test_a_reader_ends_when_its_caller_is_cancelled() -> None:
    async def give_up() -> None:
        async with asyncio.timeout(0.5):
            await confined.in_confinement(document_readers.sleep, "", b"x" * 10_000_000)

    with pytest.raises(TimeoutError):
        asyncio.run(give_up())

    assert _no_reader_is_left()


def _no_reader_is_left() -> bool:
    readers = [child for child in multiprocessing.active_children() if child.name == "document-reader"]
    for reader in readers:
        reader.join(timeout=10)
    return not any(reader.is_alive() for reader in readers)


def moved(url: str) -> str:
    return f"<title>t</title><itunes:new-feed-url>{url}</itunes:new-feed-url>"


def test_a_feed_that_has_moved_is_also_read_at_its_new_address_and_reported(site: Site) -> None:
    new = site.put("/new", rss(audio(2), channel=moved(f"{site.base}/new")), ETag='"new"')
    url = site.put("/feed", rss(audio(1), channel=moved(new)), ETag='"old"')

    pages = walk(url)

    assert addresses(*pages) == ["http://media.example/1.mp3", "http://media.example/2.mp3"]
    [problem] = pages[0].problems
    assert f"rss:{new}" in problem.message
    assert site.requests == ["/feed", "/new"]
    # The old feed may never change again, while the new one does: neither is taken for unchanged.
    assert dict(pages[-1].memory) == {}


def test_a_feed_that_moves_repeatedly_is_followed_once(site: Site) -> None:
    for number in range(5):
        site.put(f"/{number}", rss(audio(number), channel=moved(f"{site.base}/{number + 1}")))

    pages = walk(f"{site.base}/0")

    assert site.requests == ["/0", "/1"]
    assert "moved again" in pages[-1].problems[0].message


@pytest.mark.parametrize("new", ["{base}/feed", " {base}/feed#x ", "javascript:alert(1)", "", "http://[x"])
def test_a_feed_that_moves_nowhere_stays_where_it_is(site: Site, new: str) -> None:
    url = site.put("/feed", rss(audio(1), channel=moved(new.format(base=site.base))), ETag='"x"')

    page = only_page(url)

    assert site.requests == ["/feed"]
    assert page.problems == ()
    assert dict(page.memory) == {"etag": '"x"', "reading": READING}


def test_two_feeds_that_name_each_other_as_the_new_one_are_read_once_each(site: Site) -> None:
    site.put("/b", rss(audio(2), channel=moved(f"{site.base}/a")))
    url = site.put("/a", rss(audio(1), channel=moved(f"{site.base}/b")))

    pages = walk(url)

    assert site.requests == ["/a", "/b"]
    assert len(addresses(*pages)) == 2


def test_what_an_earlier_release_overlooked_is_read_from_an_unchanged_feed(site: Site) -> None:
    url = site.put("/feed", rss(audio(1)), ETag='"x"')

    page = only_page(url, memory={"etag": '"x"'})

    assert len(page.candidates) == 1


def test_archived_feeds_are_walked_by_their_previous_archives(site: Site) -> None:
    for number in (1, 2, 3):
        link = f'<atom:link rel="prev-archive" href="{number + 1}"/>' if number < 3 else ""
        site.put(f"/{number}", rss(audio(number), channel=f'{link}<atom:link rel="current" href="1"/>'))

    assert addresses(*walk(f"{site.base}/1")) == [f"http://media.example/{number}.mp3" for number in (1, 2, 3)]


def test_a_page_of_the_api_that_cannot_be_parsed_is_one_request(site: Site) -> None:
    page = only_page(site.put("/p", "<audio src=1.mp3></audio><![foo[ x <audio src=2.mp3></audio>"), "page")

    assert addresses(page) == [f"{site.base}/1.mp3"]
    assert site.requests == ["/p"]


@pytest.mark.parametrize("sent", [b"", b"\x00\x00\x10\x00<feed"], ids=["nothing", "a part of the document"])
def test_a_driver_that_dies_beside_a_reader_leaves_no_traceback(sent: bytes) -> None:
    child = confined._start(document_readers.answer, "x")
    os.write(child.pipe.fileno(), sent)
    child.pipe.close()
    child.process.join(30)
    assert child.process.exitcode == 0
