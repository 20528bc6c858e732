"""What was measured of the detectors, in sentences: read from the facts beside them, without loading any."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from voicesieve.voices.registry import DETECTORS

OTHERS = (("cv woman", "Vietnamese women (Common Voice)"), ("prompt woman", "women of telephone prompts"))


def measured_accuracy() -> dict[str, str]:
    """By detector, revision and operating point, as ``network 0123456789ab (corpus)``; others have no entry."""
    sentences = {}
    for kind in DETECTORS:
        if kind.facts:
            facts = json.loads(files("voicesieve.voices").joinpath(kind.facts).read_text("utf-8"))
            measured = facts.get("measured", {})
            for point in measured.get("windows_called_child", {}):
                sentences[f"{kind.name} {facts['revision']} ({point})"] = _sentence(measured, point)
    return sentences


def _sentence(measured: Mapping[str, Any], point: str) -> str:
    speakers, called = measured["speakers"], measured["windows_called_child"][point]
    low, high = measured["auc_child_woman_interval"]
    others = " and ".join(
        f"{_percent(called[group])} of the windows of {speakers[group]} {who}"
        for group, who in OTHERS
        if speakers[group]
    )
    return (
        f"area under the curve, child against woman, {measured['auc_child_woman']:.3f} (95 % interval {low:.3f} to "
        f"{high:.3f}) through an equalised channel, on {speakers['so child']} children and {speakers['so woman']} "
        "women of speechocean762 who were not trained on. At the probability of "
        f"{called['child_probability']:g} that {point} asks for, {_percent(called['so child'])} of the "
        f"children's windows and {_percent(called['so woman'])} of the women's are called child"
        f"{f'; so are {others}' if others else ''}. No Vietnamese child was measured, the speakers are few, and the "
        "operating points were chosen after seeing these figures: docs/accuracy.md of voicesieve."
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share < 0.1 else f"{100 * share:.0f} %"
