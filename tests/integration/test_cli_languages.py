"""`eval-language`, `why` and `status` on a catalog with known languages."""

from __future__ import annotations

from pathlib import Path

import pytest
from catalog_world import World, candidate
from crawling import one_paragraph, voicesieve

from voicesieve.catalog.opening import open_catalog
from voicesieve.domain.languages import EvidenceKind, LanguageEvidence
from voicesieve.languages.fusion import FusionRules, fuse

CAPTIONS, TEXT, WHISPER = EvidenceKind.ASR_CAPTIONS, EvidenceKind.TEXT, EvidenceKind.WHISPER


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four videos: Vietnamese by its captions, English by its title alone, contradictory, and not recognised."""
    folder = tmp_path_factory.mktemp("languages")
    declared = [
        fuse([LanguageEvidence("vi", CAPTIONS, 0.97, "1"), LanguageEvidence("en", TEXT, 0.9, "t")], FusionRules()),
        fuse([LanguageEvidence("en", TEXT, 0.98, "t")], FusionRules()),
        fuse([LanguageEvidence("vi", CAPTIONS, 0.97, "1"), LanguageEvidence("en", WHISPER, 0.95, "w")], FusionRules()),
        fuse([], FusionRules(), [("whisper", "model.bin \x1b[31mis missing")]),
    ]
    catalog = open_catalog(folder, create=True)
    world = World(catalog)
    for number, language in enumerate(declared):
        world.fetch(candidate(number), f"audio {number}")
        (claim,) = world.claim_analysis()
        world.publish(claim, language=language)
    catalog.close()
    return folder


def labels(folder: Path, text: str) -> Path:
    file = folder / "labels.csv"
    file.write_bytes(text.encode())
    return file


def test_accuracy_abstention_and_confusions_by_kind(data: Path, tmp_path: Path) -> None:
    ids = [candidate(number).id for number in range(4)]
    file = labels(
        tmp_path, f"\ufeffvideo,language\r\n{ids[0]},vie\r\n{ids[1]},vi\r\n{candidate(2).url},vi\r\n{ids[3]},vi\r\n"
    )
    kinds = voicesieve("eval-language", file, "--data", data, "--json").json["kinds"]
    counts = {kind: [facts[name] for name in ("asked", "right", "wrong", "abstained")] for kind, facts in kinds.items()}
    assert counts == {
        "all together": [4, 1, 1, 2], "asr_captions": [4, 2, 0, 2], "text": [4, 0, 2, 2], "whisper": [4, 0, 1, 3],
    }  # fmt: skip
    assert kinds["text"]["confusions"] == [{"language": "vi", "answer": "en", "count": 2}]
    shown = voicesieve("eval-language", file, "--data", data).out
    assert "vi called en 2" in shown
    weighed = {"VOICESIEVE_LANGUAGE_WEIGHTS__TEXT": "0"}
    again = voicesieve("eval-language", file, "--data", data, "--json", settings=weighed).json["kinds"]
    assert again["all together"]["wrong"] == 0


def test_rows_that_cannot_be_used_are_listed_by_line(data: Path, tmp_path: Path) -> None:
    file = labels(
        tmp_path, f"language,video,who\nvi,{candidate(0).id},x\nklingon,{candidate(1).id},x\nvi,nobody\x1b,x\n"
    )
    ended = voicesieve("eval-language", file, "--data", data, code=1)
    assert "line 3: 'klingon' is not a known language code" in ended.err
    assert "line 4: no video 'nobody" in ended.err
    assert "\x1b" not in ended.err
    assert "all together" in ended.out


@pytest.mark.parametrize(
    "text", ["", "video\nx\n", "a,b\n1,2\n", "video,language\n", "video,language\nx,y\n", 'video,language\n"']
)
def test_a_file_without_labels_is_refused_in_a_paragraph(data: Path, tmp_path: Path, text: str) -> None:
    ended = voicesieve("eval-language", labels(tmp_path, text), "--data", data, code=1)
    assert ended.out == ""
    assert "labels.csv" in ended.err
    one_paragraph(voicesieve("eval-language", tmp_path / "absent.csv", "--data", data, code=1), "cannot be read")


def test_why_shows_each_piece_of_evidence_and_its_weight(data: Path) -> None:
    shown = voicesieve("why", candidate(0).id, "--data", data).out
    assert "language  vi with 0.9" in shown
    assert "asr_captions says vi with 0.97, weight 1.00 (revision 1)" in shown
    assert "text says en with 0.90, weight 0.65 (revision t)" in shown
    assert "und, contradicted" in voicesieve("why", candidate(2).id, "--data", data).out
    broken = voicesieve("why", candidate(3).id, "--data", data).out
    assert "whisper could not run: model.bin" in broken
    assert "\x1b" not in broken


def test_status_counts_languages_and_what_could_not_run(data: Path) -> None:
    languages = voicesieve("status", "--json", "--data", data).json["languages"]
    assert languages == {
        "accepted": {"en": 1, "und": 2, "vi": 1},
        "states": {"contradicted": 1, "settled": 2, "undetermined": 1},
        "unavailable": {"whisper": 1},
    }
    shown = voicesieve("status", "--data", data).out
    assert "languages: und 2, en 1, vi 1" in shown
    assert "language unavailable: whisper 1; `voicesieve retry --language` analyses them again" in shown
