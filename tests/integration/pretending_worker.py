"""yt-dlp's worker in a world where 127.0.0.1 is a public address, so that a server on loopback can play one.

The name ``changing.test`` has that address when it is first asked for, and ever after one that is inside.
"""

from __future__ import annotations

import socket
from typing import Any

from voicesieve.fetching import guard
from voicesieve.fetching.ytdlp import video_worker

NAME, PUBLIC, INSIDE = "changing.test", "127.0.0.1", "127.0.0.2"

really_public, really_resolved = guard.is_public, socket.getaddrinfo
answers = [PUBLIC]


def resolved(host: Any, *arguments: Any, **options: Any) -> Any:
    if host == NAME:
        host = answers.pop() if answers else INSIDE
    return really_resolved(host, *arguments, **options)


if __name__ == "__main__":
    guard.is_public = lambda ip: str(ip) == PUBLIC or really_public(ip)
    socket.getaddrinfo = resolved
    video_worker.main()
