"""``voicesieve eval`` as a person runs it: on the demo's voices, with wrong rows, and with recordings on the web."""

from __future__ import annotations

import struct
import time
import wave
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from crawling import CLIPS, clip, feed_site, one_paragraph, voicesieve
from sqlalchemy import select, update

from demo.answers import Refusal
from voicesieve.catalog.opening import open_catalog
from voicesieve.catalog.schema import host

VOICES = {
    "child-vi-story": "child",
    "child-vi-counting": "child",
    "child-en-zoo": "child",
    "adult-man-news": "man",
    "adult-woman-recipe": "woman",
    "adult-man-reading": "man",
    "music": "nonspeech",
    "silence": "nonspeech",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's clips as files, and sounds that no detector should stumble over."""
    folder = tmp_path_factory.mktemp("clips")
    for name in VOICES:
        (folder / f"{name}.opus").write_bytes(CLIPS[name].body)
    for name, sound in hostile_sounds().items():
        rate, layout = {"eight_khz": (8_000, 1), "fast": (96_000, 1), "surround": (16_000, 6)}.get(name, (16_000, 1))
        with wave.open(str(folder / f"{name}.wav"), "wb") as file:
            file.setparams((layout, 2, rate, 0, "NONE", ""))
            file.writeframes((np.clip(sound, -1, 1) * 32_767).astype("<i2").repeat(layout).tobytes())
    return folder


def hostile_sounds() -> dict[str, np.ndarray]:
    time = np.arange(3 * 16_000) / 16_000
    noise = np.random.default_rng(1).normal(0, 0.1, 3 * 16_000)
    return {
        "nothing": np.zeros(3 * 16_000),
        "hum": 0.3 * np.sin(2 * np.pi * 50 * time),
        "clipped": np.sign(np.sin(2 * np.pi * 300 * time)),
        "offset": 0.8 + noise / 10,
        "instant": noise[:16],
        "eight_khz": noise,
        "fast": noise.repeat(2),
        "surround": noise,
    }


def labels_file(folder: Path, rows: list[str], name: str = "labels.csv", header: str = "path,start,end,label") -> Path:
    file = folder / name
    file.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def evaluated(folder: Path) -> dict[str, Any]:
    """The facts of one run over all voices with both detectors, and of hostile sounds as nonspeech."""
    rows = [f"{name}.opus,,,{label}" for name, label in VOICES.items()]
    rows += [f"child-en-zoo.opus,{start},{start + 4},child" for start in (0, 4, 8)]
    rows += [f"{name}.wav,,,nonspeech" for name in hostile_sounds()]
    file = labels_file(folder, rows)
    ended = voicesieve(
        "eval", file, "--detector", "network", "--detector", "floor", "--json", "--quiet", "--plots", folder
    )
    return dict(ended.json)


def test_detectors_are_listed_side_by_side(evaluated: dict[str, Any]) -> None:
    assert [detector["detector"] for detector in evaluated["detectors"]] == ["network", "floor"]
    assert evaluated["problems"] == []
    assert evaluated["rows_used"] == {"child": 6, "man": 2, "woman": 1, "nonspeech": 10}
    for detector in evaluated["detectors"]:
        assert detector["clips"]["auc_child_adult"]["value"] > 0.7
        assert detector["clips"]["auc_child_adult"]["low"] is None  # three adults say nothing about a fourth
        assert set(detector["by_duration"]) == {"1", "2", "4", "8"}
        assert detector["by_duration"]["4"]["counts"]["child"]["examples"] >= 9


def test_silence_hum_and_noise_are_never_called_child(evaluated: dict[str, Any]) -> None:
    for detector in evaluated["detectors"]:
        for called in detector["called_child"].values():
            assert called["nonspeech"]["value"] == 0


def test_samples_that_are_not_numbers_affect_no_other_clip(folder: Path) -> None:
    noise = np.random.default_rng(2).normal(0, 0.1, 32_000).astype("<f4")
    for name, value in (("nan", np.nan), ("inf", np.inf)):
        broken = noise.copy()
        broken[8_000:16_000] = value
        data = broken.tobytes()
        chunks = b"WAVE" + struct.pack("<4sIHHIIHH", b"fmt ", 16, 3, 1, 16_000, 64_000, 4, 32)
        chunks += struct.pack("<4sI", b"data", len(data)) + data
        (folder / f"{name}.wav").write_bytes(b"RIFF" + struct.pack("<I", len(chunks)) + chunks)
    rows = ["nan.wav,,,nonspeech", "inf.wav,,,nonspeech", "silence.opus,,,nonspeech", "adult-man-news.opus,,,man"]
    ended = voicesieve("eval", labels_file(folder, rows, "broken.csv"), "--json", "--quiet", code=None)
    assert "Traceback" not in ended.err
    facts = ended.json
    used, problems = facts["rows_used"], facts["problems"]
    assert used["man"] == 1
    assert used["nonspeech"] == 1
    assert {problem["line"] for problem in problems} == {2, 3}
    assert ended.code == 1
    for called in facts["detectors"][0]["called_child"].values():
        assert called["nonspeech"]["value"] == 0


def test_a_sped_up_adult_is_a_row_of_its_own(folder: Path) -> None:
    with av.open(str(folder / "adult-woman-recipe.opus")) as opened:
        sound = np.concatenate([frame.to_ndarray().mean(0) for frame in opened.decode(audio=0)])
    with wave.open(str(folder / "spedup.wav"), "wb") as file:
        file.setparams((1, 2, 72_000, 0, "NONE", ""))
        file.writeframes((np.clip(sound, -1, 1) * 32_767).astype("<i2").tobytes())
    rows = ["spedup.wav,sped-up,30", "spedup.wav,altered,", "child-en-zoo.opus,child,7", "adult-man-news.opus,man,40"]
    facts = voicesieve("eval", labels_file(folder, rows, "spedup.csv", "path,label,age"), "--json", "--quiet").json
    assert facts["rows_used"] == {"altered": 2, "child": 1, "man": 1}
    (detector,) = facts["detectors"]
    assert {row: n["examples"] for row, n in detector["clips"]["counts"].items()} == {
        "child": 1,
        "man": 1,
        "altered": 2,
    }
    without = voicesieve("eval", labels_file(folder, rows[2:], "plain.csv", "path,label,age"), "--json", "--quiet").json
    (plain,) = without["detectors"]
    figures = [name for name in plain["clips"] if name != "counts" and "called" not in name]
    assert "auc_child_adult" in figures
    assert {name: detector["clips"][name] for name in figures} == {name: plain["clips"][name] for name in figures}
    assert [row["age"] for row in detector["by_age"]] == ["7", "40-49"]
    assert all(sum(v["clips"]["altered"].values()) == 2 for v in detector["verdicts"].values())


def test_verdicts_count_every_clip_once(evaluated: dict[str, Any]) -> None:
    for detector in evaluated["detectors"]:
        for verdicts in detector["verdicts"].values():
            assert sum(verdicts["clips"]["child"].values()) == 6
            assert sum(verdicts["clips"]["nonspeech"].values()) == 10


def test_plots_are_pictures(evaluated: dict[str, Any], folder: Path) -> None:
    names = {file.name for file in folder.glob("*.png")}
    assert {"roc.png", "reliability.png"} <= names
    assert all((folder / name).read_bytes().startswith(b"\x89PNG") for name in names)


def test_wrong_rows_are_listed_by_line_and_the_others_count(folder: Path) -> None:
    rows = [
        "child-en-zoo.opus,0,4,child",
        "gone.opus,0,4,child",
        "child-en-zoo.opus,5,4,child",
        "child-en-zoo.opus,0,900,child",
        "child-en-zoo.opus,900,,child",
        "labels-not-audio.txt,0,4,man",
        "adult-man-news.opus,0,4,person",
        "adult-man-news.opus,0,4,man",
    ]
    (folder / "labels-not-audio.txt").write_text("not audio", encoding="utf-8")
    file = labels_file(folder, rows, "wrong.csv")
    ended = voicesieve("eval", file, "--json", "--quiet", code=1)
    problems = {problem["line"]: problem["message"] for problem in ended.json["problems"]}
    assert list(problems) == [3, 4, 5, 6, 7, 8]
    expected = ("there is no file", "is not after start", "ends at 900 s", "starts at 900 s", "undecodable", "person")
    for (line, message), words in zip(problems.items(), expected, strict=True):
        assert words in message, (line, message)
        assert f"line {line}: " in ended.err
    assert ended.json["rows_used"] == {"child": 1, "man": 1}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ("is empty",)),
        ("a,b\n1,2\n", ("must name the columns", "label")),
        ("path,label\ngone.wav,child\n", ("line 2", "there is no file")),
        ("path,label\ntext.txt,child\n", ("no row could be used", "line 2", "undecodable")),
    ],
)
def test_a_file_without_usable_rows(tmp_path: Path, text: str, words: tuple[str, ...]) -> None:
    (tmp_path / "text.txt").write_text("hello", encoding="utf-8")
    file = tmp_path / "labels.csv"
    file.write_text(text, encoding="utf-8")
    one_paragraph(voicesieve("eval", file, "--quiet", code=1), *words)


def test_an_unknown_detector_is_refused_with_the_names_of_all(folder: Path) -> None:
    file = labels_file(folder, ["music.opus,,,nonspeech"], "one.csv")
    one_paragraph(voicesieve("eval", file, "--detector", "oracle", code=1), "oracle", "floor", "network")


def test_a_label_cannot_write_on_the_terminal(folder: Path) -> None:
    rows = ["music.opus,nonspeech,\x1b[31mred", "silence.opus,nonspeech,plain", "music.opus,\x1b]0;x\x07,"]
    ended = voicesieve("eval", labels_file(folder, rows, "escape.csv", "path,label,group"), code=1)
    assert "\x1b" not in ended.out + ended.err
    assert "red" in ended.out


def test_recordings_on_the_web_are_fetched_by_the_guarded_fetcher(tmp_path: Path) -> None:
    with feed_site({"/zoo.opus": clip("child-en-zoo"), "/news.opus": clip("adult-man-news")}) as site:
        rows = [f"{site.url('/zoo.opus')},0,8,child", f"{site.url('/zoo.opus')},8,,child"]
        rows += [f"{site.url('/news.opus')},,,man", f"{site.url('/gone.opus')},,,man"]
        file = labels_file(tmp_path, rows, header="url,start,end,label")
        data = ("--data", tmp_path / "data")
        ended = voicesieve("eval", file, *data, "--json", "--quiet", code=1)
        asked = site.server.requests.of("/zoo.opus")
        refused = {"VOICESIEVE_FETCHING__ALLOW_PRIVATE_ADDRESSES": "false"}
        forbidden = voicesieve("eval", file, *data, "--quiet", code=1, settings=refused)
        one_paragraph(forbidden, "forbidden_address", "line 2")
    assert ended.json["rows_used"] == {"child": 2, "man": 1}
    assert [problem["line"] for problem in ended.json["problems"]] == [5]
    assert len(asked) == 1


def test_a_measurement_takes_its_turn_at_a_host_like_a_crawl(tmp_path: Path) -> None:
    """It takes the host's slot in the catalog, and pauses a host that refuses it, for whatever command comes next."""
    data = tmp_path / "data"
    with feed_site({"/zoo.opus": clip("child-en-zoo"), "/busy.opus": Refusal(429, retry_after_s=3600)}) as site:
        good = labels_file(tmp_path, [f"{site.url('/zoo.opus')},,,child"], "good.csv")
        refused = labels_file(tmp_path, [f"{site.url('/busy.opus')},,,child"], "refused.csv")
        before = time.time()
        voicesieve("eval", good, "--data", data, "--quiet", settings={"VOICESIEVE_PACE__REQUESTS_PER_HOUR": "60"})
        catalog = open_catalog(data, create=False)
        with catalog.read() as connection:
            assert connection.execute(select(host.c.slot_at)).scalar_one() >= before + 60
        catalog.close()
        one_paragraph(voicesieve("eval", refused, "--data", data, "--quiet", code=1), "rate_limited")
        one_paragraph(voicesieve("eval", good, "--data", data, "--quiet", code=1), "line 2", "is paused")
        assert [len(site.server.requests.of(path)) for path in ("/zoo.opus", "/busy.opus")] == [1, 1]


def test_a_host_that_answers_a_measurement_is_no_longer_counted_as_refusing(tmp_path: Path) -> None:
    """Refusals of many months added up, and a host was paused for longer each time."""
    data = tmp_path / "data"
    with feed_site({"/zoo.opus": clip("child-en-zoo")}) as site:
        labels = labels_file(tmp_path, [f"{site.url('/zoo.opus')},,,child"])
        voicesieve("eval", labels, "--data", data, "--quiet")
        catalog = open_catalog(data, create=False)
        with catalog.write() as connection:
            connection.execute(update(host).values(refusals=2))
        voicesieve("eval", labels, "--data", data, "--quiet")
        with catalog.read() as connection:
            assert connection.execute(select(host.c.refusals)).scalars().all() == [0]
        catalog.close()


@pytest.mark.parametrize("address", ["https://www.youtube.com/watch?v=", "https://kids.youtube.com/watch?v="])
def test_youtube_needs_a_basis(tmp_path: Path, address: str) -> None:
    file = labels_file(tmp_path, [f"{address}abcdefghijk,,,child"])
    blank = {"VOICESIEVE_RIGHTS__BASIS": "own_channel", "VOICESIEVE_RIGHTS__STATEMENT": "  "}
    for settings in ({}, blank):
        ended = voicesieve("eval", file, "--data", tmp_path / "data", "--quiet", code=1, settings=settings)
        one_paragraph(ended, "line 2", "legal basis", "rights.")


def test_labels_of_a_corpus_lead_straight_to_figures(folder: Path, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    ages = {"child-vi-story": 7, "child-en-zoo": 9, "adult-man-news": 40, "adult-woman-recipe": 30, "music": ""}
    lines = [
        f"{name}.opus,{name},{age},{'male' if 'man' in name.split('-') else 'female'}" for name, age in ages.items()
    ]
    for name in ages:
        (corpus / f"{name}.opus").write_bytes(CLIPS[name].body)
    (corpus / "metadata.csv").write_text("\n".join(["path,speaker,age,gender", *lines]), encoding="utf-8")
    made = voicesieve("labels", tmp_path, "-o", tmp_path / "labels.csv")
    assert "with 4 rows; 1 of unknown age left out" in made.err
    one_paragraph(voicesieve("labels", tmp_path, "-o", tmp_path / "labels.csv", code=1), "exists already", "--force")
    voicesieve("labels", tmp_path, "-o", tmp_path / "labels.csv", "--force")
    ended = voicesieve("eval", tmp_path / "labels.csv", "--json", "--quiet")
    assert ended.json["rows_used"] == {"child": 2, "man": 1, "woman": 1}
    assert [row["age"] for row in ended.json["detectors"][0]["by_age"]] == ["7", "9", "30-39", "40-49"]


def test_labels_of_a_folder_without_metadata(tmp_path: Path) -> None:
    one_paragraph(voicesieve("labels", tmp_path, "-o", tmp_path / "labels.csv", code=1), "no metadata.csv with rows")


def test_the_table_names_figures_and_counts(folder: Path) -> None:
    rows = ["child-en-zoo.opus,,,child", "adult-man-news.opus,,,man"]
    ended = voicesieve("eval", labels_file(folder, rows, "two.csv"), "--quiet")
    for words in ("AUC, child against adult", "equal error rate", "Verdicts on speakers at discover", "1 child, 1 man"):
        assert words in ended.out
    assert "nan" not in ended.out.lower()
