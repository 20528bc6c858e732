"""User names, passwords and tokens by host, and the hosts that each may be sent to."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field

from voicesieve.domain.addresses import DEFAULT_PORTS, WebAddress

_THIS_MACHINE = frozenset({"127.0.0.1", "[::1]", "localhost"})
"""Hosts that plain http reaches without leaving the machine."""


@dataclass(frozen=True)
class Credential:
    """The credentials for one host. ``header`` is the value of ``Authorization``, and is never printed."""

    header: str = field(repr=False)
    plain_http: bool = False

    @classmethod
    def basic(cls, user: str, password: str, *, plain_http: bool = False) -> Credential:
        """User name and password as RFC 7617 writes them."""
        return cls("Basic " + base64.b64encode(f"{user}:{password}".encode()).decode(), plain_http)

    @classmethod
    def bearer(cls, token: str, *, plain_http: bool = False) -> Credential:
        return cls(f"Bearer {token}", plain_http)


class Credentials:
    """By host (``feeds.example.org``) or host and port (``127.0.0.1:8080``), in lower case."""

    def __init__(self, by_host: Mapping[str, Credential]) -> None:
        self._by_host = dict(by_host)

    def header_for(self, address: WebAddress, wanted: WebAddress) -> str | None:
        """The header to send to ``address``, where redirects have led from ``wanted``; ``None`` for no header.

        A name without a port stands for the port of the address that was wanted and for the usual ones, not for any
        other port that a redirect leads to.
        """
        credential = self._by_host.get(f"{address.host}:{address.port}")
        if credential is None and (address.origin == wanted.origin or address.port == DEFAULT_PORTS[address.scheme]):
            credential = self._by_host.get(address.host)
        if credential is None or not _is_safe(address, credential):
            return None
        return credential.header

    def why_not(self, address: WebAddress) -> str:
        """Why credentials that are set for the host of ``address`` are not sent there; empty if none are set."""
        names = (f"{address.host}:{address.port}", address.host)
        name = next((name for name in names if name in self._by_host), None)
        if name is None:
            return ""
        if not _is_safe(address, self._by_host[name]):
            return (
                f'the credentials of fetching.credentials."{name}" were not sent because http is not encrypted; '
                "use https, or set plain_http = true there"
            )
        return ""


def _is_safe(address: WebAddress, credential: Credential) -> bool:
    return address.scheme == "https" or credential.plain_http or address.host in _THIS_MACHINE
