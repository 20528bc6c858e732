"""Wrong arguments, wrong files, broken media: one paragraph that says what to do, and the rest goes on."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from crawling import (
    CLIPS,
    QUICK,
    clip,
    feed_site,
    files_below,
    lines_of,
    nothing_left_over,
    one_paragraph,
    sources,
    status,
    stories_of,
    voicesieve,
)

from demo.answers import Content

CHILD = CLIPS["child-en-zoo"].body


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


# ---------------------------------------------------------------- sources


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("folder:/nowhere/at/all", ("there is no folder", "/nowhere/at/all", "--source")),
        ("urls:/nowhere/list.txt", ("there is no file", "/nowhere/list.txt")),
        (f"folder:{__file__}", ("is a file, not a folder",)),
        ("urls:/tmp", ("is not a regular file",)),
    ],
)
def test_a_source_that_cannot_be_read_is_named_with_the_remedy(data: Path, query: str, words: tuple[str, ...]) -> None:
    ended = voicesieve("crawl", "--source", query, "--data", data, "--quiet", "--json", code=1)
    (message,) = json.loads(ended.out)["source_failures"].values()
    assert all(word in message for word in words), message
    shown = voicesieve("crawl", "--source", query, "--data", data, code=1)
    assert all(word in shown.err for word in words)


def test_a_folder_that_was_missing_is_read_once_it_is_there(data: Path, tmp_path: Path) -> None:
    audio = tmp_path / "audio"
    voicesieve("crawl", "--source", f"folder:{audio}", "--data", data, code=1)
    audio.mkdir()
    (audio / "zoo.opus").write_bytes(CHILD)
    voicesieve("crawl", "--source", f"folder:{audio}", "--data", data, settings=QUICK)
    assert status(data)["videos"]["accepted"] == 1


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("tape:x", ("tape", "folder:", "rss:")),
        ("foldr:x", ("did you mean folder:?",)),
        ("no colon", ("is no source",)),
        ("https://example.org/feed.xml", ("rss:https://example.org/feed.xml", "page:https://example.org/feed.xml")),
        ("folder:", ("needs an argument",)),
        ("rss:ftp://example.org/", ("cannot be used",)),
        ("", ("is no source",)),
    ],
)
def test_an_invalid_source_is_refused_before_anything_is_made(data: Path, query: str, words: tuple[str, ...]) -> None:
    one_paragraph(voicesieve("crawl", "--source", query, "--data", data, code=1), *words)
    assert not data.exists()


def test_a_list_with_garbage_gives_its_good_lines_and_names_the_others(data: Path, tmp_path: Path) -> None:
    with feed_site({"/zoo.opus": clip("child-en-zoo")}) as site:
        good = site.url("/zoo.opus")
        listed = tmp_path / "list.txt"
        listed.write_bytes(
            b"# a comment\n" + good.encode() + b"\nnot an address\nftp://example.org/a.mp3\n\xff\xfe\xfa\n\x1b[2Jboo\n"
        )
        ended = voicesieve("crawl", "--source", f"urls:{listed}", "--data", data, settings=QUICK)
    for line in ("line 3", "line 4", "line 5", "line 6"):
        assert line in ended.err
    assert "\x1b" not in ended.err + ended.out
    assert status(data)["queries"][0]["problems"] == 4
    assert status(data)["videos"]["accepted"] == 1


def test_a_page_that_is_not_a_feed_fails_alone(data: Path) -> None:
    listing = Content(b"<!doctype html><html><body>Welcome</body></html>", "text/html")
    with (
        feed_site({}, feed=listing) as no_feed,
        feed_site({"/zoo.opus": clip("child-en-zoo")}) as feed,
    ):
        ended = voicesieve("crawl", *sources(no_feed.feed, feed.feed), "--data", data, code=1, settings=QUICK)
    assert "is not a feed" in ended.err
    assert "page:" in ended.err
    assert status(data)["videos"]["accepted"] == 1


# ---------------------------------------------------------------- media


def wav(samples: bytes, *, rate: int, bits: int, kind: int = 1) -> bytes:
    """A mono WAV file; ``kind`` 3 holds floats."""
    frame = bits // 8
    head = struct.pack("<4sIHHIIHH", b"fmt ", 16, kind, 1, rate, rate * frame, frame, bits)
    body = head + struct.pack("<4sI", b"data", len(samples)) + samples
    return struct.pack("<4sI4s", b"RIFF", 4 + len(body), b"WAVE") + body


def silent_aac(hours: int) -> bytes:
    """The same silent ADTS frame again and again: the length of a day in some megabytes."""
    import io

    file = io.BytesIO()
    with av.open(file, "w", format="adts") as container:
        stream = container.add_stream("aac", rate=8_000, layout="mono")
        for start in range(0, 8 * 1_024, 1_024):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1_024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 8_000, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    frames = file.getvalue()
    length = (frames[3] & 3) << 11 | frames[4] << 3 | frames[5] >> 5
    last = frames.rindex(frames[:3])
    return frames[:length] + frames[last:] * (hours * 3_600 * 8_000 // 1_024)


def picture_without_sound() -> bytes:
    import io

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for _ in range(10):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")))
        container.mux(stream.encode(None))
    return file.getvalue()


def with_nan(seconds: float) -> bytes:
    sound = 0.1 * np.sin(np.arange(int(16_000 * seconds)) * 0.1)
    sound[1_000:9_000] = np.nan
    sound[9_000:9_100] = np.inf
    return wav(sound.astype("<f4").tobytes(), rate=16_000, bits=32, kind=3)


BROKEN = {
    "empty.opus": (b"", "undecodable"),
    "cut.wav": (wav(bytes(64_000), rate=16_000, bits=16)[:32_000], "truncated"),
    "text.mp3": (b"This is no music.\n" * 100, "undecodable"),
    "picture.mp4": (picture_without_sound(), "no_audio"),
    "one sample.wav": (wav(bytes(2), rate=16_000, bits=16), "too_short"),
    "day.aac": (silent_aac(24), "too_long"),
    "nan.wav": (with_nan(4), "undecodable"),
}
WHOLE = {
    "renamed opus.mp3": CHILD,
}


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("media")
    for name, (body, _) in BROKEN.items():
        (folder / name).write_bytes(body)
    for name, whole in WHOLE.items():
        (folder / name).write_bytes(whole)
    return folder


def test_broken_media_fail_with_kind_and_reason_and_the_run_continues(data: Path, media: Path) -> None:
    settings = {**QUICK, "VOICESIEVE_RETRY__MAX_ITEM_FAILURES": "1"}
    voicesieve("crawl", "--source", f"folder:{media}", "--data", data, settings=settings)
    stories = {story["title"]: story for story in stories_of(data).values()}
    for name, (_, kind) in BROKEN.items():
        story = stories[Path(name).stem]
        assert (story["state"], story["reasons"][0]["rule"]) == ("given_up", kind), name
        assert len(story["reasons"][0]["message"]) > 20
    assert stories["renamed opus"]["state"] == "accepted"
    nothing_left_over(data)


def test_analyse_prints_a_result_for_each_file(media: Path, data: Path, tmp_path: Path) -> None:
    (tmp_path / "folder.opus").mkdir()
    os.mkfifo(tmp_path / "pipe.opus")
    unusual = [tmp_path / "missing.opus", tmp_path / "folder.opus", tmp_path / "pipe.opus"]
    paths = [*(media / name for name in (*BROKEN, *WHOLE)), *unusual]
    ended = voicesieve("analyse", *paths, "--json", "--data", data, code=1)
    answers = {Path(answer["path"]).name: answer for answer in map(json.loads, ended.out.splitlines())}
    assert len(answers) == len(paths)
    for name, (_, kind) in BROKEN.items():
        if name != "one sample.wav":
            assert answers[name]["error"]["kind"] == kind, answers[name]
    for name in WHOLE:
        check_analysis(answers[name])
    assert answers["renamed opus.mp3"]["verdict"] == "child"
    for path in unusual:
        assert "cannot be read" in answers[path.name]["error"]["message"]
    assert not data.exists()


def check_analysis(answer: dict[str, Any]) -> None:
    assert set(answer) == {
        *("path", "sha256", "duration_s", "speech_s", "child_s", "child_share", "child_runs", "score", "verdict"),
        *("segments", "model"),
    }
    assert set(answer["model"]) == {"name", "revision"}
    for segment in answer["segments"]:
        assert set(segment) == {"start", "end", "label", "score"}
    assert 0 <= answer["score"] <= 1
    assert answer["verdict"] in ("child", "no_child", "unsure")


def test_analyse_reads_paths_of_any_bytes_from_standard_input(data: Path, tmp_path: Path) -> None:
    names = [b"Ti\xe1\xba\xbfng b\xc3\xa9.opus", b"\xff\xfe.opus", b"\x1b[31m.opus"]
    for name in names:
        (tmp_path / os.fsdecode(name)).write_bytes(CHILD)
    listed = b"".join(os.fsencode(tmp_path) + b"/" + name + b"\n" for name in names)
    ended = voicesieve("analyse", "-", "--data", data, stdin=listed)
    assert ended.out.count(": child, score 0.8") == 3
    assert "\x1b" not in ended.out
    ended = voicesieve("analyse", "-", "--json", "--data", data, stdin=listed)
    assert len({json.loads(line)["path"] for line in ended.out.splitlines()}) == 3


NAMES = (
    "bé kể chuyện.opus".encode(),
    b"new\nline.opus",
    "\u202eright to left.opus".encode(),
    b"'quotes\" $(id) `id` ; & |.opus",
    b"n" * 235 + b".opus",
    b"not utf-8 \xff\xfe.opus",
    b"-dash.opus",
    b"%2e%2e%2f #?.opus",
)


def test_file_names_of_every_kind_are_read_and_shown_harmlessly(data: Path, tmp_path: Path) -> None:
    audio = tmp_path / "audio"
    audio.mkdir()
    for number, name in enumerate(NAMES):
        # Different bytes behind the sound, so that every file is a recording of its own.
        (audio / os.fsdecode(name)).write_bytes(wav(bytes(2 * (16_000 * 2 + number)), rate=16_000, bits=16))
    ended = voicesieve("crawl", "--source", f"folder:{audio}", "--data", data, settings=QUICK)
    assert status(data)["videos"]["rejected"] == len(NAMES)
    assert all(char.isprintable() or char == "\n" for char in ended.err + ended.out)
    for story in stories_of(data).values():
        shown = voicesieve("why", story["video"], "--data", data) if "line" in story["title"] else None
        assert shown is None or "\nline" not in shown.out
    nothing_left_over(data)
    names = [path.name for path in (data / "recordings").rglob("*") if path.is_file()]
    assert all(name.endswith(".wav") and name[:64].isalnum() for name in names)


# ---------------------------------------------------------------- the data folder


@pytest.fixture
def crawled(data: Path, tmp_path: Path) -> Path:
    """A data folder with one accepted recording from a local folder."""
    audio = tmp_path / "audio"
    audio.mkdir()
    (audio / "zoo.opus").write_bytes(CHILD)
    voicesieve("crawl", "--source", f"folder:{audio}", "--data", data, "--quiet", settings=QUICK)
    return data


def test_a_data_path_that_is_a_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    for command in (("crawl",), ("init",), ("status",), ("doctor",), ("export", "urls", tmp_path / "urls.txt")):
        one_paragraph(voicesieve(*command, "--data", file, code=1), str(file))
    assert file.read_text() == "mine"


def test_commands_without_a_catalog_say_how_to_start_one(data: Path) -> None:
    for command in (
        ("status",),
        ("why", "x"),
        ("doctor",),
        ("retry", "--all"),
        ("redecide",),
        ("withdraw", "x", "--yes"),
        ("export", "jsonl", data / "corpus"),
    ):
        one_paragraph(voicesieve(*command, "--data", data, code=1), "There is no catalog", "voicesieve crawl")
    assert not data.exists()


@pytest.fixture
def read_only(crawled: Path) -> Iterator[Path]:
    """The folder as on a disk that is mounted read-only; the tests may run as root, whom no mode keeps out."""
    if shutil.which("mount") is None or subprocess.run(["mount", "--bind", crawled, crawled]).returncode:
        pytest.skip("needs the right to mount")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", crawled], check=True)
        yield crawled
    finally:
        subprocess.run(["umount", crawled], check=True)


def test_a_read_only_data_folder_is_refused_with_the_remedy(read_only: Path, tmp_path: Path) -> None:
    audio = f"folder:{tmp_path / 'audio'}"
    ended = voicesieve("crawl", "--source", audio, "--data", read_only, code=3)
    one_paragraph(ended, str(read_only), "read-only", "mount it for writing")
    for command in (("doctor",), ("retry", "--all"), ("init", "--force")):
        one_paragraph(voicesieve(*command, "--data", read_only, code=1), str(read_only), "cannot be written")


def test_a_catalog_of_a_newer_program_is_not_changed(crawled: Path) -> None:
    with sqlite3.connect(crawled / "catalog.sqlite3") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    for command in (("status",), ("crawl",)):
        message = one_paragraph(voicesieve(*command, "--data", crawled, code=1), "newer voicesieve", "9999")
        assert "Nothing was changed" in message


def test_a_damaged_catalog_is_a_fault_and_keeps_the_recordings(crawled: Path) -> None:
    recordings = files_below(crawled / "recordings")
    for name in ("catalog.sqlite3-wal", "catalog.sqlite3-shm"):
        (crawled / name).unlink(missing_ok=True)
    (crawled / "catalog.sqlite3").write_bytes(os.urandom(8_192))
    for command in (("status",), ("crawl",), ("export", "urls", crawled.parent / "urls.txt")):
        one_paragraph(voicesieve(*command, "--data", crawled, code=3), "catalog.sqlite3", "docs/recovery.md")
    assert files_below(crawled / "recordings") == recordings


def test_a_catalog_damaged_in_its_middle_is_a_fault(crawled: Path) -> None:
    catalog = crawled / "catalog.sqlite3"
    with catalog.open("r+b") as file:
        file.seek(4_096)
        file.write(os.urandom(catalog.stat().st_size - 8_192))
    one_paragraph(voicesieve("crawl", "--data", crawled, code=3))


# ---------------------------------------------------------------- settings and ids


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"VOICESIEVE_PACE__BURST": "many"}, ("VOICESIEVE_PACE__BURST", "many")),
        ({"VOICESIEVE_PACE__BURTS": "3"}, ("VOICESIEVE_PACE__BURTS", "burst")),
        ({"VOICESIEVE_SPEED": "3"}, ("VOICESIEVE_SPEED",)),
        ({"VOICESIEVE_ANALYSIS__DETECTOR": "crystal"}, ("crystal", "floor")),
    ],
)
def test_wrong_settings_are_named(data: Path, settings: dict[str, str], words: tuple[str, ...]) -> None:
    one_paragraph(voicesieve("crawl", "--source", "folder:/tmp", "--data", data, code=1, settings=settings), *words)


def test_a_wrong_settings_file_is_named_line_by_line(data: Path) -> None:
    voicesieve("init", "--data", data)
    file = data / "voicesieve.toml"
    assert voicesieve("config", "check", "--json", "--data", data).json["ok"] is True
    file.write_text("[pace]\nburst = 0\n[fetching]\nmax_byts = 5\n", encoding="utf-8")
    message = one_paragraph(voicesieve("config", "check", "--data", data, code=1), "pace.burst", "fetching.max_byts")
    assert message.count(str(file)) == 2
    file.write_text("[pace\n", encoding="utf-8")
    one_paragraph(voicesieve("crawl", "--data", data, code=1), str(file), "is not a TOML file")
    missing = data / "other.toml"
    one_paragraph(voicesieve("status", "--config", missing, "--data", data, code=1), str(missing))


def test_init_replaces_a_file_only_with_force(data: Path) -> None:
    voicesieve("init", "--data", data)
    template = (data / "voicesieve.toml").read_bytes()
    (data / "voicesieve.toml").write_text("[pace]\nburst = 2\n", encoding="utf-8")
    one_paragraph(voicesieve("init", "--data", data, code=1), "exists already", "--force")
    ended = voicesieve("config", "check", "--json", "--data", data, settings={"VOICESIEVE_PACE__BURST": "7"})
    assert ended.json["changed"]["pace.burst"] == 7
    voicesieve("init", "--force", "--data", data)
    assert (data / "voicesieve.toml").read_bytes() == template


@pytest.mark.parametrize("wanted", ["nobody", "url:0000", "", "https://example.org/x", b"\xff\xfe", "\x1b[31mred"])
def test_an_unknown_video_is_named_harmlessly(crawled: Path, wanted: str) -> None:
    for command in (("why", wanted), ("withdraw", wanted, "--yes"), ("retry", wanted)):
        refused = "Nothing is named" if not wanted and command[0] == "withdraw" else "No video"
        message = one_paragraph(voicesieve(*command, "--data", crawled, code=1), refused)
        assert message.isprintable()


def test_a_withdrawal_that_is_not_confirmed_does_nothing(crawled: Path) -> None:
    (video,) = (story["video"] for story in stories_of(crawled).values())
    voicesieve("withdraw", video, "--data", crawled, stdin=b"n\n", code=1)
    assert status(crawled)["videos"]["accepted"] == 1
    voicesieve("withdraw", video, "--data", crawled, stdin=b"y\n")
    assert status(crawled)["videos"]["withdrawn"] == 1


def test_retry_without_a_target_is_refused(crawled: Path) -> None:
    one_paragraph(voicesieve("retry", "--data", crawled, code=1), "--all")
    one_paragraph(voicesieve("retry", "--kind", "tired", "--data", crawled, code=1), "tired", "server_error")


@pytest.mark.parametrize(
    "arguments", [("crawl", "--wait", "-1"), ("crawl", "--limit", "0"), ("fly",), ("why",), ("export", "jsonl")]
)
def test_wrong_usage_has_its_own_exit_code(data: Path, arguments: tuple[str, ...]) -> None:
    ended = voicesieve(*arguments, "--data", data, code=2)
    assert "Usage:" in ended.err


# ---------------------------------------------------------------- exports and the doctor


def test_an_export_replaces_only_an_earlier_export(crawled: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("years of work")
    file = tmp_path / "file.txt"
    file.write_text("mine")
    one_paragraph(voicesieve("export", "jsonl", foreign, "--data", crawled, code=1), "is not empty")
    one_paragraph(voicesieve("export", "jsonl", file, "--data", crawled, code=1), "is not a folder")
    one_paragraph(voicesieve("export", "jsonl", file / "corpus", "--data", crawled, code=1), str(file))
    one_paragraph(voicesieve("export", "urls", file / "urls.txt", "--data", crawled, code=1), str(file))
    one_paragraph(voicesieve("export", "urls", foreign, "--data", crawled, code=1), "is a folder")
    one_paragraph(voicesieve("export", "sphinx", tmp_path / "k", "--data", crawled, code=1), "jsonl", "urls")
    one_paragraph(voicesieve("export", "jsonl", tmp_path / ("n" * 300), "--data", crawled, code=1))
    one_paragraph(voicesieve("export", "jsonl", "/proc/corpus", "--data", crawled, code=1), "/proc")
    one_paragraph(voicesieve("export", "urls", "/proc/urls.txt", "--data", crawled, code=1), "/proc")
    assert files_below(foreign) == {"thesis.txt": b"years of work"}
    assert file.read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["audio", "data", "file.txt", "foreign"]


def test_an_export_into_the_current_folder(crawled: Path, tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    voicesieve("export", "jsonl", ".", "--data", crawled, cwd=here)
    assert len(lines_of(here / "recordings.jsonl")) == 1


def test_a_lost_or_damaged_recording_stops_the_export_and_doctor_fixes_it(crawled: Path, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    voicesieve("export", "jsonl", corpus, "--data", crawled)
    before = files_below(corpus)
    (stored,) = (path for path in (crawled / "recordings").rglob("*") if path.is_file())
    (crawled / "recordings" / "stray.bin").write_bytes(b"x")
    (crawled / "scratch" / "0123456789abcdef").mkdir()
    for damage, finding in ((lambda: stored.write_bytes(b"damaged"), "bad_hash"), (stored.unlink, "rows_without_file")):
        damage()
        message = one_paragraph(voicesieve("export", "jsonl", corpus, "--replace", "--data", crawled, code=1))
        assert "voicesieve doctor --fix" in message
        assert files_below(corpus) == before, "the earlier export is unchanged"
        report = voicesieve("doctor", "--json", "--data", crawled, code=1).json
        assert len(report[finding]) == 1
        assert "doctor --fix" in voicesieve("doctor", "--data", crawled, code=1).err
        assert voicesieve("doctor", "--fix", "--json", "--data", crawled).json["fixed"] is True
        assert status(crawled)["videos"]["queued"] == 1
        voicesieve("crawl", "--data", crawled, "--quiet", settings=QUICK)
        nothing_left_over(crawled)
        voicesieve("export", "jsonl", corpus, "--update", "--data", crawled)
        assert files_below(corpus) == before


def test_a_crawl_of_a_folder_that_holds_its_data_finds_no_recording_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "zoo.opus").write_bytes(CHILD)
    for _ in range(2):
        voicesieve("crawl", "--source", "folder:.", "--quiet", cwd=tmp_path, settings=QUICK)
    assert sum(status(tmp_path / "voicesieve-data")["videos"].values()) == 1
