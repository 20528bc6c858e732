"""The frontier in a crawl as a person runs it: channels that proved good are looked through, and it can be followed."""

from __future__ import annotations

from pathlib import Path

import pytest
from crawling import events_named, nothing_left_over, one_paragraph, sources, status, stories_of, voicesieve
from test_youtube_crawl import PHRASE, fakes

from tests.servers.youtube_world import channel, video, world_of
from voicesieve.frontier.costs import LISTING_PAGE, SEARCH_PAGE


@pytest.mark.parametrize("kind", ["youtube", "youtube-api"])
def test_a_channel_with_an_accepted_video_is_looked_through_once_and_within_bounds(tmp_path: Path, kind: str) -> None:
    data, owner, other = tmp_path / "data", channel(1), channel(2)
    hit = video(99, PHRASE, owner=owner)
    more = [video(number, owner=owner) for number in range(12)]
    miss = video(200, PHRASE, owner=other, clip="music")
    world = world_of(hit, miss, *more, *(video(300 + number, owner=other) for number in range(5)))
    bound = {"VOICESIEVE_CRAWL__MAX_VIDEOS_PER_CHANNEL": "6"}
    with fakes(world) as both:
        command = ("crawl", *sources(f"{kind}:{PHRASE}"), "--data", data)
        voicesieve(*command, settings=both.settings | bound)
        asked = len(both.discovery())
        voicesieve(*command, settings=both.settings | bound)
        assert len(both.discovery()) == asked
    facts = status(data)
    (own, added) = sorted(facts["queries"], key=lambda query: query["expands"])
    assert added["query"] == f"{kind}:channel:{owner.id}"
    assert [event["query"] for event in events_named(data, "channel_expanded")] == [added["query"]]
    states = {story["video"]: story["state"] for story in stories_of(data).values()}
    assert all(states[f"youtube:{item.id}"] == "accepted" for item in [hit, *more[-2:]])
    assert 3 <= added["found"] <= 6
    assert own["accepted"] == 1
    assert own["child_s"] > 0
    for facts, price in ((own, SEARCH_PAGE), (added, LISTING_PAGE)):
        assert facts["requests"] > 0
        assert facts["cost"] == round(facts["fetched"] + price * facts["requests"], 2)
    text = voicesieve("status", "--data", data).out
    assert "1 channels with accepted videos searched" in text
    assert "accepted of 2 fetched" in text
    explained = voicesieve("why", f"youtube:{hit.id}", "--data", data).out
    assert "expected per unit of cost" in explained
    nothing_left_over(data)


def test_phrases_of_the_file_are_searched_and_new_ones_are_proposed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    voicesieve("queries", "init", "--data", data)
    file = data / "queries.toml"
    assert "bé kể chuyện" in file.read_text(encoding="utf-8")
    one_paragraph(voicesieve("queries", "init", "--data", data, code=1), "exists already", "--force")
    voicesieve("crawl", "--data", data)
    assert status(data)["queries"] == []
    videos = [video(n, PHRASE, owner=channel(n), title=f"Bé đọc thơ hay {n}") for n in range(3)]
    file.write_text(f'source = "youtube"\n[vi]\nphrases = ["{PHRASE}"]\n', encoding="utf-8")
    with fakes(world_of(*videos)) as both:
        voicesieve("crawl", "--data", data, settings=both.settings | {"VOICESIEVE_CRAWL__EXPAND_CHANNELS": "false"})
    assert status(data)["videos"]["accepted"] == 3
    (best, *_) = voicesieve("queries", "suggest", "--json", "--data", data).json["suggestions"]
    assert best == {"phrase": "bé đọc thơ hay", "accepted": 3, "decided": 3, "channels": 3}
    assert "3 of 3 decided" in voicesieve("queries", "suggest", "--data", data).out


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('source = "vimeo"', ("vimeo", "youtube")),
        ('source = "youtube"\nphrases = ["x"]', ("phrases",)),
        ('source = "youtube"\n[vi]\nphrases = "x"', ("vi", "needs phrases")),
        ('source = "youtube"\n[vi]\nphrases = ["x [no=1]"]', ("no=1",)),
        ("source = ", ("not a TOML file",)),
    ],
)
def test_a_file_of_phrases_that_cannot_be_used_is_reported_before_any_request(
    tmp_path: Path, content: str, words: tuple[str, ...]
) -> None:
    (tmp_path / "queries.toml").write_text(content, encoding="utf-8")
    one_paragraph(voicesieve("crawl", "--data", tmp_path, code=1), "queries.toml", *words)
