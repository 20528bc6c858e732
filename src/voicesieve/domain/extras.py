"""How to install an optional part: the one sentence of every message that misses one.

The name voicesieve is not registered on the public package index yet. A message that sent people there to install it
would let whoever registers the name run code on their machines.
"""

from __future__ import annotations


def how_to_install(extra: str) -> str:
    """What to type for the extra of that name in ``pyproject.toml``, in the versions that were tested."""
    return f"in voicesieve's source folder, run: pip install --require-hashes -r requirements/{extra}.txt"
