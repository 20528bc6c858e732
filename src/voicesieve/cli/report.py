"""Readable forms of what `--json` prints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from voicesieve.observability.terminal import safe_text

FUNNEL = ("discovered", "screened_out", "queued", "fetched", "accepted", "rejected", "unsure", "failed", "given_up")

STATE_STYLES = {
    "accepted": "green",
    "rejected": "dim",
    "unsure": "yellow",
    "screened_out": "dim",
    "failed": "red",
    "given_up": "red",
    "withdrawn": "dim",
}
BAR_WIDTH = 40


def print_status(status: dict[str, Any]) -> None:
    """The funnel, failures by kind, and the queries."""
    console = Console(highlight=False)
    console.print(_funnel(status["videos"]))
    console.print(
        f"accepted: {status['accepted_recordings']:,} recordings, {_hours(status['accepted_s'])} of audio, "
        f"{_hours(status['child_s'])} of child speech"
    )
    if status["failures"]:
        console.print("failures: " + ", ".join(f"{kind} {count}" for kind, count in status["failures"].items()))
    _print_languages(console, status["languages"])
    own = [query for query in status["queries"] if not query["expands"]]
    print_queries(own)
    if status["further_sound_tracks"]:
        tracks = f"{status['further_sound_tracks']:,} further sound tracks of files that hold several"
        console.print(f"passed over: {tracks}; `voicesieve why` names them", soft_wrap=True)
    if len(own) < len(status["queries"]):
        console.print(Text(_expansions([query for query in status["queries"] if query["expands"]])), soft_wrap=True)
    for host in status["paused_hosts"]:
        paused = f"{host['host']} is paused until {host['until']} ({host['waiting']} videos wait): {host['reason']}"
        console.print(Text(safe_text(paused, limit=400)), soft_wrap=True)
    for text in quota_lines([quota for quota in status["quotas"] if quota["used"] or quota["left"] == 0]):
        console.print(Text(text), soft_wrap=True)
    copies = status["backups"]
    if copies["last"] or copies["failed"]:
        failed = f", {copies['failed']} could not be made" if copies["failed"] else ""
        console.print(f"catalog: {copies['made']} copies made{failed}, the last at {copies['last'] or 'no time yet'}")
    waits = status["catalog"]
    if waits["busy_waits"]:
        waited = f"{waits['busy_waits']} writes waited {waits['wait_s']:.1f} s in all, {waits['timeouts']} gave up"
        console.print(f"catalog: {waited}")


def print_queries(queries: list[dict[str, Any]]) -> None:
    """What each query has brought, and what it passed over."""
    console = Console(highlight=False)
    for query in queries:
        line = f"{safe_text(query['query'], limit=120)}: {query['found']:,} found, {query['new']:,} new"
        line += f", {query['problems']} skipped" if query["problems"] else ""
        if query["fetched"]:
            line += (
                f"; {query['accepted']:,} accepted of {query['fetched']:,} fetched, {_hours(query['child_s'])} of child"
            )
            line += f" speech for {query['cost']:,.1f} of cost"
        line += "" if query["exhausted"] else ", not read to its end"
        line += f", last failure {query['last_failure']['kind']}" if query["last_failure"] else ""
        if query["failures"]:
            line += f" ({query['failures']} in a row, read again from {query['due']} on)"
        console.print(Text(line), soft_wrap=True)
        for text in passed_over_lines(query["passed_over"]):
            console.print(Text(text), soft_wrap=True)


def passed_over_lines(passed_over: list[dict[str, Any]]) -> Iterator[str]:
    """A line for each sort of things that a query left out on purpose."""
    for thing in passed_over:
        example = f", for example {safe_text(thing['example'], limit=120)}" if thing["example"] else ""
        yield f"  passed over: {safe_text(thing['what'], limit=120)} ({thing['count']:,}{example})"


def quota_lines(quotas: list[dict[str, Any]]) -> list[str]:
    """A line for each bucket of a daily quota."""
    return [
        f"{quota['bucket']}: {quota['used']:,} of {quota['limit']:,} used today, {quota['left']:,} left until "
        f"{quota['resets']}"
        for quota in quotas
    ]


def _print_languages(console: Console, languages: dict[str, dict[str, int]]) -> None:
    if languages["accepted"]:
        most_first = sorted(languages["accepted"].items(), key=lambda item: (-item[1], item[0]))
        console.print("languages: " + ", ".join(f"{code} {count:,}" for code, count in most_first))
    if doubtful := {state: count for state, count in languages["states"].items() if state != "settled"}:
        console.print("language unknown: " + ", ".join(f"{state} {count:,}" for state, count in doubtful.items()))
    if languages["unavailable"]:
        failed = ", ".join(f"{detector} {count:,}" for detector, count in languages["unavailable"].items())
        console.print(
            f"language unavailable: {failed}; `voicesieve retry --language` analyses them again", soft_wrap=True
        )


def _funnel(videos: dict[str, int]) -> Table:
    """Each state with its count and a bar, in the order in which videos pass through them."""
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="left")
    table.add_column(justify="right")
    total = sum(videos.values())
    table.add_row("videos", f"{total:,}")
    for state in (*FUNNEL, "withdrawn"):
        if videos[state]:
            bar = "█" * max(1, round(BAR_WIDTH * videos[state] / total))
            table.add_row(f"  {state}", f"{videos[state]:,}", Text(bar, style=STATE_STYLES.get(state, "cyan")))
    return table


def print_why(story: dict[str, Any]) -> None:
    """A video's story, step by step."""
    console = Console(highlight=False)

    def line(label: str, text: object) -> None:
        console.print(Text(f"{label:<10}").append(safe_text(str(text), limit=600)), soft_wrap=True)

    line("video", story["video"])
    line("state", story["state"])
    for name in ("title", "url", "channel", "licence", "rights_basis", "rights_statement", "due"):
        if story[name]:
            line(name.removeprefix("rights_"), story[name])
    for finder in story["found_by"]:
        line("found by", f"{finder['query']}, place {finder['position']}")
    for sentence in story["passed_over"]:
        line("left out", sentence)
    if story["legacy"]:
        line("legacy", ", ".join(f"{name} {value}" for name, value in story["legacy"].items()))
    if story["choice"]:
        line("taken", _choice_line(story["choice"]))
    for attempt in story["attempts"]:
        line("attempt", _attempt_line(attempt))
    if story["recording"]:
        recording = story["recording"]
        size = f"{recording['duration_s']:.1f} s, {recording['codec']} in {recording['container']}"
        line("recording", f"{recording['sha256'][:16]}, {size}, {recording['bytes']:,} bytes")
        if story["facts"].get("sound_tracks"):
            line("", tracks_line(story["facts"]["sound_tracks"]))
        for other in recording["also_of"]:
            line("", f"the same audio as {other}; stored once")
    if story["verdict"]:
        verdict = story["verdict"]
        speech = (
            f"{verdict['child_s']:.1f} s child of {verdict['speech_s']:.1f} s speech in {verdict['child_runs']} runs"
        )
        model = f"{verdict['model']['name']} {verdict['model']['revision']}, {verdict['operating_point']}"
        line("verdict", f"{verdict['label']}: {speech}, score {verdict['score']:.2f} ({model})")
        if verdict["levels"].get("out_of_phase_s"):
            seconds = f"{verdict['levels']['out_of_phase_s']:.1f} s"
            line("", f"channels cancel each other for {seconds}; there the loudest of them was analysed")
    if story["language"]:
        for text in language_lines(story["language"]):
            line("language", text)
    if story["decision"]:
        decision = story["decision"]
        line("decision", f"{decision['outcome']} by policy {decision['policy_revision']}")
    for reason in story["reasons"]:
        line("because", f"{reason['rule']}: {reason['message']}")


def tracks_line(tracks: list[dict[str, Any]]) -> str:
    """Which of several sound tracks was analysed, and which were left out."""
    taken = [_track_words(track) for track in tracks if track["is_taken"]]
    others = [_track_words(track) for track in tracks if not track["is_taken"]]
    return f"of {len(tracks)} sound tracks, {', '.join(taken)} was analysed; left out: {', '.join(others)}"


def _track_words(track: dict[str, Any]) -> str:
    marks = [track["language"]]
    marks += ["default"] if track["is_default"] else []
    marks += ["commentary"] if track["is_commentary"] else []
    return f"number {track['number']} ({', '.join(marks)})"


def language_lines(language: dict[str, Any]) -> Iterator[str]:
    """The answer, then each piece with what it says and how much it counted."""
    if language["state"] == "settled":
        yield f"{language['code']} with {language['probability']:.2f}, settled"
    else:
        likeliest = f"the likeliest has {language['probability']:.2f}" if language["evidence"] else "no evidence"
        yield f"{language['code']}, {language['state']}: {likeliest}"
    for piece in language["evidence"]:
        where = "" if piece["start"] is None else f" at {piece['start']:.1f}-{piece['end']:.1f} s"
        said = f"{piece['source']} says {piece['code']} with {piece['probability']:.2f}{where}"
        yield f"  {said}, weight {piece['weight']:.2f} (revision {piece['revision']})"
    for detector, reason in language["unavailable"].items():
        yield f"  {detector} could not run: {reason}"


def _expansions(queries: list[dict[str, Any]]) -> str:
    """The channels that the crawl searches by itself, in one line."""
    total = {name: sum(query[name] for query in queries) for name in ("found", "fetched", "accepted", "child_s")}
    unread = sum(not query["exhausted"] for query in queries)
    line = f"{len(queries):,} channels with accepted videos searched: {total['found']:,} found"
    line += (
        f"; {total['accepted']:,} accepted of {total['fetched']:,} fetched, {_hours(total['child_s'])} of child speech"
    )
    return line + (f"; {unread:,} not read to their end" if unread else "")


def _choice_line(choice: dict[str, Any]) -> str:
    """Why a video was chosen when it was."""
    if choice["order"] == "fifo":
        return "in order of discovery (crawl.order = fifo)"
    record = f"{choice.get('channel_accepted', 0)} of {choice.get('channel_judged', 0)} decided in its channel accepted"
    record += f", metadata {choice['merit']:+.2f} log-odds"
    if choice["turn"]:
        return f"by order of discovery, like every hundredth video; {record}"
    return f"for {choice['child_s_per_cost']:.1f} s of child speech expected per unit of cost; {record}"


def _attempt_line(attempt: dict[str, Any]) -> str:
    took = "" if attempt["duration_s"] is None else f" in {attempt['duration_s']:.1f} s"
    text = f"{attempt['started']} {attempt['stage']} by {attempt['method']}: {attempt['outcome']}{took}"
    if attempt["kind"]:
        text += f", {attempt['kind']}: {attempt['message']}"
    return text + (f"; {attempt['next']}" if attempt["next"] else "")


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.2f} h" if seconds >= 3600 else f"{seconds / 60:.1f} min"
