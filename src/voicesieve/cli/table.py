"""Every command: its name, where its function lies, and the sentence that introduces it.

Loading this table loads no command. To add a command: its file, its record here, and its row in docs/guide.md.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """A command of the program, such as ``Command("eval", "eval:evaluate", "Measure detectors on labelled clips.")``.

    ``target`` is ``module:function`` below ``voicesieve.cli``; the module is loaded when the command runs or its own
    help is asked for. ``summary`` is its line in the list of commands and the first line of its help; the function's
    docstring holds what more there is to say. A command of a ``group`` is called as ``voicesieve GROUP NAME``.
    """

    name: str
    target: str
    summary: str
    group: str = ""

    @property
    def full_name(self) -> str:
        """What a person writes after ``voicesieve``."""
        return f"{self.group} {self.name}".strip()


GROUPS = {
    "config": "Check the settings.",
    "queries": "Manage search phrases.",
}
"""Each group of commands with its summary."""

COMMANDS = (
    Command("init", "init:init", "Write a commented settings file into the data folder."),
    Command("check", "config:check", "Check the settings, and show those that differ from the defaults.", "config"),
    Command("plan", "plan:plan", "Show the requests and quota that a crawl would use."),
    Command("crawl", "crawl:crawl", "Discover, fetch and analyse videos; accept or reject each."),
    Command("status", "status:status", "Show how many videos are in each state, and what failed."),
    Command("why", "why:why", "Explain how a video or a query got where it is."),
    Command("retry", "retry:retry", "Make failed videos and sources due again."),
    Command("export", "export:export", "Write the accepted recordings as a corpus."),
    Command("redecide", "redecide:redecide", "Apply the thresholds of the settings to stored scores."),
    Command("reanalyse", "reanalyse:reanalyse", "Queue stored recordings to be analysed again."),
    Command("withdraw", "withdraw:withdraw", "Delete a video, channel or recording, and keep it out."),
    Command("removed", "removed:removed", "Write a CSV list of what was withdrawn."),
    Command("audit", "audit:audit", "Show who changed what in the catalog, when and why."),
    Command("retain", "retain:retain", "Delete what the settings no longer allow to be kept."),
    Command("refresh", "refresh:refresh", "Renew descriptions from the YouTube Data API."),
    Command("backup", "backup:backup", "Copy the catalog while it is in use, and check the copy."),
    Command("restore", "restore:restore", "List the copies of the catalog, or put one back."),
    Command("doctor", "doctor:doctor", "Compare the catalog with the files on disk."),
    Command("analyse", "analyse:analyse", "Score local files without a catalog."),
    Command("eval", "eval:evaluate", "Measure detectors on labelled clips."),
    Command("labels", "labels:labels", "Make a labels file from corpora that have a metadata.csv."),
    Command("calibrate", "calibrate:calibrate", "Refit the network's last layer on reviewed clips."),
    Command("eval-language", "eval_language:eval_language", "Measure how well spoken languages are recognised."),
    Command("init", "queries:init", "Write queries.toml with phrases in Vietnamese and English.", "queries"),
    Command("suggest", "queries:suggest", "Propose search phrases from accepted videos.", "queries"),
    Command("import-legacy", "import_legacy:import_legacy", "Import what the earlier crawler collected."),
)
"""In the order of the help: first what a crawl needs, then what becomes of it."""
