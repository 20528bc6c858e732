"""The ``export`` command: its options, and what it says. Bodies import what they need."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from voicesieve.cli.options import DEFAULT_DATA, AsJson, Config, Data
from voicesieve.corpus.formats.registry import ALL


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
    max_s: Annotated[float, typer.Option("--max", help="Longest clip in seconds; cut in pauses.")] = 20.0,
    merge_gap: Annotated[float, typer.Option(help="Join child speech over gaps up to this many seconds.")] = 0.6,
    padding: Annotated[float, typer.Option(help="Seconds before and after, never into another voice.")] = 0.1,
    split: Annotated[str, typer.Option(help="Such as 90/5/5 (train/dev/test). Channels are never torn apart.")] = "",
    duplicates: Annotated[
        str | None, typer.Option(help="exact, acoustic (needs fpcalc) or keep. [acoustic if fpcalc is installed]")
    ] = None,
    language: Annotated[list[str] | None, typer.Option(help="Only this language, such as vi; repeatable.")] = None,
    min_score: Annotated[float | None, typer.Option(help="Least probability of a child's voice.")] = None,
    min_snr: Annotated[float | None, typer.Option(help="Least signal-to-noise ratio in dB.")] = None,
    min_bandwidth: Annotated[float | None, typer.Option(help="Least bandwidth in Hz.")] = None,
    max_clipping: Annotated[float | None, typer.Option(help="Largest share of clipped samples.")] = None,
    max_overlap: Annotated[float | None, typer.Option(help="Largest share of overlapping voices.")] = None,
    max_nonspeech: Annotated[float | None, typer.Option(help="Largest share of music, noise, silence.")] = None,
    shard_items: Annotated[int, typer.Option(min=1, help="Items in one tar or Parquet file.")] = 1000,
    path_prefix: Annotated[
        str | None, typer.Option(help="Folder written before paths, for readers that do not resolve them.")
    ] = None,
    measure: Annotated[
        bool, typer.Option("--measure/--no-measure", help="Measure noise, loudness... of every clip.")
    ] = True,
    update: Annotated[bool, typer.Option("--update", help="Take over what the folder holds; cut what is new.")] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Write another corpus in place of the one that DEST holds.")
    ] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Write nothing: compare DEST with its sums.")] = False,
    keep_going: Annotated[bool, typer.Option("--keep-going", help="Leave out audio that is lost or damaged.")] = False,
    data: Data = DEFAULT_DATA,
    config: Config = None,
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Write the accepted recordings as a corpus, complete or not at all.

    A corpus that DEST holds already is replaced only with --update or --replace, and never by an empty one.

    An interrupted export goes on where it stopped. Every format, and the line that loads it: docs/exports.md.
    """
    from voicesieve.cli import exporting

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
    where = exporting.Where(target, data, config)
    if verify:
        raise typer.Exit(exporting.verify(kind, where, as_json=as_json, quiet=quiet))
    present = exporting.Present(update=update, replace=replace)
    exporting.export(kind, where, wanted, present, as_json=as_json, quiet=quiet)
