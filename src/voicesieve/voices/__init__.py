"""Detectors of children's voices, and their verdicts."""
