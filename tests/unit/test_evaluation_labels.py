"""Labels files as people save them, and what is wrong with their rows, told by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from voicesieve.evaluation.labels import LabelsError, SoundLabel, Stretch, read_labels
from voicesieve.evaluation.metadata import corpora_in, read_corpus


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.wav").write_bytes(b"x")
    return tmp_path


def read(folder: Path, text: str | bytes) -> tuple[list[Stretch], dict[int, str]]:
    file = folder / "labels.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    stretches, problems = read_labels(file)
    return stretches, {problem.line: problem.message for problem in problems}


def test_all_columns(folder: Path) -> None:
    table = "path,start,end,label,speaker,age,gender,group\na.wav,1.5,0:02,child,Lan,7,female,home\n"
    (stretch,), problems = read(folder, table)
    assert problems == {}
    expected = Stretch(str(folder / "a.wav"), SoundLabel.CHILD, 1.5, 2.0, "Lan", 7.0, "female", "home", 2)
    assert stretch == expected


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbfpath,label,start\r\na.wav,child,1.5\r\n",
        b"path;label;start\na.wav;child;1,5\n",
        b"path\tlabel\tstart\na.wav\tchild\t1.5\n",
        "\ufeffPath\tLabel\tStart\r\na.wav\tchild\t1,5\r\n".encode("utf-16-le"),
        b'Label , start,"path"\nCHILD,0:00:01.5,"a.wav"\n\n',
        b"path,label,start\ra.wav,child,1.5\r",
    ],
    ids=["excel-utf8", "semicolons", "tabs", "excel-unicode", "order-quotes-spaces", "old-mac"],
)
def test_tables_as_spreadsheets_save_them(folder: Path, data: bytes) -> None:
    (stretch,), problems = read(folder, data)
    assert problems == {}
    assert (stretch.label, stretch.start_s, stretch.location) == (SoundLabel.CHILD, 1.5, str(folder / "a.wav"))


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("b.wav,child,,", "there is no file"),
        ("../../etc,child,,", "there is no file"),
        (",child,,", "neither path nor url"),
        ("a.wav,parrot,,", "label 'parrot' is none of child, teen, woman"),
        ("a.wav,,,", "there is no label"),
        ("a.wav,child,3,2", "end 2 is not after start 3"),
        ("a.wav,child,2,2", "end 2 is not after start 2"),
        ("a.wav,child,-1,2", "start '-1' is not a time"),
        ("a.wav,child,nan,2", "start 'nan' is not a time"),
        ("a.wav,child,1e9,", "start '1e9' is not a time"),
        ("a.wav,child,0,inf", "end 'inf' is not a time"),
        ("a.wav,child,soon,2", "start 'soon' is not a time"),
        ("a\0.wav,child,,", "NUL"),
        ("https://,child,,", "is not a web address"),
        ("https://[bad,child,,", "is not a web address"),
        (f"{'a' * 5000},child,,", "cannot be a path"),
    ],
)
def test_a_bad_row_is_reported_with_its_line_and_the_others_count(folder: Path, row: str, words: str) -> None:
    stretches, problems = read(folder, f"path,label,start,end\na.wav,man,,\n{row}\na.wav,woman,,\n")
    assert [stretch.label for stretch in stretches] == [SoundLabel.MAN, SoundLabel.WOMAN]
    assert list(problems) == [3]
    assert words in problems[3]
    assert len(problems[3]) < 400


def test_lines_are_those_of_the_file(folder: Path) -> None:
    table = 'path,label,group\n\na.wav,child,"two\nlines"\na.wav,parrot,\n'
    (stretch,), problems = read(folder, table)
    assert (stretch.line, stretch.group, list(problems)) == (3, "two lines", [5])


@pytest.mark.parametrize(
    ("row", "label"),
    [
        ("kid,,", SoundLabel.CHILD),
        ("KCHI,,", SoundLabel.CHILD),
        ("FEM,,", SoundLabel.WOMAN),
        ("adult,,female", SoundLabel.WOMAN),
        ("adult,40,m", SoundLabel.MAN),
        ("adult,,other", SoundLabel.ADULT),
        (",8,", SoundLabel.CHILD),
        (",12,male", SoundLabel.CHILD),
        (",13,male", SoundLabel.TEEN),
        ("child,15,", SoundLabel.TEEN),
        ("woman,17,", SoundLabel.TEEN),
        (",18,female", SoundLabel.WOMAN),
        (",twenties,male", SoundLabel.MAN),
        (",teens,", SoundLabel.TEEN),
        ("cry,0.5,", SoundLabel.NONSPEECH),
    ],
)
def test_labels_from_words_ages_and_genders(folder: Path, row: str, label: SoundLabel) -> None:
    (stretch,), problems = read(folder, f"path,label,age,gender\na.wav,{row}\n")
    assert (stretch.label, problems) == (label, {})


@pytest.mark.parametrize(
    ("row", "words"),
    [("child,30,", "contradict"), ("woman,8,", "contradict"), (",-1,", "age '-1'"), (",old,", "age 'old'")],
)
def test_ages_that_cannot_be(folder: Path, row: str, words: str) -> None:
    _, problems = read(folder, f"path,label,age,gender\na.wav,{row}\n")
    assert words in problems[2]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"a,b\n1,2\n", "must name the columns"),
        (b"path,label\n", "no rows"),
        (b"path,path,label\na,b,c\n", "'path' is there twice"),
        (b"path,label\na.wav,\xff\xfe\n", "line 2: not UTF-8"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "must name the columns"),
        (b'path,label\n"' + b"x" * 200_000, "line 2"),
    ],
)
def test_a_file_that_is_no_table_is_refused(folder: Path, data: bytes, words: str) -> None:
    with pytest.raises(LabelsError, match=words):
        read(folder, data)


def test_a_missing_file_and_a_folder_are_refused(folder: Path) -> None:
    for path in (folder / "none.csv", folder):
        with pytest.raises(LabelsError, match="cannot be read"):
            read_labels(path)


def test_a_corpus_is_read_through_its_metadata(tmp_path: Path) -> None:
    tables = {
        "speech": "path,speaker,age,gender\na.wav,s1,7,male\nb.wav,s2,,\nc.wav,s3,15,male\nd.wav,s4,30,female\n",
        "sounds": "path,sound,source\na.wav,rain,x\n",
    }
    for name, table in tables.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "metadata.csv").write_text(table, encoding="utf-8")
    (tmp_path / "other").mkdir()
    sounds, speech = corpora_in(tmp_path)
    label = [row.stretch.label if row.stretch else None for row in read_corpus(speech)]
    assert label == [SoundLabel.CHILD, None, SoundLabel.TEEN, SoundLabel.WOMAN]
    (rain,) = read_corpus(sounds)
    assert rain.stretch is not None
    assert (rain.stretch.label, rain.stretch.group, rain.stretch.speaker) == (
        SoundLabel.NONSPEECH,
        "sounds/rain",
        "sounds:x",
    )
    assert corpora_in(speech) == [speech]
    assert corpora_in(tmp_path / "other") == []


@pytest.mark.parametrize("table", ["path,age\n,7\n", "name,age\na,7\n"])
def test_a_corpus_without_paths_is_refused(tmp_path: Path, table: str) -> None:
    (tmp_path / "metadata.csv").write_text(table, encoding="utf-8")
    with pytest.raises(LabelsError, match="has no path"):
        list(read_corpus(tmp_path))
