"""An HTTP/1.1 server on 127.0.0.1 that answers by a table of paths and remembers what it was asked."""

from __future__ import annotations

import fcntl
import os
import select
import socket
import socketserver
import ssl
import struct
import sys
import termios
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import urlsplit

POLL_S = 0.05
"""How often a held connection looks for the end of its client or of the server."""

IDLE_S = 60.0
"""A kept-alive connection without a request is closed after this long."""


@dataclass(frozen=True)
class Request:
    """One request as it came in. ``nth`` counts the requests for its path, from 1. Header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    nth: int

    @property
    def range(self) -> str | None:
        return self.headers.get("range")


class RequestLog:
    """Every request so far, in order of arrival; safe to read while the server runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: list[Request] = []
        self._counts: Counter[str] = Counter()

    def add(self, method: str, path: str, headers: Mapping[str, str]) -> Request:
        with self._lock:
            self._counts[path] += 1
            request = Request(method, path, headers, nth=self._counts[path])
            self._requests.append(request)
            return request

    def __iter__(self) -> Iterator[Request]:
        with self._lock:
            return iter(tuple(self._requests))

    def __len__(self) -> int:
        with self._lock:
            return len(self._requests)

    def most(self) -> tuple[str, int]:
        """The path that was asked for most often, and how often."""
        with self._lock:
            return max(self._counts.items(), key=lambda counted: counted[1], default=("", 0))

    def of(self, path: str) -> tuple[Request, ...]:
        """The requests for ``path`` (without its query)."""
        return tuple(request for request in self if request.path == path)


class Exchange(BaseHTTPRequestHandler):
    """One connection. An `Answer` reads ``asked`` and calls `begin`, then `send`; or misbehaves."""

    protocol_version = "HTTP/1.1"
    server_version = "demo"
    sys_version = ""
    timeout = IDLE_S
    server: LoopbackServer
    asked: Request

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def begin(self, status: int, headers: Mapping[str, str]) -> bool:
        """Send status and headers; true when a body is to follow (not for HEAD)."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        return self.asked.method != "HEAD"

    def send(self, data: bytes) -> None:
        self.wfile.write(data)

    def wait(self, seconds: float) -> bool:
        """Wait; false when the server is stopping and there is no more to do."""
        return not self.server.stopping.wait(seconds)

    def hold(self) -> None:
        """Keep the connection open and silent until the client leaves or the server stops."""
        self.close_connection = True
        while self.wait(POLL_S):
            readable, _, _ = select.select([self.connection], [], [], 0)
            if readable and not self.connection.recv(4_096):
                return

    def reset(self) -> None:
        """Break the connection off (RST, not FIN) after everything sent has arrived."""
        self.close_connection = True
        # A reset throws away what the kernel has not delivered yet, and a test that says "at byte n" means n.
        while _undelivered(self.connection) and self.wait(POLL_S / 10):
            pass
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on standard error: the request log says it all."""

    def _answer(self) -> None:
        path = urlsplit(self.path).path
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.asked = self.server.requests.add(self.command, path, headers)
        answer = self.server.routes.get(path)
        if answer is None:
            self.send_error(HTTPStatus.NOT_FOUND)
        else:
            answer(self)


Answer = Callable[[Exchange], None]
"""What a path does with a request."""

Routes = Mapping[str, Answer]


class LoopbackServer(ThreadingHTTPServer):
    """``routes`` may be set after the port is known. With ``tls`` it speaks HTTPS.

    ``asked_at_most`` is how often one path may be asked for before `serving` ends with an error; ``None`` for a site
    that people look at.
    """

    asked_at_most: ClassVar[int | None] = None

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.routes: Routes = {}
        self.requests = RequestLog()
        self.stopping = threading.Event()
        self._tls = tls
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), Exchange)

    def server_bind(self) -> None:
        # HTTPServer's own version asks the resolver for the host's name.
        socketserver.TCPServer.server_bind(self)
        self.server_name = "127.0.0.1"
        self.server_port = int(self.socket.getsockname()[1])

    @property
    def base_url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.server_port}"

    def get_request(self) -> tuple[socket.socket, object]:
        connection, address = super().get_request()
        if self._tls:
            # The handshake belongs to the connection's own thread: a slow client must not keep others out.
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        with self._lock:
            self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: socket.socket) -> None:  # type: ignore[override]
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that leaves, or that refuses our certificate, is no fault of this server."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError | ssl.SSLError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]

    def stop(self) -> None:
        """Stop listening and cut every connection, so that no thread waits for a client."""
        self.stopping.set()
        self.shutdown()
        self.server_close()
        with self._lock:
            left = tuple(self._open)
        for connection in left:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # gone already


@contextmanager
def serving(
    routes: Callable[[str], Routes], *, port: int = 0, tls: ssl.SSLContext | None = None
) -> Iterator[LoopbackServer]:
    """Run a server in the background; ``routes`` makes its table from its base URL. ``port`` 0 takes a free one."""
    server = LoopbackServer(port, tls)
    server.routes = routes(server.base_url)
    thread = threading.Thread(target=server.serve_forever, args=(POLL_S,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join()
    path, count = server.requests.most()
    if server.asked_at_most is not None and count > server.asked_at_most:
        raise AssertionError(f"{path} was asked for {count:,} times; {server.asked_at_most} are the most")


def _undelivered(connection: socket.socket) -> int:
    """Bytes sent that the other side's kernel has not acknowledged."""
    answer = fcntl.ioctl(connection, termios.TIOCOUTQ, struct.pack("i", 0))
    return int(struct.unpack("i", answer)[0])
