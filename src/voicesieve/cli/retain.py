"""``voicesieve retain``: deletion of what the settings no longer allow to be kept."""

from __future__ import annotations

import dataclasses
import time

from voicesieve.api.opening import actor, settings_for
from voicesieve.audio.store import RecordingStore
from voicesieve.cli.output import DEFAULT_DATA, AsJson, Config, Data, note, print_json
from voicesieve.cli.wiring import opened_catalog, retention_rules_of
from voicesieve.datafolder.folder import DataFolder
from voicesieve.datafolder.retention import retain as purge


def retain(data: Data = DEFAULT_DATA, config: Config = None, as_json: AsJson = False) -> None:
    """That is rejected audio, descriptions from the YouTube Data API, and quarantined files whose time is up.

    Every crawl does this, too. The section [retention] in the settings holds the periods. Scores and decisions
    are kept.
    """
    settings = settings_for(data, config)
    rules = retention_rules_of(settings)
    with opened_catalog(data, settings) as catalog:
        store = RecordingStore(DataFolder(data).recordings)
        done = purge(catalog, store, rules, time.time(), actor=actor())
    if as_json:
        print_json(dataclasses.asdict(done))
        return
    for_good = " Audio of rejected recordings is kept for good (retention.rejected_audio_days = 0)."
    reminder = "" if rules.rejected_audio_days else for_good
    if not (done.rejected_audio or done.lent_descriptions or done.quarantined):
        note(f"Nothing is due to be purged.{reminder}")
        return
    purged = (
        f"{done.rejected_audio} audio files of rejected recordings, {done.lent_descriptions} expired descriptions and "
        f"{done.quarantined} files in quarantine"
    )
    note(f"{purged} purged.{reminder}")
