"""Train the embedded network or measure detectors.

    python -m training.network --corpora DIR --output DIR
    python -m training.network --evaluate MODEL --corpora DIR --json

`training.corpora` tells what DIR holds. MODEL is an ONNX file of this recipe or ``floor``.
"""

from __future__ import annotations

import argparse
import json
import pickle
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from training.corpora import (
    ATTRIBUTION,
    SYNTHETIC_ATTRIBUTION,
    Clip,
    read_clips,
    read_prompts,
    read_synthetic,
    read_teenagers,
)
from training.floor import pieces_of_music
from training.network import exporting, material
from training.network.batches import Batches
from training.network.calibrating import (
    calibrates,
    calibration,
    calibration_scores,
    half_of,
    half_of_group,
    is_for_calibration,
)
from training.network.card import card
from training.network.channels import Channels
from training.network.learning import learn
from training.network.material import SEED, Example
from training.network.measures import age_curve, first, measure
from training.network.model import VoiceNetwork
from training.network.plots import draw_reliability
from training.network.shortcuts import find_shortcuts, refuse, refuse_mixture
from training.network.summary import with_summary
from voicesieve.voices.detector import Detector
from voicesieve.voices.network import NetworkDetector
from voicesieve.voices.registry import load_detector
from voicesieve.voices.scores import CLASSES, NONSPEECH

CYCLES, STEPS = 2, 3_000
"""Cycles of the learning rate (Loshchilov and Hutter 2017) and steps of each: twenty minutes on two cores in all."""
BANK = 200
"""Sounds, and voices for babble, that are played below others."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--corpora", type=Path, required=True)
    task = parser.add_mutually_exclusive_group(required=True)
    task.add_argument("--output", type=Path, help="folder for network.onnx, network.json, metrics.json and card.md")
    task.add_argument("--evaluate", metavar="MODEL", help="an ONNX file of this recipe, or floor")
    parser.add_argument(
        "--most", type=int, help="clips of each held-out or calibrating speaker of speechocean762 and the prompts [all]"
    )
    parser.add_argument("--weights", type=Path, help="calibrate and measure these, which an earlier run left")
    parser.add_argument("--prepared", type=Path, help="file that keeps the changed voices between trainings")
    parser.add_argument("--json", action="store_true", help="print figures as JSON rather than as lines")
    arguments = parser.parse_args()

    corpora = arguments.corpora
    clips = [*read_clips(corpora), *read_synthetic(corpora), *read_prompts(corpora), *pieces_of_music()]
    if arguments.most:
        clips = [clip for clip in clips if not _is_measured(clip)] + first(filter(_is_measured, clips), arguments.most)
    if arguments.evaluate:
        detector = _detector(arguments.evaluate)
        figures = measure(detector, uncalibrated, [clip for clip in clips if clip.held_out], _music(clips))
        print(json.dumps(figures, indent=1) if arguments.json else _lines(figures))
        return
    teenagers = read_teenagers(corpora)
    if arguments.weights:
        finish(_network(arguments.weights), clips, teenagers, arguments.output)
        return
    train(clips, teenagers, arguments.output, arguments.prepared)


def train(clips: Sequence[Clip], teenagers: Sequence[Clip], output: Path, prepared: Path | None = None) -> None:
    """Learn and `finish`. SystemExit if the training set tells children from adults without their voices.

    Each cycle leaves its weights in ``output``; a run that was stopped goes on after the last one."""
    output.mkdir(parents=True, exist_ok=True)
    training = [clip for clip in clips if not clip.held_out]
    spoken = [clip for clip in training if NONSPEECH not in clip.classes]
    voices = _voices([clip for clip in spoken if not is_for_calibration(clip.group)], prepared)
    sounds = material.sounds([clip for clip in training if NONSPEECH in clip.classes])
    shortcuts = find_shortcuts(_batches(voices, sounds, SEED + 1))
    print(shortcuts, flush=True)
    refuse(shortcuts)
    refuse_mixture(output / "shortcuts.json", shortcuts)
    (output / "shortcuts.json").write_text(json.dumps(asdict(shortcuts)) + "\n", encoding="utf-8")
    network = None
    for cycle in range(CYCLES):
        checkpoint = output / f"cycle-{cycle + 1}.pt"
        if checkpoint.exists():
            network = _network(checkpoint)
            continue
        network = learn(_batches(voices, sounds, SEED + 2 * cycle), STEPS, SEED + cycle, network)
        torch.save(network.state_dict(), checkpoint)
    assert network is not None
    finish(network, clips, teenagers, output)


def finish(network: VoiceNetwork, clips: Sequence[Clip], teenagers: Sequence[Clip], output: Path) -> None:
    """Calibrate and measure ``network``; write it, its facts, figures, card and plot.

    What ships is calibrated on every speaker whom the weights never saw. What is measured judges each held-out speaker
    by a calibration on the others' half of them."""
    raw = NetworkDetector(exporting.to_onnx(network, 1.0, 0.0))
    calibrating = calibration_scores(raw, [clip for clip in clips if calibrates(clip)], _music(clips))
    scale, shift = calibration(calibrating)
    data = exporting.to_onnx(network, scale, shift)
    halves = [calibration([result for result in calibrating if half_of(result.clip) != half]) for half in (0, 1)]
    detector = NetworkDetector(data)
    (output / "network.onnx").write_bytes(data)
    about = {
        "revision": detector.model.revision,
        "classes": CLASSES,
        "parameters": sum(value.numel() for value in network.parameters()),
        "recipe": {"seed": SEED, "cycles": CYCLES, "steps": STEPS, "torch": torch.__version__},
        "calibration": {"scale": round(scale, 4), "shift": round(shift, 4)},
        "attribution": [*ATTRIBUTION, *([SYNTHETIC_ATTRIBUTION] if any(map(_is_synthetic, clips)) else ())],
        "reference": exporting.reference(),
    }
    (output / "network.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    held_out = [clip for clip in clips if clip.held_out]
    metrics = {
        "shortcuts": json.loads((output / "shortcuts.json").read_text("utf-8")),
        "most_clips_of_a_speaker": max(Counter(clip.group for clip in held_out if clip.age).values()),
        "network": measure(raw, lambda group: halves[half_of_group(group)], held_out, _music(clips)),
        "floor": measure(load_detector("floor"), uncalibrated, held_out, _music(clips), brief=True),
        "age_curve": age_curve(raw, lambda group: halves[half_of_group(group)], [*held_out, *teenagers]),
    }
    (output / "metrics.json").write_text(json.dumps(metrics, indent=1) + "\n", encoding="utf-8")
    text = json.dumps(with_summary(about, metrics), indent=1)
    (output / "network.json").write_text(text + "\n", encoding="utf-8")
    (output / "card.md").write_text(card(about, metrics), encoding="utf-8")
    draw_reliability(metrics["network"]["reliability_equalised"], output / "reliability.svg")


def uncalibrated(group: str) -> tuple[float, float]:
    return 1.0, 0.0


def _network(weights: Path) -> VoiceNetwork:
    network = VoiceNetwork()
    network.load_state_dict(torch.load(weights, weights_only=True))
    return network.eval()


def _voices(clips: Sequence[Clip], prepared: Path | None) -> list[Example]:
    """Ten minutes on two cores, unless they are there from an earlier run. The file is our own: it is a pickle."""
    if prepared and prepared.exists():
        return pickle.loads(prepared.read_bytes())
    voices = material.voices(clips)
    if prepared:
        prepared.write_bytes(pickle.dumps(voices))
    return voices


def _is_measured(clip: Clip) -> bool:
    """Common Voice has few clips of a speaker, all of which are needed."""
    return clip.group.startswith(("so:", "prompts:")) and (clip.held_out or is_for_calibration(clip.group))


def _batches(voices: Sequence[Example], sounds: Sequence[Example], seed: int) -> Batches:
    rng = np.random.default_rng(seed)
    surroundings = [sounds[index].versions[0].frames for index in rng.choice(len(sounds), BANK, replace=False)]
    crowd = [voices[index].versions[0].frames for index in rng.choice(len(voices), BANK, replace=False)]
    return Batches([*voices, *sounds], Channels(surroundings, crowd, seed), seed)


def _is_synthetic(clip: Clip) -> bool:
    return clip.group.startswith("kokoro:")


def _music(clips: Sequence[Clip]) -> list[np.ndarray]:
    return [clip.sound for clip in clips if clip.group == "music" and not clip.held_out]


def _detector(model: str) -> Detector:
    return load_detector(model) if model == "floor" else NetworkDetector(Path(model).read_bytes())


def _lines(figures: object, name: str = "") -> str:
    """``a.b.c: value``, one line for each figure."""
    if not isinstance(figures, dict):
        return f"{name}: {figures}"
    return "\n".join(_lines(value, f"{name}.{key}".strip(".")) for key, value in figures.items())


if __name__ == "__main__":
    main()
