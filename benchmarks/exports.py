"""Does an export of any size fit into constant memory, and how fast is it beside decoding alone?

    python -m benchmarks.exports                  # a million segments, tables only: peak memory
    python -m benchmarks.exports --sound DIR      # clips cut from real recordings, beside decoding and a plain loop

Prints the peak memory of the export's own process for two sizes, and ratios of times measured in the same run.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from voicesieve.catalog import schema
from voicesieve.catalog.opening import open_catalog
from voicesieve.domain.states import VideoState
from voicesieve.voices.scores import WindowScores

SEGMENTS_EACH = 20
FORMATS = ("jsonl", "lhotse", "kaldi", "nemo", "huggingface", "rttm")

CHILD = """
import resource, sys
from voicesieve.cli.main import app
try:
    app(sys.argv[1:], standalone_mode=False)
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""


def fill(folder: Path, recordings: int) -> None:
    """A catalog of accepted recordings with `SEGMENTS_EACH` child segments each, and no sound."""
    catalog = open_catalog(folder, create=True)
    windows = WindowScores.empty().to_bytes()
    segments = [
        {"start": 10.0 * n, "end": 10.0 * n + 6.0, "label": "child", "score": 0.95} for n in range(SEGMENTS_EACH)
    ]
    with catalog.write() as connection:
        connection.execute(
            insert(schema.query).values(
                id=1, source="urls", argument="list", exhausted=True, due_at=0, memory={}, pages=1, requests=1, found=0,
                new=0, problems=0, failures=0, created_at=0,
            )
        )  # fmt: skip
    for start in range(0, recordings, 5_000):
        numbers = range(start, min(start + 5_000, recordings))
        with catalog.write() as connection:
            connection.execute(insert(schema.recording), [_recording(n) for n in numbers])
            connection.execute(insert(schema.video), [_video(n) for n in numbers])
            connection.execute(insert(schema.finding), [{"query": 1, "video": n + 1, "position": n} for n in numbers])
            connection.execute(insert(schema.verdict), [_verdict(n, segments, windows) for n in numbers])
    catalog.close()


def _hash(number: int) -> str:
    return f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}" + f"{number:048x}"


def _recording(number: int) -> dict[str, Any]:
    sha256 = _hash(number)
    return {
        "sha256": sha256, "path": f"{sha256[:2]}/{sha256}.opus", "bytes": 1, "duration_s": 200.0, "container": "ogg",
        "codec": "opus", "sample_rate": 48_000, "channels": 1, "stored_at": 0.0, "accepted_videos": 1,
    }  # fmt: skip


def _video(number: int) -> dict[str, Any]:
    return {
        "key": number + 1, "id": f"url:{number}", "source": "url", "url": f"https://a.example/{number}",
        "host": "a.example", "title": f"Câu chuyện số {number}", "channel": f"channel {number % 5_000}",
        "metadata": {}, "facts": {}, "state": VideoState.ACCEPTED, "reasons": [], "item_failures": 0,
        "machine_failures": 0, "recording": _hash(number), "language": "vi", "discovered_at": 0.0, "changed_at": 0.0,
    }  # fmt: skip


def _verdict(number: int, segments: list[dict[str, Any]], windows: bytes) -> dict[str, Any]:
    return {
        "recording": _hash(number), "model": "floor", "revision": "r", "operating_point": "corpus", "label": "child",
        "duration_s": 200.0, "speech_s": 120.0, "child_s": 120.0, "child_share": 1.0, "child_runs": SEGMENTS_EACH,
        "score": 0.95, "segments": segments, "windows": windows, "levels": {}, "analysed_at": 0.0,
    }  # fmt: skip


def peak_of_export(data: Path, target: Path, *arguments: str) -> tuple[dict[str, Any], float, float]:
    """The export's own account, its peak memory in MB, and its seconds."""
    command = [sys.executable, "-c", CHILD, "export", *arguments, str(target), "--data", str(data), "--json"]
    started = time.monotonic()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout), int(done.stderr.split()[-1]) / 1024, time.monotonic() - started


def memory(sizes: list[int], formats: list[str]) -> None:
    for segments in sizes:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            fill(folder, segments // SEGMENTS_EACH)
            for kind in formats:
                tables = (
                    ("--unit", "clips", "--audio", "none") if kind in ("jsonl", "huggingface") else ("--audio", "none")
                )
                told, peak_mb, took_s = peak_of_export(folder, folder / kind, kind, "--no-measure", *tables)
                print(
                    f"{kind:12} {told['segments']:>9,} segments  peak {peak_mb:6.0f} MB  {took_s:6.1f} s  "
                    f"{told['segments'] / took_s:8.0f} segments/s",
                    flush=True,
                )


def sound(folder: Path) -> None:
    """Cut the accepted recordings of a data folder, beside decoding the same files in one process."""
    from voicesieve.audio.decode import decode_blocks

    files = [path for path in sorted((folder / "recordings").rglob("*")) if path.is_file()]
    started = time.monotonic()
    seconds = sum(len(block) for file in files for block in decode_blocks(file)) / 16_000
    decoding_s = time.monotonic() - started
    with tempfile.TemporaryDirectory() as name:
        _, peak_mb, took_s = peak_of_export(folder, Path(name) / "corpus", "lhotse")
    print(
        f"{seconds:.0f} s of sound: decoding alone {decoding_s:.2f} s, export with FLAC and measures {took_s:.2f} s "
        f"({took_s / decoding_s:.2f} times), peak {peak_mb:.0f} MB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000, 1_000_000], help="numbers of segments")
    parser.add_argument("--formats", nargs="+", default=list(FORMATS))
    parser.add_argument("--sound", type=Path, help="a data folder with accepted recordings")
    arguments = parser.parse_args()
    if arguments.sound:
        sound(arguments.sound)
    else:
        memory(arguments.sizes, arguments.formats)


if __name__ == "__main__":
    main()
