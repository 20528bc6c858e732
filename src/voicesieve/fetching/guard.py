"""Which addresses may be contacted and which programs may be started on behalf of a URL that others wrote."""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Collection
from pathlib import PurePath

from voicesieve.domain.addresses import WebAddress, web_address
from voicesieve.domain.candidates import MAX_URL_CHARS
from voicesieve.domain.errors import InnerError
from voicesieve.domain.failures import Failure, FailureError, FailureKind
from voicesieve.domain.passwords import without_password
from voicesieve.domain.platforms import platform_of, platform_of_host
from voicesieve.domain.text import clean_text

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
"""All addresses that IANA has assigned to the public IPv6 internet (RFC 4291, section 2.4)."""
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""IPv4 behind an IPv6-only network (RFC 6052): as public as the IPv4 address in the last 32 bits."""
_NEVER_PUBLIC = tuple(
    ipaddress.ip_network(network)
    for network in (
        # In the IANA special-purpose registries, but not in the `ipaddress` module of every Python we support.
        "192.0.0.0/24",
        "192.88.99.0/24",
        "3fff::/20",
        # Azure's platform service, metadata included, answers at a globally routed address.
        "168.63.129.16/32",
    )
)

_JS_RUNTIMES = frozenset({"deno", "node", "bun", "qjs"})
"""What yt-dlp starts to solve YouTube's JavaScript; it works without any other program."""
_PROGRAM_STARTS = frozenset({"subprocess.Popen", "os.exec", "os.posix_spawn", "os.system"})
_CONNECTIONS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_REQUEST, _LOOK_UP = "urllib.Request", "socket.getaddrinfo"
"""Audit events of the Python standard library: each request with its URL, redirects included, and each host name."""

NOT_PUBLIC = "is not a public address"
_REMEDY = "set fetching.allow_private_addresses only for servers that you run yourself"


class ForbiddenAddressError(InnerError, PermissionError):
    """A connection that the guard refused, raised inside a worker process."""


class ForbiddenPlatformError(InnerError, PermissionError):
    """A request to a platform whose rules do not govern this order, refused inside a worker process."""


class ForbiddenProgramError(InnerError, PermissionError):
    """A program that the guard did not let start; to its caller it looks like a missing one."""


def is_public(ip: IpAddress | str) -> bool:
    """Whether ``ip`` is a unicast address of the public internet.

    IPv4 addresses wrapped in IPv6 (mapped, 6to4, NAT64) are judged by the address inside. Text that is not an address
    is not public.
    """
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return False
    inner = _wrapped_ipv4(address)
    if inner is not None:
        return is_public(inner)
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    if address.is_multicast or any(address in network for network in _NEVER_PUBLIC):
        return False
    return address.is_global


def check_url(url: str) -> None:
    """Refuse what is not a plain http or https URL. Reads only the text and never uses the network.

    Raises `FailureError` (unsupported) for another scheme, an invalid host or port, a user name or password,
    control characters, a backslash, or more than `MAX_URL_CHARS` characters.
    """
    checked_url(url)


def checked_url(url: str) -> WebAddress:
    """The request for ``url``. Raises `FailureError` as `check_url` does."""
    # A blank is printable; feeds are full of URLs with one, and clients escape it.
    if len(url) <= MAX_URL_CHARS and (not url.isprintable() or "\\" in url):
        raise FailureError(_refusal(url, "it holds control characters or a backslash"))
    try:
        return web_address(url)
    except ValueError as error:
        raise FailureError(_refusal(url, str(error))) from error


def check_address(host: str, ip: IpAddress | str, *, allow_private_addresses: bool) -> None:
    """Raise `FailureError` (forbidden address) unless ``host`` may be reached at ``ip``."""
    if not allow_private_addresses and not is_public(ip):
        raise FailureError(forbidden(host, str(ip)))


def check_platform(host: str, closed: Collection[str]) -> None:
    """Raise `FailureError` (forbidden address) if ``host`` belongs to one of the platforms that are ``closed``."""
    platform = platform_of_host(host)
    if platform in closed:
        message = (
            f"{clean_text(host, 200)} belongs to {platform}, which is disabled until you state your legal basis: "
            "set rights.basis and rights.statement"
        )
        raise FailureError(Failure(FailureKind.FORBIDDEN_ADDRESS, message))


def forbidden(host: str, ip: str) -> Failure:
    place = ip if host.strip("[]") == ip else f"{clean_text(host, 200)} ({ip})"
    return Failure(FailureKind.FORBIDDEN_ADDRESS, f"{place} {NOT_PUBLIC}; {_REMEDY}")


def install_connect_guard(allow_private_addresses: bool, platform: str | None = None) -> None:
    """Watch this process from now on: it connects only where `is_public`, and starts only JS runtimes.

    ``platform`` is the one that the order's own address belongs to; a platform reached in any other way (a redirect,
    an embedded player, a mirror site) is refused before its name is looked up, because no rule for it was applied.

    Meant for worker processes that run code we do not control. The check sees the numeric address that is really
    connected to, so that neither DNS nor redirects bypass it. Refusals raise `PermissionError`.
    """

    def audit(event: str, arguments: tuple[object, ...]) -> None:
        if event in _PROGRAM_STARTS:
            _check_program(arguments)
        elif event in _CONNECTIONS and not allow_private_addresses:
            _check_peer(arguments[1])
        elif event == _REQUEST:
            _check_platform(platform_of(str(arguments[0])), platform)
        elif event == _LOOK_UP:
            _check_platform(platform_of_host(_text(arguments[0])), platform)

    sys.addaudithook(audit)


def _wrapped_ipv4(address: IpAddress) -> ipaddress.IPv4Address | None:
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour


def _refusal(url: str, reason: str) -> Failure:
    return Failure(FailureKind.UNSUPPORTED, f"{clean_text(without_password(url), 200)!r} cannot be fetched: {reason}")


def _check_program(arguments: tuple[object, ...]) -> None:
    program = arguments[0] if arguments else None
    name = PurePath(program.decode(errors="replace") if isinstance(program, bytes) else str(program)).name
    if name not in _JS_RUNTIMES:
        raise ForbiddenProgramError(f"{clean_text(name, 100)} may not be started here")


def _check_platform(reached: str | None, own: str | None) -> None:
    if reached is not None and reached != own:
        raise ForbiddenPlatformError(
            f"it leads to a video on {reached}, whose own rules would not be applied; "
            f"add the video's address on {reached} itself"
        )


def _text(host: object) -> str:
    return host.decode("ascii", "replace") if isinstance(host, bytes) else str(host or "")


def _check_peer(address: object) -> None:
    # Unix sockets (text or bytes) and names that are still to be resolved cannot be shown to be public.
    host = address[0] if isinstance(address, tuple) and address else None
    if address is not None and not (isinstance(host, str) and is_public(host)):
        raise ForbiddenAddressError(f"{clean_text(str(host or address), 200)} {NOT_PUBLIC}; {_REMEDY}")
