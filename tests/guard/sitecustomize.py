"""Keeps tests and every Python process they start on this machine.

Python imports a module of this name when it starts, so that a folder on ``PYTHONPATH`` is enough for child
processes. The hook sees connections of pure Python code; C libraries with sockets of their own are not seen.
"""

from __future__ import annotations

import ipaddress
import socket
import sys
from typing import Any


class OutsideTrafficError(RuntimeError):
    """A test reached for the network. Not an `OSError`: code under test must not take it for a bad connection."""


def _refuse_outside(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        used, address = arguments[0], arguments[1]
        if used.family in (socket.AF_INET, socket.AF_INET6) and address and not _is_here(address[0]):
            raise OutsideTrafficError(f"{event} to {address!r}: tests stay on loopback")
    elif event == "socket.getaddrinfo" and not _is_numeric(arguments[0]) and not _is_here(arguments[0]):
        raise OutsideTrafficError(f"{event} of {arguments[0]!r}: tests resolve no names")


def _is_here(host: object) -> bool:
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if host in (None, "", "localhost", "localhost."):
        return True
    try:
        address = ipaddress.ip_address(str(host))
    except ValueError:
        return False
    plain = getattr(address, "ipv4_mapped", None) or address
    return plain.is_loopback or plain.is_unspecified


def _is_numeric(host: object) -> bool:
    """A numeric address is parsed, not looked up."""
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    try:
        ipaddress.ip_address(str(host))
    except ValueError:
        return False
    return True


sys.addaudithook(_refuse_outside)
