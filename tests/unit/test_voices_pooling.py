"""Verdicts from window scores that are written down here."""

from __future__ import annotations

import numpy as np
import pytest

from voicesieve.domain.verdicts import Label, Model, Verdict, VerdictLabel
from voicesieve.voices.pooling import CORPUS, DISCOVER, OPERATING_POINTS, pool
from voicesieve.voices.scores import WindowScores

MODEL = Model("test", "1")
CHILD = (0.94, 0.04, 0.01, 0.01)
WOMAN = (0.04, 0.94, 0.01, 0.01)
MUSIC = (0.05, 0.03, 0.02, 0.90)
DOUBTFUL = (0.49, 0.48, 0.02, 0.01)


def scores(*rows: tuple[float, float, tuple[float, ...]]) -> WindowScores:
    """Windows given as (start, end, probabilities)."""
    if not rows:
        return WindowScores.empty()
    starts, ends, probabilities = zip(*rows, strict=True)
    logs = np.log(np.array(probabilities, np.float32))
    return WindowScores(np.array(starts, np.float32), np.array(ends, np.float32), logs)


def stretch(start: float, end: float, kind: tuple[float, ...]) -> list[tuple[float, float, tuple[float, ...]]]:
    return [(float(at), min(at + 1.0, end), kind) for at in np.arange(start, end, 1.0)]


def corpus(duration_s: float, *rows: tuple[float, float, tuple[float, ...]]) -> Verdict:
    return pool(scores(*rows), duration_s, CORPUS, MODEL)


def assert_tiles(verdict: Verdict) -> None:
    """The segments follow one another from the start of the recording to its end."""
    at = 0.0
    for segment in verdict.segments:
        assert segment.start == pytest.approx(at, abs=1e-4)
        assert segment.end > segment.start
        assert 0.0 <= segment.score <= 1.0
        at = segment.end
    assert at == pytest.approx(verdict.duration_s, abs=1e-4)


def test_a_recording_without_a_window_holds_no_child() -> None:
    verdict = corpus(60.0)
    assert (verdict.label, verdict.score, verdict.speech_s, verdict.child_share) == (VerdictLabel.NO_CHILD, 0, 0, 0)
    assert_tiles(verdict)


def test_music_is_no_speech() -> None:
    verdict = corpus(60.0, *stretch(0, 60, MUSIC))
    assert (verdict.label, verdict.score, verdict.speech_s) == (VerdictLabel.NO_CHILD, 0, 0)


def test_an_empty_recording_divides_by_nothing() -> None:
    assert corpus(0.0).label is VerdictLabel.NO_CHILD


def test_a_child_and_a_woman_in_turns() -> None:
    verdict = corpus(60.0, *stretch(2, 10, WOMAN), *stretch(12, 22, CHILD), *stretch(25, 31, CHILD))
    assert verdict.label is VerdictLabel.CHILD
    assert verdict.child_runs == 2
    assert verdict.child_s == pytest.approx(16.0)
    assert verdict.child_share == pytest.approx(16 / 24)
    assert verdict.score > 0.8
    assert [s.label for s in verdict.segments if s.label is not Label.NONSPEECH] == [
        Label.ADULT,
        Label.CHILD,
        Label.CHILD,
    ]
    assert_tiles(verdict)


def test_a_woman_alone() -> None:
    verdict = corpus(60.0, *stretch(0, 60, WOMAN))
    assert verdict.label is VerdictLabel.NO_CHILD
    assert verdict.score < 0.2


def test_voices_change_without_a_pause() -> None:
    verdict = corpus(40.0, *stretch(0, 20, WOMAN), *stretch(20, 40, CHILD))
    assert [segment.label for segment in verdict.segments] == [Label.ADULT, Label.CHILD]
    assert verdict.segments[1].start == pytest.approx(20.0)


def test_one_odd_window_makes_no_new_voice() -> None:
    verdict = corpus(21.0, *stretch(0, 10, WOMAN), (10.0, 11.0, (0.6, 0.38, 0.01, 0.01)), *stretch(11, 21, WOMAN))
    assert [segment.label for segment in verdict.segments] == [Label.ADULT]


@pytest.mark.parametrize("point", OPERATING_POINTS.values(), ids=lambda point: point.name)
@pytest.mark.parametrize("seconds", [3.0, 4.0, 8.0])
def test_a_short_clip_of_nothing_but_a_child_is_decided(point: object, seconds: float) -> None:
    clip = scores(*stretch(0.3, seconds - 0.3, CHILD))
    verdict = pool(clip, seconds, point, MODEL)  # type: ignore[arg-type]
    assert verdict.label is VerdictLabel.CHILD
    assert verdict.score > 0.8


@pytest.mark.parametrize("point", OPERATING_POINTS.values(), ids=lambda point: point.name)
def test_a_blip_in_ten_minutes_is_no_child(point: object) -> None:
    blip = [(300.0, 301.0, CHILD)]
    for rest in ([], stretch(0, 200, WOMAN), stretch(0, 200, MUSIC)):
        verdict = pool(scores(*rest, *blip), 600.0, point, MODEL)  # type: ignore[arg-type]
        assert verdict.label is VerdictLabel.NO_CHILD
        assert verdict.score < 0.5


def test_doubt_is_unsure_and_not_a_no() -> None:
    verdict = corpus(60.0, *stretch(0, 30, DOUBTFUL))
    assert verdict.label is VerdictLabel.UNSURE
    assert verdict.child_s == 0.0


def test_discover_takes_what_corpus_leaves_open() -> None:
    likely = (0.69, 0.29, 0.01, 0.01)
    windows = scores(*stretch(0, 30, likely))
    assert pool(windows, 60.0, CORPUS, MODEL).label is VerdictLabel.UNSURE
    assert pool(windows, 60.0, DISCOVER, MODEL).label is VerdictLabel.CHILD


def test_overlapping_windows_are_not_counted_twice() -> None:
    windows = [(float(at), at + 2.0, CHILD) for at in range(20)]
    verdict = corpus(21.0, *windows)
    assert verdict.speech_s == pytest.approx(21.0)
    assert_tiles(verdict)


def test_windows_beyond_the_end_are_cut() -> None:
    verdict = corpus(10.0, *stretch(0, 14, CHILD))
    assert verdict.speech_s == pytest.approx(10.0)
    assert_tiles(verdict)


def test_the_same_scores_give_the_same_verdict_after_storage() -> None:
    windows = scores(*stretch(0, 30, CHILD), *stretch(32, 40, WOMAN))
    stored = WindowScores.from_bytes(windows.to_bytes())
    assert pool(stored, 50.0, CORPUS, MODEL) == pool(windows, 50.0, CORPUS, MODEL)
