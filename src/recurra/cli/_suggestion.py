from __future__ import annotations

import difflib
from collections.abc import Iterable


def suggest(name: str, known: Iterable[str]) -> str:
    """The nearest of the known names, or all of them when none is near."""
    names = sorted(known)
    nearest = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return f"Did you mean {nearest[0]}?" if nearest else f"There are: {', '.join(names)}."
