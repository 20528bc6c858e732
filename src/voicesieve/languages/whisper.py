"""Whisper as a recogniser of languages, through faster-whisper (extra ``whisper``): int8 on the CPU, or a GPU.

Loading is real work on files from outside, so it happens where it can fail without harm: `locate` when a run starts,
`LoadedWhisper` in the workers.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from voicesieve.domain.errors import VoicesieveError
from voicesieve.domain.extras import how_to_install
from voicesieve.domain.sound import SAMPLE_RATE

if TYPE_CHECKING:
    import numpy as np

WEIGHTS, TOKENIZER = "model.bin", "tokenizer.json"
INSTALL = f"Leave language.model empty, or, {how_to_install('whisper')}."
_BLOCK = 1 << 20


HUB = {
    "tiny": ("Systran/faster-whisper-tiny", "d90ca5fe260221311c53c58e660288d3deb8d356"),
    "base": ("Systran/faster-whisper-base", "ebe41f70d5b6dfa9166e2c581c45c9c0cfc57b66"),
    "small": ("Systran/faster-whisper-small", "536b0662742c02347bc0e980a01041f333bce120"),
    "medium": ("Systran/faster-whisper-medium", "08e178d48790749d25932bbc082711ddcfdfbc4f"),
    "large-v2": ("Systran/faster-whisper-large-v2", "f0fe81560cb8b68660e564f55dd99207059c092e"),
    "large-v3": ("Systran/faster-whisper-large-v3", "edaa852ec7e145841d8ffdb056a99866b5f0a478"),
    "turbo": ("mobiuslabsgmbh/faster-whisper-large-v3-turbo", "0a363e9161cbc7ed1431c9597a8ceaf0c4f78fcf"),
}
"""Names of models with repository and commit. What a name on a hub stands for can change; a commit cannot."""


class RecogniserError(VoicesieveError):
    """The model cannot be used. The message says why and what to do."""


def installed() -> bool:
    return importlib.util.find_spec("faster_whisper") is not None


def pinned(model: str, commit: str) -> tuple[str, str]:
    """Repository and commit behind a name on the hub; ``commit`` is the operator's, if they named one.

    Raises `RecogniserError` for a name that we know no commit of.
    """
    repository, ours = HUB.get(model, (model, ""))
    if not (commit or ours):
        raise RecogniserError(
            f"language.commit must name the commit of {repository} that you have looked at (40 hex digits, listed "
            f"under 'Files and versions' on its page); it is known only of {', '.join(HUB)}"
        )
    return repository, commit or ours


def locate(model: str, checksum: str, commit: str = "") -> tuple[Path, str]:
    """The folder of ``model``, a path or a name on the hub, and the SHA-256 of its weights.

    A name is downloaded once, at one commit, into the hub's own cache; a path needs no network. Raises
    `RecogniserError` where there is no such model, or its weights are not those of ``checksum``.
    """
    if not installed():
        raise RecogniserError(f"language.model needs faster-whisper, which is not installed. {INSTALL}")
    folder = Path(model).expanduser() if is_local(model) else _downloaded(*pinned(model, commit))
    for name in (WEIGHTS, TOKENIZER):
        if not (folder / name).is_file():
            raise RecogniserError(f"{folder} holds no {name}; it must be a Whisper model converted for CTranslate2")
    sha256 = _sha256(folder / WEIGHTS)
    if checksum and sha256 != checksum.lower():
        raise RecogniserError(
            f"the SHA-256 of {folder / WEIGHTS} is {sha256}, and language.checksum says {checksum}: "
            "it is not the model that was meant"
        )
    return folder, sha256


def is_local(model: str) -> bool:
    """Whether ``model`` is a folder of this machine, there or not, and no name on the hub."""
    return model.startswith(("/", ".", "~")) or Path(model).is_dir()


def _downloaded(repository: str, commit: str) -> Path:
    from faster_whisper.utils import download_model
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return Path(download_model(repository, revision=commit, local_files_only=True))
    except LocalEntryNotFoundError:
        pass  # never fetched on this machine
    except ValueError as error:
        raise RecogniserError(f"language.model {repository!r}: {error}") from error
    try:
        return Path(download_model(repository, revision=commit))
    except Exception as error:
        raise RecogniserError(
            f"the model {repository!r} could not be fetched: {type(error).__name__}: {error}"
        ) from error


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def revision_of(weights: str) -> str:
    """Changes whenever an answer could: the weights and the version of the library that runs them."""
    return f"{weights[:16]}+faster-whisper-{importlib.metadata.version('faster-whisper')}"


class LoadedWhisper:
    """A loaded model. ``device`` says where it runs: cpu or cuda."""

    def __init__(self, folder: str, device: str) -> None:
        """``device``: cpu, cuda, or auto for a GPU where there is one that works. Raises `RecogniserError`."""
        self.device = "cpu"
        if device == "cuda" or (device == "auto" and _has_gpu()):
            try:
                self._model = _load(folder, "cuda")
            except RecogniserError:
                if device == "cuda":
                    raise
            else:
                self.device = "cuda"
                return
        self._model = _load(folder, "cpu")

    def languages(self, samples: np.ndarray) -> Mapping[str, float]:
        """Probability of each language that the model knows, by its own code. ``samples``: float32 (n,), 16 kHz."""
        _, _, probabilities = self._model.detect_language(audio=samples)
        return dict(probabilities)


def _has_gpu() -> bool:
    import ctranslate2

    return bool(ctranslate2.get_cuda_device_count() > 0)


def _load(folder: str, device: str):  # type: ignore[no-untyped-def]  # the extra may not be installed
    """Load, and recognise a second of silence: a GPU's libraries are looked for only then."""
    import numpy as np
    from faster_whisper import WhisperModel

    try:
        # One thread: there is a worker for each core.
        model = WhisperModel(folder, device=device, compute_type="int8", cpu_threads=1, local_files_only=True)
        if not model.model.is_multilingual:
            raise RecogniserError(f"{folder} knows English alone; take a multilingual model, without .en in its name")
        model.detect_language(audio=np.zeros(SAMPLE_RATE, np.float32))
    except (RuntimeError, ValueError, OSError) as error:
        raise RecogniserError(f"{folder} does not load on {device}: {error}") from error
    return model
