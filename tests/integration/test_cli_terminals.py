"""Whatever name, output or signal a command meets: a message and a documented exit code, never a traceback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from crawling import CLIPS, PATIENCE_S, PROGRAM, QUICK, environment, voicesieve

from voicesieve.observability.terminal import ascii_json, safe_json, safe_lines, safe_text

COMMANDS = (
    ("init",),
    ("config", "check"),
    ("crawl", "--no-fetch", "--source", "folder:."),
    ("plan",),
    ("status",),
    ("why", "some:id"),
    ("retry", "--all"),
    ("doctor",),
    ("analyse", "nothing.wav"),
    ("export", "urls", "list.txt"),
    ("export", "jsonl", "corpus"),
    ("backup",),
    ("restore",),
    ("redecide",),
    ("reanalyse", "--all"),
    ("retain",),
    ("audit",),
    ("removed", "removed"),
    ("withdraw", "video", "some:id", "--yes"),
    ("queries", "init"),
    ("import-legacy", "."),
)
NAMES = (
    b"a" * 300,
    b"/".join([b"b" * 200] * 21),
    b"x\xff",
    b"line\nfeed",
    b"\x1b[31mred",
    b"file/below",
    "Bé Na".encode(),
)
NARROW: tuple[Mapping[str, str], ...] = (
    {"PYTHONIOENCODING": "ascii"},
    {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
)


@pytest.fixture(scope="module")
def crawled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog with a Vietnamese name in it, in a folder with one that is no UTF-8, made where output is ASCII."""
    folder = tmp_path_factory.mktemp("crawled")
    audio = folder / "audio"
    audio.mkdir()
    (audio / "Bé Na kể.opus").write_bytes(CLIPS["child-en-zoo"].body)
    data = folder / os.fsdecode(b"data\xff")
    ended = voicesieve("crawl", "--source", f"folder:{audio}", "--data", data, settings={**QUICK, **NARROW[1]})
    assert "B\\xe9 Na k\\u1ec3" in ended.err
    return data


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_takes_any_name_of_a_data_folder(tmp_path: Path, command: tuple[str, ...]) -> None:
    """Each command one of them, and each of them several commands."""
    (tmp_path / "file").write_bytes(b"")
    name = NAMES[COMMANDS.index(command) % len(NAMES)]
    ended = voicesieve(*command, "--data", name, cwd=tmp_path, code=None)
    assert ended.code in (0, 1), ended.err
    assert "\x1b" not in ended.err + ended.out
    assert ended.code == 0 or (ended.err + ended.out).strip()


@pytest.mark.parametrize("narrow", NARROW, ids=["ascii", "posix"])
def test_characters_that_the_output_cannot_show_are_escaped(crawled: Path, narrow: Mapping[str, str]) -> None:
    """It ended the run with a UnicodeEncodeError in its middle."""
    (address,) = json.loads(voicesieve("status", "--json", "--data", crawled, settings=narrow).out)["queries"]
    assert address["found"] == 1
    voicesieve("export", "urls", crawled.parent / "urls", "--update", "--data", crawled, settings=narrow)
    url = (crawled.parent / "urls").read_text().strip()
    assert "B\\xe9 Na" in voicesieve("why", url, "--data", crawled, settings=narrow).out
    assert json.loads(voicesieve("why", url, "--json", "--data", crawled, settings=narrow).out)["title"] == "Bé Na kể"


def test_a_backup_in_a_folder_whose_name_is_not_text(crawled: Path) -> None:
    voicesieve("backup", "--data", crawled)
    assert voicesieve("doctor", "--data", crawled).code == 0


@pytest.mark.parametrize(
    ("redirected", "code"),
    [(">&-", 0), ("2>&-", 0), ("<&-", 0), ("| head -c 0; exit ${PIPESTATUS[0]}", 1), (">/dev/full", 3)],
)
def test_output_without_a_reader_or_without_room(crawled: Path, redirected: str, code: int) -> None:
    script = f'"$0" -m voicesieve status --data "$1" {redirected}'
    command = ["bash", "-c", script, sys.executable, os.fspath(crawled)]
    done = subprocess.run(command, env=environment(), stderr=subprocess.PIPE, timeout=PATIENCE_S, check=False)
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr
    assert done.returncode == code, done.stderr
    assert code != 3 or b"standard output cannot be written" in done.stderr


@pytest.mark.parametrize(
    ("number", "module"),
    [
        (signal.SIGINT, "voicesieve.cli.output"),
        (signal.SIGINT, "voicesieve.catalog.schema"),
        (signal.SIGTERM, "voicesieve.cli.output"),
        (signal.SIGHUP, "voicesieve.catalog.schema"),
    ],
)
def test_a_signal_while_modules_load_prints_no_traceback(
    crawled: Path, number: signal.Signals, module: str, tmp_path: Path
) -> None:
    """``-v`` says which one is loaded just now: the first before, the second after the commands are there."""
    command = [PROGRAM[0], "-v", *PROGRAM[1:], "doctor", "--data", os.fspath(crawled)]
    process = subprocess.Popen(
        command,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    )
    with process:
        assert process.stderr is not None
        lines = iter(process.stderr.readline, b"")
        assert any(module.encode() in line for line in lines)
        process.send_signal(number)
        rest = b"".join(lines)
        code = process.wait(PATIENCE_S)
    assert b"Traceback (most recent" not in rest
    assert code == (130 if number is signal.SIGINT else -number)


@pytest.mark.parametrize("kind", ["kaldi", "jsonl", "urls"])
def test_a_destination_that_would_break_lines_is_refused(crawled: Path, tmp_path: Path, kind: str) -> None:
    """wav.scp had torn lines, and the exit code was 0."""
    if kind != "urls":
        ended = voicesieve("export", kind, tmp_path / "x\nline", "--data", crawled, code=1)
        assert "line break" in ended.err
        ended = voicesieve("export", kind, tmp_path / "x", "--path-prefix", "/a\nb", "--data", crawled, code=1)
        assert "--path-prefix" in ended.err
    name = os.fsencode(tmp_path) + b"/x\xff"
    ended = voicesieve("export", kind, name, "--data", crawled, code=1 if kind == "kaldi" else 0)
    assert kind != "kaldi" or "not UTF-8" in ended.err


def test_a_value_of_the_settings_is_shown_and_not_obeyed(tmp_path: Path) -> None:
    file = tmp_path / "voicesieve.toml"
    file.write_text('[corpus]\nname = "a\\u001b[31m\\nb"\n')
    ended = voicesieve("config", "check", "--data", tmp_path)
    assert "corpus.name = a\\x1b[31m\\nb\n" in ended.out


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_settings_and_phrases_are_read_as_editors_save_them(tmp_path: Path, encoding: str) -> None:
    """Notepad writes a mark first: "Invalid statement (line 1, column 1)"."""
    voicesieve("queries", "init", "--data", tmp_path)
    phrases = tmp_path / "queries.toml"
    phrases.write_bytes(phrases.read_text().replace("\n", "\r\n").encode(encoding))
    (tmp_path / "voicesieve.toml").write_bytes('[policy]\r\nlanguages = ["vi"]\r\n'.encode(encoding))
    assert "policy.languages" in voicesieve("config", "check", "--data", tmp_path).out
    voicesieve("crawl", "--no-fetch", "-q", "--data", tmp_path)
    (tmp_path / "policy.toml").write_bytes("[policy]\nmin_score = 0.9\n".encode(encoding))
    voicesieve("redecide", "--dry-run", "--policy", tmp_path / "policy.toml", "--data", tmp_path)


def test_settings_in_no_such_encoding_are_named(tmp_path: Path) -> None:
    (tmp_path / "voicesieve.toml").write_bytes(b'[corpus]\nname = "B\xe9"\n')
    assert "voicesieve.toml is not a TOML file" in voicesieve("config", "check", "--data", tmp_path, code=1).err


@pytest.mark.parametrize("char", ["\U000e0041", "\u061c", "\u200b", "\u00ad", "\u202e", "\x7f", "\x9b", "\ufeff"])
def test_what_hides_or_reorders_is_escaped_wherever_text_is_shown(char: str) -> None:
    text = f"a{char}ệb"
    for shown in (safe_text(text), safe_lines(text), safe_json(text)):
        assert char not in shown
        assert "ệ" in shown
    assert json.loads(safe_json(text)) == json.loads(ascii_json(safe_json(text))) == text
    assert ascii_json(safe_json(text)).isascii()
    assert safe_lines("one\ntwo\x1b") == "one\ntwo\\x1b"


def test_a_damaged_built_in_model_is_named(tmp_path: Path) -> None:
    """It was a traceback of 70 lines."""
    program = (
        "import sys; from pathlib import Path; from voicesieve.voices import network\n"
        "def gone(*_): raise FileNotFoundError(2, 'No such file or directory', 'network.onnx')\n"
        "network.NetworkDetector.embedded = gone\n"
        "from voicesieve.cli.main import run; run()"
    )
    command = [sys.executable, "-c", program, "crawl", "--source", f"folder:{tmp_path}", "--data", str(tmp_path / "d")]
    done = subprocess.run(command, env=environment(), capture_output=True, timeout=PATIENCE_S, text=True, check=False)
    assert done.returncode == 3
    assert "Traceback" not in done.stderr
    assert "the detector network cannot be loaded" in done.stderr
