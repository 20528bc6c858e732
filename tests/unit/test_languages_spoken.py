"""What sources and fetches say of a video, as evidence of the language that is spoken."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicesieve.fetching.ytdlp.video_worker import facts_of
from voicesieve.languages import spoken
from voicesieve.languages.spoken import KnownVideo, collect, digest
from voicesieve.languages.text import CEILING
from voicesieve.sources.registry import declared_as


def pieces(**facts: object) -> dict[str, tuple[str, float]]:
    collected = collect(KnownVideo(**facts))  # type: ignore[arg-type]
    assert collected.unavailable == ()
    return {f"{piece.source}:{piece.code}": piece.probability for piece in collected.evidence}  # type: ignore[misc]


def test_each_kind_of_evidence_gives_its_own_piece() -> None:
    facts = {"asr_language": "vi", "language": "vi-VN", "subtitle_languages": ["vie"]}
    evidence = pieces(title="Kể chuyện cho bé", facts=facts, declared_language="vi", channel_languages={"vi": 8})
    assert evidence.keys() == {
        "asr_captions:vi",
        "audio_track:vi",
        "declared_audio:vi",
        "manual_subtitles:vi",
        "text:vi",
        "channel:vi",
    }
    assert evidence["channel:vi"] == 0.9


def test_every_piece_carries_the_revision_of_what_made_it() -> None:
    collected = collect(KnownVideo(declared_as("rss"), title="Kể chuyện cho bé", declared_language="vi"))
    assert {piece.source: bool(piece.revision) for piece in collected.evidence} == {"feed_language": True, "text": True}


@pytest.mark.parametrize(
    ("source", "kind"),
    [("rss", "feed_language"), ("page", "page_language"), ("youtube", "declared_audio"), (None, "declared_audio")],
)
def test_what_a_declared_language_means_depends_on_who_declares_it(source: str | None, kind: str) -> None:
    assert f"{kind}:he" in pieces(declared_as=declared_as(source), declared_language="iw")


def test_of_two_hundred_auto_translated_captions_only_the_original_counts() -> None:
    captions = {f"{first}{second}": [] for first in "abcdefghijklmn" for second in "abcdefghijklmnop"}
    facts = facts_of({"automatic_captions": {**captions, "vi-orig": []}, "subtitles": {}})
    assert pieces(facts=facts) == {"asr_captions:vi": spoken.ASR_CAPTIONS}
    assert pieces(facts=facts_of({"automatic_captions": captions})) == {}


def test_dubbed_tracks_with_captions_of_their_own_share_the_probability() -> None:
    facts = facts_of({"automatic_captions": {"de-orig": [], "vi-orig": [], "en": []}})
    half = spoken.ASR_CAPTIONS / 2
    assert pieces(facts=facts) == {"asr_captions:de": half, "asr_captions:vi": half}


def test_subtitles_in_many_languages_say_nothing_of_the_speech() -> None:
    assert pieces(facts={"subtitle_languages": ["vi", "en", "fr", "de"]}) == {}
    assert pieces(facts={"subtitle_languages": ["vi", "vi-VN"]}) == {"manual_subtitles:vi": 0.85}


def test_a_channel_of_two_videos_says_nothing_yet() -> None:
    assert pieces(channel_languages={"vi": 2}) == {}


@pytest.mark.parametrize("code", ["", "und", "zxx", "klingon", "x" * 1_000_000, "vi\0", "вi", "../vi", None])
def test_unknown_codes_are_no_evidence(code: str | None) -> None:
    facts = {"asr_language": code, "language": code, "subtitle_languages": [code]}
    assert pieces(facts=facts, declared_language=code) == {}


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["asr_language", "asr_languages", "language", "subtitle_languages", "tags",
                                         "description"]),
                       st.one_of(st.none(), st.integers(), st.text(), st.lists(st.one_of(st.none(), st.text())),
                                 st.dictionaries(st.text(), st.text()))))  # fmt: skip
def test_facts_of_any_shape_cost_nothing_but_their_own_evidence(facts: dict[str, object]) -> None:
    collect(KnownVideo(facts=facts, metadata=facts))


def test_of_a_description_the_language_is_kept_and_not_the_words() -> None:
    facts = digest({"description": "Mẹ kể chuyện cho bé Na ở Hà Nội", "tags": ["bé na", "kể chuyện"], "title": "x"})
    assert facts["title"] == "x"
    assert "Na" not in str(facts)
    assert facts["description_languages"] == {"vi": CEILING}
    assert pieces(facts=facts) == {"text:vi": CEILING}
    assert digest({"title": "x"}) == {"title": "x"}


def test_a_detector_that_cannot_run_is_reported_and_the_others_still_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    from voicesieve.languages import text

    def broken() -> None:
        raise OSError("model.npz.xz: no such file")

    monkeypatch.setattr(text, "_reader", broken)
    collected = collect(KnownVideo(declared_as("rss"), title="The story of a cat", declared_language="en"))
    assert [piece.source for piece in collected.evidence] == ["feed_language"]
    assert collected.unavailable == (("text", "OSError: model.npz.xz: no such file"),)
    unread = digest({"description": "The story of a cat"})
    assert collect(KnownVideo(facts=unread)).unavailable[0][0] == "description"
