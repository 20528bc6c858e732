"""What the policy makes of a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from voicesieve.domain.states import VideoState


class Outcome(StrEnum):
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNSURE = "unsure"

    @property
    def state(self) -> VideoState:
        return VideoState(self.value)


@dataclass(frozen=True)
class Reason:
    """One rule that applied: its name, and a message with the measured value and the threshold."""

    rule: str
    message: str


@dataclass(frozen=True)
class Decision:
    outcome: Outcome
    reasons: tuple[Reason, ...]
    policy_revision: str
