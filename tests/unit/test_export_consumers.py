"""Every format, opened by the program it is for; its sound is compared with the fetched sound sample by sample."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from export_world import RATE, ExportWorld, Spoken, sound

from voicesieve.catalog.opening import open_catalog
from voicesieve.corpus.formats.registry import FORMATS
from voicesieve.corpus.options import Audio, ExportOptions, Unit

HOSTILE = 'a\t"quoted" | $(rm -rf /) ../../etc/passwd =HYPERLINK("x") \x1b[31m‮ đêm\r\nthứ hai'

SPOKEN = [
    Spoken("one", 12.0, [(1.0, 4.0, "child"), (4.2, 6.0, "child"), (6.5, 8.0, "adult"), (9.0, 11.0, "child")], "red"),
    Spoken("two", 8.0, [(0.0, 3.5, "child"), (4.0, 7.9, "child")], "blue", title=HOSTILE),
    Spoken("three", 6.0, [(1.0, 1.4, "child"), (3.0, 5.0, "child")], "red", language="en"),
    Spoken("four", 45.0, [(2.0, 12.0, "child"), (12.3, 20.0, "child"), (20.2, 43.0, "child")], "green", "und"),
]


class Corpus:
    """All formats of one small catalog, each exported when it is first asked for."""

    def __init__(self, world: ExportWorld, folder: Path) -> None:
        self.world = world
        self.folder = folder
        self.sounds = {world.accept(spoken)[:16]: sound(spoken) for spoken in SPOKEN}

    def export(self, name: str, **options: Any) -> Path:
        kind = FORMATS[name]
        chosen = "-".join(f"{key}={value}" for key, value in options.items() if key != "split")
        target = self.folder / f"{name}-{chosen}-{len(options.get('split', ()))}"
        if not target.exists():
            values = {"unit": kind.units[0], "audio": kind.audio[0], **options}
            self.world.export(target, ExportOptions(format=name, **values))
        return target

    def samples(self, clip: str) -> np.ndarray:
        """The samples that a clip has to hold, by its id: they come from a 16 kHz file, so nothing is resampled."""
        recording, *times = clip.split("-")
        start, end = (int(time) * 16 for time in times) if times else (0, None)
        return self.sounds[recording][start:end]

    def check(self, clip: str, data: bytes | Path) -> None:
        file = io.BytesIO(data) if isinstance(data, bytes) else data
        samples, rate = soundfile.read(file, dtype="int16")
        assert rate == RATE
        np.testing.assert_array_equal(samples, self.samples(clip))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corpus]:
    folder = tmp_path_factory.mktemp("exports")
    catalog = open_catalog(folder, create=True)
    yield Corpus(ExportWorld(catalog, folder), folder / "corpora")
    catalog.close()


SPLIT = (("train", 50.0), ("dev", 25.0), ("test", 25.0))


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_clips_as_json_lines(corpus: Corpus) -> None:
    folder = corpus.export("jsonl", unit=Unit.CLIPS, audio=Audio.FLAC)
    clips = rows(folder / "clips.jsonl")
    for clip in clips:
        corpus.check(clip["id"], folder / clip["path"])
        assert 1.0 <= clip["duration"] <= 20.0
        assert clip["duration"] == pytest.approx(clip["end"] - clip["start"], abs=1e-9)
    assert len(rows(folder / "recordings.jsonl")) == len(SPOKEN)
    by_title = {row["title"]: row for row in rows(folder / "recordings.jsonl")}
    assert by_title.keys() >= {"one", "three", "four"}


@pytest.mark.parametrize("unit", list(Unit))
def test_lhotse(corpus: Corpus, unit: Unit) -> None:
    lhotse = pytest.importorskip("lhotse", reason="lhotse needs torch; `make test-extras` installs both")
    from lhotse.qa import validate

    folder = corpus.export("lhotse", unit=unit)
    cuts = lhotse.CutSet.from_file(folder / "cuts.jsonl.gz").with_recording_path_prefix(folder).to_eager()
    recordings = lhotse.RecordingSet.from_file(folder / "recordings.jsonl.gz").with_path_prefix(folder)
    supervisions = lhotse.SupervisionSet.from_file(folder / "supervisions.jsonl.gz")
    validate(recordings, read_data=True)
    validate(supervisions)
    validate(cuts, read_data=True)
    assert len(cuts) == len(recordings) > 0
    for cut in cuts:
        expected = corpus.samples(cut.id)
        np.testing.assert_array_equal(np.rint(cut.load_audio()[0] * 32768), expected)
        assert {supervision.recording_id for supervision in cut.supervisions} == {cut.id}
    again = lhotse.CutSet.from_manifests(recordings=recordings, supervisions=supervisions)
    assert sum(len(cut.supervisions) for cut in again) == len(supervisions)


def test_lhotse_shar(corpus: Corpus) -> None:
    lhotse = pytest.importorskip("lhotse", reason="lhotse needs torch; `make test-extras` installs both")
    folder = corpus.export("lhotse-shar", shard_items=3)
    cuts = list(lhotse.CutSet.from_shar(in_dir=folder / "train", shuffle_shards=False))
    assert [cut.id for cut in cuts] == sorted(cut.id for cut in cuts)
    assert len(cuts) > 6
    for cut in cuts:
        np.testing.assert_array_equal(np.rint(cut.load_audio()[0] * 32768), corpus.samples(cut.id))


def test_huggingface_parquet(corpus: Corpus, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    folder = corpus.export("huggingface", split=SPLIT, shard_items=2)
    loaded = datasets.load_dataset(str(folder), cache_dir=str(tmp_path))
    assert set(loaded) <= {"train", "validation", "test"}
    seen = []
    for split, dataset in loaded.items():
        assert isinstance(dataset.features["audio"], datasets.Audio)
        assert dataset.features["audio"].sampling_rate == RATE
        for row in dataset.cast_column("audio", datasets.Audio(decode=False)):
            corpus.check(row["id"], row["audio"]["bytes"])
            seen.append((row["channel"], split))
    assert len(dict(seen)) == len(set(seen)), "no channel lies in two parts"


def test_huggingface_audiofolder(corpus: Corpus, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    folder = corpus.export("audiofolder", split=SPLIT)
    try:
        import torchcodec  # noqa: F401
    except (ImportError, OSError, RuntimeError) as error:
        pytest.skip(f"to copy sound into its own tables, datasets needs torchcodec: {type(error).__name__}")
    loaded = datasets.load_dataset("audiofolder", data_dir=str(folder), cache_dir=str(tmp_path))
    count = 0
    for dataset in loaded.values():
        for row in dataset.cast_column("audio", datasets.Audio(decode=False)):
            corpus.check(row["id"], Path(row["audio"]["path"]))
            count += 1
    assert count == len(rows(corpus.export("jsonl", unit=Unit.CLIPS, audio=Audio.FLAC) / "clips.jsonl"))


def test_huggingface_finds_the_parts_of_an_audiofolder(corpus: Corpus, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    folder = corpus.export("audiofolder", split=SPLIT)
    builder = datasets.load_dataset_builder("audiofolder", data_dir=str(folder), cache_dir=str(tmp_path))
    for part, files in builder.config.data_files.items():
        split = str(part)
        listed = {row["file_name"] for row in rows(folder / split / "metadata.jsonl")}
        names = {str(Path(file).relative_to(folder / split)) for file in files}
        assert names == {*listed, "metadata.jsonl"}
        for name in listed:
            corpus.check(Path(name).stem, folder / split / name)


def test_pandas_reads_the_parquet(corpus: Corpus) -> None:
    pandas = pytest.importorskip("pandas")
    folder = corpus.export("huggingface")
    table = pandas.concat(pandas.read_parquet(path) for path in sorted(folder.glob("data/*.parquet")))
    for clip, audio in zip(table["id"], table["audio"], strict=True):
        corpus.check(clip, audio["bytes"])
    assert (table["snr_db"] > 10).all()


def test_webdataset(corpus: Corpus) -> None:
    webdataset = pytest.importorskip("webdataset")
    folder = corpus.export("webdataset", shard_items=4)
    tars = sorted(str(path) for path in folder.glob("train-*.tar"))
    samples = list(webdataset.WebDataset(tars, shardshuffle=False))
    assert len(tars) > 1
    for sample in samples:
        corpus.check(sample["__key__"], sample["flac"])
        assert json.loads(sample["json"])["id"] == sample["__key__"]
    for path in folder.glob("*.tar"):
        with tarfile.open(path) as tar:
            assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in tar} == {(0, 0, 0, "", "", 0o644)}


def test_nemo(corpus: Corpus) -> None:
    folder = corpus.export("nemo")
    for row in rows(folder / "manifest.jsonl"):
        corpus.check(Path(row["audio_filepath"]).stem, folder / row["audio_filepath"])
        assert row["duration"] * RATE == len(corpus.samples(Path(row["audio_filepath"]).stem))
        assert (row["text"], row["lang"] in {"vi", "en", "und"}) == ("", True)


def test_nemo_tarred(corpus: Corpus) -> None:
    folder = corpus.export("nemo-tarred", shard_items=4)
    listed = rows(folder / "tarred_audio_manifest.json")
    for shard in {row["shard_id"] for row in listed}:
        with tarfile.open(folder / f"audio_{shard}.tar") as tar:
            names = tar.getnames()
            assert names == [row["audio_filepath"] for row in listed if row["shard_id"] == shard]
            for name in names:
                member = tar.extractfile(name)
                assert member is not None
                corpus.check(Path(name).stem, member.read())


def columns(path: Path) -> list[list[str]]:
    text = path.read_bytes()
    assert text.endswith(b"\n"), f"{path} has no last newline"
    lines = text.decode().splitlines()
    keys = [line.split()[0].encode() for line in lines]
    assert keys == sorted(set(keys)), f"{path} is not sorted in the C locale, or has a key twice"
    assert not any(line != line.rstrip() for line in lines)
    return [line.split(" ", 1) for line in lines]


@pytest.mark.parametrize("unit", list(Unit))
def test_kaldi_rules(corpus: Corpus, unit: Unit) -> None:
    """What utils/validate_data_dir.sh --no-text --no-feats checks."""
    folder = corpus.export("kaldi", unit=unit)
    wavs, utt2spk, spk2utt = (columns(folder / name) for name in ("wav.scp", "utt2spk", "spk2utt"))
    utterances = [name for name, _ in utt2spk]
    assert all(name.startswith(speaker) for name, speaker in utt2spk), "the speaker's id is no prefix"
    assert sorted((u, s) for s, names in spk2utt for u in names.split()) == sorted((u, s) for u, s in utt2spk)
    assert [s for _, s in utt2spk] == sorted((s for _, s in utt2spk), key=str.encode), "not sorted by speaker too"
    lengths = {name: len(corpus.samples(name)) / RATE for name, _ in wavs}
    for name, path in wavs:
        assert Path(path).is_absolute()
        corpus.check(name, Path(path))
    assert [name for name, _ in columns(folder / "utt2dur")] == utterances
    assert [name for name, _ in columns(folder / "utt2lang")] == utterances
    assert {name: float(seconds) for name, seconds in columns(folder / "reco2dur")} == pytest.approx(lengths, abs=1e-3)
    if unit is Unit.CLIPS:
        assert not (folder / "segments").exists()
        assert [name for name, _ in wavs] == utterances
        return
    segments = columns(folder / "segments")
    assert [name for name, _ in segments] == utterances
    for _name, rest in segments:
        recording, start, end = rest.split()
        assert 0 <= float(start) < float(end) <= lengths[recording] + 0.001
    assert {rest.split()[0] for _, rest in segments} == lengths.keys()


def test_rttm(corpus: Corpus) -> None:
    folder = corpus.export("rttm")
    lines = [line.split(" ") for line in (folder / "corpus.rttm").read_text().splitlines()]
    assert len(lines) == sum(len(spoken.segments) for spoken in SPOKEN)
    assert {len(fields) for fields in lines} == {10}
    assert {fields[7] for fields in lines} == {"child", "adult"}
    lengths = {line.split()[0]: float(line.split()[3]) for line in (folder / "corpus.uem").read_text().splitlines()}
    assert all(float(f[3]) + float(f[4]) <= lengths[f[1]] for f in lines)


def test_the_earlier_crawlers_folders(corpus: Corpus) -> None:
    folder = corpus.export("manifest")
    manifest = json.loads((folder / "final_audio" / "manifest.json").read_text(encoding="utf-8"))
    videos = json.loads((folder / "url_outputs" / "discovered_videos.json").read_text(encoding="utf-8"))
    urls = (folder / "url_outputs" / "discovered_urls.txt").read_text().split("\n")
    assert urls == [*(record["url"] for record in manifest["records"]), ""]
    assert manifest["total_duration_seconds"] == sum(spoken.seconds for spoken in SPOKEN)
    assert [video["title"] for video in videos] == [record["title"] for record in manifest["records"]]
    for record in manifest["records"]:
        path = folder.parent / record["output_path"]
        assert path.parent == folder / "final_audio" / record["language_folder"]
        corpus.check(path.stem.rsplit("_", 1)[1], path)
    assert {record["title"]: record["language_folder"] for record in manifest["records"]} == {
        "one": "vi",
        "three": "en",
        "four": "unknown",
        next(record["title"] for record in manifest["records"] if "quoted" in record["title"]): "vi",
    }


@pytest.mark.parametrize("name", [name for name, kind in FORMATS.items() if Unit.CLIPS in kind.units])
def test_a_second_export_is_the_same_to_the_byte(corpus: Corpus, name: str, tmp_path: Path) -> None:
    first = corpus.export(name, unit=Unit.CLIPS, audio=Audio.FLAC)
    options = ExportOptions(format=name, unit=Unit.CLIPS, audio=Audio.FLAC, path_prefix="/p")
    for target in (tmp_path / "a", tmp_path / "b"):
        corpus.world.export(target, options)
    assert content(tmp_path / "a") == content(tmp_path / "b")
    assert content(first).keys() == content(tmp_path / "a").keys()


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_opus_clips_are_shorter_files_of_the_same_length(corpus: Corpus) -> None:
    folder = corpus.export("audiofolder", audio=Audio.OPUS)
    lossless = corpus.export("audiofolder")
    for row in rows(folder / "train" / "metadata.jsonl"):
        path = folder / "train" / row["file_name"]
        sound_file = soundfile.info(path)
        assert sound_file.frames / sound_file.samplerate == pytest.approx(row["duration"], abs=0.03)
        assert path.stat().st_size < (lossless / "train" / row["file_name"]).with_suffix(".flac").stat().st_size


DOCUMENTED = (Path(__file__).parents[2] / "docs" / "exports.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_has_a_row_in_the_documentation_with_the_line_that_loads_it(name: str) -> None:
    record = FORMATS[name]
    loading = record.loading_line(ExportOptions(format=name, unit=record.units[0], audio=record.audio[0]))
    (row,) = [line for line in DOCUMENTED.splitlines() if line.startswith(f"| `{name}` |")]
    assert row.endswith(f" | `{loading}` |")


def test_the_help_and_the_documentation_list_every_format_and_option() -> None:
    from voicesieve.cli.main import app

    assert "\n| `urls` |" in DOCUMENTED
    command = app.commands["export"].loaded()  # type: ignore[attr-defined]
    (kind,) = [argument for argument in command.params if argument.name == "kind"]
    assert [record.name for record in FORMATS.values() if f"{record.name} ({record.summary})" not in kind.help] == []
    options = {name for option in command.params for name in option.opts if name.startswith("--")}
    shared = {"--data", "--config", "--json", "--quiet", "--measure"}
    assert [name for name in sorted(options - shared) if f"{name}" not in DOCUMENTED] == []
