"""The export command as a person runs it: messages, exit codes, and never half an export."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from export_world import ExportWorld, Spoken

from voicesieve.catalog.opening import open_catalog

PROGRAM = (sys.executable, "-m", "voicesieve")
PATIENCE_S = 90.0
RECORDINGS = 6
CLIPS = ("--unit", "clips", "--audio", "flac")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("commands") / "data"
    folder.mkdir()
    catalog = open_catalog(folder, create=True)
    world = ExportWorld(catalog, folder)
    for number in range(RECORDINGS):
        speech = [(1.0, 4.0, "child"), (6.0, 9.0, "child")]
        world.accept(Spoken(f"v{number}", 10.0, speech, channel=f"c{number % 3}"))
    catalog.close()
    yield folder


def environment(**settings: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("VOICESIEVE_")}
    return inherited | {"VOICESIEVE_ANALYSIS__WORKERS": "1"} | settings


def export(*arguments: str | Path, code: int = 0, before: Callable[[], None] | None = None, **settings: str) -> Any:
    done = subprocess.run(
        [*PROGRAM, "export", *map(str, arguments)],
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        preexec_fn=before,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == code, done.stderr
    return done


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_report_of_an_export(data: Path, tmp_path: Path) -> None:
    target = tmp_path / "corpus"
    ended = export("audiofolder", target, "--data", data, VOICESIEVE_CORPUS__TAKEDOWN="care@a.example")
    assert f"Wrote {target}: {2 * RECORDINGS} clips of {RECORDINGS} recordings" in ended.stderr
    assert ended.stdout == ""
    assert "care@a.example" in (target / "README.md").read_text()
    assert "care@a.example" in (target / "croissant.json").read_text()
    ended = export("audiofolder", tmp_path / "parts", "--data", data, "--split", "1/98/1")
    assert "a channel is never split across parts, and there are 3 channels" in ended.stderr
    assert "a channel is never split across parts" in (tmp_path / "parts" / "README.md").read_text()
    ended = export("audiofolder", target, "--data", data, "--verify", "--json")
    assert json.loads(ended.stdout)["ok"] is True
    sums = subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=target, capture_output=True)
    assert sums.returncode == 0, sums.stdout
    (target / "README.md").write_text("changed")
    ended = export("audiofolder", target, "--data", data, "--verify", code=1)
    assert ended.stdout == "README.md: not what was exported\n"
    assert "--update" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nemo", "--audio", "mp3"), "--audio mp3: choose flac or opus or wav or original or none"),
        (("nemo", "--unit", "songs"), "--unit songs: choose clips or recordings"),
        (("nemo", "--unit", "clips", "--audio", "original"), "leaves recordings whole"),
        (("huggingface", "--unit", "recordings"), "choose clips"),
        (("nemo", "--split", "90/5"), "add up to 100"),
        (("manifest", "--split", "90/10"), "cannot hold the parts of a split"),
        (("nemo", "--min", "5", "--max", "6"), "at least twice"),
        (("nemo", "--duplicates", "some"), "choose keep or exact or acoustic"),
        (("rttm", "--min-snr", "10"), "need measured sound"),
        (("nemo", "--verify"), "There is no export of voicesieve"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    data: Path, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    kind, *rest = arguments
    ended = export(kind, tmp_path / "corpus", *rest, "--data", data, code=1)
    assert words in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_stops_with_advice_and_the_same_command_resumes(data: Path, tmp_path: Path) -> None:
    target = tmp_path / "corpus"

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

    ended = export("webdataset", target, "--data", data, code=3, before=small_files)
    assert "no space to write" in ended.stderr
    assert "same command again" in ended.stderr
    assert not target.exists()
    ended = export("webdataset", target, "--data", data, "--json")
    assert json.loads(ended.stdout)["kept"] == RECORDINGS, "what had been cut is not cut again"
    assert [path.name for path in tmp_path.iterdir()] == ["corpus"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_killed_export_leaves_the_earlier_one_and_resumes(data: Path, tmp_path: Path, number: signal.Signals) -> None:
    target = tmp_path / "corpus"
    export("nemo", target, "--data", data)
    before = content(target)
    command = [*PROGRAM, "export", "nemo", str(target), "--data", str(data), "--replace", "--padding", "0.2", "-q"]
    process = subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, start_new_session=True)
    deadline = time.monotonic() + PATIENCE_S
    while not list(tmp_path.glob(".corpus*/cuts/*/*.json")):
        assert process.poll() is None, "it was over before it could be ended"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == (130 if number == signal.SIGINT else -signal.SIGKILL), stderr
    assert content(target) == before
    done = json.loads(export("nemo", target, "--replace", "--data", data, "--padding", "0.2", "--json").stdout)
    assert done["kept"] > 0
    assert done["cut"] + done["kept"] == RECORDINGS
    export("nemo", tmp_path / "fresh", "--data", data, "--padding", "0.2")
    assert content(target) == content(tmp_path / "fresh")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["corpus", "fresh"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_place_is_refused(data: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    ended = export("nemo", tmp_path / "corpus", "--data", data, code=1)
    assert "cannot be written" in ended.stderr


def test_formats_that_point_at_the_recordings_need_no_copy(data: Path, tmp_path: Path) -> None:
    for kind, table in (("nemo", "manifest.jsonl"), ("kaldi", "wav.scp")):
        export(kind, tmp_path / kind, "--data", data, "--audio", "none")
        assert str(data / "recordings") in (tmp_path / kind / table).read_text()
    rows = [json.loads(line) for line in (tmp_path / "nemo" / "manifest.jsonl").read_text().splitlines()]
    assert len(rows) == 2 * RECORDINGS
    assert all(Path(row["audio_filepath"]).is_file() and row["offset"] >= 1.0 for row in rows)


def test_memory_does_not_grow_with_the_corpus(tmp_path: Path) -> None:
    from benchmarks.exports import fill, peak_of_export

    peaks = []
    for segments in (1_000, 20_000):
        folder = tmp_path / str(segments)
        folder.mkdir()
        fill(folder, segments // 20)
        exported, peak_mb, _ = peak_of_export(folder, folder / "corpus", "lhotse", "--audio", "none", "--no-measure")
        assert exported["segments"] == segments
        peaks.append(peak_mb)
    assert peaks[1] - peaks[0] < 40, f"peaks of {peaks} MB"


def test_an_earlier_corpus_is_never_replaced_unasked(data: Path, tmp_path: Path) -> None:
    target = tmp_path / "corpus"
    empty = tmp_path / "empty"
    empty.mkdir()
    open_catalog(empty, create=True).close()
    export("jsonl", target, "--data", data, *CLIPS, VOICESIEVE_CORPUS__NAME="Kids of Hanoi")
    before = content(target)
    for arguments in (("jsonl",), ("kaldi",), ("lhotse", "--language", "vi")):
        message = export(*arguments, target, "--data", data, code=1).stderr
        assert "'Kids of Hanoi', jsonl, 12 clips, written on 20" in message
        assert "--update" in message and "--replace" in message and message.count("\n") == 1
    assert "use one of them" in export("jsonl", target, "--data", data, "--update", "--replace", code=1).stderr
    message = export("jsonl", target, "--data", data, "--replace", "--language", "fr", code=1).stderr
    assert message.startswith("voicesieve: Nothing to export: none of the 6 accepted recordings passed (6 language)")
    assert "is unchanged" in message
    for flag in ("--update", "--replace"):
        export("jsonl", target, "--data", empty, *CLIPS, flag, code=1)
    assert content(target) == before
    assert "audio: " in export("jsonl", target, "--data", data, "--update", code=1).stderr
    export("kaldi", target, "--data", data, "--replace")
    assert (target / "wav.scp").is_file() and not (target / "clips.jsonl").exists()


def test_a_language_matches_in_every_spelling_and_an_unknown_code_is_refused(data: Path, tmp_path: Path) -> None:
    for code in ("VI", "vie", "vi-VN"):
        export("jsonl", tmp_path / code, "--data", data, "--language", code)
    assert "no such language" in export("jsonl", tmp_path / "x", "--data", data, "--language", "vietnam", code=1).stderr
