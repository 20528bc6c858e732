"""A writer in the order of a crawl: file first, then the one transaction; prints each video once it is accepted.

python accepting.py DATA COUNT     (goes on after the videos that are there)
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from catalog_world import NO_ATTEMPT, World, candidate, recording

from voicesieve.audio.store import RecordingStore
from voicesieve.catalog import schema
from voicesieve.catalog.opening import open_catalog
from voicesieve.catalog.writes import leases, results
from voicesieve.domain.decisions import Outcome
from voicesieve.domain.fetching import FetchedRecording


def content_of(video: str) -> bytes:
    return f"audio of {video}".encode() * 2_000


def accept(data: Path, count: int) -> None:
    world = World(open_catalog(data, create=False))
    store = RecordingStore(data / "recordings")
    world.step(leases.recover, world.now, only_driver=True)
    query = world.query()
    while True:
        states = [row.state for row in world.rows(schema.video)]
        if states.count("accepted") >= count:
            break
        if not {"queued", "fetched"} & set(states):
            world.discover(candidate(len(states)), query=query, cursor={"at": len(states)})
            world.screen()
        claims = world.claim()
        for claim in claims:
            content = content_of(claim.video)
            sha256 = hashlib.sha256(content).hexdigest()
            (data / "scratch" / claim.token).write_bytes(content)
            path = store.adopt(data / "scratch" / claim.token, sha256, ".opus")
            fetched = FetchedRecording(Path("x"), sha256, len(content), recording("x").media, {})
            world.step(results.finish_fetch, claim, NO_ATTEMPT, fetched, path, world.now, rights_basis="own_channel")
        for claim in world.claim_analysis():
            world.publish(claim, Outcome.ACCEPTED)
            print(claim.video, flush=True)
    world.catalog.close()


def accepted_in(data: Path) -> set[str]:
    """What is accepted, with its file whole, as a program finds it that starts afterwards."""
    world = World(open_catalog(data, create=False))
    rows = [row for row in world.rows(schema.video) if row.state == "accepted"]
    stored = {row.sha256: row.path for row in world.rows(schema.recording)}
    world.check_counts()
    assert world.catalog.damage() == []
    world.catalog.close()
    for row in rows:
        assert (data / "recordings" / stored[row.recording]).read_bytes() == content_of(row.id)
    return {row.id for row in rows}


if __name__ == "__main__":
    accept(Path(sys.argv[1]), int(sys.argv[2]))
