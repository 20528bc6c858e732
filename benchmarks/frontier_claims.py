"""What it costs to choose the next video: claims in order of expected yield beside claims in order of discovery.

    python benchmarks/frontier_claims.py --videos 100000

One catalog on SQLite with many waiting videos of many channels; claims of one video at a time, each a transaction of
its own as in a run, in turns, so that both orders meet the same machine. The last line is a JSON object.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from voicesieve.catalog.opening import open_catalog
from voicesieve.catalog.records import Pace
from voicesieve.catalog.store import Catalog
from voicesieve.catalog.writes import choosing, discovery, leases
from voicesieve.catalog.writes.choosing import YieldOrder
from voicesieve.domain.candidates import Candidate, Page, Query
from voicesieve.frontier import costs
from voicesieve.frontier.learning import Knowledge
from voicesieve.frontier.valuing import value

PAGE = 1_000


def fill(catalog: Catalog, videos: int, channels: int) -> None:
    """Discover and screen ``videos`` of one host."""
    rng = random.Random(1)
    with catalog.write() as connection:
        row = discovery.register_query(connection, Query("urls", "list"), 0.0)
    for start in range(0, videos, PAGE):
        page = tuple(
            Candidate(
                "youtube", f"{n:08}", f"https://www.youtube.com/watch?v={n:08}", channel=f"c{rng.randrange(channels)}"
            )
            for n in range(start, min(videos, start + PAGE))
        )
        with catalog.write() as connection:
            discovery.commit_page(
                connection,
                row.id,
                Page(page, {"next": 1}),
                lambda url: urlsplit(url).hostname or "",
                0.0,
                refresh_s=1.0,
            )
            discovery.screen_batch(connection, lambda _: None, "r", 0.0, PAGE, merit=lambda _: rng.gauss(0.0, 1.0))


def claim_ms(catalog: Catalog, order: YieldOrder | None, token: str) -> float:
    started = time.perf_counter()
    with catalog.write() as connection:
        claims = leases.claim_fetches(
            connection, 1, 1.0, lease_s=60.0, pace=Pace(0.0, 1), new_token=lambda: token, order=order
        )
    took = (time.perf_counter() - started) * 1_000.0
    assert len(claims) == 1
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--videos", type=int, default=100_000)
    parser.add_argument("--channels", type=int, default=5_000)
    parser.add_argument("--claims", type=int, default=1_000)
    options = parser.parse_args()
    order = YieldOrder(lambda facts: value(facts, Knowledge()), costs.EXPLORE_EVERY, costs.PAGE_VIDEOS)
    with tempfile.TemporaryDirectory() as folder:
        catalog = open_catalog(Path(folder), create=True)
        fill(catalog, options.videos, options.channels)
        stale = 1
        while stale:
            with catalog.write() as connection:
                stale = choosing.refresh(connection, order, 200)
        took: dict[str, list[float]] = {"fifo": [], "yield": []}
        for number in range(options.claims):
            took["fifo"].append(claim_ms(catalog, None, f"f{number}"))
            took["yield"].append(claim_ms(catalog, order, f"y{number}"))
        catalog.close()
    facts = {
        name: {
            "median_ms": round(statistics.median(times), 3),
            "p99_ms": round(statistics.quantiles(times, n=100)[98], 3),
        }
        for name, times in took.items()
    }
    for name, row in facts.items():
        print(f"{name:<6} median {row['median_ms']:8.2f} ms, p99 {row['p99_ms']:8.2f} ms")
    ratio = facts["yield"]["p99_ms"] / facts["fifo"]["p99_ms"]
    print(json.dumps({"videos": options.videos, **facts, "ratio_p99": round(ratio, 3)}))


if __name__ == "__main__":
    main()
