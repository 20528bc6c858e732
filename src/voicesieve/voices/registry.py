"""All detectors that can be chosen: one record each. Imports nothing heavy."""

from __future__ import annotations

from voicesieve.voices.detector import Detector, DetectorChoice, DetectorKind, Published

_AUDEERING_TERMS = "No commercial use; what is derived from it is shared alike; cite arXiv 2306.16962."

DETECTORS = (
    DetectorKind(
        name="network",
        about="embedded, the default",
        load="voicesieve.voices.network:load_network",
        facts="network.json",
        takes_calibration=True,
    ),
    DetectorKind(name="floor", about="embedded, simpler", load="voicesieve.voices.floor:load_floor"),
    DetectorKind(
        name="bookbot",
        about="child or adult",
        load="voicesieve.voices.published:load_named_classes",
        extra="transformers",
        published=Published(
            "bookbot/distil-wav2vec2-adult-child-cls-52m",
            "Apache-2.0",
            commercial=True,
            about="Child or adult, trained on private English speech.",
        ),
    ),
    DetectorKind(
        name="audeering-6",
        about="child, woman or man; 6 layers",
        load="voicesieve.voices.published:load_age_gender",
        extra="transformers",
        published=Published(
            "audeering/wav2vec2-large-robust-6-ft-age-gender",
            "CC BY-NC-SA 4.0",
            commercial=False,
            about=_AUDEERING_TERMS,
        ),
    ),
    DetectorKind(
        name="audeering-24",
        about="child, woman or man; 24 layers",
        load="voicesieve.voices.published:load_age_gender",
        extra="transformers",
        published=Published(
            "audeering/wav2vec2-large-robust-24-ft-age-gender",
            "CC BY-NC-SA 4.0",
            commercial=False,
            about=_AUDEERING_TERMS,
        ),
    ),
)
"""In the order in which help and documentation name them; the first is the default."""


def detector_kind(name: str) -> DetectorKind:
    """The record of that name. ValueError, with all names, if there is none."""
    for kind in DETECTORS:
        if kind.name == name:
            return kind
    names = ", ".join(sorted(kind.name for kind in DETECTORS))
    raise ValueError(f"there is no detector {name[:60]!r}; there are: {names}")


def published(name: str) -> Published | None:
    """Where the files of the detector of that name come from; ``None`` for an embedded or unknown one."""
    return next((kind.published for kind in DETECTORS if kind.name == name), None)


def load_detector(choice: DetectorChoice | str) -> Detector:
    """The detector that is chosen, or the one of that name as it is.

    ValueError, with what to do, if there is none of that name or what it needs is missing.
    """
    chosen = DetectorChoice(choice) if isinstance(choice, str) else choice
    kind = detector_kind(chosen.name)
    if chosen.calibration is not None and not kind.takes_calibration:
        names = ", ".join(other.name for other in DETECTORS if other.takes_calibration)
        raise ValueError(f"the detector {kind.name} takes no calibration; {names} does")
    return kind.loaded(chosen)


def detectors_in_words() -> str:
    """All names in one sentence, for help: those that need an extra stand last, by extra."""
    plain = [f"{kind.name} ({kind.about})" for kind in DETECTORS if not kind.extra]
    extras = {kind.extra: [other.name for other in DETECTORS if other.extra == kind.extra] for kind in DETECTORS}
    optional = [f"with the extra {extra} {', '.join(names)}" for extra, names in extras.items() if extra]
    return "; ".join([", ".join(plain), *optional])
