"""The table of commands: each is documented, explains itself, and costs the list of commands nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from test_imports import HEAVY

import voicesieve
from voicesieve.cli.main import app
from voicesieve.cli.table import COMMANDS, GROUPS, Command

CLI = Path(voicesieve.__file__).parent / "cli"
GUIDE = Path(__file__).parents[2] / "docs" / "guide.md"
SHARED = {
    "__init__",
    "detectors",
    "errors",
    "labelled",
    "main",
    "output",
    "progress",
    "report",
    "rights",
    "single_fetches",
    "table",
    "wiring",
}
"""The modules of the command line that are no command."""
HELP_CPU_S = 0.2
"""Most time of a processor that the list of commands may take, besides Python and typer."""


def undocumented(commands: Sequence[Command]) -> list[str]:
    """Commands whose row in the guide's table is missing, or says something else than their summary."""
    rows = GUIDE.read_text(encoding="utf-8").splitlines()
    return [c.full_name for c in commands if f"| `voicesieve {c.full_name}` | {c.summary} |" not in rows]


def test_every_command_has_its_row_in_the_guide() -> None:
    assert undocumented(COMMANDS) == []
    assert undocumented([Command("tally", "tally:tally", "Count the videos of the catalog.")]) == ["tally"]


def test_every_command_lies_in_the_file_that_is_named_as_it_is() -> None:
    modules = {command.target.partition(":")[0] for command in COMMANDS}
    assert {(c.group or c.name).replace("-", "_") for c in COMMANDS} == modules
    assert {file.stem for file in CLI.glob("*.py")} == modules | SHARED


def test_names_are_unique_and_groups_are_explained() -> None:
    names = [command.full_name for command in COMMANDS]
    assert len(names) == len(set(names))
    assert {command.group for command in COMMANDS} - {""} == set(GROUPS)


def test_the_list_of_commands_holds_each_summary_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    for group in ("", *GROUPS):
        app([*group.split(), "--help"], prog_name="voicesieve", standalone_mode=False)
        shown = {tuple(line.split()) for line in capsys.readouterr().out.splitlines()}
        wanted = {(c.name, *c.summary.split()) for c in COMMANDS if c.group == group}
        assert wanted - shown == set()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.full_name)
def test_every_command_explains_itself(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    app([*command.full_name.split(), "--help"], prog_name="voicesieve", standalone_mode=False)
    shown = capsys.readouterr().out
    assert shown.startswith(f"Usage: voicesieve {command.full_name} ")
    assert command.summary in " ".join(shown.split())
    assert "-h, --help" in shown


def test_the_list_of_commands_loads_no_command_and_nothing_heavy() -> None:
    program = (
        "import sys\nfrom voicesieve.cli.main import app\n"
        "app(['--help'], standalone_mode=False)\nprint(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stderr.split())
    assert "Commands:" in done.stdout
    assert loaded & HEAVY == set()
    assert {name for name in loaded if name.startswith("voicesieve.cli.")} == {
        "voicesieve.cli.main",
        "voicesieve.cli.output",
        "voicesieve.cli.table",
    }


def test_the_list_of_commands_is_there_at_once() -> None:
    typer = least_cpu_s("-c", "import typer")
    assert least_cpu_s("-m", "voicesieve", "--help") - typer < HELP_CPU_S


def least_cpu_s(*arguments: str) -> float:
    """The least that three runs of Python took; another program at work makes some of them slower, none faster."""
    taken = []
    for _ in range(3):
        process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        taken.append(usage.ru_utime + usage.ru_stime)
    return min(taken)
