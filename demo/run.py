"""`make demo`: the whole way from discovery to an exported corpus, against a site on this machine.

It runs the same commands as a person would, prints them, and compares what became of each video with what the
site says should become of it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from demo.site import Site, running_site

SETTINGS = {
    "VOICESIEVE_FETCHING__ALLOW_PRIVATE_ADDRESSES": "true",
    "VOICESIEVE_FETCHING__STALL_S": "4",
    "VOICESIEVE_PACE__REQUESTS_PER_HOUR": "0",
    "VOICESIEVE_RETRY__FIRST_DELAY_S": "1",
    "VOICESIEVE_RETRY__MAX_ITEM_FAILURES": "3",
}
"""The site is our own: no pace, loopback allowed, and short waits, so that retries can be watched."""

STATES = {"duplicate": "accepted", "accepted": "accepted", "rejected": "rejected"}
"""What the site expects, as states; everything else is the kind of failure for which a video is given up."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Crawl the demo site and export what it holds of children's speech.")
    parser.add_argument("--output", type=Path, default=Path("demo-output"))
    output: Path = parser.parse_args().output
    data, corpus = output / "data", output / "corpus"
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    with running_site() as site:
        print(f"A demo site runs on {site.url}: a feed of ten recordings, a page of four, and the web's mishaps.\n")
        sources = ["--source", f"rss:{site.feed}", "--source", f"page:{site.page}"]
        _voicesieve("crawl", *sources, "--wait", "10", "--data", str(data))
        _voicesieve("export", "jsonl", str(corpus), "--data", str(data))
        _voicesieve("doctor", "--data", str(data))
        stories = [_why(data, url) for url in site.expected]
        surprises = _print_outcomes(site, stories)
    _print_places(data, corpus, stories)
    return 1 if surprises else 0


def _voicesieve(*arguments: str) -> None:
    print(f"$ voicesieve {' '.join(arguments)}", flush=True)
    subprocess.run([*_PROGRAM, *arguments], env=_environment(), check=True)
    print(flush=True)


def _why(data: Path, url: str) -> dict[str, Any]:
    command = [*_PROGRAM, "why", url, "--json", "--data", str(data)]
    answer = subprocess.run(command, env=_environment(), check=True, capture_output=True, text=True)
    story: dict[str, Any] = json.loads(answer.stdout)
    return story


_PROGRAM = (sys.executable, "-m", "voicesieve")


def _environment() -> Mapping[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("VOICESIEVE_")}
    return inherited | SETTINGS


def _print_outcomes(site: Site, stories: list[dict[str, Any]]) -> int:
    """One line for each video with its reason. Returns how many ended otherwise than the site expects."""
    print("What became of each video, and why:\n")
    surprises = 0
    for story in stories:
        expected = site.expected[story["url"]]
        right = _outcome(story) == STATES.get(expected, f"given_up {expected}")
        surprises += not right
        methods = " then ".join(f"{step['method']} {step['kind'] or 'ok'}" for step in _fetches(story))
        reason = story["reasons"][0]["message"] if story["reasons"] else ""
        also = "; the same audio as another video, stored once" if expected == "duplicate" else ""
        path = story["url"].removeprefix(site.url)
        print(f"{'  ' if right else '! '}{story['state']:<9} {path:<26} {reason}{also}\n{'':<12}fetched: {methods}")
    print(f"\n{len(stories) - surprises} of {len(stories)} as expected.")
    return surprises


def _outcome(story: dict[str, Any]) -> str:
    return f"given_up {story['reasons'][0]['rule']}" if story["state"] == "given_up" else story["state"]


def _fetches(story: dict[str, Any]) -> list[dict[str, Any]]:
    return [attempt for attempt in story["attempts"] if attempt["stage"] == "fetch"]


def _print_places(data: Path, corpus: Path, stories: list[dict[str, Any]]) -> None:
    print(
        f"\nThe corpus lies in {corpus}: audio/, recordings.jsonl, segments.jsonl.\n"
        f"Catalog, recordings and logs are in {data}. To look further:\n"
        f"  {_hint('status', data)}\n"
        f"  {_hint('why ' + stories[0]['video'], data)}\n"
        "Your own audio: voicesieve crawl --source folder:DIR"
    )


def _hint(command: str, data: Path) -> str:
    return f"{Path(sys.executable).parent / 'voicesieve'} {command} --data {data}"


if __name__ == "__main__":
    sys.exit(main())
