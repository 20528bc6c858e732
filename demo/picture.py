"""Draws the README's picture from what the demo really prints: `python -m demo.picture docs/images/demo.svg`."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import SVG_EXPORT_THEME
from rich.text import Text

WIDTH = 132
STYLES = {
    r"(?m)^\$ .*$": "bold",
    r"\baccepted\b": "bold green",
    r"\brejected\b": "dim",
    r"\bgiven_up\b": "red",
    r"(?m)^ {12}fetched:.*$": "dim",
    r"\d+ of \d+ as expected": "bold green",
}
_REMOTE_FONTS = re.compile(r"@font-face \{.*?\}", re.DOTALL)
"""Rich's template loads its font from another site; a picture in a README should not."""


def main() -> None:
    target = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "demo.run", "--output", f"{folder}/demo-output"]
        printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    text = Text(_shortened(printed.replace(f"{folder}/", "")))
    for pattern, style in STYLES.items():
        text.highlight_regex(pattern, style)
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    console.print(text, no_wrap=True, overflow="ellipsis", crop=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    svg = console.export_svg(title="make demo", theme=SVG_EXPORT_THEME)
    target.write_text(_REMOTE_FONTS.sub("", svg), encoding="utf-8")


def _shortened(printed: str) -> str:
    """The funnel and the outcomes, with the command that led there; without the closing advice."""
    outcomes = printed.index("What became of each video")
    end = printed.index("The corpus lies in")
    crawl = printed.index("$ voicesieve crawl")
    export = printed.index("$ voicesieve export")
    return (printed[crawl:export].rstrip() + "\n\n" + printed[outcomes:end]).rstrip()


if __name__ == "__main__":
    main()
