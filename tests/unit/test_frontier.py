"""The frontier's rules by themselves: beliefs, worth, learning, words, phrases, and the order on a simulated web."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.frontier import DEFAULT, World, YieldRun, run_fifo, run_oracle
from voicesieve.domain.candidates import Candidate
from voicesieve.frontier import costs
from voicesieve.frontier.facts import ArmFacts, Lesson, Lessons
from voicesieve.frontier.learning import FIRST_PRIOR, Knowledge, due, fit_priors
from voicesieve.frontier.phrases import Suggestion, Titled, suggest
from voicesieve.frontier.rates import NOTHING, RATES, evidence
from voicesieve.frontier.scoring import belief, index, page_gain, with_merit
from voicesieve.frontier.valuing import beliefs, learn, value
from voicesieve.frontier.words import MOST, SPACE, words_of
from voicesieve.policy.expansion import OLDER_SHARE, sampled


def evidence_of(accepted: int, rejected: int, merit: float = 0.0) -> tuple[float, ...]:
    yes, no = evidence(accepted=True, merit=merit), evidence(accepted=False, merit=merit)
    return tuple(accepted * a + rejected * b for a, b in zip(yes, no, strict=True))


def arm(accepted: int = 0, rejected: int = 0, **facts: object) -> ArmFacts:
    given: dict[str, object] = {
        "evidence": evidence_of(accepted, rejected),
        "query": None,
        "pending": 0,
        "left": 50,
        "top_merit": 0.0,
        "judged": accepted + rejected,
        "accepted": accepted,
        "lost": 0,
        "child_s": 60.0 * accepted,
    }
    return ArmFacts(**{**given, **facts})  # type: ignore[arg-type]


def expected_rate(said: tuple[float, ...]) -> float:
    return float(belief(FIRST_PRIOR, np.array([said]))[0] @ np.array(RATES))


@given(st.integers(0, 30), st.integers(0, 30))
def test_an_acceptance_raises_the_expected_rate_and_a_rejection_lowers_it(accepted: int, rejected: int) -> None:
    now = expected_rate(evidence_of(accepted, rejected))
    assert expected_rate(evidence_of(accepted + 1, rejected)) > now > expected_rate(evidence_of(accepted, rejected + 1))


@given(st.floats(-4, 4))
def test_evidence_is_the_logarithm_of_probabilities_that_add_up(merit: float) -> None:
    for yes, no in zip(evidence(accepted=True, merit=merit), evidence(accepted=False, merit=merit), strict=True):
        assert math.exp(yes) + math.exp(no) == pytest.approx(1.0)


def test_an_acceptance_that_the_metadata_promised_says_less_of_the_channel() -> None:
    promised, neutral, surprising = (expected_rate(evidence_of(1, 0, merit=merit)) for merit in (2.0, 0.0, -2.0))
    assert promised < neutral < surprising


@given(st.integers(0, 8), st.integers(0, 8), st.integers(1, 500))
def test_the_index_lies_between_the_expected_rate_and_one(accepted: int, rejected: int, left: int) -> None:
    weights = belief(FIRST_PRIOR, np.array([evidence_of(accepted, rejected)]))
    (worth,) = index(weights, np.array([float(left)]))
    assert float(weights[0] @ np.array(RATES)) - 1e-9 <= worth <= 1.0


def test_an_unknown_channel_is_worth_more_than_one_known_to_be_as_good_on_average() -> None:
    """What is worth learning counts; with a single video left there is nothing to learn for."""
    unknown = belief(FIRST_PRIOR, np.array([NOTHING]))
    mean = float(unknown[0] @ np.array(RATES))
    many, single = index(np.repeat(unknown, 2, axis=0), np.array([100.0, 1.0]))
    assert many > 1.5 * mean
    assert single == pytest.approx(mean, abs=0.01)


def test_the_index_of_a_certain_rate_is_that_rate() -> None:
    certain = np.zeros((1, len(RATES)))
    certain[0, 9] = 1.0
    assert index(certain, np.array([100.0]))[0] == pytest.approx(RATES[9], abs=0.005)


def test_worth_falls_with_loss_pending_work_and_poor_metadata_and_is_none_without_a_video() -> None:
    usual, lossy, busy, poor, empty = value(
        [arm(3, 3), arm(3, 3, lost=20), arm(3, 3, pending=4), arm(3, 3, top_merit=-2.0), arm(3, 3, top_merit=None)],
        Knowledge(),
    )
    assert usual.score > max(lossy.score, busy.score, poor.score)
    assert min(lossy.score, busy.score, poor.score) > empty.score == 0.0


def test_longer_child_speech_makes_a_channel_worth_more() -> None:
    short, long = value([arm(20, 5, child_s=200.0), arm(20, 5, child_s=4_000.0)], Knowledge())
    assert long.score > 3 * short.score


def test_nothing_to_value_is_no_error() -> None:
    assert value([], Knowledge()) == []


def test_merit_moves_the_odds() -> None:
    assert with_merit(np.array([0.5]), np.array([math.log(3.0)]))[0] == pytest.approx(0.75)


def test_the_prior_follows_the_channels_and_a_query_its_own() -> None:
    good, bad = evidence_of(9, 1), evidence_of(0, 10)
    knowledge = fit_priors(np.array([good] * 30 + [bad] * 30), [1] * 30 + [2] * 30)
    rates = np.array(RATES)
    assert knowledge.prior_of(1) @ rates > 0.5 > knowledge.prior_of(None) @ rates > knowledge.prior_of(2) @ rates
    assert np.array_equal(knowledge.prior_of(99), knowledge.prior)


def test_words_are_credited_for_what_the_channel_does_not_explain() -> None:
    """Every video of the good channel has its name; only 'song' tells its good videos from the others."""
    name, song = 1, 2
    lessons = [Lesson(0, (name, song) if n % 2 else (name,), 0.0, bool(n % 2)) for n in range(100)]
    lessons += [Lesson(1, (), 0.0, accepted=False) for _ in range(100)]
    arms = [arm(50, 50), arm(0, 100)]
    words = learn(arms, Lessons(lessons), Knowledge(), 200).words
    assert words[song] > 1.0
    assert words[song] > 2 * abs(words.get(name, 0.0))


def test_learning_without_a_decision_or_a_word_is_no_error() -> None:
    assert learn([], Lessons([]), Knowledge(), 0).words == {}
    assert learn([arm(1, 0)], Lessons([Lesson(0, (), 0.0, accepted=True)]), Knowledge(), 1).words == {}


def test_knowledge_reads_back_as_it_was_stored() -> None:
    learnt = learn([arm(3, 5, query=7)], Lessons([Lesson(0, (5,), 0.0, accepted=True)] * 5), Knowledge(), 8)
    restored = Knowledge.from_json(json.loads(json.dumps(learnt.to_json())))
    assert (restored.child_s, restored.decisions) == (learnt.child_s, 8)
    assert restored.merit((5,)) == pytest.approx(learnt.merit((5,)), abs=1e-3)
    assert np.allclose(restored.prior_of(7), learnt.prior_of(7), rtol=1e-4)


def test_knowledge_on_another_grid_is_learnt_anew() -> None:
    assert Knowledge.from_json({**Knowledge().to_json(), "rates": [0.5]}).decisions == 0


def test_fits_stay_in_proportion_to_decisions() -> None:
    fits, learnt = 0, 0
    for decisions in range(10_000):
        if due(decisions, learnt):
            fits, learnt = fits + 1, decisions
    assert not due(19, 0)
    assert 20 < fits < 35


def test_a_page_pays_while_its_channels_may_be_better_than_what_is_at_hand() -> None:
    weights = beliefs([arm(8, 2), arm(0, 20)], Knowledge())
    good, bad = page_gain(weights, 50, 60.0, 20.0)
    assert good > costs.LISTING_PAGE * 20.0 > bad


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=500), st.lists(st.text(max_size=50), max_size=30), st.floats() | st.none())
def test_words_of_any_metadata_are_few_and_in_range(title: str, tags: list[str], duration: float | None) -> None:
    words = words_of(Candidate("x", "1", "u", title=title, duration_s=duration, metadata={"tags": tags}))
    assert len(words) <= MOST
    assert all(0 <= word < SPACE for word in words)


@pytest.mark.parametrize("metadata", [{"tags": "no list"}, {"tags": [1, None]}, {"description": 5}, {"tags": {}}])
def test_odd_metadata_costs_only_itself(metadata: dict[str, object]) -> None:
    assert words_of(Candidate("x", "1", "u", title="bé hát", metadata=metadata))


def test_composed_and_decomposed_vietnamese_are_the_same_words() -> None:
    titles = ("Bé hát", "be\u0301 ha\u0301t")
    composed, decomposed = (words_of(Candidate("x", "1", "u", title=title)) for title in titles)
    assert composed == decomposed


def titled(channel: str, text: str, accepted: bool) -> Titled:
    return Titled(channel, (text,), accepted)


def test_phrases_are_proposed_that_accepted_videos_of_several_channels_share() -> None:
    videos = [titled(f"c{n}", f"bé kể chuyện {n}", True) for n in range(5)]
    videos += [titled("c9", "tin tức hôm nay", False)] * 9 + [titled("own", "series of one channel", True)] * 9
    (best,) = suggest(videos, [], 10)
    assert best == Suggestion("bé kể chuyện", 5, 5, 5)


def test_queries_in_use_are_not_proposed_again() -> None:
    videos = [titled(f"c{n}", "Bé Hát", True) for n in range(3)]
    assert suggest(videos, ["bé hát"], 10) == []


def uploads(count: int) -> list[Candidate]:
    return [Candidate("youtube", f"v{n:04}", "u") for n in range(count)]


def test_the_newest_uploads_are_taken_whole_and_the_older_ones_sampled() -> None:
    taken = sampled(uploads(1_000), 0, 200)
    assert list(taken[:100]) == uploads(1_000)[:100]
    assert taken[100:] == sampled(uploads(1_000)[100:], 100, 200)
    assert len(taken) == 200


def test_the_sample_is_the_same_however_it_is_paged() -> None:
    bound = 10_000
    whole = sampled(uploads(8_000), bound // 2, bound)
    assert len(whole) == pytest.approx(8_000 / OLDER_SHARE, rel=0.1)
    paged, seen, all_of = [], bound // 2, uploads(8_000)
    for start in range(0, 8_000, 50):
        page = sampled(all_of[start : start + 50], seen, bound)
        paged += page
        seen += len(page)
    assert tuple(paged) == whole


def test_a_full_channel_takes_nothing_more() -> None:
    assert sampled(uploads(50), 300, 300) == ()


@pytest.mark.parametrize("world", sorted(DEFAULT.parent.glob("*.json")), ids=lambda path: path.stem)
def test_every_world_is_a_variation_of_the_default(world: Path) -> None:
    assert json.loads(world.read_text()).keys() <= json.loads(DEFAULT.read_text()).keys()


def test_on_a_small_web_it_finds_more_than_first_come_first_served() -> None:
    """The bar itself is kept by the benchmark, on 20 whole webs; this one is a tenth of one."""
    parameters = json.loads(DEFAULT.read_text()) | {"channels": 150, "queries": 4, "videos_sigma": 1.0}
    world = World(parameters, 3)
    child_s = YieldRun(world).run().child_s
    assert child_s > 1.3 * run_fifo(world).child_s
    assert child_s < run_oracle(world).child_s
    assert child_s == YieldRun(World(parameters, 3)).run().child_s
