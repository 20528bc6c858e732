"""Published classifiers behind the detector protocol: real loading code on tiny random weights of the same kinds."""

from __future__ import annotations

import hashlib
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.unit.test_voices_floor import babble
from voicesieve.domain.verdicts import VerdictLabel
from voicesieve.voices import wav2vec
from voicesieve.voices.detector import DetectorChoice
from voicesieve.voices.pooling import DISCOVER, pool
from voicesieve.voices.registry import DETECTORS, load_detector
from voicesieve.voices.scores import CHILD, MAN, NONSPEECH, WOMAN
from voicesieve.voices.wav2vec import NONSPEECH_PROBABILITY, speech_windows, standardised

RATE = 16_000
NEEDED = "needs torch and transformers (make test-extras)"


def sound(seconds: float = 9.0) -> np.ndarray:
    """Speech-like noise, a pause, speech-like noise."""
    pause = np.zeros(int(seconds / 3 * RATE), np.float32)
    return np.concatenate([babble(seconds / 3, 250, 1.2), pause, babble(seconds / 3, 200, 1.0)])


def sha256(folder: Path) -> str:
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def tiny_config(**more: Any) -> Any:
    transformers = pytest.importorskip("transformers", reason=NEEDED)
    pytest.importorskip("torch", reason=NEEDED)
    return transformers.Wav2Vec2Config(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        conv_dim=(8, 8, 8, 8, 8, 8, 8),
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2,
        classifier_proj_size=8,
        vocab_size=4,
        **more,
    )


@pytest.fixture(scope="module")
def bookbot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sequence classifier of the architecture of bookbot/distil-wav2vec2-adult-child-cls-52m."""
    config = tiny_config(id2label={0: "ADULT", 1: "CHILD"}, label2id={"ADULT": 0, "CHILD": 1})
    import torch
    import transformers

    folder = tmp_path_factory.mktemp("bookbot")
    torch.manual_seed(1)
    transformers.Wav2Vec2ForSequenceClassification(config).save_pretrained(folder, safe_serialization=True)
    return folder


@pytest.fixture(scope="module")
def audeering(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights by the names that audeering's age-gender models give them."""
    config = tiny_config(do_stable_layer_norm=True, feat_extract_norm="layer")
    import torch
    import transformers
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("audeering")
    torch.manual_seed(2)
    body = transformers.Wav2Vec2Model(config)
    body.save_pretrained(folder, safe_serialization=True)
    from safetensors.torch import load_file

    weights = {f"wav2vec2.{name}": value for name, value in load_file(folder / "model.safetensors").items()}
    for head, outputs in (("age", 1), ("gender", 3)):
        weights[f"{head}.dense.weight"] = torch.randn(16, 16)
        weights[f"{head}.dense.bias"] = torch.randn(16)
        weights[f"{head}.out_proj.weight"] = torch.randn(outputs, 16)
        weights[f"{head}.out_proj.bias"] = torch.randn(outputs)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def choice(name: str, folder: Path, **more: Any) -> DetectorChoice:
    return DetectorChoice(name, weights=folder, weights_sha256=sha256(folder), **more)


# ---------------------------------------------------------------- what can be told without torch


def test_a_licence_without_commercial_use_has_to_be_accepted(tmp_path: Path) -> None:
    for name in ("audeering-6", "audeering-24"):
        with pytest.raises(ValueError, match=r"CC BY-NC-SA 4\.0.*voices\.accept_noncommercial = true"):
            load_detector(DetectorChoice(name, weights=tmp_path, weights_sha256="0" * 64))
    [bookbot] = [kind.published for kind in DETECTORS if kind.name == "bookbot"]
    assert bookbot is not None and bookbot.licence == "Apache-2.0"


def test_a_folder_needs_the_hash_of_its_weights(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="weights_sha256 must say"):
        load_detector(DetectorChoice("bookbot", weights=tmp_path))


def test_only_safetensors_are_read(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(ValueError, match=r"there is no model\.safetensors.*other formats"):
        load_detector(DetectorChoice("bookbot", weights=tmp_path, weights_sha256="0" * 64))


def test_other_weights_than_those_named_are_refused(tmp_path: Path) -> None:
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_text("{}", encoding="utf-8")
    with pytest.raises(ValueError, match=r"has the SHA-256 44136fa3.*, not 0000"):
        load_detector(DetectorChoice("bookbot", weights=tmp_path, weights_sha256="0" * 64))


def test_windows_do_not_depend_on_how_the_sound_is_cut() -> None:
    whole = sound(40)
    in_one = list(speech_windows([whole]))
    in_pieces = list(speech_windows(np.array_split(whole, 17)))
    assert len(in_one) > 5
    assert [(w.start, w.end) for w in in_one] == [(w.start, w.end) for w in in_pieces]
    assert all(np.array_equal(a.sound, b.sound) for a, b in zip(in_one, in_pieces, strict=True))


def test_windows_follow_the_speech_and_hold_its_sound() -> None:
    whole = sound(30)
    windows = list(speech_windows([whole]))
    assert all(w.end > w.start for w in windows)
    assert all(a.end <= b.start + 1e-6 for a, b in itertools.pairwise(windows))
    assert windows[-1].end <= len(whole) / RATE
    for window in windows[2:4]:
        middle = int((window.start + window.end) / 2 * RATE)
        piece = whole[middle : middle + 800]
        assert np.isin(piece, window.sound).all()


def test_silence_and_nothing_have_no_windows() -> None:
    assert list(speech_windows([np.zeros(5 * RATE, np.float32)])) == []
    assert list(speech_windows([])) == []


def test_sound_is_standardised_even_where_it_is_constant() -> None:
    standard = standardised(sound())
    assert (standard.mean(), standard.std()) == (pytest.approx(0, abs=1e-4), pytest.approx(1, abs=1e-3))
    assert np.isfinite(standardised(np.full(100, 0.5, np.float32))).all()


# ---------------------------------------------------------------- tiny random weights


@pytest.mark.parametrize("name", ["bookbot", "audeering-6"])
def test_scores_are_log_probabilities_of_every_window(name: str, request: pytest.FixtureRequest) -> None:
    folder = request.getfixturevalue(name.split("-")[0])
    detector = load_detector(choice(name, folder, accept_noncommercial=True))
    scores = detector.windows([sound()])
    assert len(scores) == len(list(speech_windows([sound()]))) > 0
    assert np.exp(scores.log_probabilities.astype(float)).sum(axis=1) == pytest.approx(np.ones(len(scores)), abs=1e-5)
    assert np.exp(scores.log_probabilities[:, NONSPEECH]) == pytest.approx(NONSPEECH_PROBABILITY, abs=1e-6)
    assert detector.model.name == name
    verdict = pool(scores, 9.0, DISCOVER, detector.model)
    assert verdict.label in VerdictLabel


def test_class_scores_are_those_of_the_model_itself(bookbot: Path) -> None:
    import torch
    import transformers

    detector = load_detector(choice("bookbot", bookbot))
    (window, *_) = speech_windows([sound()])
    model = transformers.AutoModelForAudioClassification.from_pretrained(bookbot).eval()
    with torch.inference_mode():
        logits = model(torch.from_numpy(standardised(window.sound))[None]).logits
    adult, child = torch.softmax(logits, dim=1)[0].tolist()
    probabilities = np.exp(detector.windows([sound()]).log_probabilities[0].astype(float)) / (1 - NONSPEECH_PROBABILITY)
    assert probabilities[CHILD] == pytest.approx(child, abs=1e-4)
    assert probabilities[WOMAN] == probabilities[MAN] == pytest.approx(adult / 2, abs=1e-4)


def test_the_gender_head_decides_and_the_age_head_is_never_asked(audeering: Path, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    weights = load_file(audeering / "model.safetensors")
    expected = {0: WOMAN, 1: MAN, 2: CHILD}
    for column, place in expected.items():
        weights["gender.out_proj.weight"] = torch.zeros(3, 16)
        weights["gender.out_proj.bias"] = torch.eye(3)[column] * 5
        weights["age.out_proj.bias"] = torch.randn(1) * 100
        folder = tmp_path / str(column)
        folder.mkdir()
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        (folder / "config.json").write_bytes((audeering / "config.json").read_bytes())
        scores = load_detector(choice("audeering-24", folder, accept_noncommercial=True)).windows([sound()])
        assert set(scores.log_probabilities.argmax(axis=1).tolist()) == {place}
        assert np.exp(scores.log_probabilities[0, place]) == pytest.approx(0.99 * np.e**5 / (np.e**5 + 2), abs=1e-4)


def test_batches_change_no_score(bookbot: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    detector = load_detector(choice("bookbot", bookbot))
    together = detector.windows([sound(40)])
    monkeypatch.setattr(wav2vec, "BATCH", 1)
    alone = detector.windows([sound(40)])
    assert together.log_probabilities == pytest.approx(alone.log_probabilities, abs=1e-4)


def test_missing_weights_are_refused_rather_than_drawn_at_random(bookbot: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(bookbot / "model.safetensors")
    del weights["classifier.weight"]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    (tmp_path / "config.json").write_bytes((bookbot / "config.json").read_bytes())
    with pytest.raises(ValueError, match=r"1 weights are missing.*classifier\.weight"):
        load_detector(choice("bookbot", tmp_path))


def test_classes_of_something_else_are_refused(bookbot: Path, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes((bookbot / "model.safetensors").read_bytes())
    config = json.loads((bookbot / "config.json").read_text("utf-8"))
    config["id2label"] = {"0": "happy", "1": "sad"}
    config["label2id"] = {"happy": 0, "sad": 1}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(ValueError, match="happy, sad, which are not children and adults"):
        load_detector(choice("bookbot", tmp_path))


@pytest.mark.parametrize("data", [b"", b"not safetensors", b"\x80\x04K\x01."])
def test_a_file_that_is_no_safetensors_is_refused(bookbot: Path, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "model.safetensors").write_bytes(data)
    (tmp_path / "config.json").write_bytes((bookbot / "config.json").read_bytes())
    with pytest.raises(ValueError, match="does not hold a model"):
        load_detector(choice("bookbot", tmp_path))


def test_revisions_differ_by_weights_and_configurations(bookbot: Path, audeering: Path, tmp_path: Path) -> None:
    model = load_detector(choice("bookbot", bookbot)).model
    assert model == load_detector(choice("bookbot", bookbot)).model
    assert len(model.revision) == 12
    assert model.revision != load_detector(choice("audeering-6", audeering, accept_noncommercial=True)).model.revision


def test_the_hub_is_not_asked_for_what_could_not_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"needs torch and transformers; in voicesieve's source folder, run: pip"):
        load_detector(DetectorChoice("bookbot"))


def test_no_name_on_the_hub_is_followed_to_whatever_lies_there_today(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a commit the hub is not asked: its owner can put other files under the same name."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    with pytest.raises(ValueError, match=r"voices\.commit must name the commit of bookbot/distil"):
        load_detector(DetectorChoice("bookbot"))
