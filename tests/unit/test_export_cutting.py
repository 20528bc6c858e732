"""Where clips start and end, to which part of a split they belong, and their measures."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicesieve.audio.quality import (
    bandwidth_hz,
    clipped_share,
    levels,
    loudness_lufs,
    peak_dbfs,
    snr_db,
)
from voicesieve.corpus.options import CutRules, Filters, parse_split
from voicesieve.corpus.segmenting import LEVEL_HZ, cut, spans
from voicesieve.corpus.splits import split_of
from voicesieve.domain.verdicts import Label, Segment

RATE = 16_000


def segment(start: float, end: float, label: str = "child", score: float = 0.9) -> Segment:
    return Segment(start, end, Label(label), score)


def clips(segments: list[Segment], duration_s: float = 100.0, **rules: float) -> list[tuple[float, float]]:
    chosen = CutRules(**rules)
    return [clip for span in spans(segments, duration_s, chosen) for clip in cut(span, chosen)]


def test_near_child_segments_become_one_clip_and_far_ones_stay_two() -> None:
    near = [segment(1, 3), segment(3.5, 5)]
    assert clips(near, padding_s=0) == [(1, 5)]
    assert clips(near, padding_s=0, merge_gap_s=0.4) == [(1, 3), (3.5, 5)]


def test_another_voice_is_never_inside_a_clip() -> None:
    voices = [segment(1, 3), segment(3.1, 3.3, "adult"), segment(3.4, 5)]
    assert clips(voices, padding_s=0.5) == [(0.5, 3.1), (3.3, 5.5)]
    assert clips([segment(1, 3), segment(3.1, 3.3, "nonspeech"), segment(3.4, 5)], padding_s=0) == [(1, 5)]


def test_padding_stays_inside_the_recording_and_neighbours_share_no_sound() -> None:
    assert clips([segment(0.1, 2), segment(3, 9.9)], 10.0, padding_s=1.0, merge_gap_s=0.0) == [(0.0, 2.5), (2.5, 10.0)]


def test_a_long_span_is_cut_in_its_longest_pause() -> None:
    speech = [segment(0, 9), segment(9.2, 14), segment(14.5, 25)]
    assert clips(speech, 25.0, padding_s=0) == [(0, 14.25), (14.25, 25)]


def test_without_a_pause_it_is_cut_where_it_is_quietest() -> None:
    rules = CutRules(padding_s=0)
    power = np.ones(30 * LEVEL_HZ, np.float32)
    power[int(17.3 * LEVEL_HZ) : int(17.5 * LEVEL_HZ)] = 0.01
    (span,) = spans([segment(0, 30)], 30.0, rules)
    (_, point), (_, end) = cut(span, rules, power)
    assert point == pytest.approx(17.4, abs=0.06)
    assert end == 30
    assert cut(span, rules) == [(0, 15), (15, 30)], "without levels, evenly"


TIMES = st.lists(st.floats(0, 90).map(lambda t: round(t, 3)), min_size=2, max_size=40, unique=True).map(sorted)
LABELS = st.lists(st.sampled_from(["child", "child", "adult", "unsure", "nonspeech"]), min_size=40, max_size=40)


@settings(max_examples=150, deadline=None)
@given(TIMES, LABELS, st.floats(0.2, 3), st.floats(2, 10), st.floats(0, 2), st.floats(0, 1))
def test_clips_keep_every_rule(
    times: list[float], labels: list[str], least: float, factor: float, gap: float, pad: float
) -> None:
    rules = CutRules(least, least * factor, gap, pad)
    segments = [segment(a, b, label) for (a, b), label in zip(itertools.pairwise(times), labels, strict=False)]
    cut_clips = [clip for span in spans(segments, 90.0, rules) for clip in cut(span, rules)]
    assert cut_clips == sorted(cut_clips)
    for start, end in cut_clips:
        assert rules.min_s - 1e-6 <= end - start <= rules.max_s + 1e-6
        assert 0 <= start < end <= 90
        for other in segments:
            if other.label in ("adult", "unsure"):
                assert end <= other.start + 1e-9 or start >= other.end - 1e-9
    for (_, end), (start, _) in itertools.pairwise(cut_clips):
        assert end <= start + 1e-9
    for child in segments:
        if child.label == "child" and child.end - child.start >= rules.min_s:
            covered = sum(max(0, min(e, child.end) - max(s, child.start)) for s, e in cut_clips)
            assert covered == pytest.approx(child.end - child.start, abs=1e-6), "no speech is lost"


@pytest.mark.parametrize("text", ["90/5", "1/2/3/4", "a=50,a=50", "90/5/-5", "../x=100", "x", "nan/100/0"])
def test_a_split_that_makes_no_sense_is_refused(text: str) -> None:
    if text == "90/5":
        with pytest.raises(ValueError, match="add up to 100"):
            parse_split(text)
        return
    with pytest.raises(ValueError, match="split"):
        parse_split(text)


def test_parts_have_their_share_and_never_change() -> None:
    split = parse_split("90/5/5")
    drawn = {f"channel {number}": split_of(f"channel {number}", split) for number in range(20_000)}
    counts = Counter(drawn.values())
    assert {name: round(counts[name] / 200) for name, _ in split} == {"train": 90, "dev": 5, "test": 5}
    assert [drawn[f"channel {number}"] for number in range(6)] == ["train"] * 6
    assert split_of("red\ud800", split) in {"train", "dev", "test"}


def test_a_larger_training_part_only_takes_from_the_others() -> None:
    for number in range(2_000):
        if split_of(str(number), parse_split("80/10/10")) == "train":
            assert split_of(str(number), parse_split("90/5/5")) == "train"


@pytest.mark.parametrize("ratio_db", [0, 10, 20, 30])
def test_the_noise_estimate_follows_steady_noise(ratio_db: int) -> None:
    rng = np.random.default_rng(ratio_db)
    time = np.arange(20 * RATE) / RATE
    speech = np.where((time % 1.0) < 0.6, rng.normal(0, 0.1, len(time)), 0.0)
    noisy = (speech + rng.normal(0, 0.1 * 10 ** (-ratio_db / 20), len(time))).astype(np.float32)
    power = levels(noisy)
    assert snr_db(power[: 5 * LEVEL_HZ], power) == pytest.approx(ratio_db, abs=2.0)


def test_inserted_silence_does_not_count_as_the_noise_floor() -> None:
    rng = np.random.default_rng(3)
    time = np.arange(10 * RATE) / RATE
    noisy = np.where((time % 1.0) < 0.6, rng.normal(0, 0.1, len(time)), 0.0) + rng.normal(0, 0.01, len(time))
    spliced = np.concatenate([noisy, np.zeros(5 * RATE)]).astype(np.float32)
    power = levels(spliced)
    assert snr_db(power[: 5 * LEVEL_HZ], power) == pytest.approx(20, abs=2.0)


def test_loudness_of_the_standards_own_example() -> None:
    """ITU-R BS.1770-4: a 997 Hz sine of full scale in one channel is -3.01 LKFS."""
    sine = np.sin(2 * np.pi * 997 * np.arange(3 * RATE) / RATE).astype(np.float32)
    assert loudness_lufs(sine) == pytest.approx(-3.01, abs=0.02)
    assert loudness_lufs(sine / 10) == pytest.approx(-23.01, abs=0.02)
    assert loudness_lufs(np.zeros(RATE, np.float32)) == -70.0
    assert loudness_lufs(sine[:100]) > -70.0, "a clip below one block"


def test_clipping_bandwidth_and_peak() -> None:
    rng = np.random.default_rng(1)
    voice = rng.normal(0, 0.2, 5 * RATE)
    assert clipped_share(voice.astype(np.float32)) < 1e-4
    sine = np.sin(2 * np.pi * 200 * np.arange(RATE) / RATE)
    assert clipped_share(np.clip(2 * sine, -1, 1).astype(np.float32)) == pytest.approx(2 / 3, abs=0.02)
    spectrum = np.fft.rfft(voice)
    spectrum[round(3400 / RATE * len(voice)) :] = 0
    assert bandwidth_hz(np.fft.irfft(spectrum).astype(np.float32)) == pytest.approx(3400, abs=100)
    assert bandwidth_hz(voice.astype(np.float32)) == 8000
    assert peak_dbfs(np.array([0.5, -0.25], np.float32)) == pytest.approx(-6.02, abs=0.01)
    silence = np.zeros(10, np.float32)
    assert (clipped_share(silence), bandwidth_hz(silence), peak_dbfs(silence)) == (0.0, 0.0, -100.0)


def test_a_filter_names_what_it_refuses_and_unmeasured_clips_pass_no_filter_of_sound() -> None:
    filters = Filters(min_snr_db=10, max_overlap=0.2)
    assert filters.refused({"snr_db": 12, "overlap_share": 0.1}) is None
    assert filters.refused({"snr_db": 8, "overlap_share": 0.1}) == "min_snr_db"
    assert filters.refused({"snr_db": 12, "overlap_share": 0.3}) == "max_overlap_share"
    assert filters.refused({}) == "min_snr_db"
    assert Filters().refused({}) is None


@pytest.mark.parametrize("rules", [{"min_s": 0}, {"max_s": 1.5}, {"padding_s": -1}, {"merge_gap_s": -1}])
def test_cut_rules_that_leave_nothing_are_refused(rules: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"clip|negative"):
        CutRules(**rules)
