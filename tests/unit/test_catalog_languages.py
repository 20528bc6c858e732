"""Evidence of the language in the catalog: stored with the verdict, read again, and carried over from older tables."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy
from catalog_world import VIETNAMESE, World, candidate, sha_of

from voicesieve.catalog import versions
from voicesieve.catalog.opening import open_catalog
from voicesieve.catalog.reads import evidence
from voicesieve.catalog.reads.exportable import exportable
from voicesieve.catalog.store import Catalog
from voicesieve.catalog.writes import languages
from voicesieve.domain.decisions import Outcome
from voicesieve.domain.languages import LanguageEvidence, SpokenLanguage

VOTES = tuple(
    LanguageEvidence(code, "whisper", 0.9, "tiny", start, start + 10.0, 1.0, ((code, 0.9), ("km", 0.05)))
    for code, start in (("vi", 0.0), ("en", 20.0))
)
RECOGNISED = SpokenLanguage("vi", VOTES, 0.9)


@pytest.fixture
def world(any_catalog: Catalog) -> World:
    return World(any_catalog)


def decide(world: World, number: int, audio: str, language: SpokenLanguage, **facts: object) -> None:
    world.fetch(candidate(number, **facts), audio)
    (claim,) = world.claim_analysis()
    world.publish(claim, language=language)


def test_what_was_stored_is_read_again_to_the_last_piece(world: World) -> None:
    decide(world, 1, "one", RECOGNISED)
    row = world.row(candidate(1).id)
    assert world.ask(evidence.stored_language, row) == RECOGNISED
    world.redecide(row.id, outcome=Outcome.REJECTED, language=VIETNAMESE)
    assert world.ask(evidence.stored_language, world.row(row.id)) == VIETNAMESE
    world.check_counts()


def test_what_was_recognised_in_equal_audio_is_used_for_the_next_video(world: World) -> None:
    decide(world, 1, "same", RECOGNISED)
    assert world.ask(evidence.recognised_before, sha_of("same"), "whisper", "tiny") == VOTES
    assert world.ask(evidence.recognised_before, sha_of("same"), "whisper", "other") == ()
    assert world.ask(evidence.recognised_before, sha_of("other"), "whisper", "tiny") == ()


def test_exports_learn_what_was_recognised_in_parts(world: World) -> None:
    decide(world, 1, "one", RECOGNISED)
    decide(world, 2, "two", VIETNAMESE)
    pieces = {item.carriers[0].id: item.carriers[0].recognised for item in world.ask(exportable)}
    assert pieces == {candidate(1).id: VOTES, candidate(2).id: ()}


def test_a_channel_speaks_through_its_other_accepted_videos(world: World) -> None:
    for number in range(4):
        decide(world, number, f"a{number}", SpokenLanguage("vi" if number else "und"), channel="one")
    decide(world, 5, "b", SpokenLanguage("en"), channel="two")
    last = world.row(candidate(3).id).key
    assert world.ask(evidence.channel_languages, "one", but_not=last) == {"vi": 2}
    assert world.ask(evidence.channel_languages, "", but_not=last) == {}


def test_only_what_could_not_be_recognised_is_listened_to_again(world: World) -> None:
    decide(world, 1, "one", SpokenLanguage("und", unavailable=(("whisper", "no model"),)))
    decide(world, 2, "two", VIETNAMESE)
    assert world.status()["languages"]["unavailable"] == {"whisper": 1}
    assert world.step(languages.listen_again, world.now) == 1
    assert world.status()["languages"]["unavailable"] == {"whisper": 1}, (
        "until it is recognised, the old decision stands"
    )
    (claim,) = world.claim_analysis()
    assert claim.video == candidate(1).id
    world.publish(claim, language=RECOGNISED)
    assert world.status()["languages"]["unavailable"] == {}
    assert world.state(candidate(1).id) == "accepted"
    world.check_counts()


def test_older_tables_keep_their_evidence_and_get_their_counts(tmp_path: Path) -> None:
    """A catalog of the first tables with two decided videos."""
    from alembic import command
    from alembic.config import Config

    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path}/catalog.sqlite3")
    config = Config()
    config.set_main_option("script_location", str(versions.MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
        columns = "key, id, source, url, host, title, channel, metadata, facts, state, reasons, item_failures, "
        columns += "machine_failures, language, discovered_at, changed_at"
        for key, state, language in ((1, "accepted", "vi"), (2, "rejected", "und")):
            values = f"{key}, 'url:{key}', 'url', 'u', 'h', '', '', '{{}}', '{{}}', '{state}', '[]', 0, 0, '{language}'"
            connection.exec_driver_sql(f"INSERT INTO video ({columns}) VALUES ({values}, 0, 0)")
        pieces = ((1, "asr_captions", "vi"), (1, "declared_by_source", "vi"))
        connection.exec_driver_sql("INSERT INTO language_evidence (video, source, code) VALUES (?, ?, ?)", [*pieces])
    engine.dispose()
    catalog = open_catalog(tmp_path, create=False)
    world = World(catalog)
    stored = world.ask(evidence.stored_language, world.row("url:1"))
    assert {(piece.source, piece.code, piece.probability) for piece in stored.evidence} == {
        ("asr_captions", "vi", 0.97),
        ("declared_audio", "vi", 0.93),
    }
    assert (stored.code, stored.probability) == ("vi", 0.97)
    assert world.status()["languages"] == {
        "accepted": {"vi": 1},
        "states": {"settled": 1, "undetermined": 1},
        "unavailable": {},
    }
    catalog.close()
