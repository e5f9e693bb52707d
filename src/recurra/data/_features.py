from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from recurra.data._covariates import Chooser, Feature, as_fitted, explicit, target_numbers
from recurra.data._grid import Grid, OnDuplicate
from recurra.data._panel import Schema
from recurra.data._sentences import about_past
from recurra.data._table import Table
from recurra.data._words import listed
from recurra.errors import DataError


@dataclass
class Features:
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


def target_features(
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
    return list(found.values()), side_by_side([laid[name] for name in names], grid.size, np.float32)


def named_features(
    table: Table,
    names: tuple[str, ...],
    part: str,
    grid: Grid,
    how: OnDuplicate,
    schema: Schema | None,
    notes: list[str],
) -> Features:
    """The columns that were named for one part, in that order."""
    features = Features()
    fitted: dict[str, tuple[str, ...]] = getattr(schema, f"{part}_categories") if schema is not None else {}
    for column in _columns(table, names):
        feature = explicit(column, table, part) if schema is None else as_fitted(column, table, fitted.get(column.name))
        notes += feature.notes
        features.add(feature, grid, how)
    return features


def found_features(
    table: Table,
    free: Sequence[str],
    targets: list[np.ndarray],
    series: np.ndarray,
    num_series: int,
    grid: Grid,
    how: OnDuplicate,
    notes: list[str],
) -> Features:
    """The columns that nobody spoke of, as far as they are of use as past covariates."""
    features = Features()
    chooser = Chooser(targets, series, num_series)
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


def _unchanging(features: Features, grid: Grid) -> list[str]:
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


def side_by_side(arrays: Sequence[np.ndarray], size: int, dtype: type) -> np.ndarray:
    if len(arrays) == 1:
        return arrays[0].reshape(-1, 1)
    out = np.empty((size, len(arrays)), dtype)
    for at, values in enumerate(arrays):
        out[:, at] = values
    return out


def per_series(
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
