"""What needs no network asks nobody: no socket, no look-up, and nothing queued for later, in any process."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from crawling import CLIPS, QUICK, environment
from test_cli_calibration import LENGTHS

from tests.legacy_trees import build_v2
from voicesieve import NO_TELEMETRY

ROOT = Path(__file__).parent.parent.parent
REPORTING = {"onnxruntime", "huggingface_hub", "transformers", "faster_whisper", "datasets"}
"""Libraries that report to somebody, or pass on who asks, unless they are told not to."""

COMMANDS = """
import json, sys

from voicesieve.cli.main import app

if __name__ == "__main__":
    for command in json.load(open(sys.argv[1])):
        code = app(command, standalone_mode=False)
        print(json.dumps([command[0], code]), flush=True)
"""
"""The real commands one after another in one process, with the workers that they start: a start of Python costs more
than most of them."""

OPENED = re.compile(r"socket(?:pair)?\((?!AF_UNIX)(\w+)")
REACHED = re.compile(r"sa_family=(?!AF_UNIX)(AF_\w+)")


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    folder = tmp_path / "clips"
    folder.mkdir()
    rows = ["path,start,end,label,speaker"]
    for name, seconds in LENGTHS.items():
        (folder / f"{name}.opus").write_bytes(CLIPS[name].body)
        for number in range(int(seconds / 1.5)):
            start, half = number * 1.5, int(number >= seconds / 3)
            rows.append(f"{name}.opus,{start},{start + 1.5},{name.split('-')[0]},{name}{half}")
    (folder / "labels.csv").write_text("\n".join(rows), encoding="utf-8")
    (folder / "two.csv").write_text("path,label\nchild-en-zoo.opus,child\nadult-man-news.opus,man\n", "utf-8")
    return folder


def every_command(tmp_path: Path, clips: Path) -> list[list[str]]:
    data, legacy = tmp_path / "data", tmp_path / "legacy"
    build_v2(legacy)
    at = ["--data", str(data)]
    return [
        ["init", *at],
        ["config", "check", *at],
        ["analyse", str(clips / "child-en-zoo.opus"), "--json", *at],
        ["crawl", "--source", f"folder:{clips}", "--quiet", *at],
        ["import-legacy", str(legacy), *at],
        ["crawl", "--analyse-only", "--limit", "2", "--json", *at],
        ["status", *at],
        ["plan", *at],
        ["why", (clips / "child-en-zoo.opus").as_uri(), *at],
        ["retry", "--all", *at],
        ["redecide", *at],
        ["reanalyse", "--all", *at],
        ["retain", *at],
        ["doctor", *at],
        ["backup", *at],
        ["restore", *at],
        ["export", "jsonl", str(tmp_path / "corpus"), *at],
        ["export", "urls", str(tmp_path / "urls.txt"), *at],
        ["eval", str(clips / "two.csv"), "--detector", "network", "--detector", "floor", "--quiet", *at],
        ["calibrate", str(clips / "labels.csv"), "--name", "home", "--force", "--quiet", *at],
        ["queries", "suggest", *at],
        ["audit", *at],
        ["removed", str(tmp_path / "removed.csv"), *at],
        ["refresh", *at],
        ["withdraw", "video", (clips / "child-en-zoo.opus").as_uri(), "--yes", "--reason", "asked for", *at],
    ]


def traced(log: Path, home: Path, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    traced_too = ["strace", "-f", "-qq", "-e", "trace=network", "-o", str(log)]
    env = {name: value for name, value in environment(QUICK).items() if name not in NO_TELEMETRY}
    env |= {"HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache")}
    return subprocess.run(
        [*traced_too, *arguments], env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600
    )


def strangers(log: Path) -> list[str]:
    """Lines in which a socket other than of this machine's own processes is opened or reached."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return [line for line in lines if OPENED.search(line) or REACHED.search(line)]


def strace_works() -> bool:
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-qq", "-e", "trace=network", "true"], capture_output=True).returncode == 0


needs_strace = pytest.mark.skipif(not strace_works(), reason="strace is missing or may not trace here")


@needs_strace
@pytest.mark.timeout(900)
def test_every_command_that_needs_no_network_opens_no_socket_and_looks_nothing_up(tmp_path: Path, clips: Path) -> None:
    """Each analysis worker looked up a host of the maker of onnxruntime, and queued what it meant to report."""
    home, log, program, commands = (tmp_path / name for name in ("home", "log", "commands.py", "commands.json"))
    home.mkdir()
    program.write_text(COMMANDS, encoding="utf-8")
    wanted = every_command(tmp_path, clips)
    commands.write_text(json.dumps(wanted), encoding="utf-8")
    ended = traced(log, home, [sys.executable, str(program), str(commands)])
    assert ended.returncode == 0, ended.stderr[-4_000:]
    done = [json.loads(line)[0] for line in ended.stdout.splitlines() if line.startswith('["')]
    assert done == [command[0] for command in wanted], ended.stderr[-4_000:]
    assert strangers(log) == []
    assert not (home / ".cache" / "Microsoft").exists()


@needs_strace
def test_the_trace_shows_sockets_and_look_ups(tmp_path: Path) -> None:
    """Or the test above could not fail."""
    asks = "import socket; socket.socket(); socket.getaddrinfo('localhost', 80)"
    traced(tmp_path / "log", tmp_path, [sys.executable, "-S", "-c", asks])
    assert strangers(tmp_path / "log") != []


WATCH = f"""
import os, sys
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name in {sorted(REPORTING)!r}:
            print(name, *(os.environ.get(switch) for switch in {sorted(NO_TELEMETRY)!r}))
sys.meta_path.insert(0, Watch())
"""


@pytest.mark.parametrize(
    "use",
    [
        "import training.synthetic",
        "from voicesieve.voices import registry; registry.load_detector('network')",
    ],
)
def test_reporting_by_a_library_is_switched_off_before_it_is_imported(use: str) -> None:
    env = dict(os.environ) | dict.fromkeys(NO_TELEMETRY, "0")
    child = subprocess.run(
        [sys.executable, "-c", WATCH + use], env=env, cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert child.returncode == 0, child.stderr
    assert child.stdout.splitlines() == ["onnxruntime 1 1 1"]


def test_no_program_of_ours_imports_such_a_library_without_us() -> None:
    """Each folder of programs imports us before any of its modules can import anything."""
    for folder in ("training", "benchmarks", "demo"):
        files = [*(ROOT / folder).rglob("*.py")]
        users = [file for file in files if _imports(file) & REPORTING]
        door = ROOT / folder / "__init__.py"
        assert not users or "voicesieve" in _imports(door), users


def _imports(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").split(".")[0])
    return names
