"""Croissant 1.1 (mlcommons.org/croissant/1.1) with its responsible-AI fields, as JSON-LD."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from voicesieve.audio.store import sha256_of
from voicesieve.corpus.card_settings import CardSettings
from voicesieve.corpus.facts import CorpusFacts
from voicesieve.corpus.formats.hub_columns import COLUMNS
from voicesieve.corpus.formats.protocol import FileSet, Order
from voicesieve.corpus.json_lines import Json, Row
from voicesieve.corpus.options import Audio
from voicesieve.corpus.provenance import LIMITS, accuracy, how
from voicesieve.domain.times import day
from voicesieve.domain.version import __version__

CONTEXT: Row = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The official context of version 1.1."""

TYPES = {"string": "sc:Text", "float64": "sc:Float", "float32": "sc:Float"}
MEDIA = {
    ".jsonl": "application/jsonlines",
    ".gz": "application/gzip",
    ".json": "application/json",
}
"""Media types of tables by their suffix; the others are plain text."""
SOUND = {"flac": "audio/flac", "wav": "audio/wav", "opus": "audio/ogg", "original": "audio/*"}


def croissant(order: Order, facts: CorpusFacts, settings: CardSettings, description: str) -> Row:
    """The description of the finished files in ``order.folder``."""
    files = _tables(order)
    distribution = [_file_object(order, path) for path in files] + _file_sets(order)
    described: Row = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": settings.name,
        "description": description,
        "conformsTo": ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"],
        "license": settings.licence or sorted(name for name, _, _ in facts.table("licence")) or "not stated",
        "url": settings.url or f"urn:voicesieve:{order.options.revision}",
        "creator": {"@type": "sc:Organization", "name": settings.creator or "not stated"},
        "datePublished": day(facts.newest_change) or "1970-01-01",
        "version": "1.0.0",
        "citeAs": f"{settings.name}, collected with voicesieve {__version__}",
        "inLanguage": sorted(name for name, _, _ in facts.table("language", 1000)),
        "keywords": ["children", "speech", "audio"],
        "distribution": distribution,
        **_rai(order, facts, settings),
    }
    records = _record_sets(order, files)
    return described | ({"recordSet": records} if records else {})


def _rai(order: Order, facts: CorpusFacts, settings: CardSettings) -> Row:
    removal = settings.takedown or "no address is set"
    return {
        "rai:dataCollection": " ".join(how(order, facts)[:2]),
        "rai:dataCollectionType": ["Web Scraping", "Secondary Data Analysis"],
        "rai:dataPreprocessingProtocol": how(order, facts)[2:],
        "rai:machineAnnotationTools": sorted(facts.detectors),
        "rai:annotationsPerItem": "one label and score for each segment, by a model; none by people",
        "rai:dataBiases": list(LIMITS[:2]),
        "rai:dataLimitations": [*accuracy(facts, settings.accuracy), *LIMITS[2:]],
        "rai:personalSensitiveInformation": [
            "Speech of minors. Speakers are pseudonyms; faces and comments are not kept."
        ],
        "rai:dataSocialImpact": "Speech technology that understands children; voices could be cloned or recognised, "
        "which this corpus must not be used for.",
        "rai:dataUseCases": ["Training", "Testing", "speech recognition and voice typing for children"],
        "rai:dataReleaseMaintenancePlan": f"Removals on request ({removal}), passed on in REMOVED.csv.",
    }


def _tables(order: Order) -> list[Path]:
    """Tables that are described one by one; numbered files are described as sets."""
    matching = {path for pattern in order.format.tables for path in order.folder.glob(pattern) if path.is_file()}
    return sorted(matching)


def _file_object(order: Order, path: Path) -> Row:
    name = path.relative_to(order.folder).as_posix()
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": name,
        "contentSize": f"{path.stat().st_size} B",
        "encodingFormat": MEDIA.get(path.suffix, "text/plain"),
        "sha256": sha256_of(path),
    }


def _file_sets(order: Order) -> list[Row]:
    return [
        {
            "@type": "cr:FileSet",
            "@id": files.name,
            "name": files.name,
            "includes": files.includes,
            "encodingFormat": files.media_type,
        }
        for files in order.format.file_sets or _sound_files(order)
    ]


def _sound_files(order: Order) -> list[FileSet]:
    audio = order.options.audio
    if audio is Audio.NONE:
        return []
    suffix = "" if audio is Audio.ORIGINAL else f".{audio}"
    return [FileSet("sound", f"{order.format.sound_files}{suffix}", SOUND[audio])]


def _record_sets(order: Order, files: Sequence[Path]) -> list[Row]:
    """Clips as records, where a table has their columns under the names that all formats share."""
    if order.format.clip_set:
        source: Row = {"fileSet": {"@id": order.format.clip_set}}
        fields = _column_fields("clips", source)
        if order.options.audio is not Audio.NONE:
            fields.insert(0, _field("clips", "audio", "sc:AudioObject", source, transform={"jsonPath": "bytes"}))
        return [_record_set("clips", fields)]
    sets = []
    for path in files:
        if order.format.clip_tables and path.name.startswith(order.format.clip_tables):
            name = path.relative_to(order.folder).as_posix()
            records = name.removesuffix(".jsonl").replace("/", "_")
            sets.append(_record_set(records, _column_fields(records, {"fileObject": {"@id": name}})))
    return sets


def _record_set(name: str, fields: Sequence[Row]) -> Row:
    return {"@type": "cr:RecordSet", "@id": name, "name": name, "key": {"@id": f"{name}/id"}, "field": fields}


def _column_fields(record: str, source: Row) -> list[Row]:
    return [_field(record, column, TYPES[kind], source) for column, kind in COLUMNS.items()]


def _field(record: str, column: str, kind: str, source: Row, **further: Json) -> Row:
    return {
        "@type": "cr:Field",
        "@id": f"{record}/{column}",
        "name": column,
        "dataType": kind,
        "source": {**source, "extract": {"column": column}, **further},
    }
