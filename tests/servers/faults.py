"""A server that fails a download in every way that a download can fail, on the web and below it.

Ways that a path can show are `Fault`s. For a fault at a byte of one's own choice, give `demo.server.serving` an
answer of `demo.answers`: ``serving(lambda base_url: {"/x": ResetAt(content, at=1)})``.
"""

from __future__ import annotations

import functools
import shutil
import socket
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from demo.answers import Content
from demo.faults import Fault, fault_path, fault_routes
from demo.server import RequestLog, Routes, serving

SOUND = "/sound"


@dataclass(frozen=True)
class FaultServer:
    """``sound_url`` delivers the content, `url` fails at it; nobody listens at ``refusing_url``.

    ``untrusted_url`` has a certificate that nobody signed; it is ``None`` where the openssl program is missing.
    """

    base_url: str
    requests: RequestLog
    refusing_url: str
    untrusted_url: str | None

    @property
    def sound_url(self) -> str:
        return self.base_url + SOUND

    def url(self, fault: Fault) -> str:
        return self.base_url + fault_path(fault)


@contextmanager
def fault_server(body: bytes, media_type: str = "audio/ogg") -> Iterator[FaultServer]:
    """Serve ``body``, and every failure to serve it."""
    content = Content(body, media_type)

    def routes(_: str) -> Routes:
        return {SOUND: content, **fault_routes(content)}

    with ExitStack() as stack:
        server = stack.enter_context(serving(routes))
        untrusted_url = None
        if shutil.which("openssl"):
            untrusted = stack.enter_context(serving(routes, tls=_self_signed()))
            untrusted_url = untrusted.base_url + SOUND
        refusing_port = stack.enter_context(_refusing_port())
        yield FaultServer(server.base_url, server.requests, f"http://127.0.0.1:{refusing_port}{SOUND}", untrusted_url)


@contextmanager
def _refusing_port() -> Iterator[int]:
    """A port that is bound, so that nobody else gets it, and never listened on."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@functools.cache
def _self_signed() -> ssl.SSLContext:
    """A certificate for 127.0.0.1, made anew in each process and valid for a day."""
    with tempfile.TemporaryDirectory() as folder:
        key, certificate = Path(folder, "key.pem"), Path(folder, "certificate.pem")
        make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=127.0.0.1"
        files = ["-keyout", str(key), "-out", str(certificate)]
        command = [*make.split(), "-addext", "subjectAltName=IP:127.0.0.1", *files]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
    return context
