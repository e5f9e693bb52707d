from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

OnDuplicate = Literal["error", "mean", "sum", "first", "last"]


@dataclass(frozen=True)
class Grid:
    """Where each row of a table goes in the flat arrays of a panel.

    A row passes through `rows` (series by series, oldest first), `groups` (rows of one moment made one) and `slots`
    (its place on the time grid, gaps left out); None means that nothing changes at that stage.
    """

    offsets: np.ndarray  # (S + 1,)
    series: np.ndarray  # (N,) int64, of rows after `groups`
    rows: np.ndarray | None = None
    groups: np.ndarray | None = None  # first row of each group
    slots: np.ndarray | None = None
    size: int = 0  # slots in all

    def numbers(self, values: np.ndarray, *, how: OnDuplicate = "mean") -> np.ndarray:
        """Lay float64 values out as float32, NaN in gaps; `how` joins rows of one moment."""
        if self.rows is not None:
            values = values[self.rows]
        if self.groups is not None:
            values = self._joined(values, how)
        if self.slots is None:
            return values.astype(np.float32)
        out = np.full(self.size, np.nan, np.float32)
        out[self.slots] = values
        return out

    def codes(self, values: np.ndarray, *, how: OnDuplicate = "first") -> np.ndarray:
        """Lay category codes out, 0 in gaps."""
        if self.rows is not None:
            values = values[self.rows]
        if self.groups is not None:
            ends = np.append(self.groups[1:], values.size) - 1
            values = values[ends if how == "last" else self.groups]
        if self.slots is None:
            return values.astype(np.int64)
        out = np.zeros(self.size, np.int64)
        out[self.slots] = values
        return out

    def _joined(self, values: np.ndarray, how: OnDuplicate) -> np.ndarray:
        assert self.groups is not None
        if how in ("first", "last"):
            ends = np.append(self.groups[1:], values.size) - 1
            return values[self.groups if how == "first" else ends]
        present = ~np.isnan(values)
        total = np.add.reduceat(np.where(present, values, 0.0), self.groups)
        count = np.add.reduceat(present.astype(np.int64), self.groups)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(count > 0, total / count if how == "mean" else total, np.nan)


def sorted_rows(series: np.ndarray, time: np.ndarray | None, num_series: int) -> tuple[Grid, int]:
    """Put rows series by series, oldest first, those of one moment in their old order; counts rows that went back."""
    rows = None
    if np.any(series[1:] < series[:-1]):
        rows = np.argsort(series, kind="stable")
        series = series[rows]
    backward = 0
    if time is not None and time.size:
        ordered = time if rows is None else time[rows]
        backward = int(np.count_nonzero((ordered[1:] < ordered[:-1]) & (series[1:] == series[:-1])))
        if backward:
            inner = np.lexsort((ordered, series))
            rows = inner if rows is None else rows[inner]
    offsets = np.searchsorted(series, np.arange(num_series + 1)).astype(np.int64)
    return Grid(offsets=offsets, series=series, rows=rows, size=series.size), backward


def without_duplicates(grid: Grid, time: np.ndarray) -> tuple[Grid, np.ndarray]:
    """Make one row of those that share series and time; `time` is sorted."""
    fresh = np.ones(time.size, bool)
    fresh[1:] = (time[1:] != time[:-1]) | (grid.series[1:] != grid.series[:-1])
    if fresh.all():
        return grid, time
    groups = np.flatnonzero(fresh)
    series = grid.series[groups]
    offsets = np.searchsorted(series, np.arange(grid.offsets.size)).astype(np.int64)
    return replace(grid, groups=groups, series=series, offsets=offsets, size=groups.size), time[groups]


def first_of_series(grid: Grid, values: np.ndarray) -> np.ndarray:
    """For each row, the value in the first row of its series."""
    return values[grid.offsets[:-1]][grid.series]


def gap_size(grid: Grid, positions: np.ndarray) -> int:
    """Rows that the grid would have with every gap filled; `positions` count steps within each series."""
    ends = grid.offsets[1:] - 1
    return int((positions[ends] + 1).sum())


def with_gaps(grid: Grid, positions: np.ndarray) -> Grid:
    """Give every step between a series' first and last row a slot."""
    lengths = positions[grid.offsets[1:] - 1] + 1
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    if int(offsets[-1]) == positions.size:
        return grid
    return replace(grid, slots=offsets[:-1][grid.series] + positions, offsets=offsets, size=int(offsets[-1]))
