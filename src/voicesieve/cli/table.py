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
    "config": "Look at the settings.",
    "queries": "Search phrases: the file, and new ones.",
}
"""Each group of commands with its summary."""

COMMANDS = (
    Command("init", "init:init", "Write a commented settings file into the data folder."),
    Command("check", "config:check", "Check the settings, and show those that differ from the defaults.", "config"),
    Command("plan", "plan:plan", "Say what a crawl would ask for and cost. Asks nobody."),
    Command("crawl", "crawl:crawl", "Discover, fetch, analyse and decide."),
    Command("status", "status:status", "Show how many videos are in which state, and what failed."),
    Command("why", "why:why", "Explain the state of a video, or what a query passed over."),
    Command("retry", "retry:retry", "Make failed videos and sources due again."),
    Command("export", "export:export", "Write the accepted recordings as a corpus."),
    Command("redecide", "redecide:redecide", "Apply the thresholds of the settings to stored scores."),
    Command("reanalyse", "reanalyse:reanalyse", "Queue stored recordings for another model."),
    Command("withdraw", "withdraw:withdraw", "Take a video, channel or recording down for good."),
    Command("removed", "removed:removed", "Write what takedowns removed as CSV, for holders of exports."),
    Command("audit", "audit:audit", "Show who did what, when and why."),
    Command("retain", "retain:retain", "Delete what the settings say is kept long enough."),
    Command("refresh", "refresh:refresh", "Renew what the YouTube Data API said of videos."),
    Command("backup", "backup:backup", "Copy the catalog while it is in use, and check the copy."),
    Command("restore", "restore:restore", "List the copies of the catalog, or put one back."),
    Command("doctor", "doctor:doctor", "Compare every row of the catalog with its file."),
    Command("analyse", "analyse:analyse", "Score local files without a catalog."),
    Command("eval", "eval:evaluate", "Measure detectors on labelled clips."),
    Command("labels", "labels:labels", "Make a labels file from corpora with a metadata.csv."),
    Command("calibrate", "calibrate:calibrate", "Refit the network's last layer on reviewed clips."),
    Command("eval-language", "eval_language:eval_language", "Measure the evidence of language on labelled videos."),
    Command("init", "queries:init", "Write queries.toml with phrases in Vietnamese and English.", "queries"),
    Command("suggest", "queries:suggest", "Propose phrases that accepted videos share.", "queries"),
    Command("import-legacy", "import_legacy:import_legacy", "Take over what the earlier crawler collected."),
)
"""In the order of the help: first what a crawl needs, then what becomes of it."""
