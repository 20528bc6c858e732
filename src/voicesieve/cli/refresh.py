"""``voicesieve refresh``: what the Data API lent us is renewed, or forgotten."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

from voicesieve.cli.bars import bar as progress_bar
from voicesieve.cli.output import EXIT_OK, EXIT_OPERATOR, note, print_json
from voicesieve.cli.wiring import client_of, opened_catalog, paces_of, quotas_of, settings_for, youtube_of
from voicesieve.engines.loop import run_loop

DAY_S = 86_400.0


def refresh(data: Path, config: Path | None, within_days: float, *, as_json: bool) -> int:
    """Returns the exit code: 1 where something is due that could not be renewed."""
    from voicesieve.operations import refresh as refreshing

    settings = settings_for(data, config)
    access = youtube_of(settings).access

    async def renew(catalog: Any, bar: Any) -> refreshing.Refreshed:
        task = bar.add_task("videos", total=None)
        async with client_of(settings) as client:
            return await refreshing.refresh(
                catalog,
                client,
                access,
                paces=paces_of(settings),
                limits=quotas_of(settings),
                within_s=within_days * DAY_S,
                clock=time.time,
                progressed=lambda done, total: bar.update(task, completed=done, total=total),
            )

    with opened_catalog(data, settings) as catalog, progress_bar("refreshing", quiet=as_json) as bar:
        done = run_loop(renew(catalog, bar))
    if as_json:
        print_json(dataclasses.asdict(done))
    else:
        if done.renewed or done.forgotten or done.left:
            note(f"{done.renewed:,} descriptions renewed, {done.forgotten:,} forgotten.")
        else:
            note(f"Nothing to renew: no description ends within {within_days:g} days.")
        if done.left:
            note(f"{done.left:,} more end within {within_days:g} days and were not renewed: {done.hindrance}.")
    return EXIT_OPERATOR if done.left else EXIT_OK
