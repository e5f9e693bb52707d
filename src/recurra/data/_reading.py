from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from recurra.data._columns import Columns
from recurra.data._features import found_features, named_features, per_series, side_by_side, target_features
from recurra.data._grid import OnDuplicate
from recurra.data._numbers import is_missing
from recurra.data._panel import Panel, Schema
from recurra.data._parts import find_parts, only_target
from recurra.data._sentences import about_missing, about_rows, about_targets
from recurra.data._source import open_table
from recurra.data._spacing import space
from recurra.data._table import Table
from recurra.data._times import Times, read_times
from recurra.data._words import counted
from recurra.errors import DataError


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
    parts = find_parts(table, asked, schema)
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
        parts = replace(parts, target=only_target(table, parts, times.columns, notes))
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
    targets, target = target_features(table, parts.target, grid, on_duplicate, schema, notes)
    known = named_features(table, parts.known, "known", grid, on_duplicate, schema, notes)
    static = named_features(table, parts.static, "static", grid, on_duplicate, schema, notes)
    if parts.past is not None:
        past = named_features(table, parts.past, "past", grid, on_duplicate, schema, notes)
    else:
        free = [name for name in table.columns if name not in (*parts.spoken_for, *times.columns)]
        past = found_features(table, free, targets, series, len(labels), grid, on_duplicate, notes)
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
        known=side_by_side(known.arrays, grid.size, np.float32),
        known_codes=side_by_side(known.codes, grid.size, np.int64),
        past=side_by_side(past.arrays, grid.size, np.float32),
        past_codes=side_by_side(past.codes, grid.size, np.int64),
        static=per_series(static.arrays, static.numeric, grid.offsets, labels, np.float32),
        static_codes=per_series(static.codes, list(static.categories), grid.offsets, labels, np.int64),
        schema=settled,
        notes=(
            rows,
            *notes,
            *spaced.notes,
            *about_targets(target, parts.target, grid.offsets),
            *about_missing(missing, table.num_rows),
        ),
    )


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
