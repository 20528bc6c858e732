"""A whole crawl of a fake YouTube with the real yt-dlp: three queries, killed on the way, gone on with to the end.

    python -m benchmarks.youtube_crawl --videos 201

Prints what became of the videos, what discovery asked for, and the time. Ends with 1 if a request of discovery was
made twice or a video stayed undecided.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from demo.run import SETTINGS
from tests.servers.youtube import Site, youtube
from tests.servers.youtube_api import KEY, Api, youtube_api
from tests.servers.youtube_world import mixed_world

QUERIES = ("bé kể chuyện", "trẻ em hát", "children talking")
PROGRAM = (sys.executable, "-m", "voicesieve")


def main() -> int:
    parser = argparse.ArgumentParser(description="Crawl a fake YouTube with the real yt-dlp.")
    parser.add_argument("--videos", type=int, default=201, help="Videos that may be fetched, over three queries.")
    parser.add_argument("--kill-after", type=int, default=20, help="Downloads before the first run is killed.")
    arguments = parser.parse_args()
    world = mixed_world(QUERIES, -(-arguments.videos // len(QUERIES)))
    with youtube(world) as site, youtube_api(world) as api, tempfile.TemporaryDirectory() as folder:
        return crawl(site, api, Path(folder) / "data", arguments.kill_after)


def crawl(site: Site, api: Api, data: Path, kill_after: int) -> int:
    queries = [f"youtube-api:{QUERIES[0]}", f"youtube-api:{QUERIES[1]}", f"youtube:{QUERIES[2]}"]
    command = [*PROGRAM, "crawl", "--quiet", "--data", str(data)]
    command += [part for query in queries for part in ("--source", query)]
    environment = {
        **os.environ,
        **SETTINGS,
        **site.leads_to(),
        "VOICESIEVE_RIGHTS__BASIS": "research_exception",
        "VOICESIEVE_RIGHTS__STATEMENT": "a measurement on servers of our own",
        "VOICESIEVE_YOUTUBE_API__ENDPOINT": api.url,
        "VOICESIEVE_YOUTUBE_API__KEY": KEY,
        "VOICESIEVE_YOUTUBE__REQUESTS_PER_HOUR": "0",
        "VOICESIEVE_YOUTUBE_API__REQUESTS_PER_HOUR": "0",
    }
    started = time.monotonic()
    first = subprocess.Popen(command, env=environment)
    while first.poll() is None and len(site.of("media")) < kill_after:
        time.sleep(0.1)
    first.kill()
    first.wait()
    subprocess.run(command, env=environment, check=True)
    took = time.monotonic() - started
    shown = subprocess.run(
        [*PROGRAM, "status", "--json", "--data", str(data)], env=environment, check=True, capture_output=True
    )
    videos = {state: count for state, count in json.loads(shown.stdout)["videos"].items() if count}
    discovery = [(kind, what) for kind, what in site.asked if kind in ("search", "browse", "tab", "playlist")]
    discovery += [(name, json.dumps(given, sort_keys=True)) for name, given in api.asked]
    repeated = [request for request, count in Counter(discovery).items() if count > 1]
    decided = sum(videos.get(state, 0) for state in ("accepted", "rejected", "unsure"))
    undecided = sum(videos.values()) - decided - videos.get("screened_out", 0)
    print(f"{decided} videos decided in {took:.0f} s, one run killed after {kill_after} downloads: {videos}")
    print(
        f"discovery made {len(discovery)} requests, {len(repeated)} of them twice; the site got {dict(site.counts())}"
    )
    return 1 if repeated or undecided else 0


if __name__ == "__main__":
    sys.exit(main())
