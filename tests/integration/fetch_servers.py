"""A small web server on loopback whose every path behaves as the test says, and keeps what it was asked."""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ASKED_AT_MOST = 1_000
"""Of one path; ranges of a long file included."""


class Visit(BaseHTTPRequestHandler):
    """One request under way, with the moves that a route needs."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.server.visits.append((path, dict(self.headers.items())))
        with contextlib.suppress(ConnectionError):
            self.server.routes[path](self)

    def log_message(self, *arguments: object) -> None:
        """Keep the test's output readable."""

    def start(self, status: int = 200, /, **headers: object) -> None:
        """Send status and headers; ``content_type`` stands for ``Content-Type``."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def answer(self, body: bytes, status: int = 200, /, **headers: object) -> None:
        self.start(status, **{"Content_Length": len(body), **headers})
        self.wfile.write(body)

    def asked_range(self, size: int) -> tuple[int, int]:
        """Start and exclusive end of the range asked for."""
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        return (int(asked[1]), min(int(asked[2]) + 1, size)) if asked else (0, size)

    def part(self, body: bytes, *, only: int | None = None, **headers: object) -> None:
        """Answer the range asked for; ``only`` cuts the connection after so many bytes of it."""
        start, end = self.asked_range(len(body))
        self.start(
            206,
            Content_Range=f"bytes {start}-{end - 1}/{len(body)}",
            Content_Length=end - start,
            **{"Content_Type": "audio/mpeg", **headers},
        )
        self.wfile.write(body[start:end][:only])
        if only is not None:
            self.close_connection = True

    def reset(self) -> None:
        """Break the connection the hard way."""
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def hang(self) -> None:
        """Say nothing more until the server closes."""
        self.server.closing.wait()
        self.close_connection = True

    def trickle(self, every_s: float, chunk: bytes) -> None:
        """Send ``chunk`` again and again until the other side has had enough."""
        while not self.server.closing.wait(every_s):
            self.wfile.write(chunk)


Route = Callable[[Visit], None]


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, routes: Mapping[str, Route], host: str, port: int) -> None:
        super().__init__((host, port), Visit)
        self.routes = routes
        self.visits: list[tuple[str, dict[str, str]]] = []
        self.closing = threading.Event()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away in the middle is what many tests are about."""


@dataclass
class Site:
    server: Server
    base: str = field(init=False)

    def __post_init__(self) -> None:
        self.base = f"http://{self.server.server_address[0]!s}:{self.server.server_port}"

    @property
    def visits(self) -> list[tuple[str, dict[str, str]]]:
        return self.server.visits

    @property
    def ranges(self) -> list[str | None]:
        return [headers.get("Range") for _, headers in self.visits]


@contextlib.contextmanager
def serving(routes: Mapping[str, Route], host: str = "127.0.0.1", port: int = 0) -> Iterator[Site]:
    server = Server(routes, host, port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield Site(server)
    finally:
        server.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()
    path, count = max(
        Counter(path for path, _ in server.visits).items(), key=lambda counted: counted[1], default=("", 0)
    )
    assert count <= ASKED_AT_MOST, f"{path} was asked for {count:,} times"


def taking_turns(*routes: Route) -> Route:
    """The first request meets the first route, and so on; the last one stays."""
    waiting = list(routes)

    def route(visit: Visit) -> None:
        (waiting.pop(0) if len(waiting) > 1 else waiting[0])(visit)

    return route


def endless(visit: Visit) -> None:
    """A body without end and without a stated length."""
    visit.start(200, Content_Type="audio/mpeg", Connection="close")
    while True:
        visit.wfile.write(b"\xff\xfb" * 32_768)
