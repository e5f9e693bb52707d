from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure with its words: a name for files, a caption, and what somebody who can't see it is told.

    The legend, which the page writes rather than the figure, is of (colour of the palette, words, kind), where the kind
    is "", "dashed" or "dotted".
    """

    name: str
    caption: str
    description: str
    figure: Figure
    detail: str = ""
    section: str = ""  # of a forecast's report
    wide: Figure | None = None  # the same for wide screens
    legend: Sequence[tuple[str, str, str]] = ()
