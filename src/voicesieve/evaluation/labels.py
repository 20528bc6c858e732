"""Labelled stretches of sound: what a person recognises in them, to measure detectors with.

A labels file is a CSV with a header. Columns, in any order: ``path`` (or ``url``), ``label``, and as far as known
``start``, ``end``, ``speaker``, ``age``, ``gender``, ``group``. Other columns are ignored.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from voicesieve.domain.errors import VoicesieveError
from voicesieve.domain.names import name_key, spellings
from voicesieve.domain.passwords import without_password

OLDEST_CHILD, YOUNGEST_ADULT = 12, 18
"""Years. Between them voices are neither, and count for nothing but the curve of scores by age."""
OLDEST = 120
LONGEST_S = 366 * 86_400.0
MAX_BYTES = 64 << 20
"""A labels file beyond this is not one: half a million rows take about as much."""


class SoundLabel(StrEnum):
    """The label of a stretch. ``ADULT``: of undeclared gender. ``TEEN``: 13 to 17 years.

    ``ALTERED``: a voice sped up, slowed down or shifted in pitch, which is neither a child's nor an adult's.
    """

    CHILD = "child"
    TEEN = "teen"
    WOMAN = "woman"
    MAN = "man"
    ADULT = "adult"
    ALTERED = "altered"
    NONSPEECH = "nonspeech"


ADULTS = frozenset({SoundLabel.WOMAN, SoundLabel.MAN, SoundLabel.ADULT})
AGELESS = frozenset({SoundLabel.NONSPEECH, SoundLabel.ALTERED})
"""Sounds of which an age says nothing."""

ALIASES: dict[str, SoundLabel] = {
    **dict.fromkeys(("child", "children", "kid", "boy", "girl", "chi", "kchi", "och"), SoundLabel.CHILD),
    **dict.fromkeys(("teen", "teens", "teenager", "adolescent"), SoundLabel.TEEN),
    **dict.fromkeys(("woman", "women", "female", "adult_f", "adult_female", "fem", "mother"), SoundLabel.WOMAN),
    **dict.fromkeys(("man", "men", "male", "adult_m", "adult_male", "mal", "father"), SoundLabel.MAN),
    **dict.fromkeys(("adult", "adults", "adu"), SoundLabel.ADULT),
    **dict.fromkeys(("altered", "sped-up", "sped_up", "pitch-shifted"), SoundLabel.ALTERED),
    **dict.fromkeys(("nonspeech", "non-speech", "noise", "music", "silence", "cry", "none"), SoundLabel.NONSPEECH),
}
"""Other words for the labels, in lower case; those of three and four letters are the tiers of day-long recordings."""

GENDERS = {"f": "female", "female": "female", "girl": "female", "woman": "female"} | {
    "m": "male",
    "male": "male",
    "boy": "male",
    "man": "male",
}


@dataclass(frozen=True)
class Stretch:
    """One labelled stretch. ``end_s`` is ``None`` for the end of the recording; seconds from its start.

    ``location`` is a path or a web address, ``speaker`` distinguishes voices (empty = unknown), ``age`` is in years.
    """

    location: str
    label: SoundLabel
    start_s: float = 0.0
    end_s: float | None = None
    speaker: str = ""
    age: float | None = None
    gender: str = ""
    group: str = ""
    line: int = 0

    @property
    def is_address(self) -> bool:
        return is_address(self.location)


@dataclass(frozen=True)
class Problem:
    """A row that cannot be used, by its line in the file (1 = the header)."""

    line: int
    message: str


class LabelsError(VoicesieveError, ValueError):
    """The file cannot be used as a whole; the message says why and what to do."""


def read_labels(file: Path) -> tuple[list[Stretch], list[Problem]]:
    """The usable rows of a labels file and what is wrong with the others. Relative paths count from the file.

    Reads UTF-8 with or without a byte-order mark, and UTF-16 with one; commas, semicolons or tabs. Raises
    `LabelsError` for a file that cannot be read, is no table, or lacks the columns that are needed.
    """
    text = _decoded(file)
    stretches: list[Stretch] = []
    problems: list[Problem] = []
    for line, row in _rows(text, file):
        try:
            stretches.append(_stretch(row, file.parent, line))
        except ValueError as error:
            problems.append(Problem(line, str(error)))
    if not stretches and not problems:
        raise LabelsError(f"{file} has a header but no rows.")
    return stretches, problems


def is_address(location: str) -> bool:
    return location[:8].lower().startswith(("http://", "https://"))


def labelled(words: Mapping[str, str]) -> SoundLabel:
    """The label that a row's ``label``, ``age`` and ``gender`` give. Ages of 13 to 17 are teens whatever else is said.

    ValueError when they say nothing that is known, or contradict each other.
    """
    word = words.get("label", "").strip().lower()
    age = age_of(words.get("age", ""))
    gender = gender_of(words.get("gender", ""))
    if word and word not in ALIASES:
        raise ValueError(f"label {word[:40]!r} is none of {', '.join(SoundLabel)} (nor another word for one)")
    if word:
        label = ALIASES[word]
    elif age is None:
        raise ValueError("there is no label, and no age to derive it from")
    else:
        label = SoundLabel.CHILD if age <= OLDEST_CHILD else SoundLabel.ADULT
    if age is not None and label not in AGELESS:
        if OLDEST_CHILD < age < YOUNGEST_ADULT:
            return SoundLabel.TEEN
        if (label is SoundLabel.CHILD) != (age <= OLDEST_CHILD):
            raise ValueError(f"label {label} and age {age:g} contradict each other")
    if label is SoundLabel.ADULT and gender:
        return SoundLabel.WOMAN if gender == "female" else SoundLabel.MAN
    return label


DECADES = {
    "teens": 15.0,
    **{
        word: 5.0 + 10 * tens
        for tens, word in enumerate(
            ("twenties", "thirties", "fourties", "fifties", "sixties", "seventies", "eighties", "nineties"), start=2
        )
    },
    "forties": 45.0,
}
"""Common Voice's words for ages (its spelling, too), as the middle of the decade."""


def age_of(text: str) -> float | None:
    """Years, from a number or a decade's name; ``None`` for nothing. ValueError for anything else."""
    text = text.strip().lower()
    if not text:
        return None
    if text in DECADES:
        return DECADES[text]
    age = _number(text)
    if age is None or not 0 <= age <= OLDEST:
        raise ValueError(f"age {text[:40]!r} is not a number of years from 0 to {OLDEST}")
    return age


def gender_of(text: str) -> str:
    """``female``, ``male`` or nothing."""
    return GENDERS.get(text.strip().lower(), "")


def _decoded(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise LabelsError(f"{file} cannot be read: {error.strerror}.") from error
    if len(data) > MAX_BYTES:
        raise LabelsError(f"{file} has more than {MAX_BYTES >> 20} MiB, which is no labels file. Split it.")
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        message = f"{file}, line {line}: not {encoding[:6].upper()} text. Save the table as 'CSV UTF-8'."
        raise LabelsError(message) from error


def _rows(text: str, file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows by column name, with the line that each starts on."""
    header, _, _ = text.partition("\n")
    delimiter = max(",;\t", key=header.count)
    # Line ends are kept as they are: a quoted field may hold one, and the reader counts them.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    names: list[str] | None = None
    line = 1
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            raise LabelsError(f"{file}, line {line}: {error}. Is a quotation mark never closed?") from error
        if not any(field.strip() for field in fields):
            continue
        if names is None:
            names = [name.strip().lower() for name in fields]
            _check_header(names, file)
        else:
            yield line, dict(zip(names, fields, strict=False))
    if names is None:
        raise LabelsError(f"{file} is empty. The first line must name the columns: path,start,end,label,speaker.")


def _check_header(names: list[str], file: Path) -> None:
    if not {"path", "url"} & set(names) or not {"label", "age"} & set(names):
        shown = ", ".join(repr(name[:40]) for name in names[:12])
        message = f"{file}: the first line must name the columns path (or url) and label (or age); it has {shown}."
        raise LabelsError(message)
    doubled = sorted({name for name in names if name and names.count(name) > 1})
    if doubled:
        raise LabelsError(f"{file}: the column {doubled[0]!r} is there twice.")


def _stretch(row: Mapping[str, str], folder: Path, line: int) -> Stretch:
    if any("\0" in value for value in row.values()):
        raise ValueError("the row holds a NUL character")
    location = row.get("path", "").strip() or row.get("url", "").strip()
    if not location:
        raise ValueError("neither path nor url is given")
    if not is_address(location):
        location = str(_existing(folder, location))
    else:
        _check_address(location)
    start, end = _time(row, "start") or 0.0, _time(row, "end")
    if end is not None and end <= start:
        raise ValueError(f"end {end:g} is not after start {start:g}")
    return Stretch(
        location=location,
        label=labelled(row),
        start_s=start,
        end_s=end,
        speaker=name_key(row.get("speaker", "")),
        age=age_of(row.get("age", "")),
        gender=gender_of(row.get("gender", "")),
        group=name_key(row.get("group", "")),
        line=line,
    )


def _existing(folder: Path, location: str) -> Path:
    # Tables are typed composed (NFC), and the names of a Mac's files are decomposed: as it stands goes first.
    for form in (location, *sorted(spellings(location) - {location})):
        path: Path = folder / form
        try:
            if path.is_file():
                return path
        except OSError as error:
            raise ValueError(f"{location[:100]!r} cannot be a path: {error.strerror}") from error
    raise ValueError(f"there is no file {without_password(location)[:200]!r} (relative paths count from {folder})")


def _check_address(location: str) -> None:
    try:
        host = urlsplit(location).hostname
    except ValueError:
        host = None
    if not host:
        raise ValueError(f"{without_password(location)[:200]!r} is not a web address")


def _time(row: Mapping[str, str], name: str) -> float | None:
    """Seconds, from a number (with a decimal point or comma) or from h:mm:ss."""
    text = row.get(name, "").strip()
    if not text:
        return None
    parts = [_number(part) for part in text.split(":")]
    numbers = [part for part in parts if part is not None]
    if len(numbers) == len(parts) <= 3 and all(part >= 0 for part in numbers):
        seconds = sum(part * 60.0**place for place, part in enumerate(reversed(numbers)))
        if seconds <= LONGEST_S:
            return seconds
    raise ValueError(f"{name} {text[:40]!r} is not a time in seconds")


def _number(text: str) -> float | None:
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) else None
