"""Gets the files of detectors that others have published; `voices.registry` says which, and under which licence.

Nothing of theirs ships with this package. Files come from the Hugging Face hub or from a folder; weights are read as
safetensors only, since reading a pickle runs whatever it holds.
"""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

from voicesieve.domain.extras import how_to_install
from voicesieve.voices.detector import DetectorChoice, DetectorKind

WEIGHTS, CONFIG = "model.safetensors", "config.json"


def files_of(kind: DetectorKind, choice: DetectorChoice) -> tuple[Path, str]:
    """The folder with configuration and weights of a published detector, and the weights' SHA-256.

    ValueError, with what to do, if the licence was not accepted, or files are missing or not those that were named.
    """
    published = kind.published
    if published is None:
        raise ValueError(f"the files of {kind.name} ship with voicesieve")
    if not published.commercial and not choice.accept_noncommercial:
        raise ValueError(
            f"{published.notice} If your use complies, set voices.accept_noncommercial = true; "
            "otherwise use bookbot or network"
        )
    if choice.weights is None:
        folder = _from_hub(published.repository, choice.commit, kind.extra)
    elif not choice.weights_sha256:
        raise ValueError(f"voices.weights names {choice.weights}; voices.weights_sha256 must say what its file is")
    else:
        folder = choice.weights
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise ValueError(f"there is no {name} in {folder}; weights in other formats than safetensors are not read")
    sha256 = _sha256(folder / WEIGHTS)
    if choice.weights_sha256 and sha256 != choice.weights_sha256.lower():
        raise ValueError(f"{folder / WEIGHTS} has the SHA-256 {sha256}, not {choice.weights_sha256.lower()}")
    return folder, sha256


def _from_hub(repository: str, commit: str, extra: str) -> Path:
    """What is in the hub's cache on this machine, else a download into it, if it could be used at all.

    Always of one ``commit``: what a name on the hub stands for changes whenever its owner, or a thief of their account,
    wants it to.
    """
    missing = [name for name in ("torch", "transformers") if importlib.util.find_spec(name) is None]
    if missing:
        raise ValueError(f"{repository} needs {' and '.join(missing)}; {how_to_install(extra)}")
    if not commit:
        raise ValueError(
            f"voices.commit must name the commit of {repository} that you have looked at (40 hex digits, listed under "
            "'Files and versions' on its page): the name alone may stand for other files tomorrow"
        )
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(
            snapshot_download(repository, revision=commit, allow_patterns=[CONFIG, WEIGHTS], local_files_only=True)
        )
    except LocalEntryNotFoundError:
        pass  # never fetched on this machine
    try:
        return Path(snapshot_download(repository, revision=commit, allow_patterns=[CONFIG, WEIGHTS]))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise ValueError(
            f"{repository} cannot be fetched from the Hugging Face hub ({type(error).__name__}); without a connection, "
            "copy its config.json and model.safetensors and name them with voices.weights and voices.weights_sha256"
        ) from error


def _sha256(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error.strerror}") from error
