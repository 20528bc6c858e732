"""Which detector the settings and the command line ask for, and whether it is available."""

from __future__ import annotations

import re
from pathlib import Path

from voicesieve.cli.output import OperatorError, note
from voicesieve.datafolder.folder import DataFolder
from voicesieve.domain.failures import FailureError
from voicesieve.domain.verdicts import Model
from voicesieve.machine import broken_installation
from voicesieve.observability.terminal import safe_text
from voicesieve.settings import CALIBRATION_NAME, Settings, SettingsError
from voicesieve.voices.detector import DetectorChoice
from voicesieve.voices.registry import load_detector, published


def detector_choice(settings: Settings, data: Path) -> DetectorChoice:
    """The configured detector with its configured calibration."""
    name = settings.voices.calibration
    return _choice(settings.analysis.detector, calibration_file(data, name) if name else None, settings)


def choice_named(name: str, settings: Settings, data: Path) -> DetectorChoice:
    """NAME as it is, NAME@CALIBRATION with a calibration of the data folder, or the configured one for no name."""
    if not name:
        return detector_choice(settings, data)
    detector, at, calibration = name.partition("@")
    return _choice(detector, calibration_file(data, calibration) if at else None, settings)


def _choice(name: str, calibration: Path | None, settings: Settings) -> DetectorChoice:
    if published(name) is None:
        return DetectorChoice(name, calibration)
    voices = settings.voices
    weights = Path(voices.weights) if voices.weights else None
    return DetectorChoice(name, calibration, weights, voices.weights_sha256, voices.accept_noncommercial, voices.commit)


def report_licence(choice: DetectorChoice) -> None:
    """Print on standard error under which terms a published detector may be used."""
    if source := published(choice.name):
        note(f"Detector {choice.name}: {source.notice}")


def calibration_file(data: Path, name: str) -> Path:
    """Where the calibration of that name lies, or will. Raises `OperatorError` for an invalid name."""
    if not re.fullmatch(CALIBRATION_NAME, name):
        shown = safe_text(name, limit=80)
        raise OperatorError(f"{shown!r} is not a name for a calibration: use 1 to 64 letters, digits, - and _.")
    return DataFolder(data).calibrations / f"{name}.json"


def configured_model(choice: DetectorChoice) -> Model:
    """Name and revision of the configured detector. Raises `SettingsError` if it is not available."""
    try:
        model = load_detector(choice).model
    except ValueError as error:
        key = "voices.calibration" if choice.calibration else "analysis.detector"
        raise SettingsError(f"{key}: {error}.") from error
    except Exception as error:
        raise FailureError(broken_installation(f"the detector {choice.name}", error)) from error
    report_licence(choice)
    return model
