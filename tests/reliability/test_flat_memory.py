"""Two thousand videos through a crawl: the program's memory and descriptors stay where they were."""

from __future__ import annotations

import time
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
from conftest import LONG, often
from crawling import QUICK, running, status

RATE = 16_000
LOOK_EVERY_S = 0.2
WARM_SHARE = 0.4
"""Of the videos, after which caches, pools and buffers have the size that they keep."""
MAX_MB_PER_1000 = 1.0
MAX_MB_IN_SHORT = 6.0
"""Over the second half of a short run: an allocator's page more or less must not fail it."""


def write_tones(folder: Path, count: int) -> None:
    folder.mkdir()
    for number in range(count):
        tone = np.sin(2 * np.pi * (200 + number % 2_000) * np.arange(RATE * 11 // 10) / RATE + number)
        with wave.open(str(folder / f"{number:05}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes((tone * 8_000).astype("<i2").tobytes())


def decided(log: Path, seen: list[int]) -> int:
    """How many videos the log says are decided; reads only what was added since the last look."""
    if log.exists():
        with log.open("rb") as file:
            file.seek(seen[0])
            added = file.read()
        seen[0] += len(added)
        seen[1] += added.count(b'"event": "video_decided"')
    return seen[1]


def test_memory_and_descriptors_are_flat(tmp_path: Path, figure: Callable[[str, str], None]) -> None:
    count = often(200, 2_000)
    write_tones(tmp_path / "audio", count)
    data = tmp_path / "data"
    settings = {**QUICK, "VOICESIEVE_BACKUP__EVERY_S": "0", "VOICESIEVE_LOGGING__FILE_BYTES": str(1 << 30)}
    samples: list[tuple[int, float, int]] = []
    seen = [0, 0]
    command = ("crawl", "--source", f"folder:{tmp_path / 'audio'}", "--quiet", "--data", data)
    with running(*command, output=tmp_path / "crawl", settings=settings) as crawl:
        process = Path(f"/proc/{crawl.process.pid}")
        while crawl.process.poll() is None:
            done = decided(data / "logs" / "voicesieve.jsonl", seen)
            if (not samples or done >= samples[-1][0] + count // 50) and (held := held_by(process)):
                samples.append((done, *held))
            time.sleep(LOOK_EVERY_S)
        assert crawl.wait().code == 0
    assert status(data)["videos"]["rejected"] == count
    warm = np.array([sample for sample in samples if sample[0] >= WARM_SHARE * count])
    slope = float(np.polyfit(warm[:, 0], warm[:, 1], 1)[0] * 1_000)
    figure(
        f"{count:,} videos through one process",
        f"{slope:+.2f} MB per 1,000 videos and {warm[-1, 2] - warm[0, 2]:+.0f} descriptors",
    )
    assert warm[-1, 2] <= warm[:, 2].max() <= warm[0, 2] + 8
    if LONG:
        assert slope < MAX_MB_PER_1000
    else:
        assert warm[-1, 1] - warm[0, 1] < MAX_MB_IN_SHORT


def held_by(process: Path) -> tuple[float, int] | None:
    """Resident memory in MB and open descriptors; ``None`` of a process that has just ended."""
    try:
        lines = (process / "status").read_text().splitlines()
        descriptors = len(list((process / "fd").iterdir()))
    except OSError:
        return None
    resident = [int(line.split()[1]) / 1_024 for line in lines if line.startswith("VmRSS")]
    return (resident[0], descriptors) if resident else None
