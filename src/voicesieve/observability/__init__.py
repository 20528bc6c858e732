"""Structured logs, metrics and progress, all fed by the same events."""
