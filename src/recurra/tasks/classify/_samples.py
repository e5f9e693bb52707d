from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl

from recurra.data._numbers import numbers
from recurra.data._source import open_table
from recurra.data._table import Table
from recurra.data._words import counted, listed
from recurra.data.text import read_documents
from recurra.errors import DataError
from recurra.tasks.classify._config import DocumentColumns

Labels = tuple[tuple[str, ...], ...]
_NAMES = ("label", "labels", "class", "category", "target", "activity", "y")


@dataclass(frozen=True, eq=False)
class Samples:
    """What is classified, as it was read: texts, or series of numbers by name."""

    names: list[str]  # the texts themselves, or the names of the series
    labels: Labels | None
    multi: bool
    source: str
    place: Callable[[int], str]
    notes: tuple[str, ...]
    column: str = ""  # of the texts or names, where they stood in a table
    columns: tuple[str, ...] = ()  # of the numbers
    rows: np.ndarray | None = None  # (N, C) float64, series after series; NaN is missing
    lengths: np.ndarray | None = None  # of the series

    def __len__(self) -> int:
        return len(self.names)

    @property
    def noun(self) -> str:
        """What one of them is called."""
        return "text" if self.rows is None else "series"

    @property
    def offsets(self) -> np.ndarray:
        """Where each series begins in `rows`, and where the last one ends."""
        assert self.lengths is not None
        return np.concatenate([[0], np.cumsum(self.lengths)])

    @property
    def contents(self) -> list[str]:
        """A text for each sample that is equal where the samples are."""
        if self.rows is None:
            return self.names
        ends = self.offsets
        return [hashlib.sha256(self.rows[start:end].tobytes()).hexdigest() for start, end in pairwise(ends)]

    def digest(self) -> str:
        """SHA-256 of what is here, labels included."""
        state = hashlib.sha256()
        for content, labels in zip(self.contents, self.labels or [()] * len(self), strict=True):
            state.update("\0".join((content, *labels)).encode("utf-8", "surrogatepass") + b"\n")
        return state.hexdigest()


def read_samples(source: Any, config: DocumentColumns, *, needs_labels: bool) -> Samples:
    """Read texts, or with `series` the rows of a table as series of numbers. DataError for what can't be read so."""
    if isinstance(source, Samples):
        return source
    if config.series is not None:
        return _read_series(source, config, config.series, needs_labels=needs_labels)
    found = read_documents(
        source, text=config.text, label=config.label, separator=config.separator, needs_labels=needs_labels
    )
    if not len(found.texts):
        raise DataError(f"{found.name} holds no texts; expected at least one.")
    if needs_labels and not any(text.strip() for text in found.texts):
        raise DataError(f"{found.name}: all {len(found.texts):,} texts are empty. Choose another text column.")
    return Samples(list(found.texts), found.labels, found.multi, found.name, found.place, found.notes, found.column)


def join_samples(parts: Sequence[Samples]) -> Samples:
    """Samples of several sources, one after the other."""
    first = parts[0]
    starts = np.cumsum([0, *(len(part) for part in parts)])

    def place(index: int) -> str:
        at = int(np.searchsorted(starts, index, side="right")) - 1
        return parts[at].place(index - int(starts[at]))

    return Samples(
        names=[name for part in parts for name in part.names],
        labels=tuple(each for part in parts for each in part.labels or ()),
        multi=first.multi,
        source=first.source,
        place=place,
        notes=tuple(note for part in parts for note in part.notes),
        column=first.column,
        columns=first.columns,
        rows=_joined([part.rows for part in parts]),
        lengths=_joined([part.lengths for part in parts]),
    )


def _joined(arrays: Sequence[np.ndarray | None]) -> np.ndarray | None:
    known = [array for array in arrays if array is not None]
    return np.concatenate(known) if known else None


def _read_series(source: Any, config: DocumentColumns, series: str, *, needs_labels: bool) -> Samples:
    table = open_table(source)
    (series,) = table.resolve([series], "series")
    label = _label_column(table, config.label, series) if needs_labels else None
    values = table.resolve(list(config.values), "values") if config.values else _numeric_columns(table, {series, label})
    for name, what in ((series, "the series"), (label, "the label")):
        if name in values:
            raise DataError(f"{table.name}: column {name!r} names {what}; expected numbers as values. Leave it out.")
    frame = table.fetch([series, *([label] if label else []), *values])
    ids = frame[series].cast(pl.String).fill_null("")
    names = ids.unique(maintain_order=True)
    code = ids.replace_strict(names, np.arange(len(names)), return_dtype=pl.Int64).to_numpy()
    order = np.argsort(code, kind="stable")
    columns = [_numbers(table, frame[name]) for name in values]
    notes = [
        *table.notes,
        f"{counted(len(names), 'series')} of {listed(values)} read from {table.name}, by column {series!r}, in the "
        "order of their rows.".replace("seriess", "series"),
    ]
    first = np.searchsorted(code[order], np.arange(len(names)))
    return Samples(
        names=names.to_list(),
        labels=None if label is None else _series_labels(table, frame[label], code, order[first], names.to_list()),
        multi=False,
        source=table.name,
        place=lambda index: table.row(int(order[first[index]])),
        notes=tuple(notes),
        column=series,
        columns=values,
        rows=np.stack(columns, axis=1)[order],
        lengths=np.bincount(code, minlength=len(names)),
    )


def _label_column(table: Table, asked: str | None, series: str) -> str:
    if asked is not None:
        return table.resolve([asked], "label")[0]
    folded = {column.casefold(): column for column in table.columns if column != series}
    found = next((folded[name] for name in _NAMES if name in folded), None)
    if found is None:
        raise DataError(
            f"{table.name}: which column holds the label? Its columns are {listed(table.columns)}. "
            "Say which with --label."
        )
    return found


def _numeric_columns(table: Table, others: set[str | None]) -> tuple[str, ...]:
    head = table.head()
    found = tuple(
        name
        for name in table.columns
        if name not in others and numbers(head[name], decimal_comma=table.decimal_comma).share > 0.95
    )
    if not found:
        raise DataError(
            f"{table.name} has no column of numbers besides {listed([name for name in others if name])}; "
            "expected some to classify a series by."
        )
    return found


def _numbers(table: Table, column: pl.Series) -> np.ndarray:
    read = numbers(column, decimal_comma=table.decimal_comma)
    if read.bad.size:
        at = int(read.bad[0])
        raise DataError(
            f"{table.row(at)}: {column.name} is {column[at]!r}; expected a number, or nothing where it's missing."
        )
    return np.where(np.isfinite(read.values), read.values, np.nan)


def _series_labels(table: Table, column: pl.Series, code: np.ndarray, first: np.ndarray, names: list[str]) -> Labels:
    labels = np.array(column.cast(pl.String).fill_null("").str.strip_chars().to_list(), dtype=object)
    wanted = labels[first]
    wrong = np.flatnonzero(labels != wanted[code])
    if wrong.size:
        at = int(wrong[0])
        raise DataError(
            f"{table.row(at)}: series {names[code[at]]!r} has the labels {wanted[code[at]]!r} and {labels[at]!r}; "
            "expected one label a series. Name the windows apart in the series column."
        )
    empty = np.flatnonzero(wanted == "")
    if empty.size:
        at = int(empty[0])
        raise DataError(f"{table.row(int(first[at]))}: series {names[at]!r} has no label. Give one, or leave it out.")
    return tuple((str(label),) for label in wanted)
