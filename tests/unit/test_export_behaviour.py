"""What every export promises, whatever its format: resumable, updatable, verifiable, without re-uploads, and whole."""

from __future__ import annotations

import dataclasses
import gzip
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from conftest import MEMORY
from export_world import ExportWorld, InlineEngine, Spoken, sound, write_wav

from voicesieve.audio.encode import encode
from voicesieve.audio.identity import fingerprint_program
from voicesieve.catalog.reads import exportable, history
from voicesieve.catalog.store import Catalog
from voicesieve.corpus.errors import ExportError
from voicesieve.corpus.formats.registry import FORMATS
from voicesieve.corpus.index import INDEX
from voicesieve.corpus.options import Audio, CutRules, Duplicates, ExportOptions, Filters, Unit, parse_split
from voicesieve.corpus.urls import export_urls
from voicesieve.corpus.verifying import Verified
from voicesieve.corpus.verifying import verify as verify_folder
from voicesieve.domain.audits import Deed

SPEECH = [(0.5, 2.5, "child"), (4.0, 6.0, "child")]


@pytest.fixture
def world(catalog: Catalog, tmp_path: Path) -> Iterator[ExportWorld]:
    folder = tmp_path / "data"
    folder.mkdir()
    yield ExportWorld(catalog, folder)


def options(name: str = "lhotse", **chosen: Any) -> ExportOptions:
    kind = FORMATS[name]
    return ExportOptions(format=name, **{"unit": kind.units[0], "audio": kind.audio[0], **chosen})


def speak(world: ExportWorld, *names: str, **facts: Any) -> None:
    for name in names:
        world.accept(Spoken(name, 7.0, SPEECH, **facts))


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def clips(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "clips.jsonl").read_text().splitlines()]


def verify(world: ExportWorld, folder: Path, kind: str) -> Verified:
    with world.catalog.read() as connection:
        return verify_folder(folder, kind, exportable.exportable_hashes(connection))


class StoppedError(Exception):
    pass


class Interrupted(InlineEngine):
    """Ends the export after some recordings."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.after = after

    async def run(self, function: Callable[[Any], Any], item: Any, *, deadline_s: float, alone: bool = False) -> Any:
        if len(self.orders) == self.after:
            raise StoppedError
        return await super().run(function, item, deadline_s=deadline_s, alone=alone)


def test_an_interrupted_export_resumes_to_the_same_corpus(world: ExportWorld, tmp_path: Path) -> None:
    speak(world, "a", "b", "c", "d")
    world.export(tmp_path / "undisturbed", options("webdataset"))
    world.engine = Interrupted(after=2)
    with pytest.raises(StoppedError):
        world.export(tmp_path / "stopped", options("webdataset"))
    assert not (tmp_path / "stopped").exists()
    world.engine = InlineEngine()
    done = world.export(tmp_path / "stopped", options("webdataset"))
    assert (done.cut, done.reused) == (2, 2)
    assert content(tmp_path / "stopped") == content(tmp_path / "undisturbed")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "stopped", "undisturbed"]


def test_cut_sound_is_compared_with_its_hash_after_a_restart(world: ExportWorld, tmp_path: Path) -> None:
    speak(world, "a", "b")
    world.engine = Interrupted(after=1)
    with pytest.raises(StoppedError):
        world.export(tmp_path / "corpus", options())
    (staging,) = tmp_path.glob(".corpus*")
    clip = next(staging.rglob("*.flac"))
    clip.write_bytes(b"\0" * clip.stat().st_size)
    world.engine = InlineEngine()
    done = world.export(tmp_path / "corpus", options())
    assert (done.cut, done.reused) == (2, 0)
    assert verify(world, tmp_path / "corpus", "lhotse").ok


UPDATED = ("lhotse", "lhotse-shar", "kaldi", "nemo-tarred", "huggingface", "audiofolder", "webdataset", "jsonl")


@pytest.mark.parametrize("name", UPDATED)
def test_an_update_cuts_only_what_is_new_and_equals_a_fresh_export(
    world: ExportWorld, tmp_path: Path, name: str
) -> None:
    chosen = options(name, split=parse_split("60/40"), filters=Filters(min_snr_db=5), path_prefix="/x")
    if name == "jsonl":
        chosen = options(name)
    speak(world, "a", "b", "c", channel="red")
    world.accept(Spoken("noisy", 7.0, SPEECH, channel="red", noise=0.2))
    world.export(tmp_path / "corpus", chosen)
    speak(world, "d", "e", channel="blue")
    world.engine = InlineEngine()
    done = world.export(tmp_path / "corpus", chosen, update=True)
    assert (done.cut, done.reused) == (2, 4)
    world.export(tmp_path / "fresh", chosen)
    assert content(tmp_path / "corpus") == content(tmp_path / "fresh")


def test_an_update_cuts_again_what_another_version_cut(world: ExportWorld, tmp_path: Path) -> None:
    speak(world, "a", "b")
    world.export(tmp_path / "corpus", options())
    before = content(tmp_path / "corpus")
    index = tmp_path / "corpus" / INDEX
    entries = [json.loads(line) for line in gzip.decompress(index.read_bytes()).splitlines()]
    for clip in entries[0]["outcome"]["clips"]:
        clip["noise"] = clip.pop("snr_db")
        del clip["nonspeech_share"]
    index.write_bytes(gzip.compress(b"\n".join(json.dumps(entry).encode() for entry in entries)))
    done = world.export(tmp_path / "corpus", options(), update=True)
    assert (done.cut, done.reused) == (1, 1)
    assert content(tmp_path / "corpus") == before


def test_an_update_with_other_options_is_refused_with_the_difference(world: ExportWorld, tmp_path: Path) -> None:
    speak(world, "a")
    world.export(tmp_path / "corpus", options())
    before = content(tmp_path / "corpus")
    with pytest.raises(ExportError, match=r"other options \(cut: .*padding_s"):
        world.export(tmp_path / "corpus", options(cut=CutRules(padding_s=0.3)), update=True)
    assert content(tmp_path / "corpus") == before


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: b"garbage",
        lambda content: gzip.compress(b'{"id": 1}\n'),
    ],
    ids=["cut short", "no gzip", "other lines"],
)
def test_an_update_of_an_export_with_a_damaged_index_says_what_to_do(
    world: ExportWorld, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    """It ended in a traceback."""
    speak(world, "a", "b")
    world.export(tmp_path / "corpus", options())
    index = tmp_path / "corpus" / INDEX
    index.write_bytes(damage(index.read_bytes()))
    with pytest.raises(ExportError, match=r"index\.jsonl\.gz is damaged .*--replace"):
        world.export(tmp_path / "corpus", options(), update=True)


def test_an_update_repairs_damaged_files(world: ExportWorld, tmp_path: Path) -> None:
    speak(world, "a", "b")
    world.export(tmp_path / "corpus", options())
    sound_file = next((tmp_path / "corpus").rglob("*.flac"))
    sound_file.write_bytes(b"x")
    (tmp_path / "corpus" / "README.md").unlink()
    (tmp_path / "corpus" / "audio" / "stray").write_bytes(b"x")
    result = verify(world, tmp_path / "corpus", "lhotse")
    assert result.damaged == [str(sound_file.relative_to(tmp_path / "corpus"))]
    assert (result.missing, result.foreign) == (["README.md"], ["audio/stray"])
    with pytest.raises(ExportError, match=r"not part of the export \(audio/stray\)"):
        world.export(tmp_path / "corpus", options(), update=True)
    (tmp_path / "corpus" / "audio" / "stray").unlink()
    world.export(tmp_path / "corpus", options(), update=True)
    assert verify(world, tmp_path / "corpus", "lhotse").ok


def test_verify_names_withdrawn_recordings_and_an_update_removes_them(world: ExportWorld, tmp_path: Path) -> None:
    speak(world, "a", "b", channel="red")
    world.export(tmp_path / "corpus", options("jsonl", unit=Unit.CLIPS, audio=Audio.FLAC))
    speak(world, "c")
    world.world.withdraw("url:a")
    result = verify(world, tmp_path / "corpus", "jsonl")
    assert (result.ok, result.withdrawn, result.new, result.damaged) == (False, ["url:a"], 1, [])
    world.export(tmp_path / "corpus", options("jsonl", unit=Unit.CLIPS, audio=Audio.FLAC), update=True)
    assert {clip["video"] for clip in clips(tmp_path / "corpus")} == {"url:b", "url:c"}
    assert verify(world, tmp_path / "corpus", "jsonl").ok
    with world.catalog.read() as connection:
        entries = list(history.audit_entries(connection, deed=Deed.EXPORT))
    assert [(entry.actor, entry.subject, entry.details["format"]) for entry in entries] == [
        ("tester", str(tmp_path / "corpus"), "jsonl")
    ] * 2


def test_a_recording_withdrawn_while_an_export_runs_is_not_published(world: ExportWorld, tmp_path: Path) -> None:
    speak(world, "a", "b")

    class WithdrawnMeanwhile(InlineEngine):
        async def close(self) -> None:
            world.world.withdraw("url:a")

    world.engine = WithdrawnMeanwhile()
    with pytest.raises(ExportError, match="url:a was withdrawn"):
        world.export(tmp_path / "corpus", options())
    assert not (tmp_path / "corpus").exists()
    world.engine = InlineEngine()
    world.export(tmp_path / "corpus", options("jsonl", unit=Unit.CLIPS, audio=Audio.FLAC))
    assert {clip["video"] for clip in clips(tmp_path / "corpus")} == {"url:b"}


@pytest.mark.parametrize("damage", ["missing", "damaged", "not sound"])
def test_a_recording_that_cannot_be_used_is_refused_or_left_out(
    world: ExportWorld, tmp_path: Path, damage: str
) -> None:
    speak(world, "good")
    file = world.folder / "bad.wav"
    write_wav(file, sound(Spoken("bad", 7.0, SPEECH)))
    sha256 = world.accept(Spoken("bad", 7.0, SPEECH), file)
    stored = world.store.path(f"{sha256[:2]}/{sha256}.wav")
    if damage == "missing":
        stored.unlink()
    else:
        stored.write_bytes(stored.read_bytes()[:-1000] if damage == "damaged" else b"<html>")
    with pytest.raises(ExportError, match=r"url:bad cannot be used .*--keep-going"):
        world.export(tmp_path / "corpus", options("jsonl", unit=Unit.CLIPS, audio=Audio.FLAC))
    assert not (tmp_path / "corpus").exists()
    chosen = options("jsonl", unit=Unit.CLIPS, audio=Audio.FLAC, keep_going=True)
    done = world.export(tmp_path / "corpus", chosen)
    assert list(done.skipped) == ["url:bad"]
    assert {clip["video"] for clip in clips(tmp_path / "corpus")} == {"url:good"}


def remuxed(file: Path, target: Path) -> Path:
    """The same packets in another container."""
    with av.open(str(file)) as source, av.open(str(target), "w") as out:
        stream = source.streams.audio[0]
        copy = out.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.dts is not None:
                packet.stream = copy
                out.mux(packet)
    return target


def test_a_re_upload_is_included_once_with_all_its_sources(world: ExportWorld, tmp_path: Path) -> None:
    spoken = Spoken("first", 7.0, SPEECH, channel="red")
    original = world.folder / "first.opus"
    original.write_bytes(encode([sound(spoken)], "opus"))
    copy = remuxed(original, world.folder / "copy.mka")
    world.accept(spoken, original)
    world.accept(Spoken("again", 7.0, SPEECH, channel="blue"), copy)
    speak(world, "other", channel="green")
    chosen = options("jsonl", unit=Unit.CLIPS, audio=Audio.FLAC)
    done = world.export(tmp_path / "corpus", chosen)
    assert done.facts.left_out["duplicate"] == 1
    sources = {clip["video"]: [source["video"] for source in clip["sources"]] for clip in clips(tmp_path / "corpus")}
    assert sources == {"url:first": ["url:first", "url:again"], "url:other": ["url:other"]}
    all_of_them = world.export(
        tmp_path / "all", options("jsonl", unit=Unit.CLIPS, audio=Audio.FLAC, duplicates=Duplicates.KEEP)
    )
    assert all_of_them.facts.recordings == 3


@pytest.mark.skipif(fingerprint_program() is None, reason="Chromaprint's fpcalc is not installed")
def test_a_re_encoded_upload_is_included_once(world: ExportWorld, tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    time = np.arange(30 * 16_000) / 16_000
    tune = sum(
        np.sin(2 * np.pi * f * time + p) * (rng.random(60).repeat(8000)) for f, p in ((220, 0), (470, 1), (900, 2))
    )
    samples = (np.asarray(tune) * 6000).astype(np.int16)
    for name, kind in (("first", "flac"), ("again", "opus")):
        file = world.folder / f"{name}.{kind}"
        file.write_bytes(encode([samples], kind))
        world.accept(Spoken(name, 30.0, [(1.0, 20.0, "child")]), file)
    world.accept(Spoken("other", 30.0, [(1.0, 20.0, "child")]))
    chosen = options("jsonl", unit=Unit.CLIPS, audio=Audio.FLAC, duplicates=Duplicates.ACOUSTIC)
    done = world.export(tmp_path / "corpus", chosen)
    assert done.facts.left_out["duplicate"] == 1
    assert {clip["video"] for clip in clips(tmp_path / "corpus")} == {"url:first", "url:other"}


def test_no_channel_is_in_two_parts(world: ExportWorld, tmp_path: Path) -> None:
    for number in range(12):
        speak(world, f"v{number}", channel=f"c {number % 5}")
    world.export(tmp_path / "corpus", options("jsonl", split=parse_split("50/50"), audio=Audio.NONE, measured=False))
    parts = {
        (json.loads(line)["channel"], part)
        for part in ("train", "test")
        for line in (tmp_path / "corpus" / f"recordings_{part}.jsonl").read_text().splitlines()
    }
    assert len(parts) == 5
    assert {part for _, part in parts} == {"train", "test"}


def test_filters_count_what_they_leave_out(world: ExportWorld, tmp_path: Path) -> None:
    speak(world, "clean")
    world.accept(Spoken("noisy", 7.0, SPEECH, noise=0.05))
    world.accept(Spoken("english", 7.0, SPEECH, language="en-GB"))
    chosen = options("jsonl", unit=Unit.CLIPS, audio=Audio.FLAC, filters=Filters(languages=("vi",), min_snr_db=12))
    done = world.export(tmp_path / "corpus", chosen)
    assert {clip["video"] for clip in clips(tmp_path / "corpus")} == {"url:clean"}
    assert dict(done.facts.left_out) == {"language": 1, "min_snr_db": 2}


@pytest.mark.skipif(MEMORY is None, reason="no file system in memory beside the temporary folder's")
def test_an_export_to_another_file_system(world: ExportWorld, tmp_path: Path) -> None:
    speak(world, "a")
    target = Path(str(MEMORY)) / f"voicesieve-{tmp_path.name}" / "deep" / "corpus"
    try:
        world.export(target, options())
        assert verify(world, target, "lhotse").ok
    finally:
        shutil.rmtree(target.parent.parent)


def test_an_empty_catalog_is_not_exported(world: ExportWorld, tmp_path: Path) -> None:
    for name in FORMATS:
        with pytest.raises(ExportError, match="no accepted recording"):
            world.export(tmp_path / name, options(name))
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


@pytest.mark.parametrize("name", FORMATS)
def test_a_corpus_is_not_replaced_unasked(world: ExportWorld, tmp_path: Path, name: str) -> None:
    speak(world, "a", "b")
    world.export(tmp_path / "corpus", options("jsonl", unit=Unit.CLIPS, audio=Audio.FLAC))
    before = content(tmp_path / "corpus")
    with pytest.raises(ExportError, match=r"jsonl, 4 clips, written on 20\d\d-.*--update.*--replace"):
        world.export(tmp_path / "corpus", options(name))
    assert content(tmp_path / "corpus") == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["corpus", "data"]
    world.export(tmp_path / "corpus", options(name), replace=True)
    assert verify(world, tmp_path / "corpus", name).ok


@pytest.mark.parametrize("how", ["replace", "update"])
def test_no_corpus_is_replaced_by_an_empty_one(world: ExportWorld, tmp_path: Path, how: str) -> None:
    speak(world, "a", "b")
    chosen = options("jsonl", unit=Unit.CLIPS, audio=Audio.FLAC)
    world.export(tmp_path / "corpus", chosen)
    before = content(tmp_path / "corpus")
    if how == "replace":
        with pytest.raises(ExportError, match=r"none of the 2 accepted.*4 min_snr_db.*unchanged"):
            world.export(tmp_path / "corpus", replace_filters(chosen, min_snr_db=200), replace=True)
    for video in ("url:a", "url:b"):
        world.world.withdraw(video)
    with pytest.raises(ExportError, match=r"none of its recordings|no accepted recording"):
        world.export(tmp_path / "corpus", chosen, **{how: True})
    assert content(tmp_path / "corpus") == before


def replace_filters(chosen: ExportOptions, **filters: Any) -> ExportOptions:
    return dataclasses.replace(chosen, filters=Filters(**filters))


def test_an_update_from_the_catalog_of_another_corpus_is_refused(
    world: ExportWorld, catalog: Catalog, tmp_path: Path
) -> None:
    speak(world, "a", "b")
    chosen = options("jsonl", unit=Unit.CLIPS, audio=Audio.FLAC)
    world.export(tmp_path / "corpus", chosen)
    before = content(tmp_path / "corpus")
    for video in ("url:a", "url:b"):
        world.world.withdraw(video)
    speak(world, "c")
    with pytest.raises(ExportError, match=r"4 clips.*none of its recordings any more. Check --data"):
        world.export(tmp_path / "corpus", chosen, update=True)
    assert content(tmp_path / "corpus") == before


def test_a_list_of_addresses_is_replaced_only_when_asked_for(world: ExportWorld, tmp_path: Path) -> None:
    file = tmp_path / "urls.txt"
    with pytest.raises(ExportError, match="no accepted video"):
        export_urls(world.catalog, file)
    assert not file.exists()
    speak(world, "a")
    assert export_urls(world.catalog, file) == 1
    with pytest.raises(ExportError, match=r"already holds a list of 1 lines.*--update"):
        export_urls(world.catalog, file)
    speak(world, "b")
    assert export_urls(world.catalog, file, update=True) == 2
    file.write_text("my diary\n")
    for update in (False, True):
        with pytest.raises(ExportError, match=r"already holds something that is not a list.*--replace"):
            export_urls(world.catalog, file, update=update)
    assert file.read_text() == "my diary\n"
    assert export_urls(world.catalog, file, replace=True) == 2


def test_croissant_is_what_its_own_library_reads(world: ExportWorld, tmp_path: Path) -> None:
    croissant = pytest.importorskip("mlcroissant")
    title = 'x" <script>alert(1)</script> \x1b[31m | [a](javascript:b) \ud800'
    world.accept(Spoken("a", 7.0, SPEECH, channel='c|"<b>', title=title))
    speak(world, "b", channel="d")
    for name in FORMATS:
        folder = tmp_path / name
        world.export(folder, options(name, split=() if name == "manifest" else parse_split("50/50")))
        described = json.loads((folder / "croissant.json").read_text())
        assert "http://mlcommons.org/croissant/1.1" in described["conformsTo"]
        dataset = croissant.Dataset(jsonld=str(folder / "croissant.json"))
        assert dataset.metadata.issues.errors == set()
        count = 0
        for records in dataset.metadata.record_sets:
            count += sum(1 for _ in dataset.records(record_set=records.uuid))
        if name in ("huggingface", "audiofolder"):
            assert count == 4
        card = (folder / "README.md").read_text()
        assert "\x1b" not in card
        assert "No takedown address is set" in card
        assert "<script>" not in card


def test_parquet_without_its_extra_is_refused_before_any_work(
    world: ExportWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    speak(world, "a")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ExportError, match=r"pip install --require-hashes -r requirements/parquet\.txt"):
        world.export(tmp_path / "corpus", options("huggingface"))
    assert world.engine.orders == []


def test_both_databases_export_the_same(any_catalog: Catalog, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    world = ExportWorld(any_catalog, folder)
    speak(world, "a", "b", channel="red")
    done = world.export(tmp_path / "corpus", options("jsonl", unit=Unit.CLIPS, audio=Audio.FLAC))
    assert (done.facts.recordings, done.facts.items) == (2, 4)
    assert {clip["channel"] for clip in clips(tmp_path / "corpus")} == {"red"}
    assert verify(world, tmp_path / "corpus", "jsonl").ok


def test_paths_of_this_machine_stay_out_of_the_corpus(world: ExportWorld, tmp_path: Path) -> None:
    from voicesieve.corpus.planning import shown_url

    assert shown_url("file:///home/lan/secret/kids.wav") == "file:///kids.wav"
    assert shown_url("https://a.example/file:/x") == "https://a.example/file:/x"
