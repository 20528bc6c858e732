"""``voicesieve withdraw``: deletion of a video, channel or recording for good."""

from __future__ import annotations

from typing import Annotated

import typer

from voicesieve.api.opening import actor, settings_for
from voicesieve.audio.store import RecordingStore
from voicesieve.cli.output import DEFAULT_DATA, Config, Data, OperatorError, note
from voicesieve.cli.wiring import opened_catalog
from voicesieve.datafolder.deletions import undeletable
from voicesieve.datafolder.folder import DataFolder
from voicesieve.domain.times import iso
from voicesieve.observability.terminal import safe_text
from voicesieve.operations.withdraw import CHANNEL, Kind, Takedown, Withdrawn, preview
from voicesieve.operations.withdraw import withdraw as take_down


def withdraw(
    wanted: Annotated[
        list[str],
        typer.Argument(metavar="[KIND] NAME", help="KIND is video (default), channel or recording; see above."),
    ],
    reason: Annotated[str, typer.Option(help="Recorded with the deletion and in the audit log.")] = "",
    unseen: Annotated[
        bool, typer.Option("--unseen", help="Keep it out even if the catalog does not hold it yet.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    data: Data = DEFAULT_DATA,
    config: Config = None,
) -> None:
    """Audio and results are deleted for good, and later crawls, imports and exports keep it out.

    withdraw video ID-OR-URL, withdraw channel NAME, withdraw recording SHA256 (its first 8 digits or more will do).
    `voicesieve removed FILE` lists what those who hold an earlier export must delete.
    """
    kind, name = _subject(wanted)
    if not name.strip():
        raise OperatorError("Nothing is named. Give an id, a URL, a channel's name or a SHA-256.")
    if kind not in list(Kind):
        raise OperatorError(f"{safe_text(kind)}: cannot be withdrawn. Kinds: {', '.join(Kind)}.")
    order = Takedown(Kind(kind), name, reason, actor(), unseen)
    with opened_catalog(data, settings_for(data, config)) as catalog:
        if not yes:
            affected = preview(catalog, order)
            size = f"{affected.videos} videos, {affected.files} audio files"
            typer.confirm(f"Delete the audio and results of {kind} {safe_text(name)} ({size}) for good?", abort=True)
        store = RecordingStore(DataFolder(data).recordings)
        done = take_down(catalog, store, order)
        left = undeletable(catalog, store)
    if left:
        raise OperatorError(
            f"{done.videos} videos withdrawn and kept out, but not all audio is deleted, because voicesieve deletes "
            f"nothing outside of its folder: {safe_text('; '.join(left), limit=1000)}. Delete that yourself, then run "
            "`voicesieve doctor`."
        )
    note(_message(kind, safe_text(name), done))


def _message(kind: str, name: str, done: Withdrawn) -> str:
    """What was done, as a message."""
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
    if len(wanted) > 2:
        raise OperatorError("Name one thing: `withdraw ID`, `withdraw channel NAME` or `withdraw recording SHA256`.")
    if len(wanted) == 2:
        return wanted[0], wanted[1]
    (name,) = wanted
    return ("channel", name.removeprefix(CHANNEL)) if name.startswith(CHANNEL) else ("video", name)
