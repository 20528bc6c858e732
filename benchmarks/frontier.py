"""How much child speech each order of fetching finds for its cost, on a simulated web.

    python benchmarks/frontier.py --world benchmarks/worlds/default.json --seeds 20 --json

The web: channels with an acceptance rate of their own, videos with metadata that tells a little, queries that each
reach some of the channels. Every order pays for what it fetches, lists and searches until its budget is spent.
`yield` runs the product's own code (`voicesieve.frontier`); the orders it is held against are written here.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import math
import statistics
from bisect import insort
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from voicesieve.domain.candidates import Candidate
from voicesieve.frontier import costs
from voicesieve.frontier.facts import ArmFacts, Lesson, Lessons
from voicesieve.frontier.learning import Knowledge, due
from voicesieve.frontier.rates import NOTHING, evidence
from voicesieve.frontier.scoring import LISTED_AGAINST, page_gain
from voicesieve.frontier.valuing import beliefs, learn, value
from voicesieve.frontier.words import words_of

DEFAULT = Path(__file__).parent / "worlds" / "default.json"


class World:
    """One simulated web, drawn from the parameters of a world file."""

    def __init__(self, parameters: dict[str, Any], seed: int) -> None:
        self.p = parameters
        rng = self.rng = np.random.default_rng(seed)
        count = parameters["channels"]
        self.rate = rng.beta(*parameters["rate_beta"], count)
        sizes = parameters["videos_median"] * np.exp(parameters["videos_sigma"] * rng.standard_normal(count))
        self.size = np.clip(np.round(sizes), 1, parameters["videos_max"]).astype(int)
        self.first = np.concatenate([[0], np.cumsum(self.size)])
        self.channel = np.repeat(np.arange(count), self.size)
        total = len(self.channel)
        self.accepted = rng.random(total) < self.rate[self.channel]
        seconds = parameters["child_s_median"] * np.exp(parameters["child_s_sigma"] * rng.standard_normal(total))
        self.child_s = np.where(self.accepted, seconds, 0.0)
        self._draw_words(total)
        self.results = [self._results() for _ in range(parameters["queries"])]
        self.budget = parameters["budget_share"] * total * parameters["cost_fetch"]

    def _draw_words(self, total: int) -> None:
        """Words whose frequency differs between accepted and others so much that their best sum has the AUC."""
        share, number = self.p["feature_word_share"], self.p["feature_words"]
        apart = math.sqrt(2.0) * statistics.NormalDist().inv_cdf(self.p["feature_auc"])
        raw = self.rng.standard_normal(number)
        logit = math.log(share / (1.0 - share))
        # Both classes move by half: the score then has equal spread in both, as the AUC formula wants.
        tilt = raw * apart / math.sqrt(float((raw**2).sum()) * share * (1.0 - share)) if apart else raw * 0.0
        up, down = (1.0 / (1.0 + np.exp(-(logit + sign * tilt / 2.0))) for sign in (1.0, -1.0))
        chance = np.where(self.accepted[:, None], up, down)
        self.words = self.rng.random((total, number)) < chance
        ratio = np.log(up / down) - np.log((1.0 - up) / (1.0 - down))
        constant = float(np.log((1.0 - up) / (1.0 - down)).sum())
        self.true_merit = self.words @ ratio + constant

    def _results(self) -> list[int]:
        """Results of one query: videos of its channels in turn, in random order, at most the cap of the search."""
        p, rng = self.p, self.rng
        correlation = float(np.clip(rng.normal(p["query_correlation"], p["query_correlation_sd"]), -0.95, 0.95))
        ranks = np.argsort(np.argsort(self.rate))
        normal = statistics.NormalDist()
        good = np.array([normal.inv_cdf((rank + 0.5) / len(ranks)) for rank in ranks])
        liking = correlation * good + math.sqrt(1.0 - correlation**2) * rng.standard_normal(len(good))
        reached = np.argsort(-liking)[: p["channels_per_query"]]
        each = max(1, p["results_per_query"] // len(reached))
        found: list[int] = []
        for channel in reached:
            videos = self.first[channel] + rng.permutation(self.size[channel])[:each]
            found.extend(int(video) for video in videos)
        return [found[place] for place in rng.permutation(len(found))][: p["results_per_query"]]

    def candidate(self, video: int) -> Candidate:
        names = [f"w{word}" for word in np.flatnonzero(self.words[video])]
        return Candidate("youtube", str(video), "", title=" ".join(names), channel=str(self.channel[video]))

    def reachable(self) -> np.ndarray:
        channels = {int(self.channel[video]) for found in self.results for video in found}
        return np.isin(self.channel, list(channels))


@dataclass
class Purse:
    """What an order has spent and found; ``curve`` holds (cost, child seconds) now and then."""

    budget: float
    spent: float = 0.0
    child_s: float = 0.0
    accepted: int = 0
    fetched: int = 0

    def __post_init__(self) -> None:
        self.curve: list[tuple[float, float]] = [(0.0, 0.0)]

    def pay(self, cost: float) -> None:
        self.spent += cost

    @property
    def empty(self) -> bool:
        return self.spent >= self.budget

    def fetch(self, world: World, video: int) -> bool:
        self.pay(world.p["cost_fetch"])
        self.fetched += 1
        accepted = bool(world.accepted[video])
        self.accepted += accepted
        self.child_s += float(world.child_s[video])
        if self.fetched % 50 == 0:
            self.curve.append((self.spent, self.child_s))
        return accepted


class Pages:
    """Search and listing pages of a world, each read once."""

    def __init__(self, world: World, purse: Purse) -> None:
        self.world, self.purse = world, purse
        self.searched = [0] * len(world.results)
        self.listed = np.zeros(len(world.size), dtype=int)
        self.seen = np.zeros(len(world.channel), dtype=bool)

    def search(self, query: int) -> list[int]:
        size = self.world.p["page_size"]
        page = self.world.results[query][self.searched[query] : self.searched[query] + size]
        self.searched[query] += size
        self.purse.pay(self.world.p["cost_search_page"])
        return self._new(page)

    def searchable(self, query: int) -> bool:
        return self.searched[query] < len(self.world.results[query])

    def list_channel(self, channel: int) -> list[int]:
        start = int(self.world.first[channel] + self.listed[channel])
        stop = min(start + self.world.p["page_size"], int(self.world.first[channel + 1]))
        self.listed[channel] += stop - start
        self.purse.pay(self.world.p["cost_listing_page"])
        return self._new(list(range(start, stop)))

    def listable(self, channel: int) -> bool:
        return bool(self.listed[channel] < min(self.world.size[channel], self.world.p["max_videos_per_channel"]))

    def _new(self, videos: list[int]) -> list[int]:
        fresh = [video for video in videos if not self.seen[video]]
        self.seen[fresh] = True
        return fresh


def run_fifo(world: World) -> Purse:
    """In the order of discovery; channels with an accepted video are listed, their videos join the end."""
    purse = Purse(world.budget)
    pages = Pages(world, purse)
    queue: deque[int] = deque()
    for query in range(len(world.results)):
        while pages.searchable(query) and not purse.empty:
            queue.extend(pages.search(query))
    expanded: set[int] = set()
    while queue and not purse.empty:
        video = queue.popleft()
        channel = int(world.channel[video])
        if purse.fetch(world, video) and channel not in expanded:
            expanded.add(channel)
            while pages.listable(channel) and not purse.empty:
                queue.extend(pages.list_channel(channel))
    return purse


def run_first_hit(world: World) -> Purse:
    """The earlier crawler's rule: a query whose first unseen hit fails is dropped, else that hit's channel is taken.

    Queries that live are asked for their next hit in turn; when none lives it stops with what it has.
    """
    purse = Purse(world.budget)
    pages = Pages(world, purse)
    hits: list[deque[int]] = [deque() for _ in world.results]
    alive = deque(range(len(world.results)))
    while alive and not purse.empty:
        query = alive.popleft()
        while not hits[query] and pages.searchable(query):
            hits[query].extend(pages.search(query))
        if not hits[query]:
            continue
        video = hits[query].popleft()
        if not purse.fetch(world, video):
            continue
        channel = int(world.channel[video])
        while pages.listable(channel) and not purse.empty:
            for other in pages.list_channel(channel):
                if not purse.empty:
                    purse.fetch(world, other)
        alive.append(query)
    return purse


def run_oracle(world: World) -> Purse:
    """Knows of every video that a query or channel listing can show whether it is accepted and how long it is."""
    return _take_in_order(world, -world.child_s)


def run_informed(world: World) -> Purse:
    """Knows every channel's rate and what each word is worth, not the outcome: no order can be expected to beat it."""
    rate = np.clip(world.rate[world.channel], 1e-9, 1 - 1e-9)
    return _take_in_order(world, -(np.log(rate / (1 - rate)) + world.true_merit))


def _take_in_order(world: World, key: np.ndarray) -> Purse:
    purse = Purse(world.budget)
    videos = np.flatnonzero(world.reachable())
    for video in videos[np.argsort(key[videos], kind="stable")]:
        if purse.empty:
            break
        purse.fetch(world, int(video))
    return purse


class YieldRun:
    """The product's order: what `catalog.writes.choosing` does with rows, done with lists."""

    def __init__(self, world: World, explore_every: int = costs.EXPLORE_EVERY) -> None:
        self.world, self.explore_every = world, explore_every
        self.purse = Purse(world.budget)
        self.pages = Pages(world, self.purse)
        count = len(world.size)
        self.known = Knowledge()
        self.query_of: list[int | None] = [None] * count
        self.evidence: list[tuple[float, ...]] = [NOTHING] * count
        self.pending, self.judged, self.accepted = [0] * count, [0] * count, [0] * count
        self.child_s = [0.0] * count
        self.waiting: list[list[tuple[float, int]]] = [[] for _ in range(count)]
        self.score = np.zeros(count)
        self.stale: set[int] = set()
        self.words: dict[int, tuple[int, ...]] = {}
        self.merit: dict[int, float] = {}
        self.decided: list[int] = []
        self.in_hand: deque[int] = deque()
        self.arrivals: deque[int] = deque()
        self.new_channels = [20.0] * len(world.results)

    def run(self) -> Purse:
        steps = 0
        while not self.purse.empty:
            while len(self.in_hand) >= self.world.p["in_flight"]:
                self._decide(self.in_hand.popleft())
            self._refresh()
            best = int(np.argmax(self.score))
            if self._look_for_more(best):
                continue
            if self.score[best] > 0.0:
                steps += 1
                self._take(best, turn=steps % self.explore_every == 0)
            elif self.in_hand:
                self._decide(self.in_hand.popleft())
            else:
                break
        while self.in_hand:
            self._decide(self.in_hand.popleft())
        return self.purse

    def _look_for_more(self, best: int) -> bool:
        """Read the page that pays most, if one pays."""
        price, p = float(self.score[best]), self.world.p
        if price > 0.0 and self.pages.listable(best):
            weights = beliefs([self._facts(best)], self.known, with_pending=False)
            gain = page_gain(weights, p["page_size"], self.known.child_s, LISTED_AGAINST * price)[0]
            if gain > p["cost_listing_page"] * price:
                self._add(self.pages.list_channel(best), self.query_of[best])
                return True
        open_ = [query for query in range(len(self.world.results)) if self.pages.searchable(query)]
        if not open_:
            return False
        priors = np.stack([self.known.prior_of(query) for query in open_])
        videos = costs.VIDEOS_OF_A_CHANNEL * np.array([self.new_channels[query] for query in open_])
        gains = page_gain(priors, videos, self.known.child_s, price)
        if gains.max() <= p["cost_search_page"] * price:
            return False
        query = open_[int(np.argmax(gains))]
        found = self.pages.search(query)
        fresh = {int(self.world.channel[v]) for v in found if self.query_of[int(self.world.channel[v])] is None}
        self._add(found, query)
        self.new_channels[query] = (self.new_channels[query] + len(fresh)) / 2.0
        return True

    def _add(self, videos: list[int], query: int | None) -> None:
        for video in videos:
            channel = int(self.world.channel[video])
            if self.query_of[channel] is None:
                self.query_of[channel] = query
            self.words[video] = words_of(self.world.candidate(video))
            self.merit[video] = self.known.merit(self.words[video])
            insort(self.waiting[channel], (-self.merit[video], video))
            self.arrivals.append(video)
            self.stale.add(channel)

    def _take(self, channel: int, *, turn: bool) -> None:
        if turn:
            while (-self.merit[self.arrivals[0]], self.arrivals[0]) not in self._queue(self.arrivals[0]):
                self.arrivals.popleft()
            video = self.arrivals.popleft()
            channel = int(self.world.channel[video])
            self.waiting[channel].remove((-self.merit[video], video))
        else:
            video = self.waiting[channel].pop(0)[1]
        self.pending[channel] += 1
        self.stale.add(channel)
        self.purse.fetch(self.world, video)
        self.in_hand.append(video)

    def _queue(self, video: int) -> list[tuple[float, int]]:
        return self.waiting[int(self.world.channel[video])]

    def _decide(self, video: int) -> None:
        channel = int(self.world.channel[video])
        accepted = bool(self.world.accepted[video])
        said = evidence(accepted=accepted, merit=self.merit[video])
        self.evidence[channel] = tuple(a + b for a, b in zip(self.evidence[channel], said, strict=True))
        self.pending[channel] -= 1
        self.judged[channel] += 1
        self.accepted[channel] += accepted
        self.child_s[channel] += float(self.world.child_s[video])
        self.decided.append(video)
        self.stale.add(channel)
        if due(len(self.decided), self.known.decisions):
            self._learn()

    def _learn(self) -> None:
        seen = [channel for channel, count in enumerate(self.judged) if count]
        place = {channel: number for number, channel in enumerate(seen)}
        lessons = Lessons(
            Lesson(place[int(self.world.channel[v])], self.words[v], self.merit[v], bool(self.world.accepted[v]))
            for v in self.decided
        )
        self.known = learn([self._facts(channel) for channel in seen], lessons, self.known, len(self.decided))
        for channel, queue in enumerate(self.waiting):
            for _, video in queue:
                self.merit[video] = self.known.merit(self.words[video])
            self.waiting[channel] = sorted((-self.merit[video], video) for _, video in queue)
            if self.query_of[channel] is not None:
                self.stale.add(channel)

    def _refresh(self) -> None:
        stale = sorted(self.stale)
        self.stale.clear()
        for channel, worth in zip(stale, value([self._facts(c) for c in stale], self.known), strict=True):
            self.score[channel] = worth.score

    def _facts(self, channel: int) -> ArmFacts:
        queue = self.waiting[channel]
        return ArmFacts(
            evidence=self.evidence[channel],
            query=self.query_of[channel],
            pending=self.pending[channel],
            left=len(queue) + (self.world.p["page_size"] if self.pages.listable(channel) else 0),
            top_merit=-queue[0][0] if queue else None,
            judged=self.judged[channel],
            accepted=self.accepted[channel],
            lost=0,
            child_s=self.child_s[channel],
        )


ORDERS = {
    "yield": lambda world: YieldRun(world).run(),
    "fifo": run_fifo,
    "first_hit": run_first_hit,
    "informed": run_informed,
    "oracle": run_oracle,
}


def one_seed(parameters: dict[str, Any], seed: int) -> dict[str, Any]:
    world = World(parameters, seed)
    purses = {name: order(world) for name, order in ORDERS.items()}
    return {
        name: {
            "rate": purse.child_s / 3600 / purse.budget * 1000,
            "rate_spent": purse.child_s / 3600 / max(purse.spent, 1.0) * 1000,
            "spent": purse.spent / purse.budget,
            "accepted": purse.accepted,
            "fetched": purse.fetched,
            "curve": [(cost / purse.budget, child / 3600) for cost, child in purse.curve],
        }
        for name, purse in purses.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--world", type=Path, default=DEFAULT)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--curves", type=Path, help="Also write child hours over the budget, for the plot.")
    parser.add_argument("--json", action="store_true", help="The last line is a JSON object.")
    options = parser.parse_args()
    parameters = json.loads(DEFAULT.read_text()) | json.loads(options.world.read_text())
    with concurrent.futures.ProcessPoolExecutor(options.jobs) as pool:
        futures = [pool.submit(one_seed, parameters, seed) for seed in range(options.seeds)]
        runs = [future.result() for future in futures]
    facts = summary(parameters, runs)
    print_summary(facts)
    if options.curves:
        options.curves.write_text(json.dumps({name: [run[name]["curve"] for run in runs] for name in ORDERS}))
    if options.json:
        print(json.dumps(facts))


def summary(parameters: dict[str, Any], runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Means over seeds; intervals are 95 % of a normal mean, the ratios being paired by seed."""
    facts: dict[str, Any] = {"seeds": len(runs), "world": parameters, "orders": {}}
    for name in ORDERS:
        keys = [key for key in runs[0][name] if key != "curve"]
        facts["orders"][name] = {key: round(statistics.fmean(run[name][key] for run in runs), 4) for key in keys}
    for name in ("fifo", "oracle", "first_hit", "informed"):
        # The first-hit rule stops long before its budget is spent: it is held to what it spent.
        key = "rate_spent" if name == "first_hit" else "rate"
        ratios = [run["yield"]["rate"] / run[name][key] for run in runs if run[name][key] > 0.0]
        facts[f"ratio_{name}_seeds"] = len(ratios)  # the first-hit rule may find nothing at all
        facts[f"ratio_{name}"] = round(statistics.fmean(ratios), 4) if ratios else None
        facts[f"ratio_{name}_interval"] = _interval(ratios)
    return facts


def _interval(ratios: list[float]) -> list[float] | None:
    if len(ratios) < 2:
        return None
    spread = 1.96 * statistics.stdev(ratios) / math.sqrt(len(ratios))
    return [round(statistics.fmean(ratios) + sign * spread, 4) for sign in (-1, 1)]


def print_summary(facts: dict[str, Any]) -> None:
    print(
        f"{facts['seeds']} webs; accepted child-hours per 1,000 units of cost, over the budget and over what was spent"
    )
    for name, row in facts["orders"].items():
        found = f"{row['accepted']:8,.0f} accepted of {row['fetched']:8,.0f} fetched"
        print(f"  {name:<10} {row['rate']:7.2f} {row['rate_spent']:7.2f}   {row['spent']:6.1%} spent, {found}")
    for name in ("fifo", "oracle", "first_hit", "informed"):
        interval = facts[f"ratio_{name}_interval"]
        spread = "" if interval is None else f"   95 % interval {interval[0]:.3f} to {interval[1]:.3f}"
        print(f"  yield / {name:<10} {facts[f'ratio_{name}']}{spread}, {facts[f'ratio_{name}_seeds']} seeds")


if __name__ == "__main__":
    main()
