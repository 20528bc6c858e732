"""A video's state and all that is counted of it change through one door, one video or a whole set at once."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from catalog_world import NO_ATTEMPT, World, candidate, path_of, recording, sha_of, withdraw_channel, withdraw_recording

import voicesieve
from voicesieve.catalog import schema
from voicesieve.catalog.store import Catalog
from voicesieve.catalog.writes import (
    changes,
    choosing,
    discovery,
    importing,
    languages,
    leases,
    results,
    timekeeping,
)
from voicesieve.domain.candidates import Candidate, Name, NameKind
from voicesieve.domain.decisions import Outcome, Reason
from voicesieve.domain.failures import FailureKind
from voicesieve.domain.languages import SpokenLanguage
from voicesieve.domain.states import VideoState
from voicesieve.domain.verdicts import Model

SOURCE = Path(voicesieve.__file__).parent
COUNTED_COLUMNS = ("waiting", "accepted_videos")
COUNTER_PREFIXES = ("state:", "failure:", "language", "accepted_", "child_s")


def files_and_trees() -> Iterator[tuple[str, ast.Module]]:
    for file in sorted(SOURCE.rglob("*.py")):
        if "migrations" not in file.parts:
            yield str(file.relative_to(SOURCE)), ast.parse(file.read_text(encoding="utf-8"))


def is_table(node: ast.AST | None, names: set[str]) -> bool:
    if isinstance(node, ast.Name):
        return node.id in names
    return isinstance(node, ast.Attribute) and node.attr == "video" and ast.unparse(node) == "schema.video"


def names_of_the_table(tree: ast.Module) -> set[str]:
    """By which names a module speaks of the table of videos."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "voicesieve.catalog.schema":
            names |= {alias.asname or alias.name for alias in node.names if alias.name == "video"}
    for _ in range(2):  # a name may stand for another one
        for node in ast.walk(tree):
            pairs: list[tuple[ast.AST, ast.AST]] = []
            if isinstance(node, ast.Assign):
                pairs = [(target, node.value) for target in node.targets]
            elif isinstance(node, ast.For) and isinstance(node.iter, ast.Tuple):
                pairs = [(node.target, value) for value in node.iter.elts]
            for target, value in pairs:
                if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                    both = list(zip(target.elts, value.elts, strict=True))
                else:
                    both = [(target, value)]  # type: ignore[list-item]
                names |= {t.id for t, v in both if isinstance(t, ast.Name) and is_table(v, names)}
    return names


def writes_of_videos(tree: ast.Module) -> list[int]:
    """The lines of a module that change the table of videos."""
    names = names_of_the_table(tree)
    lines = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
            if node.func.id in ("update", "delete", "insert", "insert_missing"):
                lines += [node.lineno for argument in node.args[:2] if is_table(argument, names)]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in ("update", "delete", "insert") and is_table(node.func.value, names):
                lines.append(node.lineno)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            words = node.value.lower().split()[:3]
            if words[:2] == ["update", "video"] or words in (["insert", "into", "video"], ["delete", "from", "video"]):
                lines.append(node.lineno)
    return lines


def writes_of_counts(tree: ast.Module) -> list[int]:
    """The lines of a module that add to a counter, or set a column, that follows from the rows of videos."""
    lines = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        if ast.unparse(node.func).endswith("add_to_counter"):
            texts = [part.value for part in ast.walk(node.args[1]) if isinstance(part, ast.Constant)]
            lines += [node.lineno for text in texts if str(text).startswith(COUNTER_PREFIXES)]
        if isinstance(node.func, ast.Attribute) and node.func.attr == "values":
            lines += [node.lineno for keyword in node.keywords if keyword.arg in COUNTED_COLUMNS]
    return lines


def test_no_module_but_the_door_writes_to_the_table_of_videos() -> None:
    writers = {file: lines for file, tree in files_and_trees() if (lines := writes_of_videos(tree))}
    assert list(writers) == ["catalog/writes/changes.py"], writers
    assert len(writers["catalog/writes/changes.py"]) == 4  # one video and many, a set, new ones, one that goes


def test_no_module_but_one_writes_what_is_counted_of_videos() -> None:
    writers = {file: lines for file, tree in files_and_trees() if (lines := writes_of_counts(tree))}
    assert list(writers) == ["catalog/writes/counting.py"], writers


@pytest.mark.parametrize(
    "text",
    [
        "from voicesieve.catalog.schema import video\nupdate(video).values(state='queued')",
        "from voicesieve.catalog.schema import video as videos\nconnection.execute(delete(videos))",
        "from voicesieve.catalog import schema\nconnection.execute(schema.video.insert(), rows)",
        "other, table = schema.host, schema.video\nupdate(table)",
        "for table in (schema.attempt, schema.video):\n    connection.execute(delete(table))",
        "v = schema.video\nw = v\nupdate(w)",
        "connection.exec_driver_sql('UPDATE video SET state = 1')",
    ],
)
def test_a_write_of_videos_is_noticed_under_any_name_of_the_table(text: str) -> None:
    assert writes_of_videos(ast.parse(text)) == [text.count("\n") + 1]


@pytest.mark.parametrize(
    "text",
    [
        "add_to_counter(connection, f'state:{state}', 1)",
        "counters.add_to_counter(connection, 'child_s', 1.0)",
        "update(host).values(waiting=host.c.waiting + 1)",
    ],
)
def test_a_write_of_what_is_counted_is_noticed(text: str) -> None:
    assert writes_of_counts(ast.parse(text)) == [1]


@pytest.fixture
def full(any_catalog: Catalog) -> World:
    """Videos in every state, on two hosts and of two channels, some with the same audio."""
    world = World(any_catalog)
    unknown = SpokenLanguage("en", unavailable=(("text", "broken"),))
    for number, outcome in enumerate([Outcome.ACCEPTED, Outcome.REJECTED, Outcome.UNSURE, Outcome.ACCEPTED]):
        audio = "same" if outcome is Outcome.ACCEPTED else f"audio {number}"
        world.decide(of(number), audio, outcome, child_s=1.0 + number, language=unknown)
    for number, kind in ((10, FailureKind.NETWORK), (11, FailureKind.GONE), (12, FailureKind.RATE_LIMITED)):
        world.queue(of(number))
        (claim,) = world.claim()
        world.fail(claim, kind)
        world.now += 100_000.0
        world.step(results.retry, world.now, kind="rate_limited")
    world.queue(*map(of, range(20, 30)))
    for claim in world.claim(limit=3):
        world.fetched(claim, f"fetched {claim.key}")
    world.discover(*map(of, range(30, 40)))
    world.screen(lambda video: Reason("no", "no") if video.native_id[-1] in "02468" else None)
    world.discover(*map(of, range(40, 45)))
    # What was queued and is kept out by what was learnt later has its arm, and is screened again with it.
    claim, _ = world.claim(limit=2)
    world.step(results.screen_out, claim, Reason("late", "late"), {"licence": "x"}, "rules-1", world.now)
    world.check_counts()
    return world


def of(number: int) -> Candidate:
    return candidate(number, ("a.example", "b.example")[number % 2], channel=("one", "two")[number % 2])


def take_over(world: World) -> None:
    held = [importing.Held(of(number), recording(f"held {number}"), path_of(f"held {number}")) for number in (60, 61)]
    held += [importing.Held(of(number), recording("same"), path_of("same")) for number in (25, 30)]
    held += [importing.Held(of(number), lent_until=world.now + 5.0) for number in (70, 71)]
    rights = {"rights_basis": "own_channel", "rights_statement": ""}
    states = world.step(importing.take_over, held, lambda url: "a.example", "run-1", world.now, **rights)
    assert states[of(60).id] is VideoState.FETCHED and states[of(70).id] is VideoState.DISCOVERED


def relearn(world: World) -> None:
    keys = [row.key for row in world.rows(schema.video)]
    world.step(choosing.set_merits, dict.fromkeys(keys, 0.75))
    assert {row.merit for row in world.rows(schema.video)} == {0.0, 0.75}


def enrol_an_older_catalog(world: World) -> None:
    with world.catalog.write() as connection:
        connection.execute(schema.video.update().values(arm=None))
        connection.execute(schema.arm.delete())
        connection.execute(schema.query.update().values(fetched=0, accepted=0, child_s=0.0))
    assert world.step(choosing.enrol_missing, lambda video: 0.5 if video.channel == "one" else 0.0) > 10


def set_the_clock_back(world: World) -> None:
    world.now -= 50_000.0
    assert world.step(timekeeping.set_right, world.now) > 2


def give_new_addresses(world: World) -> None:
    """Entries of a feed lie on another host today: what waits there waits for that host, with that host's arm."""
    for host in ("old.example", "new.example"):
        entries = [
            Candidate("url", f"{host}{n}", f"https://{host}/{n}.mp3", f"entry {n}", channel="three", names=(entry(n),))
            for n in range(3)
        ]
        moved = world.discover(*entries, feed=("feed",)).moved
        world.screen()
    assert moved == 3


def entry(number: int) -> Name:
    return Name(NameKind.ENTRY, f"entry {number}")


def merge_moved_files(world: World) -> None:
    old, new = candidate(80, ""), candidate(81, "")
    world.decide(old, "file")
    world.queue(new)
    claims = [claim for claim in world.claim(limit=20) if claim.video == new.id]
    stored = (claims[0], NO_ATTEMPT, recording("file"), path_of("file"))
    world.step(results.finish_fetch, *stored, world.now, rights_basis="x", gone=frozenset({old.url}))
    assert new.id not in {row.id for row in world.rows(schema.video)}


MASS_CHANGES: dict[str, Callable[[World], object]] = {
    "screening with other rules": lambda world: world.step(discovery.screen_again, "rules-2", world.now),
    "screening": lambda world: world.screen(by="rules-2"),
    "importing": take_over,
    "retrying": lambda world: world.step(results.retry, world.now),
    "claiming": lambda world: world.claim(limit=50),
    "recovering": lambda world: world.step(leases.recover, world.now, only_driver=True),
    "fetching again": lambda world: world.step(results.fetch_again, sha_of("same"), world.now),
    "redeciding": lambda world: world.redecide(outcome=Outcome.ACCEPTED, child_s=7.5),
    "redeciding to nothing": lambda world: world.redecide(outcome=Outcome.REJECTED),
    "reanalysing": lambda world: world.queue_again(Model("other", "r9"), every=True),
    "listening again": lambda world: world.step(languages.listen_again, world.now),
    "withdrawing a channel": lambda world: world.step(withdraw_channel, "two", "asked for", world.now),
    "withdrawing audio": lambda world: world.step(withdraw_recording, sha_of("same"), "asked", world.now),
    "learning": relearn,
    "opening an older catalog": enrol_an_older_catalog,
    "a clock that was set back": set_the_clock_back,
    "a feed with new addresses": give_new_addresses,
    "a folder whose files moved": merge_moved_files,
}


@pytest.mark.parametrize("name", MASS_CHANGES)
def test_counts_equal_a_recount_after_every_mass_change(full: World, name: str) -> None:
    before = full.snapshot()
    MASS_CHANGES[name](full)
    assert full.snapshot() != before, "the change must change something, or this test shows nothing"
    full.check_counts()


def test_a_set_moves_only_as_the_states_allow(any_catalog: Catalog) -> None:
    world = World(any_catalog)
    world.discover(*(candidate(number) for number in range(200)))
    world.screen(lambda _: Reason("no", "no"))
    with world.catalog.write() as connection:
        out = schema.video.c.state == VideoState.SCREENED_OUT
        assert changes.change_where(connection, out, world.now, state=VideoState.DISCOVERED, reasons=[]) == 200
    world.check_counts()
    with pytest.raises(changes.IllegalMoveError, match="200 videos: discovered -> accepted"):
        world.step(changes.change_where, schema.video.c.key > 0, world.now, state=VideoState.ACCEPTED)
    assert world.status()["videos"]["discovered"] == 200
