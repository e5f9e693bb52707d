from __future__ import annotations

from dataclasses import replace

import numpy as np

from recurra.data._frequency import Frequency, is_month_end, parse_frequency
from recurra.data._panel import Panel
from recurra.data._spacing import from_wall, to_wall
from recurra.data._words import counted

_DAY = 86_400_000_000


def last_observed(panel: Panel) -> np.ndarray:
    """The row of each series, counted over the whole panel, that is its last with any target, (S,) int64.

    Rows after it are the future: their known covariates are of use, their targets aren't there yet. For a series
    without any target it is the row before its first.
    """
    starts = panel.offsets[:-1]
    if not panel.num_rows:
        return starts - 1
    rows = np.where(~np.isnan(panel.target).all(axis=1), np.arange(panel.num_rows), -1)
    last = np.maximum.reduceat(np.append(rows, -1), starts)
    last = np.where(panel.lengths > 0, last, -1)
    return np.maximum(last, starts - 1).astype(np.int64)


def extend(panel: Panel, steps: int) -> Panel:
    """Make each series end exactly `steps` rows after its last observed target.

    Rows that the table already has there are kept, with their known covariates; further ones are appended with times
    that continue the grid and everything else missing; rows beyond are cut off. Without a frequency, times go on by
    the series' median step. A series without rows can't be continued and raises ValueError.
    """
    if steps < 0:
        raise ValueError(f"steps={steps} is negative; expected how many rows to append.")
    starts, lengths = panel.offsets[:-1], panel.lengths
    if not lengths.all():
        raise ValueError("A series without rows can't be continued.")
    sizes = last_observed(panel) + 1 - starts + steps
    kept = np.minimum(lengths, sizes)
    offsets = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
    series = np.repeat(np.arange(panel.num_series), sizes)
    place = np.arange(int(offsets[-1])) - offsets[:-1][series]
    there = place < kept[series]
    source = (starts[series] + place)[there]
    time = np.empty(int(offsets[-1]), panel.time.dtype)
    time[there] = panel.time[source]
    new = ~there
    beyond = place[new] - kept[series[new]] + 1
    # Of a series that keeps no row, the first one is at place 0: its predecessor is one step before.
    anchor = np.maximum(starts + kept - 1, starts)
    time[new] = _continued(panel, anchor[series[new]], beyond, series[new])

    def laid(values: np.ndarray, missing: float) -> np.ndarray:
        out = np.full((time.size, values.shape[1]), missing, values.dtype)
        out[there] = values[source]
        return out

    return replace(
        panel,
        offsets=offsets,
        time=time,
        target=laid(panel.target, np.nan),
        known=laid(panel.known, np.nan),
        known_codes=laid(panel.known_codes, 0),
        past=laid(panel.past, np.nan),
        past_codes=laid(panel.past_codes, 0),
        notes=(*panel.notes, *_unknown(panel, int(new.sum()))),
    )


def _unknown(panel: Panel, appended: int) -> tuple[str, ...]:
    names = (*panel.schema.known, *panel.schema.known_categories)
    if not appended or not names:
        return ()
    return (
        f"The table doesn't give {', '.join(names)} for {counted(appended, 'future row')}; forecasts there go without. "
        "Add rows with empty targets to give them.",
    )


def _continued(panel: Panel, anchor: np.ndarray, beyond: np.ndarray, series: np.ndarray) -> np.ndarray:
    """The times `beyond` steps after the rows `anchor`."""
    schema = panel.schema
    if not np.issubdtype(panel.time.dtype, np.datetime64):
        step = (
            _median_steps(panel.time.astype(np.int64), panel.offsets, 1)
            if schema.time_format == "step"
            else np.ones(panel.num_series, np.int64)
        )
        return panel.time[anchor] + beyond * step[series]
    micro = panel.time.astype("datetime64[us]").astype(np.int64)
    if schema.frequency is None:
        step = _median_steps(micro, panel.offsets, 1_000_000 if np.any(micro % _DAY) else _DAY)
        return (micro[anchor] + beyond * step[series]).astype("datetime64[us]")
    frequency = parse_frequency(schema.frequency)
    first = micro[anchor]
    if not frequency.is_calendar:
        return frequency.later(first, beyond).astype("datetime64[us]")
    wall = to_wall(micro, schema.time_zone)
    month_end = bool(frequency.months) and is_month_end(wall)
    if frequency.months and not month_end:
        return from_wall(_same_day(panel, frequency, wall, anchor, beyond, series), schema.time_zone).astype(
            "datetime64[us]"
        )
    later = frequency.later(wall[anchor], beyond, month_end=month_end)
    return from_wall(later, schema.time_zone).astype("datetime64[us]")


def _same_day(
    panel: Panel, frequency: Frequency, wall: np.ndarray, anchor: np.ndarray, beyond: np.ndarray, series: np.ndarray
) -> np.ndarray:
    """Months counted from the series' first row, so that a short month doesn't shorten those after it."""
    first = wall[panel.offsets[:-1]][series]
    passed = frequency.positions(first, wall[anchor])
    return frequency.later(first, passed + beyond)


def _median_steps(time: np.ndarray, offsets: np.ndarray, default: int) -> np.ndarray:
    """The middle step of each series, `default` where there is only one row."""
    lengths = np.diff(offsets)
    series = np.repeat(np.arange(lengths.size), lengths)
    inside = np.diff(series) == 0
    steps, owner = np.diff(time)[inside], series[1:][inside]
    order = np.lexsort((steps, owner))
    counts = np.bincount(owner, minlength=lengths.size)
    ends = np.cumsum(counts)
    middle = np.minimum(ends - counts + (counts - 1).clip(min=0) // 2, max(steps.size - 1, 0))
    return np.where(counts > 0, steps[order][middle] if steps.size else default, default)
