from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from recurra.data._words import listed
from recurra.errors import DataError

_HEAD = 2000
_GROUP_BYTES = 256 << 20


@dataclass(frozen=True)
class Table:
    """Columns of a file or frame, still as they were written, fetched a few at a time.

    Text files give strings in every column. `row` turns a position into what a person sees in an editor.
    """

    name: str
    frame: pl.LazyFrame
    columns: tuple[str, ...]
    num_rows: int
    first_row: int  # the number of the first row as a person counts: 2 below a header line, 0 in a frame
    keep: np.ndarray | None = None  # positions of rows that aren't blank; None: all of them
    lines: list[int] | None = None  # the line of each row, where rows span lines
    decimal_comma: bool = False
    notes: tuple[str, ...] = ()

    def row(self, position: int) -> str:
        """Where a row is found: the file and the row number with the header counted."""
        position = int(position if self.keep is None else self.keep[position])
        number = self.lines[position] if self.lines is not None else position + self.first_row
        return f"{self.name}, row {number}"

    def head(self, names: Sequence[str] | None = None) -> pl.DataFrame:
        """The first two thousand rows."""
        chosen = self.frame.select(list(self.columns if names is None else names))
        if self.keep is None:
            return chosen.head(_HEAD).collect()
        rows = self.keep[:_HEAD]
        return chosen.head(int(rows[-1]) + 1 if rows.size else 0).collect()[rows]

    def fetch(self, names: Sequence[str]) -> pl.DataFrame:
        """All rows of the named columns."""
        frame = self.frame.select(list(names)).collect(engine="streaming")
        return frame if self.keep is None else frame[self.keep]

    def batches(self, names: Sequence[str]) -> Iterator[pl.DataFrame]:
        """All rows of the named columns, as many columns at a time as fit into a quarter of a gigabyte."""
        head = self.head(names) if names else pl.DataFrame()
        group: list[str] = []
        size = 0.0
        for name in names:
            each = head[name].estimated_size() / max(head.height, 1) + 16
            if group and size + each * self.num_rows > _GROUP_BYTES:
                yield self.fetch(group)
                group, size = [], 0.0
            group.append(name)
            size += each * self.num_rows
        if group:
            yield self.fetch(group)

    def resolve(self, names: Sequence[str], part: str) -> tuple[str, ...]:
        """The columns that `names` mean; a name that holds commas may come in pieces."""
        found: list[str] = []
        rest = list(names)
        while rest:
            for size in range(len(rest), 0, -1):
                matches = [
                    column
                    for column in self.columns
                    if _pieces(column) == rest[:size] or column == rest[0] == ",".join(rest[:size])
                ]
                if matches:
                    found.append(matches[0])
                    rest = rest[size:]
                    break
            else:
                raise self._unknown(rest[0], part)
        return tuple(dict.fromkeys(found))

    def _unknown(self, name: str, part: str) -> DataError:
        folded = {column.casefold(): column for column in reversed(self.columns)}
        near = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.5)
        hint = f"Did you mean {folded[near[0]]!r}? " if near else ""
        return DataError(
            f"{self.name} has no column {name!r} (asked for as {part}). {hint}Its columns: {listed(self.columns)}."
        )


def _pieces(column: str) -> list[str]:
    return [piece.strip() for piece in column.split(",") if piece.strip()]
