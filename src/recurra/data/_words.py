from __future__ import annotations

from collections.abc import Sequence

_IRREGULAR = {
    "was": "were",
    "is": "are",
    "isn't": "aren't",
    "counts": "count",
    "lies": "lie",
    "repeats": "repeat",
    "has": "have",
}


def listed(names: Sequence[str], most: int = 30) -> str:
    """Names in a sentence, cut short when there are many."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def many(noun: str) -> str:
    """The plural: `rows`, `series`."""
    return noun if noun.endswith("s") else f"{noun}s"


def counted(count: int, noun: str, verb: str = "") -> str:
    """A number with its noun and, if given, its verb: `3 rows were`, `1 row was`."""
    plural = count != 1
    words = [f"{count:,}", many(noun) if plural else noun]
    if verb:
        words.append(_IRREGULAR[verb] if plural else verb)
    return " ".join(words)
