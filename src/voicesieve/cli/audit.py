"""``voicesieve audit``: the log of what was done to a catalog."""

from __future__ import annotations

from typing import Annotated

import typer

from voicesieve.api.opening import settings_for
from voicesieve.catalog.reads import history
from voicesieve.cli.output import DEFAULT_DATA, Config, Data, OperatorError, Since, print_json, since_epoch
from voicesieve.cli.wiring import opened_catalog
from voicesieve.domain.audits import Deed
from voicesieve.domain.times import iso
from voicesieve.observability.terminal import safe_text


def audit(
    deed: Annotated[str, typer.Option("--action", help="Only this action, such as withdraw.")] = "",
    since: Since = "",
    data: Data = DEFAULT_DATA,
    config: Config = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines.")] = False,
) -> None:
    """The audit log records takedowns, retention, imports, re-decisions, exports and restores."""
    if deed and deed not in list(Deed):
        raise OperatorError(f"--action {safe_text(deed)}: no such action. Actions: {', '.join(Deed)}.")
    start = since_epoch(since)
    with opened_catalog(data, settings_for(data, config)) as catalog, catalog.read() as connection:
        for entry in history.audit_entries(connection, deed=Deed(deed) if deed else None, since=start):
            facts = {"actor": entry.actor, "action": entry.deed.value, "subject": entry.subject}
            if as_json:
                print_json({"at": iso(entry.at), **facts, "reason": entry.reason, "details": dict(entry.details)})
                continue
            details = ", ".join(f"{key} {value}" for key, value in entry.details.items())
            why = f" because: {entry.reason}" if entry.reason else ""
            print(safe_text(f"{iso(entry.at)}  {' '.join(facts.values())}  ({details}){why}"))
