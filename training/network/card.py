"""The model card, written from the figures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

TEXT = """# Card of the embedded network, revision {revision}

{parameters} parameters, four classes: child (at most 12 years, speaking), woman, man, nonspeech. Input: 64 log-mel
bands of 2.56 s around speech that the Silero voice-activity network finds. Ages 13 to 17 were neither trained on nor
measured.

What it learned from: {attribution}.

Limits
- No Vietnamese child was in the training or in the test: the children are Mandarin speakers of 6 to 12 years who
  read English. Small children, singing, whisper and overlapping speakers were not measured.
- Part of the training examples are adults whose vocal tract was made a child's, by resampling or by moving their
  formants, and children whose tract was made an adult's; some of these adults are synthetic voices. Adults whose voice
  is sped up therefore score as children by construction, and so may people who imitate children or dub cartoons.
- Women with high voices are called children too often: see the figures against women.
- Figures are of 25 children and 15 women whom the weights never saw: one speaker is 4 to 7 points.

![Reliability of the window's probability](images/reliability.svg)

Calibration: the logits were scaled by {scale} and the child's shifted by {shift} on all speakers whom the weights never
saw. The figures below judge each speaker of the test by a calibration fitted on the other half of them.

Figures on held-out recordings:

```json
{figures}
```
"""


def card(about: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
    return TEXT.format(
        revision=about["revision"],
        parameters=about["parameters"],
        attribution="; ".join(about["attribution"]),
        figures=json.dumps(_without_tables(metrics), indent=1),
        **about["calibration"],
    )


def _without_tables(figures: Any) -> Any:
    """All but the tables that operating points are chosen by: they are in ``metrics.json``."""
    if not isinstance(figures, Mapping):
        return figures
    return {key: _without_tables(value) for key, value in figures.items() if key != "windows_by_least_probability"}
