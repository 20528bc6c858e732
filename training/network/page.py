"""Put the figures of a training into the page that tells how accurate the detectors are.

    python -m training.network.page OUTPUT docs/accuracy.md

OUTPUT is what the recipe wrote. Only what stands between the page's two marks is replaced.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- network: begin -->", "<!-- network: end -->"
GROUPS = {
    "so child": "children, speechocean762",
    "so woman": "women, speechocean762",
    "so man": "men, speechocean762",
    "cv woman": "women, Common Voice vi",
    "cv man": "men, Common Voice vi",
    "cv undeclared": "undeclared adults, Common Voice vi",
    "prompt woman": "women, telephone prompts in five languages",
    "prompt man": "a man, telephone prompts",
    "esc-10": "ESC-10, fold 4",
    "infant cry": "crying infants",
    "music": "rendered music",
}
CELLS = {
    "opus_24k": "Opus 24 kbit/s",
    "aac_48k": "AAC 48 kbit/s",
    "8_khz": "8 kHz",
    "noise_10_db": "noise 10 dB below",
    "rt60_0.6": "reverberation of 0.6 s",
}


def main() -> None:
    folder, page = Path(sys.argv[1]), Path(sys.argv[2])
    metrics, about = (json.loads((folder / name).read_text("utf-8")) for name in ("metrics.json", "network.json"))
    text = page.read_text("utf-8")
    if not 0 <= text.find(BEGIN) < text.find(END):
        raise SystemExit(f"{page} has no {BEGIN} with {END} after it: nothing was written.")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    page.write_text(f"{before}{BEGIN}\n{section(about, metrics)}{END}{after}", encoding="utf-8")


def section(about: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
    network, floor = metrics["network"], metrics["floor"]
    plain, equal, floors = network["as_recorded"], network["equalised"], floor["equalised"]
    parts = [
        f"Revision `{about['revision']}`, {about['parameters']:,} parameters; at most "
        f"{metrics['most_clips_of_a_speaker']} clips of a speaker.\n",
        _areas(plain, equal, floors),
        _called(equal, floors),
        _goals(metrics),
        _rest(metrics),
    ]
    return "\n".join(parts)


def _areas(plain: Mapping[str, Any], equal: Mapping[str, Any], floors: Mapping[str, Any]) -> str:
    speakers = equal["speakers"]
    vietnamese = sum(speakers[name] for name in ("cv woman", "cv man", "cv undeclared"))
    rows = {
        f"children ({speakers['so child']}) against women ({speakers['so woman']}) of speechocean762": _interval,
        f"against women who read telephone prompts ({speakers['prompt woman']})": lambda figures: figures[
            "auc_child_prompt_woman"
        ],
        "the first by clip": lambda figures: figures["auc_child_woman_clip"],
        f"against men ({speakers['so man']})": lambda figures: figures["auc_child_man"],
        f"against adults of Common Voice Vietnamese ({vietnamese})": lambda figures: figures[
            "auc_child_vietnamese_adult"
        ],
    }
    head = (
        "| area under the curve, pooled by speaker | as recorded | equalised | `floor` equalised |\n|---|---|---|---|\n"
    )
    return head + "".join(f"| {name} | {of(plain)} | {of(equal)} | {of(floors)} |\n" for name, of in rows.items())


def _called(equal: Mapping[str, Any], floors: Mapping[str, Any]) -> str:
    windows, clips = "windows_called_child_at_discover", "clips_called_child_at_discover"
    head = "| called child at `discover`, equalised | windows | clips | windows, `floor` |\n|---|---|---|---|\n"
    return head + "".join(
        f"| {name} | {equal[windows][group]} | {equal[clips][group]} | {floors[windows][group]} |\n"
        for group, name in GROUPS.items()
    )


def _goals(metrics: Mapping[str, Any]) -> str:
    network, shortcuts = metrics["network"], metrics["shortcuts"]
    equal, warp, cells = (
        network["equalised"],
        network["warp_rank_correlation"],
        network["child_woman_auc_clean_and_drop"],
    )
    quartiles = [warp[name] for name in ("lower_quartile", "median", "upper_quartile")]
    windows, clips = equal["windows_called_child_at_discover"], equal["clips_called_child_at_discover"]
    women, men = windows["cv woman"], windows["cv man"]
    sounds = [clips[group] for group in ("esc-10", "infant cry", "music")]
    worst = min(drop for name, drop in cells.items() if name != "clean")
    goals = [
        (
            "silence-only AUC of the training set at most .60, duration-only at most .55",
            f"{shortcuts['silence']}, {shortcuts['duration']}",
            shortcuts["silence"] <= 0.6 and shortcuts["duration"] <= 0.55,
        ),
        ("child against woman, equalised, AUC at least .90", _interval(equal), equal["auc_child_woman"] >= 0.9),
        (
            "rank correlation of the score with the warp of a speaker's voice, median at least .90",
            f"quartiles {', '.join(map(str, quartiles))} ({warp['speakers']} speakers)",
            warp["median"] >= 0.9,
        ),
        ("Common Voice women at `discover`: at most 8 % of windows", women, _share(women) <= 0.08),
        ("Common Voice men at `discover`: at most 1 % of windows", men, _share(men) <= 0.01),
        (
            "ESC-10, crying, music called child: at most 3 % of clips each",
            ", ".join(sounds),
            max(map(_share, sounds)) <= 0.03,
        ),
        ("no cell of the table of robustness below -.06 AUC", f"worst {worst}", worst >= -0.06),
    ]
    rows = "".join(f"| {goal} | {reached} | {'met' if met else '**missed**'} |\n" for goal, reached, met in goals)
    return "| goal | reached | |\n|---|---|---|\n" + rows


def _rest(metrics: Mapping[str, Any]) -> str:
    network = metrics["network"]
    cells, missed = network["child_woman_auc_clean_and_drop"], network["loud_sound_outside_speech"]
    faster = "; ".join(f"{name} {called}" for name, called in network["windows_called_child_when_sped_up"].items())
    drops = ", ".join(f"{name} {cells[cell]:+}" for cell, name in CELLS.items())
    ages = ", ".join(
        f"{age}: {at['mean_child_probability']} ({at['speakers']})" for age, at in metrics["age_curve"].items()
    )
    errors = [part["equalised"]["calibration_error_by_window"] for part in (network, metrics["floor"])]
    return f"""Change of the AUC of children against women (clean: {cells["clean"]}): {drops}.

Adults played faster, windows called child at `discover` (their own row: no such voice is taught as an adult's):
{faster}.

Mean child probability by age, equalised, speakers in brackets: {ages}.
Ages 13 to 17 were in no loss and in no other figure.

The voice-activity gate leaves out {missed["child"]} of children's loud sound, {missed["woman"]} of women's and
{missed["man"]} of men's as recorded.

Calibration error by window, equalised: {errors[0]} (`floor`: {errors[1]}), children weighing as much as adults.
Where children are rarer, so are they among windows of the same probability.
"""


def _interval(figures: Mapping[str, Any]) -> str:
    low, high = figures["auc_child_woman_interval"]
    return f"{figures['auc_child_woman']} [{low}, {high}]"


def _share(called: str) -> float:
    """Of ``3 of 40 (0.075)``."""
    return float(called.rpartition("(")[2].rstrip(")"))


if __name__ == "__main__":
    main()
