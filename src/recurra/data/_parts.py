from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from recurra.data._columns import Columns
from recurra.data._numbers import is_numeric, is_text, numbers
from recurra.data._panel import Schema
from recurra.data._table import Table
from recurra.data._words import listed
from recurra.errors import DataError


@dataclass(frozen=True)
class Parts:
    """Which columns play which part, by their names in the table; past is None where it's still to be found."""

    target: tuple[str, ...]
    series: tuple[str, ...]
    known: tuple[str, ...]
    past: tuple[str, ...] | None
    static: tuple[str, ...]

    @property
    def spoken_for(self) -> tuple[str, ...]:
        return (*self.target, *self.series, *self.known, *(self.past or ()), *self.static)


def find_parts(table: Table, asked: Columns, schema: Schema | None) -> Parts:
    """Look every name up, and refuse a column with two parts."""
    if schema is not None:
        past = (*schema.past, *schema.past_categories)
        known = (*schema.known, *schema.known_categories)
        static = (*schema.static, *schema.static_categories)
        absent = [name for name in (*known, *past, *static) if name not in table.columns]
        if absent:
            raise DataError(
                f"{table.name} has no column {listed([repr(name) for name in absent])}, "
                f"which the model was fitted with. Its columns: {listed(table.columns)}."
            )
        return Parts(schema.target, table.resolve(asked.series, "series"), known, past, static)
    past = asked.past
    if past == ("none",) and "none" not in table.columns:
        past = ()
    parts = Parts(
        target=table.resolve(asked.target, "target"),
        series=table.resolve(asked.series, "series"),
        known=table.resolve(asked.known, "known"),
        past=None if past is None else table.resolve(past, "past"),
        static=table.resolve(asked.static, "static"),
    )
    seen: set[str] = set()
    for name in parts.spoken_for:
        if name in seen:
            raise DataError(
                f"{table.name}: column {name!r} is given two parts. "
                "Name it once: as target, series, known, past or static."
            )
        seen.add(name)
    return parts


def only_target(table: Table, parts: Parts, time: Sequence[str], notes: list[str]) -> tuple[str, ...]:
    """The one numeric column of a table whose target nobody named."""
    head = table.head()
    free = [name for name in table.columns if name not in parts.spoken_for and name not in time]
    found = {
        name: numbers(head[name], decimal_comma=table.decimal_comma) for name in free if _may_hold_numbers(head[name])
    }
    numeric = [name for name, read in found.items() if read.share > 0.5]
    # A row counter is forecast only when there is nothing else.
    numeric = [name for name in numeric if not _counts_rows(found[name].values)] or numeric
    if len(numeric) == 1:
        notes.append(f"The target is {numeric[0]}, the only numeric column.")
        return (numeric[0],)
    if numeric:
        raise DataError(
            f"{table.name}: which column shall be forecast? Name it with --target; "
            f"the numeric ones are {listed(numeric)}."
        )
    raise DataError(f"{table.name} has no numeric column to forecast. Its columns: {listed(table.columns)}.")


def _may_hold_numbers(column: pl.Series) -> bool:
    return is_numeric(column) or is_text(column)


def _counts_rows(values: np.ndarray) -> bool:
    return values.size > 4 and bool(np.all(np.diff(values) == 1))
