"""How much sound there is, is what decodes: our length against FFmpeg's own, over every format in every state."""

from __future__ import annotations

import io
import random
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import pytest
from conftest import often
from media_zoo import CODECS, Specimen, zoo

from voicesieve.audio.decode import decode_blocks
from voicesieve.audio.probe import probe
from voicesieve.domain.failures import Failure, FailureError
from voicesieve.domain.media_formats import DEMUXERS
from voicesieve.domain.sound import SAMPLE_RATE

SEED = 20261127
TOLERANCE_S = 0.05
SPECIMENS = often(300, 10_000)
"""Drawn by chance besides a plain file of each container; the long version takes all."""
THROUGH_FFMPEG = often(12, 100)


@dataclass(frozen=True)
class Reference:
    """What FFmpeg makes of a file: seconds that decode, and what it complains of."""

    seconds: float
    complaints: tuple[str, ...]


def reference(body: bytes) -> Reference:
    """A decode loop of PyAV that shares nothing with ours."""
    seconds, complaints = 0.0, []
    av.logging.set_level(av.logging.WARNING)
    try:
        with av.logging.Capture() as logs:
            try:
                with av.open(io.BytesIO(body)) as container:
                    stream = container.streams.best("audio")
                    if stream is None:
                        return Reference(0.0, ("no audio",))
                    for packet in container.demux(stream):
                        if packet.is_corrupt:
                            complaints.append("corrupt packet")
                        try:
                            frames = packet.decode()
                        except (av.FFmpegError, ValueError) as error:
                            complaints.append(str(error))
                            continue
                        seconds += sum(frame.samples / frame.sample_rate for frame in frames)
            except (av.FFmpegError, ValueError) as error:
                complaints.append(str(error))
        complaints += [text.strip() for _, _, text in logs]
    finally:
        av.logging.set_level(None)
    return Reference(seconds, tuple(complaints))


def ours(path: Path) -> tuple[float, float] | Failure:
    """Seconds by decoding and by probing."""
    try:
        media = probe(path)
        return sum(len(block) for block in decode_blocks(path)) / SAMPLE_RATE, media.duration_s
    except FailureError as error:
        return error.failure


def specimens(count: int) -> list[tuple[Specimen, bytes]]:
    """A plain file of every container and ``count`` others, those that PyAV writes."""
    everything = list(zoo())
    plain = {specimen.name.split()[0]: specimen for specimen in reversed(everything) if "Hz" in specimen.name}
    drawn = random.Random(SEED).sample(everything, min(count, len(everything)))
    chosen = {specimen.name: specimen for specimen in (*plain.values(), *drawn)}
    return [(specimen, body) for specimen in chosen.values() if (body := specimen.make())]


def test_every_format_in_every_state_is_as_long_as_ffmpeg_decodes_it(
    tmp_path: Path, figure: Callable[[str, str], None]
) -> None:
    path = tmp_path / "specimen"
    wrong: list[str] = []
    outcomes: Counter[str] = Counter()
    for specimen, body in specimens(SPECIMENS):
        path.write_bytes(body)
        expected, measured = reference(body), ours(path)
        if isinstance(measured, Failure):
            outcomes[measured.kind.value] += 1
            if expected.seconds and not expected.complaints:
                wrong.append(f"{specimen.name}: {measured.kind}: {measured.message}")
            continue
        outcomes["read"] += 1
        for how, seconds in zip(("decoded", "probed"), measured, strict=True):
            more = bool(expected.complaints) and seconds > expected.seconds
            if abs(seconds - expected.seconds) > TOLERANCE_S and not more and (specimen.whole or how == "decoded"):
                wrong.append(f"{specimen.name}: {how} {seconds:.3f} s of {expected.seconds:.3f} s")
    counts = ", ".join(f"{count:,} {kind}" for kind, count in outcomes.items())
    figure(f"{outcomes.total():,} media files of {len(CODECS)} containers, seed {SEED}", counts)
    assert wrong == []
    assert outcomes["read"] > 0.9 * outcomes.total() > 200


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="compares with the ffmpeg program, which is not installed")
def test_plain_files_are_as_long_as_the_ffmpeg_program_decodes_them(tmp_path: Path) -> None:
    """Another build and version of FFmpeg, through another door."""
    path = tmp_path / "specimen"
    for specimen, body in specimens(THROUGH_FFMPEG):
        if not specimen.whole or "ID3" in specimen.name:
            continue
        path.write_bytes(body)
        command = ["ffmpeg", "-v", "error", "-i", str(path), "-map", "0:a:0", "-ac", "1", "-ar", "16000"]
        done = subprocess.run([*command, "-f", "s16le", "-"], capture_output=True, check=False, timeout=60)
        measured = ours(path)
        if done.returncode == 0 and not done.stderr:
            assert not isinstance(measured, Failure), f"{specimen.name}: {measured}"
            assert measured[0] == pytest.approx(len(done.stdout) / 2 / SAMPLE_RATE, abs=TOLERANCE_S), specimen.name


def test_every_container_that_pyav_writes_is_among_the_formats_that_are_opened() -> None:
    opened = set()
    for specimen, body in specimens(0):
        with av.open(io.BytesIO(body)) as container:
            opened.add(container.format.name.split(",")[0])
            assert container.format.name.split(",")[0] in DEMUXERS, specimen.name
    assert len(opened) > 20
