from __future__ import annotations

from typing import NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict

from recurra.data._calendar import choose_calendar
from recurra.data._panel import Panel, Schema

_VERY_SKEWED = 2.0


class Scaling(BaseModel):
    """How numeric columns are scaled, learned from the training rows; missing becomes 0 after scaling.

    A column that is never negative and very skewed (rain, wind, sales) is first taken to log(1 + x / its mean).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    unit: tuple[float, ...]  # mean of a skewed column, 0 for one that is taken as it is
    mean: tuple[float, ...]
    std: tuple[float, ...]
    missing: tuple[bool, ...]  # columns that had gaps in training get a 0/1 "present" column beside them

    @property
    def width(self) -> int:
        """Columns after scaling, presence flags included."""
        return len(self.mean) + sum(self.missing)

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Scale (N, F) numbers; gives (N, width) float32 without NaN."""
        present = np.isfinite(values)
        values = _flatten(values, np.asarray(self.unit, dtype=np.float32))
        scaled = (values - np.asarray(self.mean, dtype=np.float32)) / np.asarray(self.std, dtype=np.float32)
        scaled = np.where(present, scaled, np.float32(0)).clip(-10, 10)
        return np.concatenate([scaled, present[:, np.asarray(self.missing, dtype=bool)]], axis=1, dtype=np.float32)


def fit_scaling(values: np.ndarray, training: np.ndarray) -> Scaling:
    """Scaling of (N, F) columns by the rows where `training` (N,) holds."""
    rows = values[training].astype(np.float64)
    mean, std, skew = _moments(rows)
    skewed = (np.nanmin(rows, axis=0, initial=np.inf) >= 0) & (skew > _VERY_SKEWED)
    unit = np.where(skewed, mean, 0.0)
    mean, std, _ = _moments(_flatten(rows, unit))
    std = np.where(std > 1e-6 * np.maximum(np.abs(mean), 1e-12), std, 1.0)
    missing = np.atleast_1d(~np.isfinite(rows).all(0))
    return Scaling(unit=tuple(unit), mean=tuple(mean), std=tuple(std), missing=tuple(bool(m) for m in missing))


def _flatten(values: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Skewed columns as log(1 + x / unit), the others as they are."""
    skewed = unit > 0
    ratio = np.maximum(values / np.where(skewed, unit, 1), 0)
    return np.where(skewed, np.log1p(ratio), values)


def _moments(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, standard deviation and skewness of each column, missing numbers left out."""
    present = np.isfinite(rows)
    count = np.maximum(present.sum(0), 1)
    mean = np.where(present, rows, 0.0).sum(0) / count
    centred = np.where(present, rows - mean, 0.0)
    std = np.sqrt((centred**2).sum(0) / count)
    skew = (centred**3).sum(0) / count / np.where(std > 0, std, 1) ** 3
    return mean, std, skew


class Units(NamedTuple):
    """What the targets of a series are measured from and in, as it is known at each row.

    At row `offsets[s] + t` of a panel that is entry `first[s] + moves[s] * t`.
    """

    centre: np.ndarray  # (M, C) float32
    scale: np.ndarray  # (M, C) float32
    first: np.ndarray  # (S,) int64
    moves: np.ndarray  # (S,) int64, 0 or 1


class Preparation(BaseModel):
    """How rows become numbers for a network: all that was learned from the training rows; preprocessing.json."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    table: Schema
    calendar: tuple[str, ...]
    known: Scaling
    past: Scaling
    static: Scaling
    series: tuple[str, ...]  # those with a target value in the training rows
    centre: tuple[tuple[float, ...], ...]  # (S, C) mean of each target over a series' training rows
    scale: tuple[tuple[float, ...], ...]  # (S, C) standard deviation likewise; the typical one where it can't be told
    typical_scale: tuple[float, ...]  # (C,)
    has_gaps: bool  # targets are missing in places, or times are uneven, so the network sees masks and times
    uneven_step: float | None  # median microseconds between rows of unevenly spaced times; None for a grid

    def units_of(self, panel: Panel) -> Units:
        """Centre and scale of each series of a panel; a new series is measured by its own rows before the one asked."""
        place = {label: i for i, label in enumerate(self.series)}
        first = np.array([place.get(label, -1) for label in panel.series], dtype=np.int64)
        moves = (first < 0).astype(np.int64)
        targets = len(self.typical_scale)
        centres = [np.asarray(self.centre).reshape(-1, targets)]
        scales = [np.asarray(self.scale).reshape(-1, targets)]
        size = len(self.series)
        for series in np.flatnonzero(moves & (panel.lengths > 0)):
            rows = panel.target[panel.offsets[series] : panel.offsets[series + 1]]
            centre, scale = running_moments(rows)
            centres.append(centre)
            scales.append(np.where(scale > 0, scale, self.typical_scale))
            first[series] = size
            size += len(centre)
        return Units(np.concatenate(centres, dtype=np.float32), np.concatenate(scales, dtype=np.float32), first, moves)


def fit_preparation(panel: Panel, training: np.ndarray, *, calendar: bool) -> Preparation:
    """Learn scales and calendars from the rows where `training` (N,) holds, and from nothing after them."""
    centre, scale = series_moments(panel, training)
    seen = np.flatnonzero(_sum_by_series((np.isfinite(panel.target).any(1) & training)[:, None], panel.offsets)[:, 0])
    centre, scale = centre[seen], scale[seen]
    known = scale > 0
    typical = np.array(
        [np.median(column[mask]) if mask.any() else 1.0 for column, mask in zip(scale.T, known.T, strict=True)]
    )
    rows = _sum_by_series(training[:, None], panel.offsets)[:, 0].astype(np.int64)
    uneven = _median_step(panel, training) if panel.schema.frequency is None and panel.time.dtype.kind == "M" else None
    return Preparation(
        table=panel.schema,
        calendar=choose_calendar(panel.time[training], np.append(0, np.cumsum(rows))) if calendar else (),
        known=fit_scaling(panel.known, training),
        past=fit_scaling(panel.past, training),
        static=fit_scaling(panel.static, rows > 0),
        series=tuple(panel.series[i] for i in seen),
        centre=_nested(centre),
        scale=_nested(np.where(known, scale, typical)),
        typical_scale=tuple(float(v) for v in typical),
        has_gaps=uneven is not None or not bool(np.isfinite(panel.target[training]).all()),
        uneven_step=uneven,
    )


def series_moments(panel: Panel, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of each target over the marked rows of each series, (S, C); 0 where they can't be told."""
    present = np.isfinite(panel.target) & rows[:, None]
    values = np.where(present, panel.target, 0.0).astype(np.float64)
    count = _sum_by_series(present.astype(np.float64), panel.offsets)
    mean = _sum_by_series(values, panel.offsets) / np.maximum(count, 1)
    centred = np.where(present, values - np.repeat(mean, panel.lengths, axis=0), 0.0)
    std = np.sqrt(_sum_by_series(centred**2, panel.offsets) / np.maximum(count, 1))
    return mean, np.where((count >= 2) & (std > 1e-6 * np.abs(mean)), std, 0.0)


def running_moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of all rows before each, for one series (T, C); (T + 1, C), the last over all rows.

    0 where they can't be told.
    """
    present = np.isfinite(values)
    anchor = values[present.argmax(0), np.arange(values.shape[1])].astype(np.float64)
    centred = np.where(present, values - anchor, 0.0)

    def before(numbers: np.ndarray) -> np.ndarray:
        return np.concatenate([np.zeros((1, numbers.shape[1])), np.cumsum(numbers, axis=0, dtype=np.float64)])

    count = before(present)
    mean = before(centred) / np.maximum(count, 1)
    std = np.sqrt(np.maximum(before(centred**2) / np.maximum(count, 1) - mean**2, 0))
    mean = np.where(count > 0, mean + np.where(np.isfinite(anchor), anchor, 0.0), 0.0)
    return mean, np.where((count >= 2) & (std > 1e-6 * np.abs(mean)), std, 0.0)


def _median_step(panel: Panel, training: np.ndarray) -> float | None:
    steps = np.diff(panel.time.astype("datetime64[us]").astype(np.int64))
    inside = training[1:] & training[:-1]
    starts = panel.offsets[(panel.offsets > 0) & (panel.offsets < panel.num_rows)]
    inside[starts - 1] = False
    steps = steps[inside & (steps > 0)]
    return float(np.median(steps)) if len(steps) else None


def _nested(values: np.ndarray) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(v) for v in row) for row in values)


def _sum_by_series(values: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Sums over the rows of each series. Each is summed by itself, so that a huge one leaves a small one its digits."""
    padded = np.concatenate([values.astype(np.float64), np.zeros((1, values.shape[1]))])
    return np.where(np.diff(offsets)[:, None] > 0, np.add.reduceat(padded, offsets[:-1], axis=0), 0.0)
