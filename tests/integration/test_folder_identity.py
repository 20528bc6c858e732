"""A local file stays one video, however the path to it is spelled and wherever it is moved."""

from __future__ import annotations

import asyncio
import os
import shutil
import unicodedata
from pathlib import Path

import pytest
from catalog_world import NO_ATTEMPT, World, path_of, recording
from crawling import CLIPS, QUICK, sources, status, stories_of, voicesieve
from sqlalchemy import delete

from voicesieve.audio.store import RecordingStore
from voicesieve.catalog import schema
from voicesieve.catalog.store import Catalog
from voicesieve.catalog.writes import discovery, merging, naming, results
from voicesieve.crawl.moved import moved_files
from voicesieve.domain.candidates import Budget, Candidate, Page, Query
from voicesieve.fetching.local import gone
from voicesieve.sources.folder import FolderSource
from voicesieve.sources.identity import candidate_identity
from voicesieve.sources.registry import as_known, parse_query


class Crawler:
    """Walks folders into a catalog as a run does, and stores each file under the hash of its bytes."""

    def __init__(self, world: World, store: RecordingStore) -> None:
        self.world = world
        self.store = store

    def walk(self, folder: Path) -> Page:
        query = parse_query(f"folder:{folder}")
        queries = [Query(row.source, row.argument) for row in self.world.rows(schema.query)]
        return self.walk_as(as_known(query, queries))

    def walk_as(self, query: Query) -> Page:
        row = self.world.step(discovery.register_query, query, self.world.now)
        page = asyncio.run(FolderSource().page(query, None, {}, Budget(max_candidates=1_000)))
        seen = self.world.ask(naming.files_seen, page.candidates)
        moved = moved_files(seen, page.candidates, self.store)
        args = (row.id, page, lambda _: "", self.world.now)
        self.world.step(discovery.commit_page, *args, refresh_s=0.0, moved=moved)
        self.world.screen()
        self.world.check_counts()
        return page

    def fetch(self) -> list[str]:
        """Returns the names of the files that were read."""
        claims = self.world.claim(1_000)
        for claim in claims:
            audio = Path(candidate_path(claim.url)).read_text()
            lay = self.world.ask(merging.others_with, recording(audio).sha256, claim.key)
            stored = self.store.path(path_of(audio))
            stored.parent.mkdir(parents=True, exist_ok=True)
            stored.write_text(audio)
            fetched = (claim, NO_ATTEMPT, recording(audio), path_of(audio), self.world.now)
            self.world.step(results.finish_fetch, *fetched, rights_basis="own", gone=gone(lay))
        self.world.check_counts()
        return sorted(Path(candidate_path(claim.url)).name for claim in claims)

    def videos(self) -> dict[str, str]:
        return {candidate_path(row.url): row.state for row in self.world.rows(schema.video)}


def candidate_path(url: str) -> str:
    assert url.startswith("file:///")
    return url.removeprefix("file://")


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"sound of {name}")


@pytest.fixture
def crawler(any_catalog: Catalog, tmp_path_factory: pytest.TempPathFactory) -> Crawler:
    return Crawler(World(any_catalog), RecordingStore(tmp_path_factory.mktemp("recordings")))


def test_one_folder_under_many_spellings_is_one_query(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "corp/sub").mkdir(parents=True)
    (tmp_path / "link").symlink_to("corp")
    monkeypatch.chdir(tmp_path)
    spellings = [
        "corp",
        "./corp",
        "corp/",
        "corp/.",
        "corp//",
        "corp/sub/..",
        "link",
        "link/sub/..",
        f"{tmp_path}/corp",
    ]
    assert {parse_query(f"folder:{spelling}") for spelling in spellings} == {Query("folder", f"{tmp_path}/corp")}


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_folder_is_found_by_its_name_in_either_unicode_form(tmp_path: Path, form: str) -> None:
    name = unicodedata.normalize(form, "Bé Na kể")
    (tmp_path / name / "kể").mkdir(parents=True)
    typed = unicodedata.normalize("NFD" if form == "NFC" else "NFC", f"{name}/kể")
    assert parse_query(f"folder:{tmp_path}/{typed}").argument == f"{tmp_path}/{name}/kể"


def test_two_folders_whose_names_differ_in_form_alone_stay_two(tmp_path: Path) -> None:
    names = [unicodedata.normalize(form, "kể") for form in ("NFC", "NFD")]
    for name in names:
        (tmp_path / name).mkdir(exist_ok=True)
    if len(list(tmp_path.iterdir())) == 1:
        pytest.skip("this file system knows one form of a name only")
    assert [parse_query(f"folder:{tmp_path}/{name}").argument for name in names] == [
        f"{tmp_path}/{name}" for name in names
    ]


def test_a_moved_folder_is_neither_read_nor_counted_again(tmp_path: Path, crawler: Crawler) -> None:
    write(tmp_path / "corp", "a.wav", "sub/b.wav")
    crawler.walk(tmp_path / "corp")
    assert crawler.fetch() == ["a.wav", "b.wav"]
    ids = {row.id for row in crawler.world.rows(schema.video)}
    lies = tmp_path / "corp"
    for place in ("corp2", "elsewhere", "corp"):
        lies = lies.rename(tmp_path / place)
        crawler.walk(tmp_path / place)
        assert crawler.fetch() == []
        assert set(crawler.videos()) == {f"{tmp_path}/{place}/a.wav", f"{tmp_path}/{place}/sub/b.wav"}
    assert {row.id for row in crawler.world.rows(schema.video)} == ids


def test_a_folder_moved_to_another_disk_is_recognised_by_its_audio(tmp_path: Path, crawler: Crawler) -> None:
    write(tmp_path / "corp", "a.wav", "b.wav")
    crawler.walk(tmp_path / "corp")
    crawler.fetch()
    ids = {row.id for row in crawler.world.rows(schema.video)}
    shutil.copytree(tmp_path / "corp", tmp_path / "corp2")  # other inodes, as on another disk
    shutil.rmtree(tmp_path / "corp")
    crawler.walk(tmp_path / "corp2")
    moved = [row.id for row in crawler.world.rows(schema.video) if row.id not in ids]
    assert crawler.fetch() == ["a.wav", "b.wav"]
    assert set(crawler.videos()) == {f"{tmp_path}/corp2/a.wav", f"{tmp_path}/corp2/b.wav"}
    assert {row.id for row in crawler.world.rows(schema.video)} == ids
    assert {crawler.world.row(id_).id for id_ in moved} == ids  # `why` finds them by either id
    assert [query["new"] for query in crawler.world.status()["queries"]] == [2, 0]
    crawler.walk(tmp_path / "corp2")
    assert crawler.fetch() == []


def test_a_file_that_moves_before_its_fetch_is_fetched_from_its_new_place(tmp_path: Path, crawler: Crawler) -> None:
    write(tmp_path / "corp", "a.wav")
    crawler.walk(tmp_path / "corp")
    (tmp_path / "corp").rename(tmp_path / "corp2")
    crawler.walk(tmp_path / "corp2")
    assert crawler.fetch() == ["a.wav"]
    assert crawler.videos() == {f"{tmp_path}/corp2/a.wav": "fetched"}


def test_a_copy_beside_the_original_stays_a_video_of_its_own(tmp_path: Path, crawler: Crawler) -> None:
    write(tmp_path / "corp", "a.wav")
    crawler.walk(tmp_path / "corp")
    crawler.fetch()
    shutil.copy2(tmp_path / "corp/a.wav", tmp_path / "corp/b.wav")
    os.link(tmp_path / "corp/a.wav", tmp_path / "corp/c.wav")
    crawler.walk(tmp_path / "corp")
    assert crawler.fetch() == ["b.wav", "c.wav"]
    assert len(crawler.videos()) == 3
    assert len(crawler.world.rows(schema.recording)) == 1


def test_a_new_file_where_another_was_moved_from_is_a_new_video(tmp_path: Path, crawler: Crawler) -> None:
    """A recorder that writes today.wav and puts it away in the evening."""
    write(tmp_path / "corp", "today.wav")
    crawler.walk(tmp_path / "corp")
    crawler.fetch()
    (tmp_path / "corp/today.wav").rename(tmp_path / "corp/monday.wav")
    crawler.walk(tmp_path / "corp")
    (tmp_path / "corp/today.wav").write_text("sound of tuesday")
    for expected in (["today.wav"], []):
        crawler.walk(tmp_path / "corp")
        assert crawler.fetch() == expected
    (tmp_path / "corp/today.wav").rename(tmp_path / "corp/tuesday.wav")
    crawler.walk(tmp_path / "corp")
    assert crawler.fetch() == []
    assert set(crawler.videos()) == {f"{tmp_path}/corp/monday.wav", f"{tmp_path}/corp/tuesday.wav"}


def test_a_file_of_another_card_with_the_same_inode_size_and_time_is_not_a_moved_file(
    tmp_path: Path, crawler: Crawler
) -> None:
    path = tmp_path / "card/A/1.wav"
    write(path.parent, "1.wav")
    crawler.walk(tmp_path / "card")
    crawler.fetch()
    before = path.stat()
    path.parent.rename(tmp_path / "card/B")
    path = tmp_path / "card/B/1.wav"
    path.write_text("SOUND OF 1.wav")  # the inode and the length stay
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_ino, path.stat().st_size) == (before.st_ino, before.st_size)
    crawler.walk(tmp_path / "card")
    assert crawler.fetch() == ["1.wav"]
    assert len(crawler.videos()) == 2


@pytest.mark.parametrize("way", ["renamed", "copied"])
def test_a_withdrawn_file_stays_out_where_it_was_moved_to(tmp_path: Path, crawler: Crawler, way: str) -> None:
    write(tmp_path / "corp", "a.wav", "b.wav")
    crawler.walk(tmp_path / "corp")
    crawler.fetch()
    (id_,) = (row.id for row in crawler.world.rows(schema.video) if row.url.endswith("a.wav"))
    crawler.world.withdraw(id_)
    if way == "copied":
        shutil.copytree(tmp_path / "corp", tmp_path / "corp2")
        shutil.rmtree(tmp_path / "corp")
    else:
        (tmp_path / "corp").rename(tmp_path / "corp2")
    crawler.walk(tmp_path / "corp2")
    crawler.fetch()
    states = sorted(row.state for row in crawler.world.rows(schema.video))
    assert states == (["fetched", "withdrawn"] if way == "renamed" else ["fetched", "withdrawn", "withdrawn"])


def as_an_older_catalog_has_it(crawler: Crawler, top: Path, *names: str) -> None:
    """A folder that was given by ``top``, a path with links, as it was stored when paths were taken as typed."""
    row = crawler.world.step(discovery.register_query, Query("folder", str(top)), crawler.world.now)
    candidates = [Candidate(*candidate_identity((top / name).as_uri()), title=Path(name).stem) for name in names]
    args = (row.id, Page(tuple(candidates)), lambda _: "", crawler.world.now)
    crawler.world.step(discovery.commit_page, *args, refresh_s=0.0)
    crawler.world.screen()


def test_an_older_catalog_of_a_folder_behind_a_link_stores_nothing_twice(tmp_path: Path, crawler: Crawler) -> None:
    write(tmp_path / "corp", "a.wav", "sub/b.wav")
    (tmp_path / "link").symlink_to("corp")
    as_an_older_catalog_has_it(crawler, tmp_path / "link", "a.wav", "sub/b.wav")
    assert crawler.fetch() == ["a.wav", "b.wav"]
    ids = {row.id for row in crawler.world.rows(schema.video)}
    for spelling in ("corp", "link", "corp/sub", "link/sub"):
        crawler.walk(tmp_path / spelling)
        assert crawler.fetch() == []
        assert {row.id for row in crawler.world.rows(schema.video)} == ids
    assert len(crawler.world.rows(schema.query)) == 2
    (tmp_path / "corp").rename(tmp_path / "corp2")
    (tmp_path / "link").unlink()
    crawler.walk(tmp_path / "corp2")
    assert crawler.fetch() == []
    assert set(crawler.videos()) == {f"{tmp_path}/corp2/a.wav", f"{tmp_path}/corp2/sub/b.wav"}


def test_a_link_that_leads_to_another_file_by_now_brings_that_file(tmp_path: Path, crawler: Crawler) -> None:
    write(tmp_path / "lib", "monday.wav", "tuesday.wav")
    (tmp_path / "corp").mkdir()
    as_an_older_catalog_has_it(crawler, tmp_path / "corp", "latest.wav")
    latest = tmp_path / "corp/latest.wav"
    for day, expected in (("monday", ["latest.wav"]), ("tuesday", ["tuesday.wav"]), ("tuesday", [])):
        latest.unlink(missing_ok=True)
        latest.symlink_to(f"../lib/{day}.wav")
        crawler.walk(tmp_path / "corp")
        assert crawler.fetch() == expected


def test_a_catalog_that_lost_its_names_recognises_files_by_their_audio(tmp_path: Path, crawler: Crawler) -> None:
    write(tmp_path / "corp", "a.wav")
    crawler.walk(tmp_path / "corp")
    crawler.fetch()
    crawler.world.step(lambda connection: connection.execute(delete(schema.alias)))
    (tmp_path / "corp").rename(tmp_path / "corp2")
    crawler.walk(tmp_path / "corp2")
    assert crawler.fetch() == ["a.wav"]
    assert crawler.videos() == {f"{tmp_path}/corp2/a.wav": "fetched"}


def test_a_folder_that_is_linked_renamed_and_spelt_differently_is_crawled_once(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for number, name in enumerate(("lib/disk1/silence.opus", "corp/other.opus")):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_bytes(CLIPS["silence"].body + bytes(number))
    (tmp_path / "corp/d1").symlink_to("../lib/disk1")
    (tmp_path / "corp/notes.txt").touch()

    def crawl(folder: str) -> None:
        command = ("crawl", *sources(f"folder:{folder}"), "--data", data, "--quiet")
        voicesieve(*command, settings=QUICK, cwd=tmp_path)

    crawl("corp")
    before = stories_of(data)
    assert {Path(url).name: story["state"] for url, story in before.items()} == {
        "silence.opus": "rejected",
        "other.opus": "rejected",
    }
    (tmp_path / "corp").rename(tmp_path / "corp2")
    crawl("./corp2/../corp2/")
    after = stories_of(data)
    assert {story["video"] for story in after.values()} == {story["video"] for story in before.values()}
    assert all(len(story["attempts"]) == 2 for story in after.values())
    facts = status(data)
    assert facts["videos"]["rejected"] == sum(facts["videos"].values()) == 2
    texts = {"what": "files with suffix .txt", "count": 1, "example": "“notes.txt”"}
    assert [query["passed_over"] for query in facts["queries"]] == [[texts], [texts]]
    shown = voicesieve("why", "folder:corp2", "--data", data, settings=QUICK, cwd=tmp_path).out
    assert "passed over: files with suffix .txt (1, for example “notes.txt”)" in shown
    planned = voicesieve("plan", *sources("folder:corp2"), "--data", data, settings=QUICK, cwd=tmp_path).out
    assert "files with suffix .txt" in planned
