from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import polars as pl

from recurra.data._columns import Columns
from recurra.data._covariates import Chooser, Feature, as_fitted, explicit, target_numbers
from recurra.data._grid import Grid, OnDuplicate
from recurra.data._numbers import is_missing, is_numeric, is_text, numbers
from recurra.data._panel import Panel, Schema
from recurra.data._sentences import about_missing, about_past, about_rows, about_targets
from recurra.data._source import open_table
from recurra.data._spacing import space
from recurra.data._table import Table
from recurra.data._times import Times, read_times
from recurra.data._words import counted, listed
from recurra.errors import DataError


@dataclass(frozen=True)
class _Parts:
    """Which columns play which part, by their names in the table; past is None where it's still to be found."""

    target: tuple[str, ...]
    series: tuple[str, ...]
    known: tuple[str, ...]
    past: tuple[str, ...] | None
    static: tuple[str, ...]

    @property
    def spoken_for(self) -> tuple[str, ...]:
        return (*self.target, *self.series, *self.known, *(self.past or ()), *self.static)


@dataclass
class _Features:
    """The columns of one part, laid out on the grid."""

    numeric: list[str] = field(default_factory=list)
    arrays: list[np.ndarray] = field(default_factory=list)
    categories: dict[str, tuple[str, ...]] = field(default_factory=dict)
    codes: list[np.ndarray] = field(default_factory=list)
    missing: dict[str, int] = field(default_factory=dict)

    def add(self, feature: Feature, grid: Grid, how: OnDuplicate) -> None:
        """Lay one column out."""
        self.missing[feature.name] = feature.missing
        joined: OnDuplicate = "mean" if how == "sum" else how
        if feature.values is not None:
            self.numeric.append(feature.name)
            self.arrays.append(grid.numbers(feature.values, how=joined))
        elif feature.codes is not None:
            self.categories[feature.name] = feature.categories
            self.codes.append(grid.codes(feature.codes, how=joined))

    def reordered(self, numeric: Sequence[str], categories: Sequence[str]) -> _Features:
        """The same columns in the order of the fit."""
        arrays = dict(zip(self.numeric, self.arrays, strict=True))
        codes = dict(zip(self.categories, self.codes, strict=True))
        return replace(
            self,
            numeric=list(numeric),
            arrays=[arrays[name] for name in numeric],
            categories={name: self.categories[name] for name in categories},
            codes=[codes[name] for name in categories],
        )


def read_panel(source: Any, columns: Columns, *, schema: Schema | None = None) -> Panel:
    """Read a table into a panel: sort it, find its frequency, open its gaps, and say what was found or assumed.

    `source` is the path of a CSV, TSV, Parquet or Excel file (text may be compressed), or a frame of pandas, polars or
    pyarrow. With `schema`, from the panel that a model was fitted on, the table is read as that one was: columns,
    categories, the way times are written, and the frequency are settled, targets may be missing, series may be new.
    Raises DataError, with the row where there is one.
    """
    table = open_table(source)
    notes = list(table.notes)
    asked = columns if schema is None else schema.columns
    on_duplicate: OnDuplicate = columns.on_duplicate if columns.on_duplicate != "error" else asked.on_duplicate
    parts = _parts(table, asked, schema)
    times = read_times(
        table,
        asked.time,
        taken=parts.spoken_for,
        form=columns.time_format if schema is None else schema.time_format,
        zone=None if schema is None else schema.time_zone,
        several=bool(parts.series),
    )
    notes += times.notes
    clash = set(times.columns) & set(parts.spoken_for)
    if clash:
        raise DataError(
            f"{table.name}: column {clash.pop()!r} can't be the time and play another part. Give each column one part."
        )
    table, times = _without_blank_rows(table, times, notes)
    if not parts.target:
        parts = replace(parts, target=_only_target(table, parts, times, notes))
    series, labels = _series(table, parts.series, notes)
    spaced = space(
        table,
        times,
        series,
        labels,
        frequency=asked.frequency if schema is None else schema.frequency,
        bound=schema is not None,
        on_duplicate=on_duplicate,
    )
    grid = spaced.grid
    targets, target = _targets(table, parts.target, grid, on_duplicate, schema, notes)
    known = _named(table, parts.known, "known", grid, on_duplicate, schema, notes)
    static = _named(table, parts.static, "static", grid, on_duplicate, schema, notes)
    if parts.past is not None:
        past = _named(table, parts.past, "past", grid, on_duplicate, schema, notes)
    else:
        past = _found(table, parts, times, targets, series, len(labels), grid, on_duplicate, notes)
    rows = about_rows(spaced.time, grid.offsets, spaced.frequency, times.zone, ordered=times.values is None)
    missing = {**known.missing, **past.missing, **static.missing}
    settled = schema or Schema(
        columns=Columns(
            target=parts.target,
            time=times.columns,
            series=parts.series,
            known=parts.known,
            past=(*past.numeric, *past.categories) if parts.past is None else parts.past,
            static=parts.static,
            frequency=asked.frequency,
            time_format=asked.time_format,
            on_duplicate=on_duplicate,
        ),
        time_format=times.form,
        time_zone=times.zone,
        frequency=spaced.frequency,
        target=parts.target,
        known=tuple(known.numeric),
        past=tuple(past.numeric),
        static=tuple(static.numeric),
        known_categories=known.categories,
        past_categories=past.categories,
        static_categories=static.categories,
    )
    return Panel(
        series=labels,
        offsets=grid.offsets,
        time=spaced.time,
        target=target,
        known=_side_by_side(known.arrays, grid.size, np.float32),
        known_codes=_side_by_side(known.codes, grid.size, np.int64),
        past=_side_by_side(past.arrays, grid.size, np.float32),
        past_codes=_side_by_side(past.codes, grid.size, np.int64),
        static=_per_series(static.arrays, static.numeric, grid.offsets, labels, np.float32),
        static_codes=_per_series(static.codes, list(static.categories), grid.offsets, labels, np.int64),
        schema=settled,
        notes=(
            rows,
            *notes,
            *spaced.notes,
            *about_targets(target, parts.target, grid.offsets),
            *about_missing(missing, table.num_rows),
        ),
    )


def _parts(table: Table, asked: Columns, schema: Schema | None) -> _Parts:
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
        return _Parts(schema.target, table.resolve(asked.series, "series"), known, past, static)
    past = asked.past
    if past == ("none",) and "none" not in table.columns:
        past = ()
    parts = _Parts(
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


def _without_blank_rows(table: Table, times: Times, notes: list[str]) -> tuple[Table, Times]:
    """Leave out rows that are wholly empty; a row without time but with values is an error."""
    if times.values is None or not times.blank.size:
        return table, times
    others = [name for name in table.columns if name not in times.columns]
    holds = np.zeros(times.blank.size, bool)
    for frame in table.batches(others):
        for column in frame[times.blank]:
            holds |= ~(is_missing(column) if column.dtype == pl.String else column.is_null()).to_numpy()
    if holds.any():
        at = int(times.blank[np.flatnonzero(holds)[0]])
        label = ", ".join(times.columns)
        raise DataError(
            f"{table.row(at)}: {label} is empty but other columns aren't; expected a time in each row. "
            "Fill it in or remove the row."
        )
    stay = np.ones(table.num_rows, bool)
    stay[times.blank] = False
    notes.append(f"{counted(times.blank.size, 'empty row')} left out.")
    rows = np.flatnonzero(stay)
    kept = replace(table, keep=rows if table.keep is None else table.keep[rows], num_rows=rows.size)
    return kept, replace(times, values=times.values[rows], blank=np.zeros(0, np.int64))


def _only_target(table: Table, parts: _Parts, times: Times, notes: list[str]) -> tuple[str, ...]:
    """The one numeric column of a table whose target nobody named."""
    head = table.head()
    free = [name for name in table.columns if name not in parts.spoken_for and name not in times.columns]
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


def _series(table: Table, names: tuple[str, ...], notes: list[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """The series of each row as a number, in the order in which series first appear, and their labels."""
    if not names:
        return np.zeros(table.num_rows, np.int32), ("",)
    frame = table.fetch(names)
    labels = []
    for name in names:
        column = frame[name]
        if column.dtype.is_float() and bool((column.drop_nulls().drop_nans() % 1 == 0).all()):
            column = column.cast(pl.Int64, strict=False)
        text = column.cast(pl.String)
        text = text.str.strip_chars() if column.dtype == pl.String else text
        labels.append(text.set(text == "", None) if column.dtype == pl.String else text)
    del frame
    missing = sum(int(label.null_count()) for label in labels)
    if missing:
        notes.append(f"{counted(missing, 'row', 'has')} no name in {', '.join(names)}: series '(missing)'.")
        labels = [label.fill_null("(missing)") for label in labels]
    joined = labels[0] if len(labels) == 1 else pl.select(pl.concat_str(labels, separator=" / ")).to_series()
    del labels
    coded = joined.cast(pl.Categorical)
    del joined
    kinds = coded.unique(maintain_order=True)
    codes = kinds.to_physical().to_numpy()
    rank = np.zeros(int(codes.max()) + 1, np.int32)
    rank[codes] = np.arange(codes.size, dtype=np.int32)
    return rank[coded.to_physical().to_numpy()], tuple(kinds.cast(pl.String).to_list())


def _targets(
    table: Table, names: tuple[str, ...], grid: Grid, how: OnDuplicate, schema: Schema | None, notes: list[str]
) -> tuple[list[np.ndarray], np.ndarray]:
    """The targets as they stand in the file, and laid out on the grid; only a model may have none."""
    found: dict[str, np.ndarray] = {}
    laid: dict[str, np.ndarray] = {}
    for column in _columns(table, [name for name in names if name in table.columns]):
        feature = target_numbers(column, table)
        assert feature.values is not None
        notes += feature.notes
        if schema is None and feature.missing == feature.values.size:
            raise DataError(
                f"{table.name}: every value of target {column.name!r} is missing; expected numbers to learn from."
            )
        found[column.name] = feature.values.astype(np.float32)
        laid[column.name] = grid.numbers(feature.values, how=how)
    absent = [name for name in names if name not in table.columns]
    if absent:
        notes.append(f"Target {listed(absent)} isn't in the table, so all its rows count as future.")
        laid.update({name: np.full(grid.size, np.nan, np.float32) for name in absent})
    return list(found.values()), _side_by_side([laid[name] for name in names], grid.size, np.float32)


def _named(
    table: Table,
    names: tuple[str, ...],
    part: str,
    grid: Grid,
    how: OnDuplicate,
    schema: Schema | None,
    notes: list[str],
) -> _Features:
    """The columns that were named for one part."""
    features = _Features()
    fitted: dict[str, tuple[str, ...]] = getattr(schema, f"{part}_categories") if schema is not None else {}
    for column in _columns(table, names):
        feature = explicit(column, table, part) if schema is None else as_fitted(column, table, fitted.get(column.name))
        notes += feature.notes
        features.add(feature, grid, how)
    return features if schema is None else features.reordered(getattr(schema, part), list(fitted))


def _found(
    table: Table,
    parts: _Parts,
    times: Times,
    targets: list[np.ndarray],
    series: np.ndarray,
    num_series: int,
    grid: Grid,
    how: OnDuplicate,
    notes: list[str],
) -> _Features:
    """Every other column that is of use as a past covariate."""
    features = _Features()
    chooser = Chooser(targets, series, num_series)
    free = [name for name in table.columns if name not in parts.spoken_for and name not in times.columns]
    for column in _columns(table, free):
        feature = chooser.take(column, table)
        if feature is not None:
            notes += feature.notes
            features.add(feature, grid, how)
    unchanging = _unchanging(features, grid) if num_series > 1 else []
    notes += about_past([name for name in free if name in features.missing], chooser.dropped, unchanging)
    return features


def _columns(table: Table, names: Sequence[str]) -> Iterable[pl.Series]:
    for frame in table.batches(names):
        yield from frame


def _unchanging(features: _Features, grid: Grid) -> list[str]:
    """Columns that never change within a series."""
    starts = grid.offsets[:-1]
    names = []
    for name, values in zip(
        (*features.numeric, *features.categories), (*features.arrays, *features.codes), strict=True
    ):
        if values.dtype == np.int64:
            values = np.where(values == 0, np.nan, values)
        with np.errstate(invalid="ignore"):
            changes = np.fmax.reduceat(values, starts) - np.fmin.reduceat(values, starts)
        if not np.any(changes > 0):
            names.append(name)
    return names


def _side_by_side(arrays: Sequence[np.ndarray], size: int, dtype: type) -> np.ndarray:
    if len(arrays) == 1:
        return arrays[0].reshape(-1, 1)
    out = np.empty((size, len(arrays)), dtype)
    for at, values in enumerate(arrays):
        out[:, at] = values
    return out


def _per_series(
    arrays: Sequence[np.ndarray], names: Sequence[str], offsets: np.ndarray, labels: Sequence[str], dtype: type
) -> np.ndarray:
    """One value for each series; a column that changes within a series isn't static."""
    out = np.empty((offsets.size - 1, len(arrays)), dtype)
    for at, (values, name) in enumerate(zip(arrays, names, strict=True)):
        present = np.where(values == 0, np.nan, values) if dtype is np.int64 else values
        low, high = np.fmin.reduceat(present, offsets[:-1]), np.fmax.reduceat(present, offsets[:-1])
        changing = np.flatnonzero(high > low)
        if changing.size:
            raise DataError(
                f"Static column {name!r} changes within series {labels[int(changing[0])]!r}; "
                "expected one value for each series. Name it with --known or --past instead."
            )
        out[:, at] = np.nan_to_num(low, nan=0).astype(dtype) if dtype is np.int64 else low
    return out
