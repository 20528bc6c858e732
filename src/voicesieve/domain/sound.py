"""The one form of sound in which everything is scored, recognised and cut: float32, mono, 16 kHz, samples in -1..1."""

from __future__ import annotations

SAMPLE_RATE = 16_000
"""Samples of each second. Speech is wide-band at this rate, and all models that are used here were trained at it."""
