"""Five hundred downloads at once from a server that fails in every way, cancelled at random moments: nothing stays.

The earlier crawler left a temporary file, and the memory behind it, for each task that failed in a batch.
"""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from crawling import CLIPS, events_named, nothing_left_over, running, stories_of, until, url_list, voicesieve

from demo.faults import Fault
from tests.servers.faults import FaultServer, fault_server
from voicesieve.domain.failures import FailureError
from voicesieve.domain.fetching import FetchLimits, FetchRequest
from voicesieve.fetching.client import HttpClient
from voicesieve.fetching.http import HttpFetcher

SEED = 20261125
DOWNLOADS = 500
SOUND = CLIPS["child-en-zoo"].body
LIMITS = FetchLimits(
    deadline_s=30,
    stall_s=2,
    stall_bytes=10_000,
    max_bytes=2_000_000,
    max_duration_s=3_600,
    max_redirects=3,
    allow_private_addresses=True,
)
ARRIVING = {Fault.NO_RANGES, Fault.RESET, Fault.BROKEN, Fault.GZIPPED}
"""Faults behind which the bytes still arrive; whether they are media is not the download's business."""


def addresses(server: FaultServer) -> list[tuple[str, bool]]:
    """Each way to fail and, as often, the sound itself, with whether a download of it must succeed."""
    ways = [(server.url(fault), fault in ARRIVING) for fault in Fault if fault is not Fault.BUSY_TWICE]
    ways.append((server.refusing_url, False))
    if server.untrusted_url:
        ways.append((server.untrusted_url, False))
    return [*ways, *[(server.sound_url, True)] * len(ways)]


def open_files() -> Counter[str]:
    """What this process holds open, sockets by their kind."""
    held: Counter[str] = Counter()
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            held[str(descriptor.readlink()).split(":")[0]] += 1
        except FileNotFoundError:
            continue
    return held


async def storm(server: FaultServer, scratch: Path, chance: random.Random) -> tuple[Counter[str], int]:
    """All downloads at once; a quarter of them is cancelled. Returns outcomes, and how many files are right."""
    ways = addresses(server)
    outcomes: Counter[str] = Counter()
    right = 0
    loop = asyncio.get_running_loop()
    async with HttpClient(allow_private_addresses=True, max_redirects=3, user_agent="voicesieve/test") as client:
        fetcher = HttpFetcher(client)

        async def download(number: int) -> None:
            nonlocal right
            url, arrives = ways[number % len(ways)]
            folder = scratch / str(number)
            folder.mkdir()
            try:
                fetched = await fetcher.fetch(FetchRequest(f"list:{number}", url, folder, LIMITS))
            except FailureError as error:
                outcomes[error.failure.kind.value] += 1
                assert not arrives, f"{url}: {error}"
            except asyncio.CancelledError:
                outcomes["cancelled"] += 1
                raise
            else:
                outcomes["arrived"] += 1
                right += url != server.sound_url or fetched.path.read_bytes() == SOUND

        tasks = [asyncio.create_task(download(number)) for number in range(DOWNLOADS)]
        for task in chance.sample(tasks, DOWNLOADS // 4):
            loop.call_later(chance.uniform(0, 3), task.cancel)
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    defects = [error for error in ended if isinstance(error, Exception)]
    assert not defects, defects[:3]
    return outcomes, right


def test_a_storm_of_failing_downloads_leaves_no_socket_and_no_descriptor(
    tmp_path: Path, figure: Callable[[str, str], None]
) -> None:
    with fault_server(SOUND) as server:
        before = open_files()
        outcomes, right = asyncio.run(storm(server, tmp_path, random.Random(SEED)))
        until(lambda: open_files() - before == Counter(), "what the downloads had open is closed", deadline_s=30)
    summary = ", ".join(f"{count} {kind}" for kind, count in outcomes.most_common())
    figure(f"{DOWNLOADS} downloads at once from a server that fails in every way", f"{summary}; nothing left open")
    assert sum(outcomes.values()) == DOWNLOADS
    assert right == outcomes["arrived"] > DOWNLOADS // 4
    kinds = {"gone", "server_error", "rate_limited", "network", "timeout", "truncated", "unsupported"}
    assert kinds <= set(outcomes), outcomes


QUICK_FAILURES = {
    "VOICESIEVE_FETCHING__MAX_CONCURRENT_DOWNLOADS": "128",
    "VOICESIEVE_FETCHING__METHODS": '["http"]',
    "VOICESIEVE_FETCHING__STALL_S": "8",
    "VOICESIEVE_FETCHING__DEADLINE_S": "20",
    "VOICESIEVE_FETCHING__MAX_BYTES": "2000000",
    "VOICESIEVE_RETRY__MAX_ITEM_FAILURES": "2",
    "VOICESIEVE_RETRY__FIRST_DELAY_S": "0.1",
    "VOICESIEVE_RETRY__PAUSE_S": "0",
    "VOICESIEVE_RETRY__MAX_DELAY_S": "0.2",
    "VOICESIEVE_ANALYSIS__WORKERS": "2",
}


def test_a_crawl_through_the_storm_stopped_at_random_moments_gives_every_video_an_outcome(tmp_path: Path) -> None:
    """Stopped urgently, or killed, while downloads are in every stage of failing; then run to its end."""
    chance = random.Random(SEED)
    data = tmp_path / "data"
    with fault_server(SOUND) as server:
        # A server that is busy for ever pauses its host for ever, and is the business of another test.
        ways = [way for way in addresses(server) if way[0] != server.url(Fault.RATE_LIMITED)]
        wanted = {f"{url}?n={number}": arrives for number, (url, arrives) in enumerate(ways * 6)}
        command = ("crawl", "--source", url_list(tmp_path / "list.txt", list(wanted)), "--data", data, "--quiet")
        for how in (signal.SIGINT, signal.SIGKILL, signal.SIGINT):
            with running(*command, output=tmp_path / "stopped", settings=QUICK_FAILURES) as crawl:
                until(lambda: events_named(data, "attempt_failed"), "downloads fail")
                with suppress(subprocess.TimeoutExpired):
                    crawl.process.wait(chance.uniform(0.01, 1.5))
                crawl.signal(how)
                crawl.signal(how)
                crawl.wait()
                until(lambda crawl=crawl: crawl.processes() == [], f"no process is left after {how.name}")
        voicesieve(*command, "--wait", "60", settings=QUICK_FAILURES, timeout_s=170)
        stories = stories_of(data)
    assert stories.keys() == wanted.keys()
    outcomes = Counter((story["state"], (story["reasons"] or [{"rule": ""}])[0]["rule"]) for story in stories.values())
    print(f"seed {SEED}: {dict(outcomes)}")
    for url, arrives in wanted.items():
        state = stories[url]["state"]
        assert state == ("accepted" if arrives and "broken" not in url else "given_up"), (url, stories[url]["reasons"])
    nothing_left_over(data)
