"""What pages show, link and embed, and what of it can be used."""

from __future__ import annotations

import json

import pytest

from voicesieve.domain.candidates import Candidate, PassedOver, SourceProblem
from voicesieve.domain.failures import FailureError
from voicesieve.sources.documents import Document, Origin
from voicesieve.sources.page import read_page

URL = "http://site.example/dir/stories"
BASE = "http://site.example/dir/"
ID = "dQw4w9WgXcQ"
WATCH = f"https://www.youtube.com/watch?v={ID}"


def read(body: str | bytes, content_type: str = "text/html; charset=utf-8") -> Document:
    return read_page(Origin(URL, content_type), body.encode() if isinstance(body, str) else body)


def candidates(document: Document) -> list[Candidate]:
    return [what for what in document.findings if isinstance(what, Candidate)]


def addresses(document: Document) -> list[str]:
    return [candidate.url.removeprefix(BASE) for candidate in candidates(document)]


def problems(document: Document) -> list[str]:
    return [what.message for what in document.findings if isinstance(what, SourceProblem)]


def passed_over(document: Document) -> dict[str, tuple[int, str]]:
    things = [what for what in document.findings if isinstance(what, PassedOver)]
    return {thing.what: (thing.count, thing.example) for thing in things}


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("<audio src=1.mp3>", "1.mp3"),
        ("<audio data-src=1.mp3></audio>", "1.mp3"),
        ("<audio preload=none data-lazy-src=1.mp3></audio>", "1.mp3"),
        ("<audio src='' data-src=1.mp3></audio>", "1.mp3"),
        ("<audio><source data-src=1.mp3 type=audio/mpeg></audio>", "1.mp3"),
        ("<audio><source src=1.m3u8><source src=1.mp3></audio>", "1.mp3"),
        ("<video><source src=blob:x><source src=1.mp4></video>", "1.mp4"),
        ("<video poster=1.jpg src=1.webm></video>", "1.webm"),
        ("<amp-audio src=1.mp3></amp-audio>", "1.mp3"),
        ("<noscript><audio src=1.mp3></audio></noscript>", "1.mp3"),
        ("<meta property=og:audio content=1.mp3>", "1.mp3"),
        ("<meta property=og:audio:secure_url content=1.mp3>", "1.mp3"),
        ("<meta property=og:video content=1.mp4>", "1.mp4"),
        ("<meta name=twitter:player:stream content=1.mp4>", "1.mp4"),
        ("<meta property=twitter:player:stream content=1.mp4>", "1.mp4"),
        ("<a download href=get?id=1>mp3</a>", "get?id=1"),
        ("<a download=story.mp3 href=get?id=1>mp3</a>", "get?id=1"),
        ("<div class=player data-audio=/dir/1.mp3></div>", "1.mp3"),
        ("<div data-mp3='https://m.example/1.mp3'></div>", "https://m.example/1.mp3"),
        ("<div data-src=1.mp3></div>", "1.mp3"),
        ("<iframe src=1.mp3></iframe>", "1.mp3"),
        ("<meta itemprop=contentUrl content=1.mp3>", "1.mp3"),
        ("<link itemprop='contentUrl' href=1.mp3>", "1.mp3"),
        ('<div data-setup=\'{"sources": [{"src": "/dir/1.mp3"}]}\'></div>', "1.mp3"),
        ("<embed src=1.wav>", "1.wav"),
        ("<object data=1.mp3></object>", "1.mp3"),
        (f"<iframe src=https://www.youtube.com/embed/{ID}?rel=0></iframe>", WATCH),
        (f"<iframe data-src=//www.youtube-nocookie.com/embed/{ID}></iframe>", WATCH),
        (f"<meta name=twitter:player content=https://www.youtube.com/embed/{ID}>", WATCH),
        (f"<meta property=og:video:url content=https://www.youtube.com/embed/{ID}>", WATCH),
        (f"<lite-youtube videoid={ID}></lite-youtube>", WATCH),
        (f"<amp-youtube data-videoid={ID}></amp-youtube>", WATCH),
        (f"<div data-youtube-id={ID}></div>", WATCH),
        (f"<div data-plyr-provider=youtube data-plyr-embed-id={ID}></div>", WATCH),
        (f"<object data=https://www.youtube.com/v/{ID}></object>", WATCH),
    ],
)
def test_what_a_page_shows_is_found(markup: str, expected: str) -> None:
    document = read(f"<html><body><p>x</p>{markup}</body></html>")

    assert addresses(document) == [expected]
    assert problems(document) == []
    assert passed_over(document) == {}


@pytest.mark.parametrize(
    "markup",
    [
        "<video poster=1.mp4.jpg></video>",
        "<img src=1.jpg data-src=2.jpg>",
        "<a download href=1.pdf>notes</a>",
        "<a download=notes.pdf href=get?id=1>notes</a>",
        "<p data-title='The story of x.mp3'>x</p>",
        "<p data-title=story.mp3>x</p>",
        "<div data-youtube-id=short></div>",
        '<script type="application/ld+json">{"@type": "ImageObject", "contentUrl": "http://a.example/1"}</script>',
        '<script type="application/ld+json">{"contentUrl": "http://a.example/1.jpg", "embedUrl": "/e.html"}</script>',
        "<!-- <audio src=1.mp3></audio> -->",
    ],
)
def test_what_is_not_a_recording_is_not_mistaken_for_one(markup: str) -> None:
    assert addresses(read(markup)) == []


JSON_LD = {
    "a clip": {
        "@context": "https://schema.org",
        "@type": "AudioObject",
        "name": "Tấm Cám",
        "contentUrl": "1.mp3",
        "duration": "PT1M30S",
        "uploadDate": "2026-03-03T07:30:00+07:00",
    },
    "an episode": {
        "@type": "PodcastEpisode",
        "name": "Folge",
        "associatedMedia": {
            "@type": "MediaObject",
            "contentUrl": "1.mp3",
            "name": "Tấm Cám",
            "duration": "PT90S",
            "datePublished": "2026-03-03T00:30:00Z",
        },
    },
    "a graph": {
        "@graph": [
            {"@type": "WebPage", "url": "http://site.example/"},
            {
                "@type": ["VideoObject", "Clip"],
                "contentURL": ["1.mp3", "http://[x"],
                "name": "Tấm Cám",
                "duration": "0:01:30",
                "uploadDate": "2026-03-03T00:30:00Z",
                "thumbnailUrl": "http://site.example/1.jpg",
            },
        ]
    },
    "a list": [
        [
            {
                "url": "/dir/1.mp3",
                "name": "Tấm Cám",
                "duration": "90",
                "datePublished": "2026-03-03T00:30:00Z",
            }
        ]
    ],
}


@pytest.mark.parametrize("name", JSON_LD)
def test_structured_data_names_recordings_with_their_facts(name: str) -> None:
    script = json.dumps(JSON_LD[name], ensure_ascii=False)

    document = read(f'<title>page</title><script type="application/ld+json">{script}</script>')

    [candidate] = candidates(document)
    assert (candidate.url, candidate.title) == (f"{BASE}1.mp3", "Tấm Cám")
    assert (candidate.duration_s, candidate.published_at) == (90.0, 1_772_497_800.0)


@pytest.mark.parametrize(
    "script",
    [
        '<script type="application/json">{"props": {"tracks": [{"src": "/dir/1.mp3"}]}}</script>',
        '<script type="application/ld+json">\n//<![CDATA[\n{"contentUrl": "1.mp3"}\n//]]>\n</script>',
        '<script type="application/ld+json"><!-- {"contentUrl": "1.mp3"} --></script>',
        '<SCRIPT TYPE="application/ld+json; charset=utf-8">{"contentUrl": "1.mp3"}</SCRIPT>',
    ],
)
def test_data_for_scripts_are_read_too(script: str) -> None:
    assert addresses(read(script)) == ["1.mp3"]


def test_an_impossible_stated_length_is_unknown() -> None:
    script = '{"contentUrl": "1.mp3", "duration": "PT45H30M", "uploadDate": "0001-01-01"}'

    [candidate] = candidates(read(f'<script type="application/ld+json">{script}</script>'))

    assert (candidate.duration_s, candidate.published_at) == (None, None)


@pytest.mark.parametrize("data", ["{", "[" * 100_000, '{"a": ' * 100_000, "{'contentUrl': '1.mp3'}", "9" * 10_000])
def test_structured_data_that_cannot_be_read_is_named(data: str) -> None:
    document = read(f'<audio src=1.mp3></audio><script type="application/ld+json">{data}</script>')

    assert addresses(document) == ["1.mp3"]
    assert passed_over(document) in ({"blocks of structured data that are no JSON": (1, "")}, {})


def test_a_recording_that_a_page_names_in_many_ways_is_one_candidate() -> None:
    document = read(
        "<meta property=og:audio content=http://site.example/dir/1.mp3>"
        "<meta property=og:audio:secure_url content=https://site.example/dir/1.mp3>"
        "<audio><source src='1.mp3?_=1'><a href=1.mp3>1.mp3</a></audio>"
        '<script type="application/ld+json">{"contentUrl": "http://site.example/dir/1.mp3"}</script>'
        "<a download href=1.mp3>again</a><a href='1.mp3?version=2'>another</a>"
    )

    assert addresses(document) == ["1.mp3", "1.mp3?version=2"]


def test_what_is_seen_but_cannot_be_used_is_named() -> None:
    document = read(
        "<iframe src=https://w.soundcloud.com/player/?url=x></iframe><iframe src=https://open.spotify.example/e></iframe>"
        "<iframe src=about:blank></iframe><iframe></iframe><audio id=player></audio>"
        "<script>var a = 'https:\\/\\/m.example\\/1.mp3', b = \"http://m.example/2.mp3?x\"</script>"
        "<script>player.setup({file: '/3.mp3', image: '/3.jpg', also: \"..\\/4.mp3\", note: 'no 5.mp3'})</script>"
        "<link rel=alternate type=application/rss+xml href=/feed>"
        f"<a href={WATCH}>x</a><a href=https://www.youtube.com/@x>x</a><a href=http://[youtu.be/>x</a>"
    )

    assert passed_over(document) == {
        "links to videos on YouTube (list them for urls:)": (1, f"“{WATCH}”"),
        "embedded frames, such as players of other sites": (2, "“https://w.soundcloud.com/player/?url=x”"),
        "addresses inside of scripts": (4, "“https:\\/\\/m.example\\/1.mp3”"),
        "feeds that the page links (read them by rss:)": (1, "“http://site.example/feed”"),
        "players that name no recording": (1, ""),
    }
    assert addresses(document) == []
    [problem] = problems(document)
    assert "no audio or video that can be used" in problem


@pytest.mark.parametrize(
    "mark",
    ["<![foo[", "<![>", "<![dsgvo_service_control]>", "<![if IE]>", "<![CDATA[x]]>", "<![endif]-->", "<!x", "<?x"],
)
def test_a_page_with_odd_marks_is_read_beyond_them(mark: str) -> None:
    document = read(f"<audio src=1.mp3></audio><p>{mark}</p> ><audio src=2.mp3></audio>")

    assert addresses(document) == ["1.mp3", "2.mp3"]
    assert problems(document) == []


def test_a_page_on_which_the_parser_fails_gives_the_part_before(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> int:
        raise AssertionError("we should not get here!")

    monkeypatch.setattr("html.parser.HTMLParser.parse_html_declaration", fail)

    document = read("<audio src=1.mp3></audio>\n<!x><audio src=2.mp3></audio>")

    assert addresses(document) == ["1.mp3"]
    [problem] = problems(document)
    assert "cannot be read beyond line 2" in problem


@pytest.mark.parametrize("charset", ["cp037", "cp500", "cp1026", "punycode", "utf-7", "unicode_escape"])
def test_a_character_set_that_could_hide_tags_is_not_used(charset: str) -> None:
    assert addresses(read("<audio src=1.mp3></audio>", f"text/html; charset={charset}")) == ["1.mp3"]


@pytest.mark.parametrize(
    "content_type",
    [
        "text/html; charset*0=x; charset*=",
        "TEXT/HTML;CHARSET='utf-8'",
        'text/html; x=y; charset = "utf-8" ',
        "text/html; charset=" + "x" * 1_000,
        ";;;",
        "; charset=utf-8",
    ],
)
def test_an_odd_content_type_is_no_obstacle(content_type: str) -> None:
    [candidate] = candidates(read("<html><a href=1.mp3>Tấm Cám</a></html>", content_type))

    assert candidate.title == "Tấm Cám"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_a_page_shows_its_encoding_by_its_bytes(encoding: str) -> None:
    body = "<html><a href=1.mp3>Tấm Cám</a></html>".encode(encoding)

    for content_type in ("text/html", "text/html; charset=iso-8859-1", ""):
        [candidate] = candidates(read(body, content_type))
        assert candidate.title == "Tấm Cám"


def test_a_page_with_too_many_links_is_cut_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voicesieve.sources.page.MAX_FINDINGS", 3)

    document = read("".join(f"<a href={n}.mp3>x</a>" for n in range(9)))

    assert len(addresses(document)) == 3
    assert "more than 3 addresses" in problems(document)[0]


@pytest.mark.parametrize("content_type", ["text/plain", "application/octet-stream", "text/xml", "nonsense"])
def test_a_page_of_an_odd_type_is_known_by_its_bytes(content_type: str) -> None:
    assert addresses(read("<!DOCTYPE html><html><audio src=1.mp3>", content_type)) == ["1.mp3"]


def test_a_document_that_is_not_a_page_is_refused_with_its_type() -> None:
    with pytest.raises(FailureError, match="use rss: for it"):
        read("x", "application/rss+xml")
