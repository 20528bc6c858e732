"""A long life in short: a feed that grows, a site that fails, runs that are stopped or killed, exports in between.

python tests/reliability/soak.py --hours 24 --data build/soak
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
for place in (ROOT, ROOT / "tests" / "integration"):
    if str(place) not in sys.path:
        sys.path.insert(0, str(place))

from crawling import CLIPS, FEED, nothing_left_over, running, stories_of, voicesieve  # noqa: E402 - needs the paths
from figures import record_figure  # noqa: E402 - needs the paths

from demo import pages  # noqa: E402
from demo.answers import AtFirst, Content, Refusal, ResetAt, Truncated  # noqa: E402
from demo.server import Answer, Exchange, LoopbackServer, serving  # noqa: E402

STOPPED_SHARE = 0.4
"""Of the runs, that do not end by themselves."""
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
KEPT_LOGS, KEPT_BACKUPS = 3, 3
SETTINGS = {
    "VOICESIEVE_DISCOVERY__REFRESH_S": "0",
    "VOICESIEVE_RETRY__FIRST_DELAY_S": "0.1",
    "VOICESIEVE_RETRY__MAX_ITEM_FAILURES": "3",
    "VOICESIEVE_FETCHING__METHODS": '["http"]',
    "VOICESIEVE_ANALYSIS__WORKERS": "2",
    "VOICESIEVE_LOGGING__FILE_BYTES": "65536",
    "VOICESIEVE_LOGGING__FILE_COUNT": str(KEPT_LOGS),
    "VOICESIEVE_BACKUP__EVERY_S": "10",
    "VOICESIEVE_BACKUP__KEEP": str(KEPT_BACKUPS),
}


@dataclass
class GrowingSite:
    """A feed to which episodes are added while it is served. ``expected`` are states by URL."""

    server: LoopbackServer
    chance: random.Random
    episodes: list[pages.Episode] = field(default_factory=list)
    answers: dict[str, Answer] = field(default_factory=dict)
    expected: dict[str, str] = field(default_factory=dict)

    def grow(self, count: int) -> None:
        for _ in range(count):
            number = len(self.episodes)
            path = f"/{number}.opus"
            good = Content(CLIPS["child-en-zoo"].body + number.to_bytes(4, "big"), "audio/ogg")
            answer, state = self.chance.choice(
                (
                    (good, "accepted"),
                    (AtFirst(1, Refusal(503), good), "accepted"),
                    (ResetAt(good, len(good.read()) // 2), "accepted"),
                    (Truncated(good, 1_000), "given_up"),
                    (Refusal(404), "given_up"),
                    (Content(CLIPS["silence"].body + number.to_bytes(4, "big"), "audio/ogg"), "rejected"),
                )
            )
            url = self.server.base_url + path
            self.answers[path] = answer
            self.expected[url] = state
            self.episodes.append(pages.Episode(str(number), f"Episode {number}", url, "audio/ogg", 1))
        self.server.routes = {FEED: self._feed, **self.answers}

    def _feed(self, exchange: Exchange) -> None:
        listing = pages.feed("A feed that grows", f"{self.server.base_url}/", "vi", list(self.episodes))
        Content(listing, "application/rss+xml")(exchange)


@contextmanager
def growing_site(chance: random.Random) -> Iterator[GrowingSite]:
    with serving(lambda base_url: {}) as server:
        yield GrowingSite(server, chance)


def soak(folder: Path, seconds: float, chance: random.Random) -> str:
    """Crawl again and again for ``seconds``, then to the end. Returns the figures; asserts what is promised."""
    data = folder / "data"
    endings: Counter[str] = Counter()
    started = time.monotonic()
    with growing_site(chance) as site:
        command = ("crawl", "--source", f"rss:{site.server.base_url}{FEED}", "--quiet", "--data", data)
        while time.monotonic() - started < seconds:
            site.grow(chance.randint(1, 4))
            endings[_one_run(command, folder / "run", chance)] += 1
            if sum(endings.values()) % 10 == 0:
                _check_between_runs(folder, data)
                print(f"{time.monotonic() - started:8.0f} s: {len(site.episodes)} videos, {dict(endings)}", flush=True)
        voicesieve(*command, "--wait", "60", settings=SETTINGS, timeout_s=600)
        _check_between_runs(folder, data)
        states = {url: story["state"] for url, story in stories_of(data).items()}
        assert states == site.expected
    return f"{len(states):,} videos, {sum(endings.values())} runs: {dict(endings)}"


def _one_run(command: tuple[str | Path, ...], output: Path, chance: random.Random) -> str:
    with running(*command, output=output, settings=SETTINGS) as crawl:
        if chance.random() >= STOPPED_SHARE:
            crawl.wait(600)
            return "ended"
        with suppress(subprocess.TimeoutExpired):
            crawl.process.wait(chance.uniform(0.05, 4.0))
        how = chance.choice(SIGNALS)
        if crawl.process.poll() is None:
            crawl.signal(how)
        crawl.wait(600)
        return how.name


def _check_between_runs(folder: Path, data: Path) -> None:
    """No export names what is not accepted, nothing is left over, and what rotates has rotated."""
    accepted = {url for url, story in stories_of(data).items() if story["state"] == "accepted"}
    voicesieve("export", "urls", folder / "urls.txt", "--replace", "--data", data, code=0 if accepted else 1)
    assert not accepted or set((folder / "urls.txt").read_text().split()) == accepted
    voicesieve("doctor", "--fix", "--json", "--data", data, code=None)
    nothing_left_over(data)
    assert len(list((data / "logs").glob("voicesieve.jsonl*"))) <= KEPT_LOGS + 1
    assert len(list((data / "backups").glob("*.sqlite3"))) <= KEPT_BACKUPS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--data", type=Path, help="folder to work in; a temporary one by default")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}")
    with tempfile.TemporaryDirectory(prefix="voicesieve-soak-") as temporary:
        folder = arguments.data or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        summary = soak(folder, arguments.hours * 3_600, random.Random(arguments.seed))
        record_figure(f"`make soak HOURS={arguments.hours:g}`, seed {arguments.seed}", summary)


if __name__ == "__main__":
    main()
