"""Labelled recordings to learn from and to measure on, read from the folders that people have.

Each corpus is a folder below one: ``speechocean762`` and ``common-voice-vi`` hold either a ``metadata.csv`` whose
``path`` column is relative to it or the layout that its publisher ships (OpenSLR 101; a language of Common Voice);
``esc-10`` and ``donate-a-cry`` hold a ``metadata.csv``, and so does ``kokoro``, which `training.synthetic` makes.
``prompts`` holds Debian's packages of telephone prompts, unpacked (`PROMPT_PACKAGES`): the network is measured on them
and does not learn from them. ``kokoro`` and ``prompts`` may be missing.
"""

from __future__ import annotations

import csv
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from voicesieve.audio.decode import decode_blocks
from voicesieve.domain.sound import SAMPLE_RATE
from voicesieve.voices.scores import CHILD, MAN, NONSPEECH, WOMAN

GRAIN = 1_024
"""Clips are cut to multiples of this many samples: Fourier transforms of prime lengths are ten times slower."""
OLDEST_CHILD, YOUNGEST_ADULT = 12, 18
"""Whoever is between is neither (13 to 17): kept from the loss, scored for a curve by age alone."""
PROMPT_PACKAGES = (
    "asterisk-core-sounds-en-g722",
    "asterisk-core-sounds-es-g722",
    "asterisk-core-sounds-fr-g722",
    "asterisk-core-sounds-it-g722",
    "asterisk-core-sounds-ru-g722",
    "asterisk-prompt-fr-armelle",
    "asterisk-prompt-it-menardi-wav",
)
"""``apt-get download`` each and ``dpkg -x`` it into ``prompts``: six adults who read in five languages."""
PROMPT_SPEAKERS = {
    "en_US_f_Allison": ("allison", WOMAN),
    "es_MX_f_Allison": ("allison", WOMAN),
    "fr_CA_f_June": ("june", WOMAN),
    "ru_RU_f_IvrvoiceRU": ("ivrvoice", WOMAN),
    "it_IT_m_Carlo": ("carlo", MAN),
    "it_IT_f_Menardi": ("menardi", WOMAN),
    "fr": ("armelle", WOMAN),
}
PROMPT_FORMATS = {".g722": "g722", ".wav": "wav", ".gsm": "gsm"}
"""Containers by suffix: G.722 and GSM are bare streams that nothing but their name tells."""
PROMPT_CLIPS, PROMPT_S = 60, 10
"""Of each speaker and language, the longest, each cut to this."""
ATTRIBUTION = [
    "speechocean762 (Zhang et al. 2021, arXiv 2104.01378, OpenSLR 101), free for commercial and non-commercial use",
    "Mozilla Common Voice 9.0, Vietnamese, CC0",
    "ESC-10, a subset of ESC-50 (Piczak 2015), CC BY 3.0",
    "donate-a-cry corpus, ODbL 1.0 and DbCL 1.0",
]
SYNTHETIC_ATTRIBUTION = "Voices of Kokoro-82M (hexgrad) and mixtures of them, Apache-2.0"


@dataclass(frozen=True, eq=False)
class Clip:
    """One recording. ``classes`` are those it may be, none from 13 to 17; ``group`` is whose or what sound it is."""

    sound: np.ndarray
    classes: frozenset[int]
    group: str
    held_out: bool
    age: int | None = None


def read_clips(corpora: Path) -> list[Clip]:
    """Every labelled clip of the four corpora that the floor detector learns from. OSError if one is missing."""
    clips = [*_speechocean(corpora), *_common_voice(corpora), *_esc10(corpora), *_cries(corpora)]
    return [clip for clip in clips if clip.classes]


def read_teenagers(corpora: Path) -> list[Clip]:
    """Speakers of 13 to 17 years of speechocean762."""
    return [clip for clip in _speechocean(corpora, youngest=OLDEST_CHILD + 1) if not clip.classes]


def read_prompts(corpora: Path) -> list[Clip]:
    """Telephone prompts, which are only measured on; none where there are none."""
    clips = []
    for name, (speaker, kind) in PROMPT_SPEAKERS.items():
        files = (corpora / "prompts").glob(f"**/asterisk/sounds/{name}/**/*.*")
        spoken = [path for path in files if path.suffix in PROMPT_FORMATS and "silence" not in path.parts]
        for path in sorted(spoken, key=lambda path: (-path.stat().st_size, path))[:PROMPT_CLIPS]:
            clips.append(Clip(_prompt(path), frozenset({kind}), f"prompts:{speaker}", held_out=True))
    return clips


def read_synthetic(corpora: Path) -> list[Clip]:
    """Synthetic adults, none where there are none."""
    folder = corpora / "kokoro"
    if not folder.exists():
        return []
    genders = {"female": WOMAN, "male": MAN}
    return [
        Clip(
            _sound(folder / row["path"]),
            frozenset({genders[row["gender"]]}),
            f"kokoro:{row['speaker']}",
            held_out=False,
        )
        for row in _rows(folder)
    ]


# ---------------------------------------------------------------- one corpus each


def _speechocean(corpora: Path, youngest: int = 0) -> Iterator[Clip]:
    folder = corpora / "speechocean762"
    rows = _rows(folder) if (folder / "metadata.csv").exists() else _openslr_101(folder)
    for row in rows:
        age = int(row["age"])
        classes = {WOMAN if row["gender"] == "female" else MAN} if age >= YOUNGEST_ADULT else set()
        classes = {CHILD} if age <= OLDEST_CHILD else classes
        if age >= youngest:
            sound = _sound(folder / row["path"])
            yield Clip(sound, frozenset(classes), f"so:{row['speaker']}", row["split"] == "test", age)


def _openslr_101(folder: Path) -> Iterator[dict[str, str]]:
    """Rows like those of a ``metadata.csv`` from the files of OpenSLR 101, which follow Kaldi's conventions."""
    genders = {"f": "female", "m": "male"}
    for split in ("train", "test"):
        tables = {name: _kaldi(folder / split / name) for name in ("wav.scp", "utt2spk", "spk2age", "spk2gender")}
        for utterance, path in tables["wav.scp"].items():
            speaker = tables["utt2spk"][utterance]
            gender = tables["spk2gender"][speaker].lower()
            yield {
                "path": path,
                "speaker": f"so{speaker}",
                "split": split,
                "age": tables["spk2age"][speaker],
                "gender": genders.get(gender[:1], gender),
            }


def _kaldi(path: Path) -> dict[str, str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(line.split(maxsplit=1) for line in lines if line.strip())


def _common_voice(corpora: Path) -> Iterator[Clip]:
    folder = corpora / "common-voice-vi"
    rows = _rows(folder) if (folder / "metadata.csv").exists() else _common_voice_release(folder)
    for row in rows:
        if row["age"] != "teens":
            classes = {"female": {WOMAN}, "male": {MAN}}.get(row["gender"], {WOMAN, MAN})
            held_out = share(f"split {row['speaker']}") < 0.5
            yield Clip(_sound(folder / row["path"]), frozenset(classes), f"cv:{row['speaker']}", held_out)


def _common_voice_release(folder: Path) -> Iterator[dict[str, str]]:
    """Rows like those of a ``metadata.csv`` from ``validated.tsv`` and the folder ``clips`` of a release."""
    genders = {"female_feminine": "female", "male_masculine": "male"}  # as releases since 2024 spell them
    with (folder / "validated.tsv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            gender = row.get("gender") or ""
            yield {
                "path": f"clips/{Path(row['path']).name}",
                "speaker": row["client_id"],
                "age": row.get("age") or "",
                "gender": genders.get(gender, gender),
            }


def _esc10(corpora: Path) -> Iterator[Clip]:
    folder = corpora / "esc-10"
    for row in _rows(folder):
        sound = _sound(folder / row["path"])
        yield Clip(sound, frozenset({NONSPEECH}), f"esc:{row['sound']}", row["fold"] == "4")


def _cries(corpora: Path) -> Iterator[Clip]:
    folder = corpora / "donate-a-cry"
    for row in _rows(folder):
        held_out = share(f"split {row['source']}") < 0.3
        yield Clip(_sound(folder / row["path"]), frozenset({NONSPEECH}), "cry", held_out)


def _rows(corpus: Path) -> Iterator[dict[str, str]]:
    with (corpus / "metadata.csv").open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _sound(path: Path) -> np.ndarray:
    return _cut(np.concatenate(list(decode_blocks(path))))


def _prompt(path: Path) -> np.ndarray:
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=SAMPLE_RATE)
    with av.open(str(path), format=PROMPT_FORMATS[path.suffix]) as file:
        pieces = [piece.to_ndarray()[0] for frame in file.decode(audio=0) for piece in resampler.resample(frame)]
    pieces += [piece.to_ndarray()[0] for piece in resampler.resample(None)]
    return _cut(np.concatenate(pieces)[: PROMPT_S * SAMPLE_RATE])


def _cut(sound: np.ndarray) -> np.ndarray:
    return sound[: max(GRAIN, len(sound) // GRAIN * GRAIN)]


def share(name: str) -> float:
    """A number 0..1 that a name always gets: a split that survives reordered metadata."""
    return zlib.crc32(name.encode()) / 2**32
