"""Which uploads of a channel a crawl adds: the newest, and a sample of the older ones."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from voicesieve.domain.candidates import Candidate

OLDER_SHARE = 4
"""One in this many older uploads is taken: children grow up, so each of a channel's years is worth a look."""


def sampled(candidates: Sequence[Candidate], taken: int, bound: int) -> tuple[Candidate, ...]:
    """Those of a page of uploads, newest first, that are taken when ``taken`` of the channel were taken before.

    The first half of ``bound`` is the newest uploads without a gap; behind it one in `OLDER_SHARE` is taken, by the
    hash of its id: the same ones whenever and however often the channel is listed.
    """
    whole = max(0, bound // 2 - taken)
    older = [candidate for candidate in candidates[whole:] if _chosen(candidate.id)]
    return (*candidates[:whole], *older)[: max(0, bound - taken)]


def _chosen(identity: str) -> bool:
    digest = hashlib.sha256(identity.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8]) % OLDER_SHARE == 0
