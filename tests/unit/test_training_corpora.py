"""The readers of the training recipe: a corpus as its publisher ships it reads like one with a metadata table."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from tests.unit.test_voices_hostile_sound import write
from training.corpora import Clip, read_clips, read_prompts, read_synthetic, read_teenagers
from voicesieve.voices.scores import CHILD, MAN, NONSPEECH, WOMAN

SPEAKERS = (
    ("0001", "6", "m", "train"),
    ("0002", "30", "F", "train"),
    ("0003", "15", "f", "test"),
    ("0004", "41", "m", "test"),
)


def sound_at(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return write(path, np.full(4_096, 0.1))


def table(folder: Path, rows: list[dict[str, str]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for row in rows:
        sound_at(folder / row["path"])
    with (folder / "metadata.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def noises(corpora: Path) -> None:
    table(corpora / "esc-10", [{"path": f"{fold}.wav", "sound": "rain", "fold": fold} for fold in "14"])
    table(corpora / "donate-a-cry", [{"path": "a.wav", "sound": "infant_cry", "source": "x"}])


def publishers_layout(corpora: Path) -> None:
    for split in ("train", "test"):
        folder = corpora / "speechocean762" / split
        folder.mkdir(parents=True)
        own = [row for row in SPEAKERS if row[3] == split]
        for name, lines in {
            "wav.scp": [f"{row[0]}1\tWAVE/SPEAKER{row[0]}/{row[0]}1.WAV" for row in own],
            "utt2spk": [f"{row[0]}1\t{row[0]}" for row in own],
            "spk2age": [f"{row[0]}\t{row[1]}" for row in own],
            "spk2gender": [f"{row[0]}\t{row[2]}" for row in own],
        }.items():
            (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        for row in own:
            sound_at(corpora / "speechocean762" / f"WAVE/SPEAKER{row[0]}/{row[0]}1.WAV")
    release = corpora / "common-voice-vi"
    rows = ('abc\t1.wav\tmột "hai\t\tfemale_feminine', "def\t2.wav\tba\ttwenties\t", "ghi\t3.wav\tbốn\tteens\tmale")
    release.mkdir()
    (release / "validated.tsv").write_text(
        "client_id\tpath\tsentence\tage\tgender\n" + "\n".join(rows), encoding="utf-8"
    )
    for number in "123":
        sound_at(release / "clips" / f"{number}.wav")


def tables(corpora: Path) -> None:
    genders = {"m": "male", "f": "female"}
    table(
        corpora / "speechocean762",
        [
            {
                "path": f"{row[0]}.wav",
                "speaker": f"so{row[0]}",
                "age": row[1],
                "gender": genders[row[2].lower()],
                "split": row[3],
            }
            for row in SPEAKERS
        ],
    )
    voices = (("1", "abc", "", "female"), ("2", "def", "twenties", ""), ("3", "ghi", "teens", "male"))
    rows = [{"path": f"{p}.wav", "speaker": who, "age": age, "gender": gender} for p, who, age, gender in voices]
    table(corpora / "common-voice-vi", rows)


def facts(clips: list[Clip]) -> list[tuple[str, frozenset[int], bool, int | None]]:
    return [(clip.group, clip.classes, clip.held_out, clip.age) for clip in clips]


def test_the_publishers_layouts_read_like_tables(tmp_path: Path) -> None:
    for name, lay in (("shipped", publishers_layout), ("tables", tables)):
        lay(tmp_path / name)
        noises(tmp_path / name)
    shipped = read_clips(tmp_path / "shipped")
    assert facts(shipped) == facts(read_clips(tmp_path / "tables"))
    spoken = {clip.group: clip.classes for clip in shipped if clip.classes != {NONSPEECH}}
    assert spoken == {
        "so:so0001": {CHILD},
        "so:so0002": {WOMAN},
        "so:so0004": {MAN},
        "cv:abc": {WOMAN},
        "cv:def": {WOMAN, MAN},
    }


def test_ages_13_to_17_are_in_no_class_and_read_apart(tmp_path: Path) -> None:
    tables(tmp_path)
    noises(tmp_path)
    assert not [clip for clip in read_clips(tmp_path) if clip.age == 15]
    assert [clip.age for clip in read_teenagers(tmp_path)] == [15]


def test_prompts_are_read_from_unpacked_packages_and_may_be_missing(tmp_path: Path) -> None:
    assert read_prompts(tmp_path) == []
    sounds = tmp_path / "prompts/one/usr/share/asterisk/sounds"
    sound_at(sounds / "it_IT_f_Menardi/digits/1.wav")
    sound_at(sounds / "it_IT_f_Menardi/silence/1.wav")
    assert facts(read_prompts(tmp_path)) == [("prompts:menardi", frozenset({WOMAN}), True, None)]


def test_synthetic_voices_are_read_to_learn_from_and_may_be_missing(tmp_path: Path) -> None:
    assert read_synthetic(tmp_path) == []
    sound_at(tmp_path / "kokoro/audio/one.wav")
    (tmp_path / "kokoro/metadata.csv").write_text("path,speaker,gender\naudio/one.wav,female003,female\n")
    assert facts(read_synthetic(tmp_path)) == [("kokoro:female003", frozenset({WOMAN}), False, None)]
