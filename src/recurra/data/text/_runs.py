from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

_MOST_COUNTED = 2_000_000


def runs_of(words: Sequence[str], size: int) -> list[str]:
    """Every run of `size` words that follow each other, written with blanks between."""
    return list(map(" ".join, zip(*(words[start:] for start in range(size)), strict=False)))


class RunCounts:
    """How often each run of `size` words occurs, in bounded memory.

    When there are too many, those seen once so far are forgotten (Manku & Motwani, 2002), which touches rare ones only.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.counts: Counter[str] = Counter()

    def update(self, words: Sequence[str]) -> None:
        """Count the runs of a text."""
        self.counts.update(runs_of(words, self.size))
        if len(self.counts) > _MOST_COUNTED:
            self.counts = Counter({run: count for run, count in self.counts.items() if count > 1})
