"""Real speech crawled over loopback: a smoke test of the whole way, not a measurement of the detector."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest
from crawling import QUICK, sources, stories_of, voicesieve

from demo.site import folder_site

CORPORA = Path(os.environ.get("VOICESIEVE_CORPORA", Path(__file__).parents[3] / "shared/corpora"))
CLIPS = 12
"""Of children and of adults each."""

pytestmark = [
    pytest.mark.corpora,
    pytest.mark.skipif(not CORPORA.is_dir(), reason="no corpora: set VOICESIEVE_CORPORA to their folder"),
]


def rows(corpus: str) -> list[dict[str, str]]:
    with (CORPORA / corpus / "metadata.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def one_of_each_speaker(corpus: str, chosen: list[dict[str, str]]) -> list[Path]:
    """The first clip of each of the first speakers, in the order of their names."""
    first: dict[str, Path] = {}
    for row in chosen:
        first.setdefault(row["speaker"], CORPORA / corpus / row["path"])
    return [first[speaker] for speaker in sorted(first)][:CLIPS]


def test_real_speech_goes_all_the_way_and_is_explained(tmp_path: Path) -> None:
    children = one_of_each_speaker(
        "speechocean762",
        [row for row in rows("speechocean762") if row["split"] == "test" and int(row["age"]) <= 10],
    )
    # The metadata marks no held-out half of these speakers; the check is loose enough for either.
    adults = one_of_each_speaker(
        "common-voice-vi", [row for row in rows("common-voice-vi") if row["age"] not in ("", "teens")]
    )
    data = tmp_path / "data"
    with folder_site([*children, *adults]) as site:
        queries = sources(f"rss:{site.feed}")
        voicesieve("crawl", *queries, "--wait", "30", "--quiet", "--data", data, settings=QUICK)
        stories = {path: stories_of(data)[url] for path, url in site.media.items()}
    for story in stories.values():
        assert story["state"] in ("accepted", "rejected", "unsure"), story
        assert all(reason["rule"] and reason["message"] for reason in story["reasons"])
        assert [attempt["outcome"] for attempt in story["attempts"]] == ["ok", "ok"]
    rejected = sum(stories[str(path)]["state"] == "rejected" for path in children)
    accepted = sum(stories[str(path)]["state"] == "accepted" for path in adults)
    print(f"{rejected} of {len(children)} children rejected, {accepted} of {len(adults)} adults accepted")
    assert rejected < len(children) / 2
    assert accepted <= len(adults) / 4
