"""No error is swallowed: whoever catches one raises another, makes use of it, or stands in the ledger with a reason."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import voicesieve

HOUSE = Path(voicesieve.__file__).parent

ANSWERS = {
    "ArgumentError",
    "EOFError",
    "Empty",
    "IndexError",
    "KeyError",
    "LookupError",
    "OverflowError",
    "RecursionError",
    "StopIteration",
    "TypeError",
    "UnicodeDecodeError",
    "ValueError",
}
"""Exceptions by which a parser or an iterator says "not of this form" or "no more": catching one to take another value
is reading an answer, not hiding an error. Doing nothing, or going on with a loop, is not."""

LEDGER = {
    "__main__.py:_open_what_is_closed": "a closed stream is what is looked for, and opened",
    "audio/decode.py:decoded_frames": "counted as a bad packet; too many of them make the file undecodable",
    "audio/decode.py:packets_of": "a place that cannot be read is counted, and what lies behind it is looked for",
    "audio/identity.py:fingerprint": "no fingerprint is a stated outcome: equal audio is then found by its hash alone",
    "catalog/backups.py:first_run": "a damaged copy belongs to nobody known, and is not rotated away",
    "catalog/backups.py:rows_of": "a catalog too damaged to be asked; the caller says what that means for takedowns",
    "catalog/backups.py:videos_by_path": "of a damaged catalog nothing more is known; its files keep their own hashes",
    "catalog/turnstile.py:_locked_descriptor": "the lock is taken: that is when the wait in line begins",
    "crawl/run.py:_keep_writing_metrics": "the run meets the catalog's failure itself, stops and says so",
    "cli/errors.py:_discard_unwritable_output": "output without a reader or without room; the exit code says so",
    "cli/errors.py:explained": "Ctrl-C and a reader that left are no errors; the exit code tells them",
    "cli/eval_language.py:eval_language": "told by the number of its line among the problems",
    "cli/output.py:note": "nobody reads standard error any more, so there is nobody to tell",
    "cli/output.py:print_json": "an encoding without these letters gets their escapes",
    "cli/progress.py:_panel": "the run meets the catalog's failure itself, stops and says so",
    "corpus/formats/files.py:place_file": "another file system takes no link, so the file is copied",
    "corpus/formats/huggingface.py:_read_row": "no sound is the finding that verification reports",
    "domain/times.py:day": "a time that no calendar holds is an unknown day",
    "corpus/outcomes.py:outcome_from": "what another revision wrote is cut again",
    "corpus/outcomes.py:read_outcome": "what was not finished is cut again",
    "corpus/updating.py:_stretch": "no bytes is the finding that verification reports",
    "corpus/replacing.py:describe": "said: an index that cannot be read",
    "corpus/urls.py:_refuse_present": "no file is there, so none is lost",
    "fetching/local.py:_may_be_there": "whether a file may be there is the question",
    "fetching/local.py:is_alike": "what cannot be read is no proof; its fetch says why",
    "fetching/statuses.py:_seconds": "Retry-After has two forms, and one that is neither says nothing",
    "fetching/ytdlp/fetcher.py:_folder_bytes": "fragments come and go while they are counted",
    "fetching/ytdlp/process.py:end": "the process that is to be ended has ended",
    "files.py:_removed_if_abandoned": "finished a moment ago, or somebody else's",
    "files.py:identity_of": "no identity is a stated outcome: the path names nothing that can be looked at",
    "languages/whisper.py:_downloaded": "not in this machine's cache: it is asked of the hub next",
    "observability/logs.py:close": "a full disk has taken the last lines; each line was counted when it was lost",
    "machine.py:_full_temporary_folder": "a folder that cannot be measured is not the full one that is looked for",
    "crawl/backups.py:_keep_backing_up": "the time-out is the pause that was asked for",
    "datafolder/belongings.py:holds_catalog": "what SQLite cannot read is no catalog of ours; the folder is refused",
    "datafolder/mark.py:read_mark": "no mark of ours is there, and the caller looks what else is",
    "operations/doctor.py:damaged": "the copy that cannot be put back is the finding itself",
    "crawl/driver.py:_leased": "stale results are told as an event; what was put off goes back to the queue",
    "crawl/driver.py:_worth": "the time-out is the pause that was asked for",
    "engines/local.py:_joined": "no thread may be started, so the loop itself waits for the worker's end",
    "engines/local.py:_on_a_worker": "the item gets a new worker; if that dies too, it is recorded",
    "crawl/fetch.py:_remove_scratch": "cancelled before anything was written",
    "datafolder/folder.py:_who_holds": "only the name of the other run is lost from the message",
    "datafolder/folder.py:exclusive": "the lock holds without a name in it; a full disk is met again at once, and told",
    "datafolder/permissions.py:tighten": "the mode stayed: doctor reports it, and so does the warning about the folder",
    "operations/withdraw.py:_video": "the catalog has no such video: what that means is decided next",
    "sources/confined.py:_serve": "the driver died, and nobody waits for the answer",
    "sources/confined.py:_outcome": "typed below, when what filled the memory is gone",
    "sources/encodings.py:decoded": "an encoding that was declared wrongly: the next one is tried",
    "sources/folder.py:_is_folder": "it is looked at as a file then, and named as a problem",
    "sources/list_lines.py:_fields": "no line of a table: it is read as it stands",
    "sources/paths.py:_as_listed": "a folder that may not be listed: the name stays as it was typed",
    "sources/paths.py:_is_same": "a path that leads nowhere is not the same file",
    "sources/folder.py:_parse": "the folder is reached by a link with a plain name, as we advise",
    "sources/xml_feeds.py:_error_of": "the parser stops itself once it has read enough",
    "sources/youtube/api/source.py:_place": "a place noted by another revision: the walk begins again",
    "voices/hub.py:_from_hub": "not in this machine's cache: it is asked of the hub next",
}
"""`file:function` of every other handler that neither raises nor uses its error, and why that hides nothing."""


def test_every_swallowed_error_has_its_reason() -> None:
    swallowing = set(_swallowing())
    assert swallowing - LEDGER.keys() == set(), "record the error, raise, or give the reason in LEDGER"
    assert LEDGER.keys() - swallowing == set(), "these no longer swallow anything: take them out of LEDGER"


def test_the_budget_sees_what_it_is_there_for() -> None:
    silent = "def f():\n    try:\n        g()\n    except OSError:\n        pass\n"
    parsed = "def f():\n    try:\n        return int(x)\n    except ValueError:\n        return None\n"
    ignored = (
        "def f():\n    for x in y:\n        try:\n            g(x)\n        except ValueError:\n            continue\n"
    )
    reported = "def f():\n    try:\n        g()\n    except OSError as error:\n        emit(error)\n"
    hidden = "def f():\n    with suppress(OSError):\n        g()\n"
    assert [bool(list(_in_module(ast.parse(code)))) for code in (silent, parsed, ignored, reported, hidden)] == [
        *(True, False, True, False, True)
    ]


def _swallowing() -> Iterator[str]:
    for path in sorted(HOUSE.rglob("*.py")):
        for function in _in_module(ast.parse(path.read_text(encoding="utf-8"))):
            yield f"{path.relative_to(HOUSE).as_posix()}:{function}"


def _in_module(tree: ast.AST, function: str = "") -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        inside = node.name if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else function
        if isinstance(node, ast.ExceptHandler) and _swallows(node):
            yield inside
        if isinstance(node, ast.Call) and _last_name(node.func) == "suppress":
            yield inside
        yield from _in_module(node, inside)


def _swallows(handler: ast.ExceptHandler) -> bool:
    body = [node for statement in handler.body for node in ast.walk(statement)]
    if any(isinstance(node, ast.Raise) for node in body):
        return False
    if handler.name and any(isinstance(node, ast.Name) and node.id == handler.name for node in body):
        return False
    does_nothing = all(isinstance(statement, ast.Pass | ast.Continue) for statement in handler.body)
    return does_nothing or not _caught(handler) <= ANSWERS


def _caught(handler: ast.ExceptHandler) -> set[str]:
    if handler.type is None:
        return {"everything"}
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return {_last_name(kind) for kind in kinds}


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
