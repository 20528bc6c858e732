"""A zoo of feeds: formats, dialects and mistakes that podcasts of the world really have."""

from __future__ import annotations

import json

import pytest

from voicesieve.domain.candidates import Candidate, PassedOver, SourceProblem
from voicesieve.domain.failures import FailureError, FailureKind
from voicesieve.sources.documents import Document, Origin
from voicesieve.sources.rss import read_feed

URL = "http://feeds.example/dir/feed"
MEDIA = "http://media.example/"
NAMESPACES = (
    'xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd" xmlns:media="http://search.yahoo.com/mrss/" '
    'xmlns:atom="http://www.w3.org/2005/Atom" xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:podcast="https://podcastindex.org/namespace/1.0"'
)
ENCLOSURE = f'<enclosure url="{MEDIA}1.mp3" type="audio/mpeg" length="1"/>'


def read(body: str | bytes, content_type: str = "application/xml") -> Document:
    return read_feed(Origin(URL, content_type), body.encode() if isinstance(body, str) else body)


def rss(*items: str, channel: str = "<title>Kể chuyện</title>", attributes: str = "") -> str:
    entries = "".join(f"<item>{item}</item>" for item in items)
    return f'<rss version="2.0" {NAMESPACES} {attributes}><channel>{channel}{entries}</channel></rss>'


def candidates(document: Document) -> list[Candidate]:
    return [what for what in document.findings if isinstance(what, Candidate)]


def addresses(document: Document) -> list[str]:
    return [candidate.url for candidate in candidates(document)]


def problems(document: Document) -> list[SourceProblem]:
    return [what for what in document.findings if isinstance(what, SourceProblem)]


def passed_over(document: Document) -> list[PassedOver]:
    return [what for what in document.findings if isinstance(what, PassedOver)]


ITEM = f"<item><title>Tấm Cám</title>{ENCLOSURE}</item>"
FORMATS = {
    "RSS 0.91": f'<rss version="0.91"><channel><title>t</title>{ITEM}</channel></rss>',
    "RSS 0.91 of Netscape": '<!DOCTYPE rss PUBLIC "-//Netscape Communications//DTD RSS 0.91//EN" '
    f'"http://my.netscape.com/publish/formats/rss-0.91.dtd"><rss version="0.91"><channel>{ITEM}</channel></rss>',
    "RSS 0.92": f'<rss version="0.92"><channel><title>t</title>{ITEM}</channel></rss>',
    "RSS 0.93": f'<rss version="0.93"><channel><title>t</title>{ITEM}</channel></rss>',
    "RSS 2.0": f'<?xml version="1.0"?><rss version="2.0"><channel><title>t</title>{ITEM}</channel></rss>',
    "RSS 2.0.1": f'<rss version="2.0.1"><channel><title>t</title>{ITEM}</channel></rss>',
    "RSS without version": f"<rss><channel><title>t</title>{ITEM}</channel></rss>",
    "RSS with its own namespace": '<rss version="2.0" xmlns="http://backend.userland.com/rss2"><channel>'
    f"<title>t</title>{ITEM}</channel></rss>",
    "RSS in capitals": f'<RSS VERSION="2.0"><CHANNEL><TITLE>t</TITLE>{ITEM}</CHANNEL></RSS>',
    "RSS whose items stand behind the channel": f'<rss version="2.0"><channel><title>t</title></channel>{ITEM}</rss>',
    "RSS 0.90": '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
    'xmlns="http://my.netscape.com/rdf/simple/0.9/"><channel><title>t</title></channel>'
    f"<item><title>Tấm Cám</title><link>{MEDIA}1.mp3</link></item></rdf:RDF>",
    "RSS 1.0": '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/" '
    'xmlns:enc="http://purl.oclc.org/net/rss_2.0/enc#"><channel rdf:about="http://a.example/"><title>t</title>'
    '<items><rdf:Seq><rdf:li resource="http://a.example/1"/></rdf:Seq></items></channel>'
    '<item rdf:about="http://a.example/1"><title>Tấm Cám</title><link>http://a.example/1</link>'
    f'<enc:enclosure rdf:resource="{MEDIA}1.mp3" enc:type="audio/mpeg" enc:length="1"/></item></rdf:RDF>',
    "RSS 1.0 with plain enclosures": '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
    'xmlns="http://purl.org/rss/1.0/"><channel rdf:about="http://a.example/"><title>t</title></channel>'
    f'<item rdf:about="http://a.example/1"><title>Tấm Cám</title>{ENCLOSURE}</item></rdf:RDF>',
    "Atom 0.3": '<feed version="0.3" xmlns="http://purl.org/atom/ns#"><title>t</title><entry><title>Tấm Cám</title>'
    f'<link rel="enclosure" type="audio/mpeg" href="{MEDIA}1.mp3"/></entry></feed>',
    "Atom 1.0": '<feed xmlns="http://www.w3.org/2005/Atom"><title>t</title><entry><title>Tấm Cám</title>'
    '<link href="http://a.example/1"/>'
    f'<link rel="enclosure" type="audio/mpeg" length="1" href="{MEDIA}1.mp3"/></entry></feed>',
    "Atom with a prefix": '<a:feed xmlns:a="http://www.w3.org/2005/Atom"><a:title>t</a:title><a:entry>'
    f'<a:title>Tấm Cám</a:title><a:link rel="enclosure" href="{MEDIA}1.mp3"/></a:entry></a:feed>',
    "Atom with its content elsewhere": '<feed xmlns="http://www.w3.org/2005/Atom"><title>t</title><entry>'
    f'<title>Tấm Cám</title><content type="audio/mpeg" src="{MEDIA}1.mp3"/></entry></feed>',
    "JSON Feed 1": json.dumps(
        {
            "version": "https://jsonfeed.org/version/1",
            "title": "t",
            "items": [
                {
                    "id": 1,
                    "url": "http://a.example/1",
                    "title": "Tấm Cám",
                    "attachments": [{"url": f"{MEDIA}1.mp3", "mime_type": "audio/mpeg"}],
                }
            ],
        }
    ),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_its_enclosure(name: str) -> None:
    [candidate] = candidates(read(FORMATS[name]))

    assert (candidate.url, candidate.title) == (f"{MEDIA}1.mp3", "Tấm Cám")


def test_a_json_feed_is_read_completely() -> None:
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "Kể chuyện",
        "language": "vi-VN",
        "next_url": "feed.json?page=2",
        "items": [
            {
                "id": "a",
                "title": "Tập 1",
                "date_published": "2026-03-03T07:30:00+07:00",
                "attachments": [
                    {"url": "notes.pdf", "mime_type": "application/pdf"},
                    {"url": "1.mp3", "mime_type": "audio/mpeg", "duration_in_seconds": 90, "title": "Tập 1"},
                    {"url": "1.ogg", "mime_type": "audio/ogg", "title": "Tập 1"},
                ],
            },
            {"id": "b", "external_url": "http://b.example/2"},
            "nonsense",
        ],
    }

    document = read(json.dumps(feed), "application/feed+json")

    first, second = candidates(document)
    assert (first.url, first.channel, first.language) == ("http://feeds.example/dir/1.mp3", "Kể chuyện", "vi")
    assert (first.duration_s, first.published_at) == (90.0, 1_772_497_800.0)
    assert second.url == "http://b.example/2"
    assert document.next_url == "http://feeds.example/dir/feed.json?page=2"
    assert [thing.what for thing in passed_over(document)] == ["enclosures that are no audio or video"]


@pytest.mark.parametrize(
    "body", ['{"items": []}', "{", '{"version": "https://jsonfeed.org/version/1"}', '{"a":' * 100_000, "{}"]
)
def test_json_that_is_not_a_feed_is_refused_with_the_reason(body: str) -> None:
    with pytest.raises(FailureError, match="not a feed: it") as raised:
        read(body, "application/json")

    assert raised.value.failure.kind is FailureKind.UNSUPPORTED


@pytest.mark.parametrize(
    "enclosure",
    [
        'url="1.mp3" type="mp3"',
        'url="1.mp3" type="audio"',
        'url="1.ogg" type="application/ogg"',
        'url="1.mp3" type="application/octet-stream"',
        'url="1.mp3" type=""',
        'url="1.mp3"',
        'url="1.mp3" type="image/jpeg"',
        'url="1.mp3" type="text/html"',
        'url="1.mp3?token=x" type="application/pdf"',
        'url="1.MP3" type="AUDIO/MPEG; charset=binary"',
        'url="get.php?id=1" type="audio/mpeg"',
        'url="get.php?id=1" type="audio/x-m4a"',
        'url="get?id=1" type="x-audio/mp3"',
        'url="get?id=1" type="mpeg"',
        'url="get?id=1" type="application/octet-stream"',
        'url="get?id=1" type="binary/octet-stream"',
        'url="get?id=1" type="application/force-download"',
        'url="get?id=1"',
        'url="get?id=1" type="unknown"',
        'href="1.mp3" type="audio/mpeg"',
        'url=" 1.mp3 " type="audio/mpeg"',
        'url="1.mp3" type="audio/mpeg" length="none"',
        'url="live.m3u8" type="application/x-mpegurl"',
    ],
)
def test_an_enclosure_counts_by_its_address_and_its_bytes_whatever_type_is_stated(enclosure: str) -> None:
    document = read(rss(f"<title>1</title><link>http://site.example/show-notes</link><enclosure {enclosure}/>"))

    [address] = addresses(document)
    assert address.startswith("http://feeds.example/dir/")
    assert passed_over(document) == problems(document) == []


@pytest.mark.parametrize(
    "enclosure",
    [
        'url="1.pdf" type="application/pdf"',
        'url="get?id=1" type="application/pdf"',
        'url="page" type="text/html"',
        'url="1.jpg" type="image/jpeg"',
        'url="1.jpg"',
        'url="1.torrent" type="application/x-bittorrent"',
        'url="1.vtt" type="text/vtt"',
    ],
)
def test_an_enclosure_that_is_certainly_not_audio_is_passed_over_by_name(enclosure: str) -> None:
    document = read(rss(f"<link>http://site.example/1</link><enclosure {enclosure}/>", f"<enclosure {enclosure}/>"))

    assert addresses(document) == ["http://site.example/1"]
    [thing] = passed_over(document)
    assert (thing.what, thing.count) == ("enclosures that are no audio or video", 2)
    assert thing.example.startswith("entry 1: “")
    [sentence] = candidates(document)[0].metadata["passed_over"]  # type: ignore[misc]
    assert sentence.startswith("an enclosure that is not audio or video: “")
    assert [problem.where for problem in problems(document)] == ["entry 2"]


def test_of_several_enclosures_the_likeliest_is_used_and_the_others_are_listed() -> None:
    document = read(
        rss(
            '<enclosure url="cover" type="image/jpeg"/><enclosure url="get?id=1"/><enclosure url="a.mp3"/>'
            '<enclosure url="b.mp3" type="audio/mpeg"/><enclosure url="a.mp3"/><enclosure url="x.pdf"/>'
        )
    )

    [candidate] = candidates(document)
    assert candidate.url == "http://feeds.example/dir/a.mp3"
    assert passed_over(document) == [
        PassedOver("further enclosures", 3, "entry 1: “b.mp3”"),
        PassedOver("enclosures that are no audio or video", 1, "entry 1: “x.pdf”"),
    ]
    assert len(candidate.metadata["passed_over"]) == 4  # type: ignore[arg-type]


def test_an_enclosure_that_may_not_be_opened_gives_way_to_the_next() -> None:
    document = read(rss('<enclosure url="ipfs://x/1.mp3"/><enclosure url="1.mp3"/>', '<enclosure url="ipfs://x/"/>'))

    assert addresses(document) == ["http://feeds.example/dir/1.mp3"]
    [problem] = problems(document)
    assert "not an http or https address" in problem.message


def test_alternate_enclosures_are_forms_of_one_recording() -> None:
    alternates = (
        '<podcast:alternateEnclosure type="audio/opus" length="1"><podcast:source uri="ipfs://x/1.opus"/>'
        f'<podcast:source uri="{MEDIA}1.opus"/></podcast:alternateEnclosure>'
        '<podcast:alternateEnclosure type="video/mp4">'
        f'<podcast:source uri="{MEDIA}1" contentType="video/mp4"/></podcast:alternateEnclosure>'
        f'<podcast:transcript url="{MEDIA}1.vtt" type="text/vtt"/><podcast:medium>audiobook</podcast:medium>'
    )

    document = read(rss(alternates, ENCLOSURE + alternates, alternates + ENCLOSURE))

    assert addresses(document) == [f"{MEDIA}1.opus", f"{MEDIA}1.mp3", f"{MEDIA}1.mp3"]
    assert passed_over(document) == problems(document) == []


def test_the_contents_of_a_media_group_are_forms_of_one_recording() -> None:
    document = read(
        rss(
            '<media:group><media:content url="1.mp4" type="video/mp4" duration="12"/>'
            '<media:content url="1.mp3" medium="audio"/></media:group>',
            '<link>http://site.example/2</link><media:content url="http://i.example/x?s=96" medium="image"/>',
            '<link>http://site.example/3</link><media:content url="http://i.example/x?w=1" width="1"/>',
            '<link>http://site.example/4</link><media:content url="http://i.example/4" medium="audio"/>',
        )
    )

    assert addresses(document) == [
        "http://feeds.example/dir/1.mp4",
        "http://site.example/2",
        "http://site.example/3",
        "http://i.example/4",
    ]
    assert candidates(document)[0].duration_s == 12.0
    assert passed_over(document) == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (rss('<enclosure url="1.mp3"/>', attributes='xml:base="http://b.example/x/"'), "http://b.example/x/1.mp3"),
        (rss('<enclosure url="1.mp3"/>', attributes='xml:base="../y/"'), "http://feeds.example/y/1.mp3"),
        (rss('<enclosure url="1.mp3" xml:base="http://b.example/"/>'), "http://b.example/1.mp3"),
        (rss('<media:content url="1.mp3"/>', attributes='xml:base="http://b.example/"'), "http://b.example/1.mp3"),
        (rss("<link>1</link>", attributes='xml:base="http://b.example/"'), "http://b.example/1"),
        (
            rss('<enclosure url="1.mp3"/>').replace("<channel>", '<channel xml:base="http://b.example/">'),
            "http://b.example/1.mp3",
        ),
        (
            rss('<enclosure url="1.mp3"/>').replace("<item>", '<item xml:base="http://b.example/">'),
            "http://b.example/1.mp3",
        ),
        (
            rss('<enclosure url="1.mp3"/>', attributes='xml:base="http://b.example/"').replace("</rss>", "<br></rss>"),
            "http://b.example/1.mp3",
        ),
        (
            '<feed xmlns="http://www.w3.org/2005/Atom" xml:base="http://b.example/x/"><entry xml:base="y/">'
            '<link rel="enclosure" href="1.mp3"/></entry></feed>',
            "http://b.example/x/y/1.mp3",
        ),
        (rss('<enclosure url="1.mp3"/>', attributes='xml:base="javascript:x"'), "http://feeds.example/dir/1.mp3"),
        (rss('<enclosure url="1.mp3"/>', attributes='xml:base="http://[x"'), "http://feeds.example/dir/1.mp3"),
    ],
)
def test_relative_addresses_are_resolved_against_the_nearest_base(body: str, expected: str) -> None:
    assert addresses(read(body)) == [expected]


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("Tue, 03 Mar 2026 07:30:00 +0700", 1_772_497_800.0),
        ("Tue, 3 Mar 26 00:30:00 GMT", 1_772_497_800.0),
        ("03 Mar 2026 00:30 UT", 1_772_497_800.0),
        ("Mon, 02 Mar 2026 19:30:00 EST", 1_772_497_800.0),
        ("Mon, 02 Mar 2026 17:30:00 PDT", 1_772_497_800.0),
        ("Tue,03 Mar 2026 00:30:00 Z", 1_772_497_800.0),
        ("Tuesday, 03 March 2026 00:30:00 +0000", 1_772_497_800.0),
        ("2026-03-03T07:30:00+07:00", 1_772_497_800.0),
        ("2026-03-03T00:30:00.000Z", 1_772_497_800.0),
        ("2026-03-03 00:30:00", 1_772_497_800.0),
        ("2026-03-03", 1_772_496_000.0),
        ("Tue, 03 Mar 2026 07:30:00 ICT", 1_772_497_800.0),
        ("Tue, 03 Mar 2026 07:30:00 GMT+7", 1_772_497_800.0),
        ("Tue, 03 Mar 2026 07:30:00 +07:00 (Hanoi)", 1_772_497_800.0),
        ("Tue, 03 Mar 2026 00:30:00 XYZ", 1_772_497_800.0),
        ("Thứ Ba, 03 Mar 2026 07:30:00 +0700", None),
        ("Tue Mar  3 00:30:00 2026", 1_772_497_800.0),
        ("Thứ Ba, 03 tháng 3 2026", None),
        ("03/04/2026", None),
        ("03-04-2026", None),
        ("2026/03/03 10:00", None),
        ("1772497800", None),
        ("Tue, 03 Mar 126 00:30:00 GMT", None),
        ("2026-02-30", None),
        ("yesterday", None),
        ("", None),
        ("0000-00-00 00:00:00", None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None),
        ("Mon, 01 Jan 0001 00:00:00 +0000", None),
        ("Tue, 03 Mar 20266 07:30:00 +0700", None),
        ("Tue, 03 Mar 9999 07:30:00 +0700", None),
        ("9" * 100_000, None),
        ("Mon, " * 10_000, None),
        ("Mon, 31 Feb 2026 25:61:00", None),
    ],
)
def test_dates_are_read_in_the_forms_that_feeds_use(stated: str, expected: float | None) -> None:
    [candidate] = candidates(read(rss(f"{ENCLOSURE}<pubDate>{stated}</pubDate>")))

    assert candidate.published_at == expected


def test_an_entry_with_only_a_date_of_change_has_that_date() -> None:
    [candidate] = candidates(read(rss(f"{ENCLOSURE}<dc:date>2026-03-03T00:30:00Z</dc:date>")))

    assert candidate.published_at == 1_772_497_800.0


@pytest.mark.parametrize(
    ("stated", "seconds"),
    [
        ("1:02:03", 3723.0),
        ("3723", 3723.0),
        ("45:30:00", None),
        ("29:27:00", None),
        ("05:30:00", None),
        ("3723000", None),
        ("29000", None),
        ("-5", None),
        ("0", None),
    ],
)
def test_a_length_that_is_probably_a_typing_error_is_unknown(stated: str, seconds: float | None) -> None:
    [candidate] = candidates(read(rss(f"{ENCLOSURE}<itunes:duration>{stated}</itunes:duration>")))

    assert candidate.duration_s == seconds


TITLE = "Tấm Cám – ĐƯỜNG"
WESTERN = "Geschichte für Bären – süß"


@pytest.mark.parametrize(
    ("encoding", "declared", "content_type"),
    [
        ("utf-8", 'encoding="utf-8"', "application/xml"),
        ("utf-8", "", "text/xml"),
        ("utf-8", "", "text/html; charset=iso-8859-1"),
        ("utf-8", 'encoding="us-ascii"', "text/xml; charset=us-ascii"),
        ("utf-8", 'encoding="windows-1252"', "application/rss+xml"),
        ("utf-8", 'encoding="utf-16"', "application/rss+xml"),
        ("utf-8", 'encoding="nonsense"', "application/rss+xml; charset=punycode"),
        ("utf-8-sig", 'encoding="windows-1258"', "application/xml"),
        ("utf-16", 'encoding="utf-8"', "application/xml; charset=utf-8"),
        ("utf-16-le", 'encoding="utf-16"', "application/xml"),
        ("utf-16-be", "", ""),
    ],
)
def test_a_title_is_read_whatever_encoding_is_declared(encoding: str, declared: str, content_type: str) -> None:
    body = f'<?xml version="1.0" {declared}?>' + rss(f"{ENCLOSURE}<title>{TITLE}</title>")

    [candidate] = candidates(read(body.encode(encoding), content_type))

    assert candidate.title == TITLE


@pytest.mark.parametrize(
    ("encoding", "declared", "content_type"),
    [
        ("windows-1252", 'encoding="windows-1252"', "application/xml"),
        ("windows-1252", 'encoding="utf-8"', "application/xml; charset=utf-8"),
        ("windows-1252", "", "text/xml"),
        ("windows-1252", "", "text/xml; charset=windows-1252"),
    ],
)
def test_a_western_title_is_read_though_utf_8_is_declared(encoding: str, declared: str, content_type: str) -> None:
    channel = "<title>Kinder</title>"  # all ASCII: every other character is wrong as UTF-8
    body = f'<?xml version="1.0" {declared}?>' + rss(f"{ENCLOSURE}<title>{WESTERN}</title>", channel=channel)

    [candidate] = candidates(read(body.encode(encoding), content_type))

    assert candidate.title == WESTERN


def test_a_vietnamese_title_is_read_in_the_encoding_that_is_declared() -> None:
    body = '<?xml version="1.0" encoding="windows-1258"?>' + rss(f"{ENCLOSURE}<title>ĐƯƠC</title>", channel="")

    [candidate] = candidates(read(body.encode("windows-1258")))

    assert candidate.title == "ĐƯƠC"


@pytest.mark.parametrize("declared", ["", 'encoding="utf-8"', 'encoding="viscii"'])
def test_a_vietnamese_feed_that_declares_its_encoding_wrongly_is_read_by_its_language(declared: str) -> None:
    body = f'<?xml version="1.0" {declared}?>' + rss(
        f"{ENCLOSURE}<title>ĐƯƠC</title>", channel="<language>vi-VN</language>"
    )

    [candidate] = candidates(read(body.encode("windows-1258")))

    assert candidate.title == "ĐƯƠC"


def test_one_character_cut_in_two_damages_no_other() -> None:
    body = rss(f"{ENCLOSURE}<title>{TITLE}</title><description>cut Đ</description>").encode()

    [candidate] = candidates(read(body.replace("cut Đ".encode(), "cut Đ".encode()[:-1])))

    assert candidate.title == TITLE


@pytest.mark.parametrize(
    "body",
    [
        "\n\n  " + '<?xml version="1.0"?>' + rss(ENCLOSURE),
        "<br />\n<b>Warning</b>: mysql_connect() in /x.php on line 1<br />\n"
        + '<?xml version="1.0"?>'
        + rss(ENCLOSURE),
        "<!-- made by hand -->" + rss(ENCLOSURE),
        "\x00\x01" + rss(ENCLOSURE),
        rss("<title>Tom & Jerry\x0c</title>" + ENCLOSURE),
        rss(f"<title>a&nbsp;b &hellip; &unknown;</title>{ENCLOSURE}"),
        rss(f"<title>a&#11;b&#x110000;c&#xD800;&#0;&#{'9' * 20};</title>{ENCLOSURE}"),
        rss(f"<title>&#1114112;</title><br>{ENCLOSURE}"),
        rss(ENCLOSURE).replace('<rss version="2.0"', '<rss version="2.0" xmlns="http://a example/ b/"'),
        rss(f"<description>a <br> b <p>c</description>{ENCLOSURE}"),
        rss(f'<link>http://a.example/?a=1&b=2</link><enclosure url="{MEDIA}1.mp3" type="audio/mpeg" length="1">'),
        rss(ENCLOSURE).replace(NAMESPACES, "") + "<itunes:x>",
        rss(f"<itunes:duration>5</itunes:duration>{ENCLOSURE}").replace(NAMESPACES, ""),
        rss(ENCLOSURE) + "\n<!-- served in 0.1 s -->\x00",
        rss(ENCLOSURE).removesuffix("</item></channel></rss>"),
        rss(ENCLOSURE) + rss(ENCLOSURE),
        '<?xml version="1.1"?>' + rss(ENCLOSURE),
        '<?xml-stylesheet href="x.xsl"?>' + rss(ENCLOSURE),
        '<!DOCTYPE rss [<!ENTITY nbsp "&#160;">]>' + rss(f"<title>a&nbsp;b</title>{ENCLOSURE}"),
    ],
)
def test_a_feed_that_is_not_well_formed_is_read_anyway(body: str) -> None:
    document = read(body, "text/html; charset=utf-8")

    assert set(addresses(document)) == {f"{MEDIA}1.mp3"}
    assert problems(document) == []


def test_a_feed_on_which_the_parser_fails_gives_the_entries_before(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyError("x")

    monkeypatch.setattr("feedparser.mixin._FeedParserMixin._start_category", fail)

    document = read(rss(ENCLOSURE, ENCLOSURE.replace("1.mp3", "2.mp3") + "<category>x</category>", ENCLOSURE))

    assert addresses(document) == [f"{MEDIA}1.mp3", f"{MEDIA}2.mp3"]
    [problem] = problems(document)
    assert "cannot be read beyond entry 2 (KeyError: 'x')" in problem.message


@pytest.mark.parametrize("broken", [False, True])
def test_entities_and_ampersands_in_an_address_are_read_once(broken: bool) -> None:
    body = rss('<enclosure url="http://m.example/1.mp3?a=1&amp;b=%26" type="audio/mpeg"/>')

    document = read(body.replace("</channel>", "<br></channel>") if broken else body)

    assert addresses(document) == ["http://m.example/1.mp3?a=1&b=%26"]


def test_the_texts_of_a_live_item_are_not_those_of_the_feed() -> None:
    live = '<podcast:liveItem status="live" start="x"><title>Live</title><enclosure url="live.mp3"/></podcast:liveItem>'

    document = read(rss(f"<title>1</title>{ENCLOSURE}", channel=f"<title>Kể chuyện</title>{live}"))

    assert [(candidate.title, candidate.channel) for candidate in candidates(document)] == [("1", "Kể chuyện")]


def test_a_web_page_in_place_of_a_feed_says_where_the_feed_is() -> None:
    page = '<html><head><link rel="alternate" type="application/rss+xml" href="/feed.xml"></head></html>'

    with pytest.raises(FailureError, match=r"its feed is “/feed.xml”"):
        read(page, "text/html")


def test_paging_and_moving_are_read_from_the_channel_only() -> None:
    def links(*rels: str) -> str:
        return "".join(f'<atom:link rel="{rel}" href="{rel}.xml"/>' for rel in rels)

    assert (
        read(rss(ENCLOSURE, channel=links("self", "next", "current"))).next_url == "http://feeds.example/dir/next.xml"
    )
    archive = read(rss(ENCLOSURE, channel=links("current", "prev-archive")))
    assert archive.next_url == "http://feeds.example/dir/prev-archive.xml"
    assert read(rss(ENCLOSURE + links("next"), channel=links("next-archive"))).next_url is None
    moved = "<itunes:new-feed-url> http://new.example/feed </itunes:new-feed-url>"
    assert read(rss(ENCLOSURE, channel=moved)).moved_url == "http://new.example/feed"


def test_more_entries_than_any_real_feed_has_are_not_read_and_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voicesieve.sources.rss.MAX_FINDINGS", 3)
    items = [f'<enclosure url="{number}.mp3"/>' for number in range(9)]
    as_json = {"version": "https://jsonfeed.org/version/1", "items": [{"url": f"/{n}"} for n in range(9)]}

    for body in (rss(*items), rss(*items, "<br>"), json.dumps(as_json)):
        document = read(body)

        assert len(candidates(document)) == 3
        assert "more than 3 entries" in problems(document)[-1].message
    assert problems(read(rss(*items[:3]))) == []


def test_an_id_that_is_not_an_address_is_not_a_page() -> None:
    """Neither in RSS, where a guid is an address unless it says otherwise, nor in Atom, where it is a name."""
    atom = '<feed xmlns="http://www.w3.org/2005/Atom"><title>t</title><entry><id>3</id><title>x</title></entry></feed>'

    for document in (read(rss("<title>text</title><guid>abc-3</guid>")), read(atom)):
        assert addresses(document) == []
        assert "neither an audio or video enclosure nor a link" in problems(document)[0].message
    before, after = (
        candidates(read_feed(Origin(url, "application/xml"), rss(f"<guid>abc-3</guid>{ENCLOSURE}").encode()))[0].names
        for url in ("http://old.example/a/feed", "http://new.example/feed")
    )
    assert before[0] == after[0], "the entry stays the same where its feed moves"
    assert addresses(read(rss("<guid>http://feeds.example/3.mp3</guid>"))) == ["http://feeds.example/3.mp3"]


def test_a_relation_may_be_written_as_its_registered_address() -> None:
    rel = "http://www.iana.org/assignments/relation/enclosure"
    entry = f'<entry><id>3</id><link rel="{rel}" href="/3.mp3"/></entry>'

    document = read(f'<feed xmlns="http://www.w3.org/2005/Atom"><title>t</title>{entry}</feed>')

    assert addresses(document) == ["http://feeds.example/3.mp3"]
