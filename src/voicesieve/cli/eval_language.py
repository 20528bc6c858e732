"""``voicesieve eval-language``: the evidence in the catalog, compared with languages that people labelled."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from voicesieve.api.opening import settings_for
from voicesieve.catalog.reads import lookup
from voicesieve.catalog.reads.evidence import stored_language
from voicesieve.catalog.records import UnknownVideoError
from voicesieve.cli.output import DEFAULT_DATA, AsJson, Config, Data, OperatorError, note, print_json
from voicesieve.cli.wiring import fusion_of, opened_catalog
from voicesieve.domain.errors import EXIT_OK, EXIT_OPERATOR
from voicesieve.domain.languages import SpokenLanguage
from voicesieve.files import read_person_text
from voicesieve.languages.accuracy import KindAccuracy, accuracy_by_kind
from voicesieve.languages.codes import normalise
from voicesieve.languages.fusion import fuse
from voicesieve.observability.terminal import safe_text
from voicesieve.sources.identity import video_named

COLUMNS = ("video", "language")
MAX_LISTED = 10
"""At most this many unusable rows are listed."""
MAX_BYTES = 100_000_000


def eval_language(
    file: Annotated[Path, typer.Argument(metavar="LABELS.csv", help="Columns video (id or URL) and language.")],
    data: Data = DEFAULT_DATA,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Compares each kind of evidence, and all together, with videos whose language you know.

    Prints how often each was right, wrong or gave no answer, with the weights in the settings. Nothing is fetched or
    analysed. The exit code is 1 if rows could not be used; each is listed with its line number.
    """
    settings = settings_for(data, config)
    fusion = fusion_of(settings)
    labelled: list[tuple[str, SpokenLanguage]] = []
    problems: list[str] = []
    with opened_catalog(data, settings) as catalog, catalog.read() as connection:
        for line, video, code in _labels(file):
            label = normalise(code)
            if label is None:
                problems.append(f"line {line}: {code!r} is not a known language code")
                continue
            try:
                stored = stored_language(connection, lookup.find_video(connection, video, video_named(video)))
            except UnknownVideoError:
                problems.append(f"line {line}: no video {video!r} is in the catalog")
                continue
            if stored is None:
                problems.append(f"line {line}: {video!r} has not been analysed yet")
                continue
            labelled.append((label, fuse(stored.evidence, fusion, stored.unavailable)))
    listed = "\n".join(safe_text(problem, limit=300) for problem in problems[:MAX_LISTED])
    more = f"\n... and {len(problems) - MAX_LISTED} more" if len(problems) > MAX_LISTED else ""
    if not labelled:
        raise OperatorError(f"{safe_text(str(file))}: no row could be used.\n{listed}{more}".strip())
    by_kind = {kind: _facts(accuracy) for kind, accuracy in accuracy_by_kind(labelled).items()}
    if as_json:
        print_json({"labels": len(labelled), "kinds": by_kind, "problems": problems})
    else:
        _print(by_kind)
    if problems:
        note(f"{len(problems)} rows could not be used:\n{listed}{more}")
    raise typer.Exit(EXIT_OPERATOR if problems else EXIT_OK)


def _labels(file: Path) -> Iterator[tuple[int, str, str]]:
    """Line number, id or URL of a video, and its language. Raises `OperatorError` for anything but such a table."""
    try:
        if file.stat().st_size > MAX_BYTES:
            raise OperatorError(
                f"{safe_text(str(file))} is larger than {MAX_BYTES:,} bytes; it is not a table of labels."
            )
        text = read_person_text(file)
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorError(
            f"{safe_text(str(file))} cannot be read: {getattr(error, 'strerror', None) or error}."
        ) from error
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise OperatorError(
                f"{safe_text(str(file))} has no column {' and no column '.join(missing)}. Its first line must name "
                "`video` (id or URL) and `language` (BCP-47 or ISO 639)."
            )
        for row in reader:
            yield reader.line_num, (row["video"] or "").strip(), (row["language"] or "").strip()
    except csv.Error as error:
        raise OperatorError(f"{safe_text(str(file))}, line {reader.line_num}: {error}.") from error


def _facts(accuracy: KindAccuracy) -> dict[str, Any]:
    return {
        "asked": accuracy.asked,
        "right": accuracy.right,
        "wrong": accuracy.wrong,
        "abstained": accuracy.abstained,
        "accuracy": None if accuracy.accuracy is None else round(accuracy.accuracy, 4),
        "confusions": [
            {"language": label, "answer": answer, "count": count}
            for (label, answer), count in sorted(accuracy.confusions.items(), key=lambda item: (-item[1], item[0]))
        ],
    }


def _print(by_kind: dict[str, dict[str, Any]]) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("evidence", "videos", "answered", "abstained", "right of the answers", "wrong answers"):
        table.add_column(name, justify="left" if name in ("evidence", "wrong answers") else "right", overflow="fold")
    for kind, facts in by_kind.items():
        answered = facts["right"] + facts["wrong"]
        right = "" if facts["accuracy"] is None else f"{facts['accuracy']:.3f}"
        wrong = ", ".join(f"{c['language']} called {c['answer']} {c['count']}" for c in facts["confusions"][:4])
        table.add_row(kind, str(facts["asked"]), str(answered), str(facts["abstained"]), right, wrong)
    Console(highlight=False).print(table)
