"""Recipes that make the embedded models; not in the wheel."""

import voicesieve as voicesieve  # switches off the telemetry of what is imported next
