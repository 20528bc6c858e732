"""One recording, one id, however its address is spelt."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicesieve.sources.identity import candidate_identity, file_identity, normalise_url

ID = "dQw4w9WgXcQ"

YOUTUBE_SPELLINGS = [
    f"https://www.youtube.com/watch?v={ID}",
    f"http://youtube.com/watch?v={ID}",
    f"HTTPS://WWW.YouTube.COM:443/watch?v={ID}",
    f"https://m.youtube.com/watch?v={ID}&t=42s",
    f"https://music.youtube.com/watch?v={ID}&si=AbCdEf",
    f"https://www.youtube.com/watch?list=PL0123456789&index=3&v={ID}",
    f"https://www.youtube.com/watch?v={ID}&list=RD{ID}&start_radio=1",
    f"https://www.youtube.com/watch?v={ID}#t=10",
    f"https://www.youtube.com/watch?v={ID}?t=3",
    f"https://youtu.be/{ID}",
    f"https://youtu.be/{ID}?t=3&feature=share",
    f"https://youtu.be/{ID}&t=3",
    f"https://www.youtube.com/shorts/{ID}",
    f"https://www.youtube.com/shorts/{ID}/?feature=share",
    f"https://www.youtube.com/embed/{ID}?autoplay=1",
    f"https://www.youtube-nocookie.com/embed/{ID}",
    f"https://www.youtube.com/live/{ID}?si=x",
    f"https://www.youtube.com/v/{ID}?version=3",
    f"  https://youtu.be/{ID}\n",
]


@pytest.mark.parametrize("spelling", YOUTUBE_SPELLINGS)
def test_every_form_of_a_youtube_link_is_the_same_video(spelling: str) -> None:
    assert candidate_identity(spelling) == ("youtube", ID, f"https://www.youtube.com/watch?v={ID}")


@pytest.mark.parametrize(
    "address",
    [
        "https://www.youtube.com/@channel",
        "https://www.youtube.com/playlist?list=PL0123456789",
        "https://www.youtube.com/embed/videoseries?list=PL0123456789",
        "https://www.youtube.com/embed/live_stream?channel=UC0123456789",
        "https://www.youtube.com/watch?v=tooshort",
        f"https://www.youtube.com/watch?v={ID}extra",
        "https://www.youtube.com/watch?v=../../../etc",
        "https://youtu.be/",
        f"https://notyoutube.com/watch?v={ID}",
        f"https://youtube.com.example.org/watch?v={ID}",
        f"https://example.org/?u=https://youtu.be/{ID}",
    ],
)
def test_what_only_resembles_a_youtube_video_is_identified_by_its_address(address: str) -> None:
    identity = candidate_identity(address)

    assert identity.source == "url"
    assert re.fullmatch(r"[0-9a-f]{32}", identity.native_id)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("http://Example.ORG/a", "http://example.org/a"),
        ("http://example.org:80/a", "http://example.org/a"),
        ("https://example.org:443/a", "https://example.org/a"),
        ("http://example.org", "http://example.org/"),
        ("http://example.org/a#part", "http://example.org/a"),
        ("http://example.org/%7euser", "http://example.org/~user"),
        ("http://example.org/%c3%a4", "http://example.org/ä"),
        ("http://example.org/a b", "http://example.org/a%20b"),
        ("http://example.org/x/../a", "http://example.org/a"),
        ("http://example.org/x/%2e%2e/a", "http://example.org/a"),
        ("http://bücher.example/a", "http://xn--bcher-kva.example/a"),
        ("http://[0:0::1]/a", "http://[::1]/a"),
    ],
)
def test_equivalent_addresses_are_one_recording(first: str, second: str) -> None:
    assert candidate_identity(first).native_id == candidate_identity(second).native_id


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("http://example.org/a", "https://example.org/a"),
        ("http://example.org/a", "http://example.org/A"),
        ("http://example.org/a", "http://example.org/a/"),
        ("http://example.org/a%2Fb", "http://example.org/a/b"),
        ("http://example.org/a?x=1&y=2", "http://example.org/a?y=2&x=1"),
        ("http://example.org/?x=%61", "http://example.org/?x=a"),
        ("http://example.org:8080/a", "http://example.org/a"),
        ("http://faß.example/", "http://fass.example/"),
    ],
)
def test_addresses_that_may_differ_stay_apart(first: str, second: str) -> None:
    assert candidate_identity(first).native_id != candidate_identity(second).native_id


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("javascript:alert(1)", "not an http or https address"),
        ("data:audio/mpeg;base64,AAAA", "not an http or https address"),
        ("ftp://example.org/a.mp3", "not an http or https address"),
        ("//example.org/a.mp3", "not an http or https address"),
        ("", "not an http or https address"),
        ("http://", "no valid host name"),
        ("http:///a.mp3", "no valid host name"),
        ("http://exa mple.org/", "no valid host name"),
        ("http://example.org:99999/", "no valid host name"),
        ("http://example.org:port/", "no valid host name"),
        ("http://[::1", "no valid host name"),
        ("http://[fe80::1%25eth0]/", "no valid host name"),
        ("http://a..b/", "no valid host name"),
        ("http://" + "a" * 300 + ".org/", "no valid host name"),
        ("http://exam\u2100ple.org/", "no valid host name"),
        ("http://user:secret@example.org/", "user name or password"),
        ("http://example.org\\@evil.example/", "user name or password"),
        ("http://example.org/\x00", "control characters"),
        ("http://example.org/a\r\nHost: evil", "control characters"),
        ("http://example.org/\ud800", "control characters"),
        ("http://example.org/" + "a" * 4000, "more than 4000"),
        ("http://example.org/" + "ä" * 1000, "more than 4000"),
        ("file://server/share/a.mp3", "another host"),
        ("file:a.mp3", "not an absolute path"),
        ("file:///a%00b", "NUL"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_with_its_reason(address: str, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)):
        candidate_identity(address)


def test_a_reason_never_carries_the_remote_text() -> None:
    with pytest.raises(ValueError, match="host name") as refusal:
        candidate_identity("http://\u2100" + "x" * 3000)

    assert len(str(refusal.value)) < 100


@given(st.text(max_size=200) | st.text(max_size=80).map(lambda text: "http://example.org/" + text))
def test_normalising_twice_changes_nothing(text: str) -> None:
    try:
        once = normalise_url(text)
    except ValueError:
        return

    assert normalise_url(once) == once
    assert once.isascii()
    identity = candidate_identity(text)
    assert candidate_identity(once).native_id == identity.native_id
    assert candidate_identity(identity.url) == identity


@given(
    st.from_regex(r"https?://[a-zA-Z0-9.\-\u00df-\u017f]{1,20}(:[0-9]{1,4})?(/[%0-9a-fA-F.~ä ]{0,12}){0,4}(\?.{0,20})?")
)
def test_normalising_twice_changes_nothing_for_what_looks_like_a_url(text: str) -> None:
    try:
        once = normalise_url(text)
    except ValueError:
        return

    assert normalise_url(once) == once


@given(st.binary(min_size=1, max_size=100).filter(lambda raw: b"\x00" not in raw))
def test_a_file_keeps_its_identity_through_its_url_whatever_its_bytes(raw: bytes) -> None:
    path = Path("/data") / raw.decode("utf-8", "surrogateescape")
    identity = file_identity(path)

    assert identity.source == "file"
    assert identity.url.isascii()
    assert candidate_identity(identity.url) == identity
    assert re.fullmatch(r"[0-9a-f]{32}", identity.native_id)


def test_files_whose_names_look_the_same_stay_apart() -> None:
    names = ["a\nb.wav", "a b.wav", "a\u202eb.wav", "\udcff.wav", "�.wav", "a%0Ab.wav"]

    assert len({file_identity(Path("/data") / name).native_id for name in names}) == len(names)


def test_a_relative_path_is_no_identity() -> None:
    with pytest.raises(ValueError, match="absolute"):
        file_identity(Path("a.wav"))
