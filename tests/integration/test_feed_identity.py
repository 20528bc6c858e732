"""An entry of a feed stays one thing, however often its address changes: it is fetched once and can be taken down."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

import pytest
from catalog_world import World
from crawling import QUICK, clip, sources, status, stories_of, voicesieve

from demo.answers import Redirect
from demo.server import Answer, Exchange, LoopbackServer, serving
from voicesieve.catalog import schema
from voicesieve.catalog.store import Catalog
from voicesieve.catalog.writes import discovery, inheritance, naming, takedown
from voicesieve.domain.candidates import Budget, Candidate, Page, Query
from voicesieve.domain.failures import FailureKind
from voicesieve.fetching.client import HttpClient
from voicesieve.sources.documents import DocumentLimits
from voicesieve.sources.identity import candidate_identity
from voicesieve.sources.rss import FeedSource

AT_EVERY_RUN = {**QUICK, "VOICESIEVE_DISCOVERY__REFRESH_S": "0"}
AUDIO = clip("silence")


@dataclass(frozen=True)
class Item:
    """An entry whose audio lies at ``path``; ``{token}`` in it is another word at every reading of the feed."""

    guid: str
    path: str


@dataclass
class Podcast:
    """Feeds on loopback that make up a new token for every reading, and remember which audio was asked for.

    ``entries`` gives what stands in the
    feed at its n-th reading.
    """

    entries: Callable[[int], Sequence[Item]]
    about: str = ""
    reading: int = 0
    fetched: list[str] = field(default_factory=list)
    base_url: str = ""
    audio_host: str = "127.0.0.1"

    def feed(self, exchange: Exchange) -> None:
        self.reading += 1
        items = "".join(map(self._item, self.entries(self.reading)))
        channel = f"<title>A feed</title>{self.about.replace('{base}', self.base_url)}{items}"
        names = 'xmlns:podcast="https://podcastindex.org/namespace/1.0"'
        names += ' xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"'
        body = f'<rss version="2.0" {names}><channel>{channel}</channel></rss>'.encode()
        headers = {"Content-Type": "application/rss+xml", "Content-Length": str(len(body))}
        if exchange.begin(200, headers):
            exchange.send(body)

    def _item(self, item: Item) -> str:
        base = self.base_url.replace("127.0.0.1", self.audio_host)
        url = escape(base + item.path.replace("{token}", f"t{self.reading}"))
        guid = f'<guid isPermaLink="false">{item.guid}</guid>' if item.guid else ""
        return f'<item><title>{item.guid}</title>{guid}<enclosure url="{url}" type="audio/ogg" length="1"/></item>'

    def audio(self, exchange: Exchange) -> None:
        self.fetched.append(urlsplit(exchange.path).path)
        AUDIO(exchange)


class _AnyAudio(dict[str, Answer]):
    """Every path below /audio/ is answered; the others as they stand."""

    def get(self, path: str, default: Answer | None = None) -> Answer | None:  # type: ignore[override]
        return super().get("/audio/" if path.startswith("/audio/") else path, default)


@contextmanager
def podcast(
    *items: Item | Callable[[int], Sequence[Item]], about: str = "", at: Sequence[str] = ("/feed",)
) -> Iterator[tuple[Podcast, LoopbackServer]]:
    entries = items[0] if items and callable(items[0]) else lambda _: [item for item in items if isinstance(item, Item)]
    show = Podcast(entries, about)
    with serving(lambda base: _AnyAudio({"/audio/": show.audio, **dict.fromkeys(at, show.feed)})) as server:
        show.base_url = server.base_url
        yield show, server


class Crawler:
    """Reads feeds into a catalog, and takes for each video what lies at its address at the time of its turn."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.asked: list[str] = []

    def read(self, url: str, *, page_size: int = 500) -> None:
        """Walk a feed to its end, as a run does."""
        query = self.world.step(discovery.register_query, Query("rss", url), self.world.now)
        for page in asyncio.run(pages_of(Query("rss", url), page_size)):
            self.world.step(discovery.commit_page, query.id, page, host_of, self.world.now, refresh_s=0.0)
        self.world.screen()
        self.world.check_counts()

    def list_addresses(self, *urls: str) -> None:
        identities = [candidate_identity(url) for url in urls]
        self.world.discover(*(Candidate(*identity) for identity in identities))
        self.world.screen()

    def fetch(self, kind: FailureKind | None = None) -> list[str]:
        """Ask for all that is due, and fail by ``kind`` or store other audio for each path. Returns the addresses."""
        claims = self.world.claim(100)
        for claim in claims:
            if kind is None:
                self.world.fetched(claim, urlsplit(claim.url).path)
            else:
                self.world.fail(claim, kind)
        self.world.check_counts()
        return sorted(claim.url for claim in claims)

    def videos(self) -> dict[str, str]:
        return {row.url: row.state for row in self.world.rows(schema.video)}


def host_of(url: str) -> str:
    return urlsplit(url).hostname or ""


async def pages_of(query: Query, page_size: int) -> list[Page]:
    async with HttpClient(allow_private_addresses=True, max_redirects=3, user_agent="voicesieve-test") as client:
        source = FeedSource(client, DocumentLimits())
        pages: list[Page] = []
        while not pages or pages[-1].cursor is not None:
            cursor = pages[-1].cursor if pages else None
            pages.append(await source.page(query, cursor, {}, Budget(max_candidates=page_size)))
        return pages


@pytest.fixture
def crawler(any_catalog: Catalog) -> Crawler:
    return Crawler(World(any_catalog))


def test_a_feed_whose_addresses_carry_tokens_is_fetched_once(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with podcast(Item("g1", "/audio/1.ogg?token={token}"), Item("g2", "/audio/{token}/2.ogg")) as (show, _):
        command = ("crawl", *sources(f"rss:{show.base_url}/feed"), "--data", data, "--quiet")
        for _ in range(3):
            voicesieve(*command, settings=AT_EVERY_RUN)
        assert show.reading == 3
        assert sorted(show.fetched) == ["/audio/1.ogg", "/audio/t1/2.ogg"]
        facts = status(data)
        assert sum(facts["videos"].values()) == 2
        (query,) = facts["queries"]
        assert (query["found"], query["new"]) == (2, 2)
        stories = stories_of(data)
        assert set(stories) == {f"{show.base_url}/audio/1.ogg?token=t3", f"{show.base_url}/audio/t3/2.ogg"}
        # Both hold the same bytes: stored once, and taken down together, at whatever address they appear later.
        assert len([path for path in (data / "recordings").rglob("*") if path.is_file()]) == 1
        url = f"{show.base_url}/audio/1.ogg?token=t3"
        voicesieve("withdraw", "video", url, "--yes", "--data", data, settings=AT_EVERY_RUN)
        voicesieve(*command, settings=AT_EVERY_RUN)
        assert (len(show.fetched), status(data)["videos"]["withdrawn"]) == (2, 2)


def test_an_address_that_expired_before_its_fetch_is_tried_again_at_the_next(crawler: Crawler) -> None:
    with podcast(Item("g1", "/audio/1.ogg?token={token}")) as (show, _):
        crawler.read(f"{show.base_url}/feed")
        assert crawler.fetch(FailureKind.PRIVATE) == [f"{show.base_url}/audio/1.ogg?token=t1"]
        assert crawler.fetch() == []
        crawler.read(f"{show.base_url}/feed")
        assert crawler.fetch() == [f"{show.base_url}/audio/1.ogg?token=t2"]
        assert crawler.videos() == {f"{show.base_url}/audio/1.ogg?token=t2": "fetched"}


def test_an_address_that_is_renewed_while_the_old_one_fails_is_tried_at_once(crawler: Crawler) -> None:
    with podcast(Item("g1", "/audio/1.ogg?token={token}")) as (show, _):
        crawler.read(f"{show.base_url}/feed")
        (claim,) = crawler.world.claim()
        crawler.read(f"{show.base_url}/feed")
        assert "another address" in crawler.world.fail(claim, FailureKind.GONE).sentence
        crawler.world.check_counts()
        assert crawler.fetch() == [f"{show.base_url}/audio/1.ogg?token=t2"]


def test_a_dead_file_is_not_requested_forever_because_its_address_changes(crawler: Crawler) -> None:
    asked = []
    with podcast(Item("g1", "/gone/1.ogg?token={token}")) as (show, _):
        for _ in range(14):
            crawler.read(f"{show.base_url}/feed")
            asked += crawler.fetch(FailureKind.GONE)
    assert len(asked) == naming.MOST_FAILURES


def test_useless_audio_is_not_fetched_again_at_a_new_address(crawler: Crawler) -> None:
    with podcast(Item("g1", "/audio/1.ogg?token={token}")) as (show, _):
        crawler.read(f"{show.base_url}/feed")
        crawler.fetch(FailureKind.TOO_LONG)
        crawler.read(f"{show.base_url}/feed")
        assert crawler.fetch() == []


def test_an_address_that_moves_to_another_host_waits_for_that_host(crawler: Crawler) -> None:
    with podcast(Item("g1", "/audio/1.ogg?token={token}")) as (show, _):
        crawler.read(f"{show.base_url}/feed")
        crawler.read(f"{show.base_url}/feed")
        show.audio_host = "localhost"
        crawler.read(f"{show.base_url}/feed")
        hosts = {row.name: row.waiting for row in crawler.world.rows(schema.host)}
        assert hosts == {"127.0.0.1": 0, "localhost": 1}
        (claim,) = crawler.world.claim()
        assert claim.host == "localhost"
        (row,) = crawler.world.rows(schema.video)
        assert {arm.id: arm.host for arm in crawler.world.rows(schema.arm)}[row.arm] == "localhost"


def test_one_guid_on_two_files_of_a_feed_stays_two(crawler: Crawler) -> None:
    first, second = Item("g", "/audio/1.ogg?token={token}"), Item("g", "/audio/2.ogg?token={token}")
    readings = [[first], [second, first], [second], [first, second]]
    with podcast(lambda reading: readings[reading - 1]) as (show, _):
        asked = []
        for _ in readings:
            crawler.read(f"{show.base_url}/feed")
            asked += crawler.fetch()
        assert asked == [f"{show.base_url}/audio/1.ogg?token=t1", f"{show.base_url}/audio/2.ogg?token=t2"]
        assert len(crawler.videos()) == 2


def test_one_guid_on_many_files_that_only_the_query_tells_apart_stays_many(crawler: Crawler) -> None:
    items = [Item("g", f"/audio/get?file={number}") for number in range(5)]
    with podcast(*items) as (show, _):
        for _ in range(2):
            crawler.read(f"{show.base_url}/feed", page_size=2)
        assert len(crawler.fetch()) == 5


def test_entries_without_a_lasting_guid_are_recognised_by_their_address(crawler: Crawler) -> None:
    with podcast(lambda reading: [Item("", "/audio/1.ogg"), Item(f"made up {reading}", "/audio/2.ogg")]) as (show, _):
        for _ in range(3):
            crawler.read(f"{show.base_url}/feed")
        assert len(crawler.fetch()) == 2
        assert len(crawler.world.rows(schema.alias)) == 2  # no trail of made-up guids


def test_an_address_that_holds_different_entries_over_time_loses_none(crawler: Crawler) -> None:
    """Some shows put the newest episode at a fixed address, and move it when the next one comes."""
    latest = "/audio/latest.ogg"
    weeks = [
        [Item("g1", latest)],
        [Item("g2", latest), Item("g1", "/audio/old/1.ogg")],
        [Item("g3", latest), Item("g2", "/audio/old/2.ogg"), Item("g1", "/audio/old/1.ogg")],
    ]
    with podcast(lambda reading: weeks[min(reading, 3) - 1]) as (show, _):
        for _ in weeks:
            crawler.read(f"{show.base_url}/feed")
            assert crawler.fetch() == [show.base_url + latest]
        crawler.read(f"{show.base_url}/feed")
        assert crawler.fetch() == []
        assert len(crawler.videos()) == 3


def test_the_same_guid_in_two_feeds_is_two_videos(crawler: Crawler) -> None:
    with podcast(Item("1", "/audio/a.ogg")) as (first, _), podcast(Item("1", "/audio/b.ogg")) as (second, _):
        crawler.read(f"{first.base_url}/feed")
        crawler.read(f"{second.base_url}/feed")
        assert crawler.fetch() == sorted([f"{first.base_url}/audio/a.ogg", f"{second.base_url}/audio/b.ogg"])


@pytest.mark.parametrize(
    "about",
    [
        "<podcast:guid>917393e3-1b1e-5cef-ace4-edaa54e1f810</podcast:guid>",
        "<itunes:new-feed-url>{base}/new</itunes:new-feed-url>",
    ],
)
def test_a_feed_that_moved_recognises_its_entries(crawler: Crawler, about: str) -> None:
    with podcast(Item("g1", "/audio/1.ogg?token={token}"), about=about, at=("/old", "/new")) as (show, _):
        crawler.read(f"{show.base_url}/old")
        crawler.read(f"{show.base_url}/new")
        assert crawler.fetch() == [f"{show.base_url}/audio/1.ogg?token=t{show.reading}"]
        show.about = ""
        crawler.read(f"{show.base_url}/new")
        assert len(crawler.videos()) == 1


def test_a_feed_that_is_redirected_recognises_its_entries_at_both_addresses(crawler: Crawler) -> None:
    with podcast(Item("g1", "/audio/1.ogg?token={token}"), at=("/new",)) as (show, server):
        server.routes = {**server.routes, "/old": Redirect("/new")}
        crawler.read(f"{show.base_url}/old")
        crawler.read(f"{show.base_url}/new")
        assert len(crawler.videos()) == 1


def test_a_withdrawn_entry_stays_out_at_any_address(crawler: Crawler) -> None:
    with podcast(Item("g1", "/audio/1.ogg?token={token}"), Item("g2", "/audio/2.ogg?token={token}")) as (show, _):
        crawler.read(f"{show.base_url}/feed")
        crawler.read(f"{show.base_url}/feed")
        row = crawler.world.row(f"{show.base_url}/audio/1.ogg?token=t2")
        crawler.world.withdraw(row.id)
        crawler.read(f"{show.base_url}/feed")
        crawler.list_addresses(f"{show.base_url}/audio/1.ogg?token=t1", f"{show.base_url}/audio/1.ogg?token=t2")
        assert crawler.fetch() == [f"{show.base_url}/audio/2.ogg?token=t3"]


def test_an_id_withdrawn_before_it_was_seen_covers_its_entry_from_then_on(crawler: Crawler) -> None:
    with podcast(Item("g1", "/audio/1.ogg?token={token}"), Item("g2", "/audio/2.ogg")) as (show, _):
        _, native_id, _ = candidate_identity(f"{show.base_url}/audio/1.ogg?token=t1")
        stone = takedown.tombstone_hash(f"url:{native_id}")
        crawler.world.step(takedown.add_tombstones, [stone], "video", "asked for", crawler.world.now)
        crawler.read(f"{show.base_url}/feed")
        crawler.read(f"{show.base_url}/feed")
        assert crawler.fetch() == [f"{show.base_url}/audio/2.ogg"]


def test_a_list_that_names_the_present_address_of_an_entry_adds_nothing(crawler: Crawler) -> None:
    with podcast(Item("g1", "/audio/1.ogg?token={token}")) as (show, _):
        crawler.read(f"{show.base_url}/feed")
        crawler.read(f"{show.base_url}/feed")
        for reading in ("t1", "t2"):
            crawler.list_addresses(f"{show.base_url}/audio/1.ogg?token={reading}")
        assert crawler.videos() == {f"{show.base_url}/audio/1.ogg?token=t2": "queued"}


def test_a_catalog_without_names_of_entries_learns_them_and_stores_nothing_twice(crawler: Crawler) -> None:
    with podcast(Item("g1", "/audio/1.ogg")) as (show, _):
        crawler.list_addresses(f"{show.base_url}/audio/1.ogg")
        (before,) = crawler.world.rows(schema.video)
        crawler.read(f"{show.base_url}/feed")
        show.entries = lambda _: [Item("g1", "/audio/1.ogg?token={token}")]
        crawler.read(f"{show.base_url}/feed")
        (after,) = crawler.world.rows(schema.video)
        assert (after.id, after.url) == (before.id, f"{show.base_url}/audio/1.ogg?token=t2")


def test_an_older_catalog_inherits_the_takedown_of_an_entry(crawler: Crawler) -> None:
    with podcast(Item("g1", "/audio/1.ogg?token={token}"), Item("g2", "/audio/2.ogg?token={token}")) as (show, _):
        crawler.read(f"{show.base_url}/feed")
        name = next(row.name for row in crawler.world.rows(schema.alias) if row.kind == "entry")
        stone = {"hash": takedown.tombstone_hash(name), "subject": "video", "reason": "", "made_at": 1.0}
        assert crawler.world.step(inheritance.inherit, {"tombstone": [stone]}, crawler.world.now) == 1
        assert sorted(row.state for row in crawler.world.rows(schema.video)) == ["queued", "withdrawn"]
