"""Web addresses go out as they were given, and show no password."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicesieve.domain.addresses import of_header, resolved, web_address
from voicesieve.domain.passwords import without_password, without_passwords

HOST = "https://media.example"

SIGNED_TARGETS = [
    "/media/B%C3%A9%20k%E1%BB%83%3A%20t%E1%BA%ADp%201.mp3?response-content-type=audio%2Fmpeg&Signature=a%2Bb%3D",
    "/a%7Eb%2fc%2Fd/e.mp3",
    "/a.mp3?X-Amz-Credential=AKIA%2F20261127%2Fus-east-1%2Fs3&X-Amz-SignedHeaders=host",
    "/a.mp3?Policy=eyJ~_-&Signature=a-b~c__&Key-Pair-Id=K2",
    "/a.mp3?hdnea=st=1~exp=2~acl=/*~hmac=0af",
    "/a.mp3?token=a+b%20c;d|e&&empty=&=x",
    "/a.mp3?",
    "/a;v=1/b.mp3",
    "//a///b.mp3?url=http://other.example/../x",
    "/prefix/https://other.example/a.mp3",
    "/a.mp3?q='(x)!*[1]{2}^`",
    "/%61%41/%c3%A9.mp3?%c3%A9",
]


@pytest.mark.parametrize("target", SIGNED_TARGETS)
def test_a_target_is_asked_for_as_it_was_given(target: str) -> None:
    assert str(web_address(HOST + target)) == HOST + target
    assert resolved("https://media.example/feed.xml", target if not target.startswith("//") else HOST + target) == (
        HOST + target
    )


@pytest.mark.parametrize(
    ("given_", "sent"),
    [
        ("/Bé na kể.mp3?tên=bé na", "/B%C3%A9%20na%20k%E1%BB%83.mp3?t%C3%AAn=b%C3%A9%20na"),
        ("/100%.mp3?50%off", "/100%25.mp3?50%25off"),
        ('/"a"<b>', "/%22a%22%3Cb%3E"),
        ("/a.mp3#t=10", "/a.mp3"),
        ("/a/../b/./c.mp3", "/b/c.mp3"),
        ("", "/"),
        ("?a", "/?a"),
    ],
)
def test_only_what_no_request_can_hold_is_encoded(given_: str, sent: str) -> None:
    assert str(web_address(HOST + given_)) == HOST + sent
    assert str(web_address(HOST + sent)) == HOST + sent


@given(st.text(max_size=80))
def test_an_address_that_was_made_fit_once_is_not_changed_again(text: str) -> None:
    try:
        once = str(web_address("https://media.example/" + text))
    except ValueError:
        return
    assert str(web_address(once)) == once
    assert once.isascii()


@pytest.mark.parametrize(
    ("reference", "absolute"),
    [
        ("b%2fc.mp3?x=%2F#t", "http://h.example/x//y/b%2fc.mp3?x=%2F"),
        ("/b?", "http://h.example/b?"),
        ("?x", "http://h.example/x//y/a?x"),
        ("//other.example/b", "http://other.example/b"),
        ("HTTPS://other.example/b", "HTTPS://other.example/b"),
        ("", "http://h.example/x//y/a?q=%7E"),
        ("../b", "http://h.example/x//y/../b"),
    ],
)
def test_a_reference_is_resolved_without_being_written_anew(reference: str, absolute: str) -> None:
    assert resolved("http://h.example/x//y/a?q=%7E#f", reference) == absolute


def test_bytes_of_a_header_that_are_no_utf_8_become_their_escapes() -> None:
    header = b"/B\xe9/\xc3\xa9".decode("utf-8", "surrogateescape")
    assert web_address(HOST + of_header(header)).target == "/B%E9/%C3%A9"


PASSWORD = "hunter2"


@pytest.mark.parametrize(
    "text",
    [
        f"http://user:{PASSWORD}@host.example/feed",
        f"http://user:pa:{PASSWORD}@host.example/",
        f"http://user:p@{PASSWORD}@host.example/",
        f"http://user:pa/{PASSWORD}@host.example/",
        f"http://user:pa#{PASSWORD}@host.example/",
        f"http://user:pa?{PASSWORD}@host.example/",
        f"http://user:pa {PASSWORD}@host.example/",
        f"http://{PASSWORD}@host.example/",
        f"rss:http://user:{PASSWORD}@host.example/",
        f"user:{PASSWORD}@host.example/feed",
        f"http:/user:{PASSWORD}@host.example",
        f"http:user:{PASSWORD}@host.example",
        f"//user:{PASSWORD}@host.example/",
        f"HTTP:\\\\user:{PASSWORD}@host.example",
        f"http://prefix.example/https://user:{PASSWORD}@host.example/a.mp3",
    ],
)
def test_a_password_is_hidden_however_the_address_is_mistyped(text: str) -> None:
    assert PASSWORD not in without_password(text)
    assert "host.example" in without_password(text)
    if text.startswith("http"):
        try:
            web_address(text)
        except ValueError as error:
            assert PASSWORD not in f"{error} {error.__cause__!r} {error.__context__!r}"


@pytest.mark.parametrize(
    "text",
    [
        "https://medium.example:8080/@author/x",
        "https://host.example/@user",
        "http://[2606:4700::1111]:80/@x",
        "youtube:channel:@name",
        "youtube:@name",
        "https://host.example: no answer; write to me@host.example",
        "http://host.example:99999/a@b",
    ],
)
def test_an_at_sign_elsewhere_hides_nothing(text: str) -> None:
    assert without_password(text) == without_passwords(text) == text
