from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, eq=False)
class Documents:
    """Texts and, where they are known, the labels of each; everything assumed in reading is a sentence in `notes`."""

    texts: Sequence[str]
    labels: tuple[tuple[str, ...], ...] | None
    multi: bool  # whether a text may have several labels, or none
    name: str
    places: Callable[[int], str]
    notes: tuple[str, ...] = ()
    column: str = ""  # of the texts, where they stood in a table

    def place(self, index: int) -> str:
        """Where a text stands: its file and row, or its own file."""
        return self.places(index)
