"""Whether two files are the same recording: equal packets whatever the container, or equal sound by Chromaprint."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np

from voicesieve.audio.opening import open_media

PRINT_S = 120
"""Seconds of sound that a fingerprint covers: what Chromaprint's own service compares."""
_FPCALC_S = 120.0


def packet_hash(path: Path) -> str:
    """SHA-256 of the compressed packets of the audio stream that would be decoded.

    Equal for one stream in different containers or with different tags. Raises FailureError as `open_media` does.
    """
    digest = hashlib.sha256()
    with open_media(path) as media:
        digest.update(f"{media.codec.name} {media.codec.sample_rate} {media.codec.channels}\n".encode())
        for packet in media.container.demux(media.stream):
            if packet.size:
                digest.update(bytes(packet))
    return digest.hexdigest()


def fingerprint_program() -> str | None:
    """Path of Chromaprint's ``fpcalc``, if it is installed."""
    return shutil.which("fpcalc")


def fingerprint(path: Path, program: str) -> np.ndarray | None:
    """Chromaprint's sub-fingerprints, uint32, about eight for each second; ``None`` where it finds none.

    The exit code is ignored: fpcalc 1.5.1 with FFmpeg 5 (Debian 12) prints its result and then takes the end of
    every file for an error.
    """
    command = [program, "-raw", "-json", "-length", str(PRINT_S), str(path.absolute())]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_FPCALC_S, check=False)  # noqa: S603 - our own path
        values = json.loads(done.stdout.partition(b"\n")[0])["fingerprint"]
    except (OSError, subprocess.SubprocessError, ValueError, KeyError):
        return None
    return np.array(values, dtype=np.int64).astype(np.uint32) if values else None
