"""What goes wrong with an export."""

from __future__ import annotations

from voicesieve.domain.errors import VoicesieveError


class ExportError(VoicesieveError):
    """The export cannot be made. The message says why; an earlier export in the same place is unchanged."""
