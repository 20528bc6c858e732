"""Makes the demo's clips: synthetic voices, music and silence as small Opus files, with `clips.json` beside them.

    python -m demo.make_clips [FOLDER]

A maintainer runs this once and commits the result; nobody else needs espeak-ng. The same versions of espeak-ng,
numpy and PyAV give the same bytes.

No person is heard. A child-like voice is an espeak-ng voice played faster: resampling by `stretch` divides the
apparent vocal tract's length and multiplies the pitch, both by `stretch`, and the text is spoken that much slower
beforehand so that the tempo stays natural. A six-year-old's formants lie about 1.3 to 1.4 times above a man's
(Lee, Potamianos, Narayanan 1999); espeak-ng's female voices already stand 1.1 above its male one. They are light enough
to pass for children's, so the woman of the demo is one of them played slower. The settings below were chosen by what
the embedded detector says of the clips: every child-like clip is ``child`` and every other ``no_child``, at both
operating points.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from demo.clips import CLIPS

Samples = npt.NDArray[np.float32]

RATE = 48_000
"""Hz. Opus works at this rate inside, so that nothing is resampled twice."""

BIT_RATE = 24_000
"""Bits per second: full-band mono speech for Opus (RFC 7845 and the codec's own table), 3 kB for a second."""

SPEECH_RMS = 0.08
"""Full scale is 1. About -22 dBFS, which leaves room for the peaks of speech (some 15 dB)."""

ROOM_RMS = 0.0006
"""The noise under every clip but the silence, 42 dB below speech: a quiet living room."""


@dataclass(frozen=True)
class Voice:
    """An espeak-ng voice and how far it is moved towards a child.

    ``words_per_minute`` is the tempo that is heard; ``pitch`` is espeak-ng's own scale (0 to 99).
    """

    name: str
    pitch: int
    words_per_minute: int
    stretch: float = 1.0


@dataclass(frozen=True)
class Turn:
    """What one voice says, one sentence after the other."""

    voice: Voice
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Recipe:
    """One clip: how it is made, and what a listener would say of it."""

    name: str
    about: str
    verdict: str
    language: str | None
    make: Callable[[np.random.Generator], Samples]


MINH = Voice("vi+f2", pitch=75, words_per_minute=150, stretch=1.30)
LAN = Voice("vi-vn-x-south+f2", pitch=80, words_per_minute=140, stretch=1.36)
EMMA = Voice("en-us+f2", pitch=60, words_per_minute=140, stretch=1.27)
FATHER = Voice("vi+m3", pitch=60, words_per_minute=170)
TEACHER = Voice("vi+f2", pitch=65, words_per_minute=165, stretch=0.88)
READER = Voice("en-gb+m3", pitch=40, words_per_minute=160)


def say(turns: Sequence[Turn]) -> Callable[[np.random.Generator], Samples]:
    """A recipe of speech: the turns in order, with the pauses and the drift of pitch of somebody talking."""

    def make(random: np.random.Generator) -> Samples:
        pieces: list[Samples] = []
        for turn in turns:
            for sentence in turn.sentences:
                drift = int(random.integers(-6, 7))
                pieces += [_level(speak(turn.voice, sentence, drift)), _pause(random.uniform(0.25, 0.5))]
            pieces.append(_pause(0.4))
        speech = np.concatenate(pieces)
        return (speech + _noise(random, len(speech), ROOM_RMS)).astype(np.float32)

    return make


def speak(voice: Voice, text: str, drift: int = 0) -> Samples:
    """``text`` in ``voice`` as samples at `RATE`; ``drift`` moves the pitch on espeak-ng's scale."""
    speed = round(voice.words_per_minute / voice.stretch)
    command = ["espeak-ng", "-v", voice.name, "-s", str(speed), "-p", str(voice.pitch + drift), "--stdout", text]
    answer = subprocess.run(command, check=True, capture_output=True, timeout=60)
    with wave.open(io.BytesIO(answer.stdout)) as reader:
        rate = reader.getframerate()
        samples = np.frombuffer(reader.readframes(-1), dtype=np.int16)
    return _resample((samples / 32_768).astype(np.float32), round(rate * voice.stretch))


def song(random: np.random.Generator) -> Samples:
    """Twelve seconds of a plucked melody of ours over drums, 100 beats a minute."""
    beat = 0.6
    scale = (261.63, 293.66, 329.63, 392.00, 440.00)
    steps = (0, 2, 3, 2, 4, 3, 2, 0, 1, 2, 3, 4, 3, 1, 0, 0, 2, 4, 3, 0)
    track = np.zeros(round(len(steps) * beat * RATE), dtype=np.float32)
    for index, step in enumerate(steps):
        _add(track, index * beat, 0.5 * _pluck(scale[step], 0.9))
        _add(track, index * beat, 0.35 * _pluck(scale[step % 3] / 2, 1.1))
        _add(track, index * beat, _drum(random) if index % 2 == 0 else _hat(random))
        _add(track, (index + 0.5) * beat, 0.6 * _hat(random))
    return _level(track)


def silence(random: np.random.Generator) -> Samples:
    """Ten seconds at about -80 dBFS: an open microphone and nobody there."""
    return _noise(random, 10 * RATE, 0.0001)


RECIPES = (
    Recipe(
        "child-vi-story",
        "child-like voice, northern Vietnamese",
        "child",
        "vi",
        say(
            [
                Turn(
                    MINH,
                    (
                        "Hôm nay con đi chơi công viên với bà.",
                        "Con thấy một con vịt màu vàng đang bơi.",
                        "Con cho vịt ăn bánh mì, vịt kêu cạp cạp.",
                        "Rồi trời mưa, hai bà cháu chạy về nhà.",
                        "Mai con lại muốn đi nữa.",
                    ),
                )
            ]
        ),
    ),
    Recipe(
        "child-vi-counting",
        "child-like voice, southern Vietnamese",
        "child",
        "vi",
        say(
            [
                Turn(
                    LAN,
                    (
                        "Con đếm cho mẹ nghe nha.",
                        "Một, hai, ba, bốn, năm, sáu, bảy, tám, chín, mười.",
                        "Nhà con có ba con mèo và một con chó.",
                        "Con mèo nhỏ nhất tên là Bông.",
                        "Nó thích ngủ trên gối của con.",
                    ),
                )
            ]
        ),
    ),
    Recipe(
        "child-en-zoo",
        "child-like voice, American English",
        "child",
        "en",
        say(
            [
                Turn(
                    EMMA,
                    (
                        "We went to the zoo on Sunday.",
                        "I saw a big elephant and two little monkeys.",
                        "One monkey took my banana and ran away!",
                        "My brother laughed and laughed.",
                        "Can we please go again tomorrow?",
                    ),
                )
            ]
        ),
    ),
    Recipe(
        "adult-man-news",
        "man's voice, Vietnamese",
        "no_child",
        "vi",
        say(
            [
                Turn(
                    FATHER,
                    (
                        "Xin chào quý vị, đây là bản tin thời tiết sáng nay.",
                        "Miền Bắc có mưa rào và dông vài nơi.",
                        "Miền Trung nắng nóng, nhiệt độ cao nhất ba mươi bảy độ.",
                        "Miền Nam chiều tối có mưa.",
                    ),
                )
            ]
        ),
    ),
    Recipe(
        "adult-woman-recipe",
        "woman's voice, Vietnamese",
        "no_child",
        "vi",
        say(
            [
                Turn(
                    TEACHER,
                    (
                        "Hôm nay chúng ta cùng nấu món canh chua.",
                        "Các bạn rửa sạch cá rồi ướp với một ít muối.",
                        "Cho cà chua và dứa vào nồi nước sôi.",
                        "Cuối cùng thêm rau thơm và tắt bếp.",
                    ),
                )
            ]
        ),
    ),
    Recipe(
        "adult-man-reading",
        "man's voice, British English",
        "no_child",
        "en",
        say(
            [
                Turn(
                    READER,
                    (
                        "The committee met on Tuesday to discuss the new bridge.",
                        "Work is expected to begin in the spring of next year.",
                        "The cost has not been announced.",
                    ),
                )
            ]
        ),
    ),
    Recipe(
        "mixed-interview",
        "child-like voice, then a man, then the child-like voice again",
        "child",
        "vi",
        say(
            [
                Turn(MINH, ("Bố ơi, tại sao bầu trời lại màu xanh?", "Con hỏi cô giáo mà cô chưa trả lời con.")),
                Turn(
                    FATHER,
                    (
                        "Vì ánh sáng xanh bị không khí tán xạ nhiều hơn các màu khác.",
                        "Cho nên khi nhìn lên con thấy màu xanh.",
                    ),
                ),
                Turn(MINH, ("A, con hiểu rồi! Thế buổi tối sao nó lại đen?", "Có phải ông mặt trời đi ngủ không bố?")),
            ]
        ),
    ),
    Recipe("music", "melody and drums, nobody speaks", "no_child", None, song),
    Recipe("silence", "an open microphone, nobody speaks", "no_child", None, silence),
)


def write_clips(folder: Path) -> None:
    """Make every clip and write ``clips.json`` last, so that it never names a file that is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    entries: list[dict[str, object]] = []
    for number, recipe in enumerate(RECIPES):
        samples = recipe.make(np.random.default_rng(number))
        path = folder / f"{recipe.name}.opus"
        _encode(samples, path)
        entries.append(
            {
                "file": path.name,
                "about": recipe.about,
                "verdict": recipe.verdict,
                "language": recipe.language,
                "seconds": round(len(samples) / RATE, 2),
            }
        )
    (folder / "clips.json").write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")


def _encode(samples: Samples, path: Path) -> None:
    # "bitexact" leaves out the random stream serial number and the encoder's version.
    with av.open(str(path), "w", format="ogg", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libopus", rate=RATE, layout="mono")
        stream.bit_rate = BIT_RATE
        stream.codec_context.flags |= av.codec.context.Flags.bitexact
        frame = _frame(samples, RATE)
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)


def _frame(samples: Samples, rate: int) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="flt", layout="mono")
    frame.sample_rate = rate
    return frame


def _resample(samples: Samples, rate: int) -> Samples:
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    frames = resampler.resample(_frame(samples, rate)) + resampler.resample(None)
    pieces: list[Samples] = [frame.to_ndarray().ravel().astype(np.float32) for frame in frames]
    return np.concatenate(pieces)


def _level(samples: Samples) -> Samples:
    loud = samples[np.abs(samples) > 0.01 * np.abs(samples).max()]
    rms = float(np.sqrt(np.mean(loud**2)))
    return (samples * (SPEECH_RMS / rms)).clip(-0.99, 0.99).astype(np.float32)


def _pause(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE), dtype=np.float32)


def _noise(random: np.random.Generator, length: int, rms: float) -> Samples:
    return (rms * random.standard_normal(length)).astype(np.float32)


def _add(track: Samples, at_s: float, sound: Samples) -> None:
    start = round(at_s * RATE)
    room = max(0, len(track) - start)
    track[start : start + len(sound)] += sound[:room]


def _time(seconds: float) -> Samples:
    return np.asarray(np.arange(round(seconds * RATE)) / RATE, dtype=np.float32)


def _pluck(pitch: float, seconds: float) -> Samples:
    """A string: ten harmonics, the higher the weaker and the sooner gone."""
    time = _time(seconds)
    tone = np.zeros_like(time)
    for n in range(1, 11):
        tone += np.sin(2 * np.pi * n * pitch * time) * np.exp(-(2 + n) * time) / n
    return tone


def _drum(random: np.random.Generator) -> Samples:
    time = _time(0.25)
    skin: Samples = np.sin(2 * np.pi * (50 * time + 6 * (1 - np.exp(-12 * time)))) * np.exp(-14 * time)
    stick = 0.1 * random.standard_normal(len(time)) * np.exp(-60 * time)
    return (skin + stick).astype(np.float32)


def _hat(random: np.random.Generator) -> Samples:
    time = _time(0.1)
    hiss = np.diff(random.standard_normal(len(time) + 1))
    return (0.15 * hiss * np.exp(-50 * time)).astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the demo's clips (needs espeak-ng).")
    parser.add_argument("folder", nargs="?", type=Path, default=CLIPS)
    write_clips(parser.parse_args().folder)


if __name__ == "__main__":
    main()
