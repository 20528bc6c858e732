"""How well do Chromaprint's prints tell re-encoded speech from other speech?

    python -m benchmarks.duplicates --corpora DIR

Makes recordings of about a minute from clips of the corpora, encodes each as FLAC and, quieter and a fifth of a second
later, as Opus of 32 kbit/s, and compares the prints of copies and of different recordings. Needs ``fpcalc``.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from voicesieve.audio.decode import decode_blocks
from voicesieve.audio.encode import encode, to_int16
from voicesieve.audio.identity import fingerprint, fingerprint_program
from voicesieve.corpus.duplicates import MAX_BIT_ERROR, bit_error

CLIPS = 12
SUFFIXES = {".opus", ".ogg", ".mp3", ".wav", ".flac"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpora", type=Path, required=True)
    parser.add_argument("--count", type=int, default=20, help="recordings from each corpus")
    arguments = parser.parse_args()
    program = fingerprint_program()
    if program is None:
        print("fpcalc is not installed (Debian: apt install libchromaprint-tools).", file=sys.stderr)
        return 1
    originals, copies = [], []
    with tempfile.TemporaryDirectory() as folder:
        for samples in recordings(arguments.corpora, arguments.count):
            late = np.concatenate([np.zeros(3_200, np.int16), (samples * 0.7).astype(np.int16)])
            for found, kind, sound in ((originals, "flac", samples), (copies, "opus", late)):
                file = Path(folder) / f"x.{kind}"
                file.write_bytes(encode([sound], kind))
                found.append(fingerprint(file, program))
    report("copies", list(zip(originals, copies, strict=True)))
    report("different recordings", list(itertools.combinations(originals, 2)))
    print(f"the bound is {MAX_BIT_ERROR}")
    return 0


def recordings(corpora: Path, count: int) -> Sequence[np.ndarray]:
    """int16 (n,) at 16 kHz, the same ones each time."""
    made = []
    for corpus in ("speechocean762", "common-voice-vi"):
        files = sorted(path for path in (corpora / corpus).rglob("*") if path.suffix in SUFFIXES)
        random.Random(762).shuffle(files)
        for start in range(0, min(len(files), count * CLIPS) - CLIPS + 1, CLIPS):
            clips = [np.concatenate(list(decode_blocks(file))) for file in files[start : start + CLIPS]]
            made.append(to_int16(np.concatenate(clips)))
    return made


def report(what: str, pairs: Sequence[tuple[np.ndarray | None, np.ndarray | None]]) -> None:
    known = [(a, b) for a, b in pairs if a is not None and b is not None]
    errors = sorted(bit_error(a, b) for a, b in known)
    shared = sorted(len(np.intersect1d(a, b)) for a, b in known)
    print(
        f"{what}: {len(known)} pairs, bit error {errors[0]:.3f} to {errors[-1]:.3f}, "
        f"equal sub-fingerprints {shared[0]} to {shared[-1]}"
    )


if __name__ == "__main__":
    sys.exit(main())
