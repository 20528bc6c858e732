"""What a source only lends is renewed or forgotten, and what others said stays."""

from __future__ import annotations

import dataclasses
from typing import Any

from catalog_world import World
from sqlalchemy import select

from voicesieve.catalog.schema import video
from voicesieve.catalog.store import Catalog
from voicesieve.catalog.writes import lending
from voicesieve.domain.candidates import Candidate

KEEP_S = 1_000.0
URL = "https://www.youtube.com/watch?v=abcdefghijk"
GUEST = Candidate("youtube", "abcdefghijk", URL, title="As guests see it", metadata={"channel_id": "UC1"})
API = dataclasses.replace(
    GUEST,
    title="As the API says",
    channel="Kênh",
    licence="youtube",
    language="vi",
    duration_s=30.0,
    metadata={"channel_id": "UC1", "tags": ["a"], "made_for_kids": False},
    keep_s=KEEP_S,
)


def row(world: World) -> Any:
    return world.ask(lambda connection: connection.execute(select(video)).one())


def test_a_lent_description_is_forgotten_whole(any_catalog: Catalog) -> None:
    world = World(any_catalog)
    world.discover(API)
    assert row(world).lent_until == world.now + KEEP_S
    assert world.step(lending.forget_expired, world.now + KEEP_S - 1) == 0
    assert world.step(lending.forget_expired, world.now + KEEP_S) == 1
    after = row(world)
    assert (after.title, after.channel, after.licence, after.duration_s) == ("", "", None, None)
    assert (after.declared_language, after.metadata, after.lent, after.lent_until) == (None, {}, None, None)
    assert (after.id, after.url) == (API.id, URL)
    assert world.step(lending.forget_expired, world.now + 9 * KEEP_S) == 0


def test_what_another_query_said_first_is_not_lent(any_catalog: Catalog) -> None:
    world = World(any_catalog)
    first, second = world.query("first"), world.query("second")
    world.discover(GUEST, query=first)
    world.discover(API, query=second)
    before = row(world)
    assert (before.title, before.channel, before.licence) == (GUEST.title, "Kênh", "youtube")
    world.step(lending.forget_expired, world.now + KEEP_S)
    after = row(world)
    assert (after.title, after.channel, after.licence) == (GUEST.title, "", None)


def test_renewing_takes_what_the_source_says_today(any_catalog: Catalog) -> None:
    world = World(any_catalog)
    world.discover(API)
    key = row(world).key
    today = dataclasses.replace(API, title="New", licence=None, metadata={"channel_id": "UC1"})
    assert world.step(lending.refresh, [key], {API.id: today}, world.now + 900) == (1, 0)
    after = row(world)
    assert (after.title, after.licence, after.metadata) == ("New", None, {"channel_id": "UC1"})
    assert after.lent_until == world.now + 900 + KEEP_S
    assert world.step(lending.refresh, [key], {}, world.now + 950) == (0, 1)
    assert row(world).title == ""


def test_a_renewal_brings_nothing_of_a_withdrawn_video_back(any_catalog: Catalog) -> None:
    """Its lent columns stayed named, so the title came back with the next renewal."""
    world = World(any_catalog)
    world.discover(API)
    key = row(world).key
    world.withdraw(API.id)
    assert (row(world).lent, row(world).lent_until) == (None, None)
    assert world.step(lending.refresh, [key], {API.id: API}, world.now + 900) == (0, 0)
    assert (row(world).title, row(world).metadata) == ("", {})


def test_a_video_that_an_earlier_version_withdrew_is_only_forgotten(any_catalog: Catalog) -> None:
    world = World(any_catalog)
    world.discover(API)
    key = row(world).key
    world.withdraw(API.id)
    lent = {"lent": ["title"], "lent_until": world.now + KEEP_S}
    world.step(lambda connection: connection.execute(video.update().values(**lent)))
    assert world.ask(lending.lent_counts, world.now + KEEP_S) == (0, 0)
    assert world.ask(lending.lent, world.now + KEEP_S, 0.0, 10) == []
    assert world.step(lending.refresh, [key], {API.id: API}, world.now + 900) == (0, 0)
    assert world.step(lending.forget_expired, world.now + KEEP_S) == 1
    assert (row(world).title, row(world).lent) == ("", None)
