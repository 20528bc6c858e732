"""``voicesieve export``: options checked against the format, progress, and the outcome."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from voicesieve.api.opening import actor, settings_for
from voicesieve.audio.identity import fingerprint_program
from voicesieve.audio.store import RecordingStore
from voicesieve.catalog.reads.exportable import exportable_hashes
from voicesieve.cli.output import DEFAULT_DATA, AsJson, Config, Data, OperatorError, Quiet, note, print_json
from voicesieve.cli.progress import steps
from voicesieve.cli.wiring import opened_catalog, worker_count
from voicesieve.corpus.card_settings import CardSettings
from voicesieve.corpus.formats.protocol import Format
from voicesieve.corpus.formats.registry import ALL, FORMATS
from voicesieve.corpus.options import Audio, CutRules, Duplicates, ExportOptions, Filters, Unit, parse_split
from voicesieve.corpus.provenance import split_warnings
from voicesieve.corpus.urls import export_urls
from voicesieve.corpus.verifying import Verified
from voicesieve.corpus.verifying import verify as verify_folder
from voicesieve.crawl import work
from voicesieve.datafolder.folder import DataFolder
from voicesieve.domain.errors import EXIT_OK, EXIT_OPERATOR
from voicesieve.domain.languages import UNDETERMINED
from voicesieve.engines.local import LocalEngine
from voicesieve.languages.codes import normalise
from voicesieve.observability.terminal import safe_text
from voicesieve.operations.export import Exported, ExportJob
from voicesieve.operations.export import export as run_export
from voicesieve.settings import Settings
from voicesieve.voices.measured import measured_accuracy

NAMES = ", ".join([*FORMATS, "urls"])


@dataclass(frozen=True)
class Where:
    """The destination, the data folder, and the settings file if another one is named."""

    target: Path
    data: Path
    config: Path | None


@dataclass(frozen=True)
class Present:
    """What may happen to a corpus that the destination already holds; by default nothing."""

    update: bool
    replace: bool


def export(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="FORMAT",
            help=", ".join(f"{record.name} ({record.summary})" for record in ALL) + " or urls (the addresses alone).",
        ),
    ],
    target: Annotated[Path, typer.Argument(metavar="DEST", help="Folder to write (urls: file).")],
    unit: Annotated[
        str | None, typer.Option(help="clips of child speech, or whole recordings with their segments.")
    ] = None,
    audio: Annotated[
        str | None, typer.Option(help="flac, wav, opus (16 kHz mono), original (as fetched) or none.")
    ] = None,
    min_s: Annotated[float, typer.Option("--min", help="Shortest clip in seconds.")] = 1.0,
    max_s: Annotated[
        float, typer.Option("--max", help="Longest clip in seconds; longer speech is cut at pauses.")
    ] = 20.0,
    merge_gap: Annotated[float, typer.Option(help="Join child speech across gaps of up to this many seconds.")] = 0.6,
    padding: Annotated[float, typer.Option(help="Seconds to add before and after, never into another voice.")] = 0.1,
    split: Annotated[
        str, typer.Option(help="Parts such as 90/5/5 (train/dev/test). A channel is never split across parts.")
    ] = "",
    duplicates: Annotated[
        str | None,
        typer.Option(
            help="How to find duplicates: exact, acoustic (needs fpcalc) or keep (all). "
            "[acoustic if fpcalc is installed]"
        ),
    ] = None,
    language: Annotated[list[str] | None, typer.Option(help="Only this language, such as vi; repeatable.")] = None,
    min_score: Annotated[float | None, typer.Option(help="Lowest probability of a child's voice.")] = None,
    min_snr: Annotated[float | None, typer.Option(help="Lowest signal-to-noise ratio in dB.")] = None,
    min_bandwidth: Annotated[float | None, typer.Option(help="Lowest bandwidth in Hz.")] = None,
    max_clipping: Annotated[float | None, typer.Option(help="Largest share of clipped samples.")] = None,
    max_overlap: Annotated[float | None, typer.Option(help="Largest share of overlapping voices.")] = None,
    max_nonspeech: Annotated[float | None, typer.Option(help="Largest share of music, noise, silence.")] = None,
    shard_items: Annotated[int, typer.Option(min=1, help="Items per tar or Parquet file.")] = 1000,
    path_prefix: Annotated[
        str | None,
        typer.Option(help="Folder to write before each path, for readers that do not resolve relative paths."),
    ] = None,
    measure: Annotated[
        bool, typer.Option("--measure/--no-measure", help="Measure noise, loudness and more of every clip.")
    ] = True,
    update: Annotated[
        bool, typer.Option("--update", help="Keep the clips that DEST holds, and cut only new ones.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Write another corpus in place of the one in DEST.")
    ] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Write nothing; compare DEST with its checksums and the catalog.")
    ] = False,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Leave out lost or damaged audio instead of stopping.")
    ] = False,
    data: Data = DEFAULT_DATA,
    config: Config = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """The corpus is written completely or not at all. You can resume an interrupted export with the same command.

    A corpus that DEST already holds is replaced only with --update or --replace, and never by an empty one.

    docs/exports.md describes every format, with the line of code that loads it.
    """
    wanted = {
        "unit": unit,
        "audio": audio,
        "duplicates": duplicates,
        "split": split,
        "shard_items": shard_items,
        "path_prefix": path_prefix,
        "measured": measure,
        "keep_going": keep_going,
        "cut": {"min_s": min_s, "max_s": max_s, "merge_gap_s": merge_gap, "padding_s": padding},
        "filters": {
            "languages": tuple(language or ()),
            "min_score": min_score,
            "min_snr_db": min_snr,
            "max_clipping": max_clipping,
            "min_bandwidth_hz": min_bandwidth,
            "max_overlap": max_overlap,
            "max_nonspeech": max_nonspeech,
        },
    }
    where = Where(target, data, config)
    if verify:
        raise typer.Exit(_verify(kind, where, as_json=as_json, quiet=quiet))
    present = Present(update=update, replace=replace)
    _export(kind, where, wanted, present, as_json=as_json, quiet=quiet)


def _export(
    kind: str, where: Where, wanted: Mapping[str, Any], present: Present, *, as_json: bool, quiet: bool
) -> None:
    if present.update and present.replace:
        raise OperatorError("--update keeps what a corpus holds, --replace does not: use one of them.")
    if kind == "urls":
        _export_urls(where, present, as_json=as_json, quiet=quiet)
        return
    _refuse_broken_names(kind, where.target, wanted["path_prefix"])
    options = options_of(kind, wanted)
    settings = settings_for(where.data, where.config)
    started = time.monotonic()
    with opened_catalog(where.data, settings) as catalog, steps(quiet=quiet or as_json) as progress:
        done = run_export(
            ExportJob(
                catalog=catalog,
                store=RecordingStore(DataFolder(where.data).recordings),
                target=where.target,
                options=options,
                card=card_settings(settings),
                engine=lambda: LocalEngine(
                    worker_count(settings),
                    memory_mb=settings.analysis.memory_mb,
                    preload=("voicesieve.corpus.cutting", "voicesieve.audio.decode", "voicesieve.audio.quality"),
                    trial=work.prove_decoder,
                ),
                actor=actor(),
                update=present.update,
                replace=present.replace,
                progressed=progress,
            )
        )
    _report(kind, where.target, options, done, time.monotonic() - started, as_json=as_json, quiet=quiet)


def _refuse_broken_names(kind: str, target: Path, prefix: str | None) -> None:
    """Refuse names that would break the lines of an export, or that are not text where text is needed.

    Raises `OperatorError`.
    """
    for name, text in (("DEST", str(target)), ("--path-prefix", prefix or "")):
        shown = safe_text(text, limit=120)
        if len(text.splitlines()) > 1 or text.endswith(("\n", "\r")):
            raise OperatorError(
                f"{name} {shown} holds a line break, which would break the lines of an export. Use another."
            )
        written = name == "--path-prefix" or (kind in FORMATS and FORMATS[kind].absolute_paths)
        if written and any("\ud800" <= char <= "\udfff" for char in text):
            raise OperatorError(f"{name} {shown} is not UTF-8, and {kind} writes it into its files. Use another.")


def card_settings(settings: Settings) -> CardSettings:
    return CardSettings(**settings.corpus.model_dump(), accuracy=measured_accuracy())


def options_of(kind: str, wanted: Mapping[str, Any]) -> ExportOptions:
    """The options of an export. Raises `OperatorError` for what the format cannot hold and for wrong values."""
    entry = FORMATS.get(kind)
    if entry is None:
        raise OperatorError(f"No export format {kind!r}. Formats: {NAMES}.")
    audio = _audio(entry, wanted)
    unit = _unit(entry, audio, wanted)
    measured = wanted["measured"] and entry.measured
    try:
        cut = CutRules(**wanted["cut"])
        split = parse_split(wanted["split"])
    except ValueError as error:
        raise OperatorError(f"{str(error)[0].upper()}{str(error)[1:]}.") from None
    if split and not entry.splits:
        raise OperatorError(f"{entry.name} cannot hold the parts of a split: leave out --split.")
    filters = Filters(**wanted["filters"] | {"languages": _languages(wanted["filters"]["languages"])})
    by_sound = ("min_snr_db", "max_clipping", "min_bandwidth_hz")
    if not measured and any(getattr(filters, name) is not None for name in by_sound):
        raise OperatorError(
            f"--min-snr, --max-clipping and --min-bandwidth need measured sound, which {kind} does not have."
        )
    return ExportOptions(
        format=kind,
        unit=unit,
        audio=audio,
        cut=cut,
        filters=filters,
        split=split,
        shard_items=wanted["shard_items"],
        duplicates=_duplicates(wanted["duplicates"], measured=measured or audio is not Audio.NONE),
        path_prefix=wanted["path_prefix"],
        measured=measured,
        keep_going=wanted["keep_going"],
    )


def _languages(given: tuple[str, ...]) -> tuple[str, ...]:
    """Codes in the form that decisions have them, so that VI, vie and vi-VN ask for the same."""
    codes = [UNDETERMINED if code.strip().lower() == UNDETERMINED else normalise(code) for code in given]
    for code, text in zip(codes, given, strict=True):
        if code is None:
            raise OperatorError(f"--language {safe_text(text)}: no such language. Use a code such as vi, en or und.")
    return tuple(code for code in codes if code is not None)


def _choice(name: str, value: str, allowed: tuple[Any, ...]) -> Any:
    for choice in allowed:
        if choice == value:
            return choice
    raise OperatorError(f"--{name} {value}: choose {' or '.join(dict.fromkeys(allowed))}.")


def _audio(entry: Format, wanted: Mapping[str, Any]) -> Audio:
    if wanted["audio"] is None:
        return entry.audio[0]
    audio: Audio = _choice("audio", wanted["audio"], entry.audio)
    return audio


def _unit(entry: Format, audio: Audio, wanted: Mapping[str, Any]) -> Unit:
    whole = audio is Audio.ORIGINAL or (audio is Audio.NONE and entry.points)
    if wanted["unit"] is None:
        return Unit.RECORDINGS if whole and Unit.RECORDINGS in entry.units else entry.units[0]
    unit: Unit = _choice("unit", wanted["unit"], entry.units)
    if whole and unit is Unit.CLIPS:
        raise OperatorError(f"--audio {audio} leaves recordings whole, so they cannot be clips: use --unit recordings.")
    return unit


def _duplicates(wanted: str | None, *, measured: bool) -> Duplicates:
    program = fingerprint_program()
    if wanted is None:
        if not measured:
            return Duplicates.KEEP
        return Duplicates.ACOUSTIC if program else Duplicates.EXACT
    chosen: Duplicates = _choice("duplicates", wanted, tuple(Duplicates))
    if chosen is Duplicates.ACOUSTIC and not program:
        raise OperatorError(
            "--duplicates acoustic needs Chromaprint's fpcalc, which is not installed "
            "(Debian: apt install libchromaprint-tools; macOS: brew install chromaprint)."
        )
    return chosen


def _export_urls(where: Where, present: Present, *, as_json: bool, quiet: bool) -> None:
    with opened_catalog(where.data, settings_for(where.data, where.config)) as catalog:
        count = export_urls(catalog, where.target, update=present.update, replace=present.replace)
    if as_json:
        print_json({"format": "urls", "path": str(where.target), "urls": count})
    elif not quiet:
        note(f"Wrote {where.target}: {count} urls.")


def _report(
    kind: str, target: Path, options: ExportOptions, done: Exported, took_s: float, *, as_json: bool, quiet: bool
) -> None:
    facts = done.facts
    if as_json:
        counts = {"cut": done.cut, "kept": done.reused, "skipped": done.skipped, "took_s": round(took_s, 3)}
        print_json({"format": kind, "path": str(target), **facts.as_json(), **counts})
        return
    for video, reason in sorted(done.skipped.items()):
        note(f"left out {safe_text(video, limit=80)}: {safe_text(reason, limit=200)}")
    if quiet:
        return
    what = f"{facts.items} {options.unit} of {facts.recordings} recordings"
    hours = f"{facts.child_s / 60:.1f} min of child speech"
    note(f"Wrote {target}: {what}, {hours}, in {took_s:.1f} s.")
    if facts.left_out:
        note("Left out: " + ", ".join(f"{count} {reason}" for reason, count in sorted(facts.left_out.items())) + ".")
    for warning in split_warnings(options, facts):
        note(warning)
    if options.duplicates is Duplicates.EXACT:
        note("Re-uploads in another encoding were not looked for: fpcalc (Chromaprint) is not installed or not wanted.")
    note(f"What it is and how it was made: {target / 'README.md'}")


def _verify(kind: str, where: Where, *, as_json: bool, quiet: bool) -> int:
    """Compare an export with its sums and with the catalog; exit code 1 if it should not be used as it is."""
    if kind not in FORMATS:
        raise OperatorError(f"Only exported folders can be verified: {', '.join(FORMATS)}.")
    settings = settings_for(where.data, where.config)
    with (
        opened_catalog(where.data, settings) as catalog,
        steps(quiet=quiet or as_json) as progress,
        catalog.read() as connection,
    ):
        verified = verify_folder(
            where.target, kind, exportable_hashes(connection), lambda done: progress("comparing", done, done)
        )
    if as_json:
        print_json({"ok": verified.ok, **vars(verified)})
    else:
        _report_verified(verified, quiet=quiet)
    return EXIT_OK if verified.ok else EXIT_OPERATOR


def _report_verified(verified: Verified, *, quiet: bool) -> None:
    meanings = {
        "missing": "named in SHA256SUMS, but missing",
        "damaged": "not what was exported",
        "foreign": "not part of the export",
        "withdrawn": "withdrawn or rejected since: it must no longer be used",
    }
    for kind, meaning in meanings.items():
        for name in getattr(verified, kind):
            print(f"{safe_text(name)}: {meaning}")
    if not quiet:
        advice = "All is well." if verified.ok else "`voicesieve export FORMAT DEST --update` fixes this."
        if verified.foreign:
            advice = f"Move away what is not part of the export; then {advice}"
        news = f" The catalog has {verified.new} more recordings; --update adds them." if verified.new else ""
        note(f"{verified.checked} files compared. {advice}{news}")
