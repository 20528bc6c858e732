"""Whisper on child segments: a real model, small and random, made here and run for real through the whole crawl."""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from crawling import QUICK, one_paragraph, voicesieve

pytest.importorskip("faster_whisper", reason="needs the extra whisper: `make test-extras`")

from tiny_whisper import tiny_whisper

from demo.clips import CLIPS
from voicesieve.languages.whisper import LoadedWhisper, RecogniserError, locate, revision_of


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_whisper(tmp_path_factory.mktemp("whisper") / "model", seed=3)


def checksum(model: Path) -> str:
    return hashlib.sha256((model / "model.bin").read_bytes()).hexdigest()


def recognising(model: Path, **more: str) -> dict[str, str]:
    return QUICK | {"VOICESIEVE_LANGUAGE__MODEL": str(model), "VOICESIEVE_LANGUAGE__CHECKSUM": checksum(model)} | more


def test_a_model_loads_and_distinguishes_languages_by_their_sound(model: Path) -> None:
    folder, weights = locate(str(model), checksum(model).upper())
    assert (folder, weights) == (model, checksum(model))
    whisper = LoadedWhisper(str(folder), "auto")
    noise = np.random.default_rng(0).normal(0, 0.1, 5 * 16_000).astype(np.float32)
    languages = whisper.languages(noise)
    assert set(languages) == {"en", "vi", "zh", "fr", "jw"}
    assert sum(languages.values()) == pytest.approx(1.0, abs=1e-3)
    assert whisper.languages(noise) == languages != whisper.languages(noise[:16_000])
    assert weights[:16] in revision_of(weights)


@pytest.mark.parametrize("missing", ["model.bin", "tokenizer.json"])
def test_a_folder_without_a_model_is_refused_before_anything_is_loaded(tmp_path: Path, missing: str) -> None:
    for name in {"model.bin", "tokenizer.json"} - {missing}:
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(RecogniserError, match=missing):
        locate(str(tmp_path), "")


def test_another_model_than_the_one_meant_is_refused(model: Path) -> None:
    with pytest.raises(RecogniserError, match="is not the model that was meant"):
        locate(str(model), "0" * 64)


def test_a_damaged_model_is_an_error_that_says_so(model: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in model.iterdir():
        data = file.read_bytes()
        (broken / file.name).write_bytes(data[: len(data) // 2] if file.name == "model.bin" else data)
    with pytest.raises(RecogniserError, match="does not load on cpu"):
        LoadedWhisper(str(broken), "cpu")


@pytest.fixture(scope="module")
def crawled(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A crawl of the demo's clips of children in which the tiny model listened."""
    root = tmp_path_factory.mktemp("crawled")
    for clip in CLIPS.glob("*.opus"):
        (root / "clips").mkdir(exist_ok=True)
        (root / "clips" / clip.name).write_bytes(clip.read_bytes())
    voicesieve("crawl", "--source", f"folder:{root / 'clips'}", "--data", root / "data", settings=recognising(model))
    return root / "data"


def stories(data: Path) -> list[dict]:  # type: ignore[type-arg]
    with sqlite3.connect(data / "catalog.sqlite3") as connection:
        ids = [row[0] for row in connection.execute("SELECT id FROM video ORDER BY key")]
    return [voicesieve("why", video, "--json", "--data", data).json for video in ids]


def whisper_pieces(story: dict) -> list[dict]:  # type: ignore[type-arg]
    return [piece for piece in story["language"]["evidence"] if piece["source"] == "whisper"]


def test_recognised_languages_are_stored_with_their_place_weight_and_revision(crawled: Path, model: Path) -> None:
    reports = stories(crawled)
    recognised = [story for story in reports if whisper_pieces(story)]
    assert recognised, [story["state"] for story in reports]
    for story in recognised:
        assert story["state"] != "rejected" or story["reasons"][0]["rule"].startswith("language")
        for piece in whisper_pieces(story):
            assert 0 <= piece["start"] < piece["end"] <= story["verdict"]["duration_s"] + 0.1
            assert checksum(model)[:16] in piece["revision"]
            assert piece["weight"] > 0
            assert dict(piece["distribution"])[piece["code"]] == pytest.approx(piece["probability"], abs=1e-4)
    assert not any(
        whisper_pieces(story) for story in reports if story["reasons"][0]["rule"] in ("no_child", "no_speech")
    )


def test_other_wanted_languages_are_decided_from_the_stored_evidence(crawled: Path, model: Path) -> None:
    story = next(story for story in stories(crawled) if whisper_pieces(story))
    settings = recognising(
        model, VOICESIEVE_POLICY__LANGUAGES='["haw"]', VOICESIEVE_POLICY__UNDETERMINED_LANGUAGE="reject"
    )
    before = hashlib.sha256((crawled / "catalog.sqlite3").read_bytes()).digest()
    changes = voicesieve("redecide", "--dry-run", "--json", "--data", crawled, settings=settings).json
    assert sum(changes["moved"].values()) > 0
    assert all("rejected" in move or "unsure" in move for move in changes["moved"])
    assert hashlib.sha256((crawled / "catalog.sqlite3").read_bytes()).digest() == before
    assert whisper_pieces(story)


def test_a_model_that_cannot_be_fetched_is_a_counted_state_and_fixed_later(model: Path, tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    clip = CLIPS / "child-vi-story.opus"
    (tmp_path / "clips" / clip.name).write_bytes(clip.read_bytes())
    data = tmp_path / "data"
    off = QUICK | {
        "VOICESIEVE_LANGUAGE__MODEL": "tiny",
        "VOICESIEVE_POLICY__LANGUAGES": '["vi"]',
        "VOICESIEVE_POLICY__UNDETERMINED_LANGUAGE": "reject",
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(tmp_path / "hub"),
    }
    voicesieve("crawl", "--source", f"folder:{tmp_path / 'clips'}", "--data", data, settings=off)
    (story,) = stories(data)
    assert story["state"] == "unsure"
    assert story["reasons"][0]["rule"] == "language_unavailable"
    assert "could not be fetched" in story["language"]["unavailable"]["whisper"]
    status = voicesieve("status", "--data", data)
    assert "language unavailable: whisper 1" in status.out
    again = voicesieve("retry", "--language", "--data", data)
    assert "1 videos are due for analysis again" in again.err
    voicesieve("crawl", "--data", data, settings=recognising(model))
    (story,) = stories(data)
    assert whisper_pieces(story)
    assert story["language"]["unavailable"] == {}
    assert [attempt["method"] for attempt in story["attempts"] if attempt["stage"] == "analyse"][1:] == [
        "stored_scores"
    ]
    assert voicesieve("status", "--json", "--data", data).json["languages"]["unavailable"] == {}


def test_a_model_that_does_not_load_in_the_workers_costs_no_video(model: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in model.iterdir():
        data = file.read_bytes()
        (broken / file.name).write_bytes(data[: len(data) // 2] if file.name == "model.bin" else data)
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "bé kể chuyện.opus").write_bytes((CLIPS / "child-vi-story.opus").read_bytes())
    data = tmp_path / "data"
    voicesieve("crawl", "--source", f"folder:{tmp_path / 'clips'}", "--data", data, settings=recognising(broken))
    (story,) = stories(data)
    assert "does not load on cpu" in story["language"]["unavailable"]["whisper"]
    assert story["verdict"]["label"] == "child"
    assert story["state"] in ("accepted", "unsure")
    assert any(reason["rule"] == "language_unavailable" for reason in story["reasons"])


def test_wrong_settings_are_refused_before_the_crawl(model: Path, tmp_path: Path) -> None:
    def refused(*words: str, **settings: str) -> None:
        command = ("crawl", "--source", f"folder:{tmp_path}", "--data", tmp_path / "data")
        one_paragraph(voicesieve(*command, code=1, settings=settings), *words)

    refused("language.checksum", "SHA-256", VOICESIEVE_LANGUAGE__MODEL=str(model))
    refused("not the model that was meant", **recognising(model, VOICESIEVE_LANGUAGE__CHECKSUM="0" * 64))
    refused("holds no model.bin", **recognising(model, VOICESIEVE_LANGUAGE__MODEL=str(tmp_path)))
    refused("policy.languages", "'klingon'", VOICESIEVE_POLICY__LANGUAGES='["klingon"]')
