from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from recurra.data._frequency import Frequency, describe_frequency, infer_frequency, is_month_end, parse_frequency
from recurra.data._grid import Grid, OnDuplicate, first_of_series, gap_size, sorted_rows, with_gaps, without_duplicates
from recurra.data._table import Table
from recurra.data._times import Times, moment
from recurra.data._words import counted
from recurra.errors import DataError

_MOST_GAPS = 20
_DAY = 86_400_000_000
_UNEVEN = ("none", "uneven")


@dataclass(frozen=True)
class Spaced:
    """Rows on their time grid."""

    grid: Grid
    time: np.ndarray  # (N,) datetime64[us], or int64 steps
    frequency: str | None
    notes: tuple[str, ...]


def space(
    table: Table,
    times: Times,
    series: np.ndarray,
    labels: Sequence[str],
    *,
    frequency: str | None,
    bound: bool = False,
    on_duplicate: OnDuplicate = "error",
) -> Spaced:
    """Sort rows, join those of one moment, find the frequency and open the gaps.

    `frequency` is the user's wish; `bound` says that it was settled when the model was fitted, with None for uneven.
    """
    notes: list[str] = []
    grid, backward = sorted_rows(series, times.values, len(labels))
    if times.values is None:
        if frequency is not None and not bound:
            notes.append(f"Frequency {frequency} has no effect without a time column.")
        return Spaced(grid, np.arange(grid.size) - first_of_series(grid, np.arange(grid.size)), None, tuple(notes))
    if backward:
        notes.append(f"Rows weren't in order of time ({counted(backward, 'step')} back); they were sorted.")
    time = times.values if grid.rows is None else times.values[grid.rows]
    wanted = None if frequency is None or frequency in _UNEVEN else parse_frequency(frequency)
    if wanted is not None and times.is_clock:
        time = _floored(time, wanted, times.zone, grid, notes)
    before = grid.size
    single, time = without_duplicates(grid, time)
    if single is not grid:
        if on_duplicate == "error":
            raise _duplicate(table, times, series, grid, labels)
        rows = before - single.size
        how = {
            "mean": "averaged",
            "sum": "added up (covariates averaged)",
            "first": "dropped after the first",
            "last": "dropped before the last",
        }
        notes.append(f"{counted(rows, 'row')} at times that had one already: {how[on_duplicate]}.")
        grid = single
    if times.form == "step":
        grid, time = _stepped(grid, time, notes)
        return Spaced(grid, time, None, tuple(notes))
    same = np.ones(time.size, bool)
    same[grid.offsets[:-1]] = False
    chosen = wanted
    if wanted is None and frequency is None and not bound:
        chosen = _inferred(grid, time, same, times, notes)
    if chosen is not None:
        grid, time = _filled(grid, time, chosen, times.zone, table, labels, notes, asked=wanted is not None)
    return Spaced(grid, time.view("datetime64[us]"), None if chosen is None else str(chosen), tuple(notes))


def to_wall(time: np.ndarray, zone: str | None) -> np.ndarray:
    """Microseconds in UTC as microseconds on the wall clock of `zone`."""
    if zone in (None, "UTC"):
        return time
    return _series(time, "UTC").dt.convert_time_zone(zone).dt.replace_time_zone(None).dt.epoch("us").to_numpy()


def from_wall(wall: np.ndarray, zone: str | None) -> np.ndarray:
    """The way back; a moment that the wall clock skips is taken an hour later, one that it shows twice is the first."""
    if zone in (None, "UTC"):
        return wall
    there = _series(wall, None)
    hour = pl.duration(hours=1)
    zoned = pl.select(
        pl.coalesce(
            pl.lit(there).dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null"),
            (pl.lit(there) + hour).dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null"),
        )
    ).to_series()
    return zoned.dt.epoch("us").to_numpy()


def _series(values: np.ndarray, zone: str | None) -> pl.Series:
    return pl.Series("time", values).cast(pl.Datetime("us", zone))


def _floored(time: np.ndarray, wanted: Frequency, zone: str | None, grid: Grid, notes: list[str]) -> np.ndarray:
    """Times moved back onto the grid of the frequency that was asked for, where they don't lie on one already."""
    if wanted.unit == "b":
        return time
    wall = to_wall(time, zone) if wanted.is_calendar else time
    first = first_of_series(grid, wall)
    if wanted.months:
        steps = wanted.positions(first, wall)
        if not np.any((np.diff(steps) == 0) & (np.diff(wall) != 0) & (np.diff(grid.series) == 0)):
            return time
        floored = wanted.started(wall)
    else:
        step = wanted.microseconds
        if not np.any((wall - first) % step):
            return time
        # Grids of less than a day start on the full step of the clock, longer ones at midnight before the first row.
        origin = first - first % _DAY
        origin = origin if step > _DAY or _DAY % step else first - (first - origin) % step
        floored = origin + (wall - origin) // step * step
    moved = int(np.count_nonzero(floored != wall))
    notes.append(f"{counted(moved, 'time')} moved back onto a grid, {describe_frequency(str(wanted))}.")
    return from_wall(floored, zone) if wanted.is_calendar else floored


def _inferred(grid: Grid, time: np.ndarray, same: np.ndarray, times: Times, notes: list[str]) -> Frequency | None:
    wall = to_wall(time, times.zone)
    spacing = infer_frequency(time, wall, same)
    frequency = spacing.frequency
    steps = np.diff(time)[same[1:]]
    if frequency is None:
        if steps.size:
            apart = f"{_length(int(steps.min()))} to {_length(int(steps.max()))} apart"
            notes.append(f"Rows are unevenly spaced, {apart}; they are kept as they are. --frequency sets a grid.")
        return None
    if frequency.unit == "b":
        notes.append(
            "No row lies on a weekend: steps are counted in rows, and weekends and holidays aren't gaps; "
            "--frequency 1d would open them."
        )
        return frequency
    wall = wall if frequency.is_calendar else time
    first = first_of_series(grid, wall)
    most = f"Most steps are {_length(spacing.step)}, but"
    kept = f"so rows are kept as they are; --frequency {_flag(frequency)} would"
    off = np.flatnonzero((wall - first) % frequency.microseconds) if frequency.microseconds else np.zeros(0, int)
    if off.size:
        at = moment(int(time[off[0]]), zone=times.zone)
        notes.append(f"{most} {counted(off.size, 'row', 'lies')} between (the first at {at}), {kept} make a grid.")
        return None
    size = gap_size(grid, frequency.positions(first, wall))
    if size > _MOST_GAPS * grid.size:
        notes.append(f"{most} filling all gaps would make {grid.size:,} rows into {size:,}, {kept} fill them.")
        return None
    return frequency


def _filled(
    grid: Grid,
    time: np.ndarray,
    chosen: Frequency,
    zone: str | None,
    table: Table,
    labels: Sequence[str],
    notes: list[str],
    *,
    asked: bool,
) -> tuple[Grid, np.ndarray]:
    """Open the gaps; for business days there are none."""
    if chosen.unit == "b":
        return grid, time
    wall = to_wall(time, zone) if chosen.is_calendar else time
    positions = chosen.positions(first_of_series(grid, wall), wall)
    size = gap_size(grid, positions)
    if asked and size > 1000 * grid.size + 1_000_000:
        raise DataError(
            f"{table.name}: a grid of {chosen} would make {grid.size:,} rows into {size:,}. Pass a coarser --frequency."
        )
    filled = with_gaps(grid, positions)
    if filled is grid:
        return grid, time
    steps = np.where(np.diff(grid.series) == 0, np.diff(positions), 0)
    longest = int(np.argmax(steps))
    name = labels[int(grid.series[longest])]
    after = moment(time[longest], zone=zone, daily=chosen.is_calendar) + (f" in series {name!r}" if name else "")
    notes.append(
        f"{counted(filled.size - grid.size, 'row')} missing from the time grid added without values, "
        f"the longest gap {counted(int(steps[longest]) - 1, 'row')} after {after}."
    )
    lengths = np.diff(filled.offsets)
    first = np.repeat(wall[grid.offsets[:-1]], lengths)
    steps = np.arange(filled.size) - np.repeat(filled.offsets[:-1], lengths)
    made = chosen.later(first, steps, month_end=bool(chosen.months) and is_month_end(wall))
    out = from_wall(made, zone) if chosen.is_calendar else made
    assert filled.slots is not None
    out = np.array(out)
    out[filled.slots] = time
    return filled, out


def _stepped(grid: Grid, time: np.ndarray, notes: list[str]) -> tuple[Grid, np.ndarray]:
    """Whole numbers for time: steps of one, gaps opened unless they are many."""
    positions = time - first_of_series(grid, time)
    size = gap_size(grid, positions)
    if size == grid.size:
        return grid, time
    if size > _MOST_GAPS * grid.size:
        notes.append(f"Steps have gaps that would make {grid.size:,} rows into {size:,}; rows are kept as they are.")
        return grid, time
    filled = with_gaps(grid, positions)
    notes.append(f"{counted(filled.size - grid.size, 'missing step')} added without values.")
    lengths = np.diff(filled.offsets)
    start = np.repeat(time[grid.offsets[:-1]], lengths)
    return filled, start + np.arange(filled.size) - np.repeat(filled.offsets[:-1], lengths)


def _duplicate(table: Table, times: Times, series: np.ndarray, grid: Grid, labels: Sequence[str]) -> DataError:
    """Name the first pair of rows at one moment, and what would tell them apart."""
    assert times.values is not None
    rows = np.arange(series.size) if grid.rows is None else grid.rows
    time = times.values[rows]
    twice = np.flatnonzero((time[1:] == time[:-1]) & (grid.series[1:] == grid.series[:-1]))
    label = ", ".join(times.columns)
    if not twice.size:
        return DataError(
            f"{table.name}: several rows fall into one step of the frequency asked for. "
            "Pass --on-duplicate mean (or sum, first, last) to join them."
        )
    later = int(rows[twice + 1].min())
    at = int(np.flatnonzero(rows[twice + 1] == later)[0])
    earlier = int(rows[twice[at]])
    value = int(times.values[later])
    shown = moment(value, zone=times.zone, daily=True) if times.is_clock else str(value)
    name = labels[int(series[later])]
    apart = _telling_apart(table, times, series)
    hint = (
        f"If the table holds several series, pass --series {apart}. "
        if apart
        else "If the table holds several series, name their column with --series. "
    )
    other = table.row(earlier).rsplit(", ", 1)[1]
    return DataError(
        f"{table.row(later)}: {_of_series(name)}{label} {shown} repeats that of {other} "
        f"({counted(twice.size, 'repeated time')}). A series may hold one row per time. "
        f"{hint}Else aggregate first, or pass --on-duplicate mean (or sum, first, last)."
    )


def _telling_apart(table: Table, times: Times, series: np.ndarray) -> str | None:
    """A column of few words that, added to the series columns, leaves no time twice."""
    head = table.head()
    words = [
        name
        for name in table.columns
        if name not in times.columns and (head[name].dtype == pl.String or not head[name].dtype.is_float())
    ]
    for name in words[:12]:
        column = table.fetch([name]).to_series().cast(pl.String)
        if column.n_unique() > max(2, len(column) // 3):
            continue
        together = pl.DataFrame({"series": series, "time": times.values, "more": column})
        if not together.is_duplicated().any():
            return name
    return None


def _of_series(name: str) -> str:
    return f"series {name!r}: " if name else ""


def _length(step: int) -> str:
    for unit, size in (("day", 86_400_000_000), ("hour", 3_600_000_000), ("minute", 60_000_000), ("second", 1_000_000)):
        if step >= size:
            return f"{step / size:.6g} {unit}{'' if step == size else 's'}"
    return f"{step / 1e6:.6g} seconds"


def _flag(frequency: Frequency) -> str:
    text = str(frequency)
    return text + "in" if frequency.unit == "m" else text
