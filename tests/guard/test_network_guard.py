"""The guard bites: no test and no child of a test reaches beyond this machine."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

OUTSIDE = ("192.0.2.1", 80)  # TEST-NET-1 (RFC 5737): nobody's address


def test_a_connection_to_the_outside_is_refused() -> None:
    for family, address in ((socket.AF_INET, OUTSIDE), (socket.AF_INET6, ("2001:db8::1", 80))):
        with socket.socket(family) as out, pytest.raises(RuntimeError, match="tests stay on loopback"):
            out.settimeout(0.1)
            out.connect(address)


def test_a_datagram_to_the_outside_is_refused() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out, pytest.raises(RuntimeError, match="loopback"):
        out.sendto(b"who is example.org?", OUTSIDE)


def test_a_name_is_not_looked_up() -> None:
    with pytest.raises(RuntimeError, match="tests resolve no names"):
        socket.getaddrinfo("example.org", 80)
    with pytest.raises(RuntimeError, match="tests resolve no names"):
        socket.create_connection(("example.org", 80), timeout=0.1)


def test_an_event_loop_is_refused_too() -> None:
    async def reach_out() -> None:
        await asyncio.open_connection(*OUTSIDE)

    with pytest.raises(RuntimeError, match="tests stay on loopback"):
        asyncio.run(reach_out())


def test_a_child_process_is_refused_too() -> None:
    program = f"import socket; socket.create_connection({OUTSIDE!r}, timeout=0.1)"
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert child.returncode != 0
    assert "OutsideTrafficError" in child.stderr


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_loopback_works(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        server = socket.create_server((host, 0), family=family)
    except OSError:
        pytest.skip(f"this machine has no {host}")
    with server, socket.create_connection((host, server.getsockname()[1]), timeout=5):
        pass


def test_unix_sockets_work() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "socket")
        with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
            server.bind(path)
            server.listen()
            client.connect(path)
