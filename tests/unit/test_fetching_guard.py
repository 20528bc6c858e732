"""Addresses and URLs that may be fetched, and the guard inside a worker process."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from voicesieve.domain.candidates import MAX_URL_CHARS
from voicesieve.domain.failures import FailureError, FailureKind
from voicesieve.fetching.guard import check_address, check_url, is_public


@pytest.mark.parametrize(
    "ip",
    ["8.8.8.8", "1.1.1.1", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"],
)
def test_public_addresses(ip: str) -> None:
    assert is_public(ip)


@pytest.mark.parametrize(
    "ip",
    [
        *("127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "192.168.1.1"),
        *("169.254.169.254", "100.64.0.1", "100.100.100.200", "192.0.0.192", "168.63.129.16", "198.18.0.1"),
        *("192.0.2.1", "203.0.113.1", "192.88.99.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1"),
        *("2002:7f00:1::1", "2001:0:7f00:1::", "3fff::1", "5f00::1", "100::1"),
        *("", "localhost", "127.1", "2130706433", "0x7f000001"),
    ],
)
def test_other_addresses_are_not_public(ip: str) -> None:
    assert not is_public(ip)


def test_a_refusal_names_the_setting() -> None:
    with pytest.raises(FailureError) as caught:
        check_address("intranet.example", "10.0.0.1", allow_private_addresses=False)
    failure = caught.value.failure
    assert failure.kind is FailureKind.FORBIDDEN_ADDRESS
    assert "fetching.allow_private_addresses" in failure.message
    assert "intranet.example" in failure.message
    check_address("intranet.example", "10.0.0.1", allow_private_addresses=True)


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example/b",
        "https://a.example:8443/b c?d=%20#e",
        "http://[2606:4700::1111]/",
        "HTTP://münchen.example/",
    ],
)
def test_plain_web_addresses_pass(url: str) -> None:
    check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "a.example",
            "//a.example/",
            "ftp://a.example/",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "ytsearch:x",
        ),
        *("http://", "http:///path", "http://:80/", "http://a.example:0/", "http://a.example:99999/", "http://[::1"),
        *("http://user@a.example/", "http://user:word@a.example/", "http://a.example\\@b.example/"),
        *(
            "http://a.example/\r\nHost: b",
            "http://a.example/\x00",
            "http://a.example/\u202e",
            "http://a.example/\ud800",
        ),
        "http://a.example/" + "x" * MAX_URL_CHARS,
    ],
)
def test_anything_else_is_refused(url: str) -> None:
    with pytest.raises(FailureError) as caught:
        check_url(url)
    assert caught.value.failure.kind is FailureKind.UNSUPPORTED
    assert caught.value.failure.message.isprintable()


def in_guarded_process(code: str, *, allow_private_addresses: bool = False) -> str:
    """Run ``code``, indented below the installed guard, and return what it prints."""
    guarded = (
        "import os, socket, subprocess\n"
        "from voicesieve.fetching.guard import install_connect_guard\n"
        f"install_connect_guard({allow_private_addresses})\n"
        "def outcome(action):\n"
        "    try: action()\n"
        "    except Exception as error: return type(error).__name__\n"
        "    return 'allowed'\n"
    ) + textwrap.dedent(code)
    done = subprocess.run([sys.executable, "-c", guarded], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()


@pytest.mark.parametrize(
    "action",
    [
        "socket.create_connection(('127.0.0.1', 9))",
        "socket.create_connection(('localhost', 9))",
        "socket.socket(socket.AF_INET6).connect(('::1', 9))",
        "socket.socket().connect(('localhost', 9))",
        "socket.socket().connect_ex(('127.0.0.1', 9))",
        "socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))",
        "socket.socket(socket.AF_UNIX).connect('/run/docker.sock')",
    ],
)
def test_a_guarded_process_does_not_connect_inside(action: str) -> None:
    assert in_guarded_process(f"print(outcome(lambda: {action}))") == "ForbiddenAddressError"


def test_a_guarded_process_connects_where_it_is_allowed_to() -> None:
    code = """
        listening = socket.create_server(("127.0.0.1", 0))
        print(outcome(lambda: socket.create_connection(listening.getsockname())))
    """
    assert in_guarded_process(code, allow_private_addresses=True) == "allowed"


@pytest.mark.parametrize(
    "action",
    [
        "subprocess.run(['/bin/true'])",
        "subprocess.run('deno; true', shell=True)",
        "subprocess.run(['ffmpeg', '-version'])",
        "os.system('true')",
        "os.execv('/bin/true', ['true'])",
        "os.posix_spawn('/bin/true', ['deno'], {})",
    ],
)
@pytest.mark.parametrize("allow_private_addresses", [True, False])
def test_a_guarded_process_starts_no_programs(action: str, allow_private_addresses: bool) -> None:
    outcome = in_guarded_process(f"print(outcome(lambda: {action}))", allow_private_addresses=allow_private_addresses)
    assert outcome == "ForbiddenProgramError"


def test_a_javascript_runtime_is_found_or_missing_but_not_forbidden() -> None:
    code = "print(outcome(lambda: subprocess.run(['node', '--version'], stdout=subprocess.DEVNULL)))"
    assert in_guarded_process(code) in ("allowed", "FileNotFoundError")
