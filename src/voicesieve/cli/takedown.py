"""``withdraw``, ``removed`` and ``audit``: taking things out for good, telling others, and the log of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voicesieve.cli.options import DEFAULT_DATA, AsJson, Config, Data

if TYPE_CHECKING:
    from voicesieve.operations.withdraw import Withdrawn

Since = Annotated[
    str, typer.Option(help="Only from this day or time (UTC) on, such as 2026-11-25 or 2026-11-25T08:00.")
]


def register(app: typer.Typer) -> None:
    app.command()(withdraw)
    app.command()(removed)
    app.command()(audit)


def withdraw(
    wanted: Annotated[
        list[str],
        typer.Argument(metavar="[KIND] NAME", help="KIND is video (default), channel or recording; see above."),
    ],
    reason: Annotated[str, typer.Option(help="Kept with the tombstone and in the audit log.")] = "",
    unseen: Annotated[
        bool, typer.Option("--unseen", help="Keep it out also if the catalog does not hold it yet.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    data: Data = DEFAULT_DATA,
    config: Config = None,
) -> None:
    """Take a video, channel or recording down for good: audio and results are deleted, and it is kept out.

    withdraw video ID-OR-URL, withdraw channel NAME, withdraw recording SHA256 (its first 8 digits or more will do).
    Later crawls, imports and exports obey. `voicesieve removed FILE` lists what those who hold an export must delete.
    """
    from voicesieve.audio.store import RecordingStore
    from voicesieve.cli.actor import actor
    from voicesieve.cli.output import OperatorError, note
    from voicesieve.cli.wiring import opened_catalog, settings_for
    from voicesieve.datafolder.deletions import undeletable
    from voicesieve.datafolder.folder import DataFolder
    from voicesieve.observability.terminal import safe_text
    from voicesieve.operations import withdraw as takedown

    kind, name = _subject(wanted)
    if not name.strip():
        raise OperatorError("Nothing is named. Write an id, a URL, a channel's name or a SHA-256.")
    if kind not in list(takedown.Kind):
        raise OperatorError(f"{safe_text(kind)}: cannot be withdrawn. Kinds: {', '.join(takedown.Kind)}.")
    order = takedown.Takedown(takedown.Kind(kind), name, reason, actor(), unseen)
    with opened_catalog(data, settings_for(data, config)) as catalog:
        if not yes:
            found = takedown.preview(catalog, order)
            what = f"audio and results of {kind} {safe_text(name)} ({found.videos} videos, {found.files} audio files)"
            typer.confirm(f"Delete the {what} for good?", abort=True)
        store = RecordingStore(DataFolder(data).recordings)
        done = takedown.withdraw(catalog, store, order)
        left = undeletable(catalog, store)
    if left:
        raise OperatorError(
            f"{done.videos} videos withdrawn and kept out, but not all audio is deleted, because voicesieve deletes "
            f"nothing outside of its folder: {safe_text('; '.join(left), limit=1000)}. Delete that yourself, then run "
            "`voicesieve doctor`."
        )
    note(_told(kind, safe_text(name), done))


def _told(kind: str, name: str, done: Withdrawn) -> str:
    """What was done, and no more than that."""
    from voicesieve.domain.times import iso

    if done.videos or done.files:
        files = f"and {done.files} audio files " if done.files else ""
        return (
            f"{done.videos} videos withdrawn: their results {files}are deleted, and later crawls and imports keep them "
            "out. Exports made before still hold them: `voicesieve removed FILE` lists what to delete there."
        )
    if done.ordered_at is not None:
        return (
            f"0 videos withdrawn: {kind} {name} was withdrawn on {iso(done.ordered_at)} already, and nothing of it has "
            "come into the catalog since."
        )
    return (
        f"0 videos withdrawn: the catalog holds nothing of {kind} {name}. It is noted, and later crawls and imports "
        "keep it out."
    )


def _subject(wanted: list[str]) -> tuple[str, str]:
    from voicesieve.cli.output import OperatorError
    from voicesieve.operations.withdraw import CHANNEL

    if len(wanted) > 2:
        raise OperatorError("Name one thing: `withdraw ID`, `withdraw channel NAME` or `withdraw recording SHA256`.")
    if len(wanted) == 2:
        return wanted[0], wanted[1]
    (name,) = wanted
    return ("channel", name.removeprefix(CHANNEL)) if name.startswith(CHANNEL) else ("video", name)


def removed(
    target: Annotated[Path, typer.Argument(metavar="DEST", help="File to write, or folder for REMOVED.csv.")],
    since: Since = "",
    replace: Annotated[
        bool, typer.Option("--replace", help="Write the list also where an earlier one names more.")
    ] = False,
    data: Data = DEFAULT_DATA,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Write what takedowns removed as CSV, for everybody who holds an earlier export."""
    from voicesieve.cli.output import note, print_json
    from voicesieve.cli.wiring import opened_catalog, settings_for
    from voicesieve.corpus.removed import write_removed

    with opened_catalog(data, settings_for(data, config)) as catalog:
        file, rows = write_removed(catalog, target, since=_epoch(since), replace=replace)
    if as_json:
        print_json({"path": str(file), "rows": rows})
        return
    if rows == 0:
        note(f"Wrote {file}, which names nothing: no takedown removed anything{' since then' if since else ''}.")
        return
    note(f"Wrote {file}: {rows} removed. Delete these recordings and videos from every copy of the corpus.")


def audit(
    deed: Annotated[str, typer.Option("--action", help="Only this kind of deed, such as withdraw.")] = "",
    since: Since = "",
    data: Data = DEFAULT_DATA,
    config: Config = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines.")] = False,
) -> None:
    """Show who did what, when and why: takedowns, retention, imports, re-decisions, exports, restores."""
    from voicesieve.catalog.reads import history
    from voicesieve.cli.output import OperatorError, print_json
    from voicesieve.cli.wiring import opened_catalog, settings_for
    from voicesieve.domain.audits import Deed
    from voicesieve.domain.times import iso
    from voicesieve.observability.terminal import safe_text

    if deed and deed not in list(Deed):
        raise OperatorError(f"--action {safe_text(deed)}: no such deed. Deeds: {', '.join(Deed)}.")
    start = _epoch(since)
    with opened_catalog(data, settings_for(data, config)) as catalog, catalog.read() as connection:
        for entry in history.audit_entries(connection, deed=Deed(deed) if deed else None, since=start):
            facts = {"actor": entry.actor, "action": entry.deed.value, "subject": entry.subject}
            if as_json:
                print_json({"at": iso(entry.at), **facts, "reason": entry.reason, "details": dict(entry.details)})
                continue
            told = ", ".join(f"{key} {value}" for key, value in entry.details.items())
            why = f" because: {entry.reason}" if entry.reason else ""
            print(safe_text(f"{iso(entry.at)}  {' '.join(facts.values())}  ({told}){why}"))


def _epoch(text: str) -> float:
    from datetime import UTC, datetime

    from voicesieve.cli.output import OperatorError

    if not text:
        return 0.0
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise OperatorError(f"--since {text!r} is not a day or time such as 2026-11-25 or 2026-11-25T08:00.") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
