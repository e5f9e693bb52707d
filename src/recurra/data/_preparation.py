from __future__ import annotations

import numpy as np
from pydantic import BaseModel, ConfigDict

from recurra.data._calendar import choose_calendar
from recurra.data._panel import Panel, Schema


class Scaling(BaseModel):
    """Mean and standard deviation of numeric columns over the training rows; missing becomes 0 after scaling."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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
        scaled = (values - np.asarray(self.mean, dtype=np.float32)) / np.asarray(self.std, dtype=np.float32)
        scaled = np.where(present, scaled, np.float32(0)).clip(-10, 10)
        return np.concatenate([scaled, present[:, np.asarray(self.missing, dtype=bool)]], axis=1, dtype=np.float32)


def fit_scaling(values: np.ndarray, training: np.ndarray) -> Scaling:
    """Scaling of (N, F) columns by the rows where `training` (N,) holds."""
    rows = values[training].astype(np.float64)
    present = np.isfinite(rows)
    count = np.maximum(present.sum(0), 1)
    filled = np.where(present, rows, 0.0)
    mean = filled.sum(0) / count
    std = np.sqrt(np.where(present, (rows - mean) ** 2, 0.0).sum(0) / count)
    std = np.where(std > 1e-6 * np.maximum(np.abs(mean), 1e-12), std, 1.0)
    return Scaling(mean=tuple(mean), std=tuple(std), missing=tuple(bool(m) for m in ~np.isfinite(values).all(0)))


class Preparation(BaseModel):
    """How rows become numbers for a network: all that was learned from the training rows, kept as preprocessing.json."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    table: Schema
    calendar: tuple[str, ...]
    known: Scaling
    past: Scaling
    static: Scaling
    series: tuple[str, ...]  # code i+1 of the series embedding is entry i; 0 is a new series
    scale: dict[str, tuple[float, ...]]  # standard deviation of each target over a series' training rows
    typical_scale: tuple[float, ...]  # for a series without two training values
    has_gaps: bool  # targets are missing in places, so the network sees masks


def fit_preparation(panel: Panel, training: np.ndarray) -> Preparation:
    """Learn scales and calendars from the rows where `training` (N,) holds, and from nothing after them."""
    scale = series_scale(panel, training)
    if panel.num_series > 1:
        typical = np.nanmedian(np.where(scale > 0, scale, np.nan), axis=0) if (scale > 0).any(0).all() else scale.max(0)
    else:
        typical = scale[0]
    typical = np.where(typical > 0, typical, 1.0)
    resolved = np.where(scale > 0, scale, typical)
    return Preparation(
        table=panel.schema,
        calendar=choose_calendar(panel.time, panel.offsets),
        known=fit_scaling(panel.known, training),
        past=fit_scaling(panel.past, training),
        static=fit_scaling(panel.static, np.ones(panel.num_series, dtype=bool)),
        series=panel.series,
        scale=dict(zip(panel.series, (tuple(float(v) for v in row) for row in resolved), strict=True)),
        typical_scale=tuple(float(v) for v in typical),
        has_gaps=not bool(np.isfinite(panel.target[training]).all()),
    )


def series_scale(panel: Panel, rows: np.ndarray) -> np.ndarray:
    """Standard deviation of each target over the marked rows of each series, (S, C); 0 where it can't be told."""
    present = np.isfinite(panel.target) & rows[:, None]
    values = np.where(present, panel.target, 0.0).astype(np.float64)
    count = _sum_by_series(present.astype(np.float64), panel.offsets)
    mean = _sum_by_series(values, panel.offsets) / np.maximum(count, 1)
    centred = np.where(present, values - np.repeat(mean, panel.lengths, axis=0), 0.0)
    std = np.sqrt(_sum_by_series(centred**2, panel.offsets) / np.maximum(count, 1))
    return np.where((count >= 2) & (std > 1e-6 * np.abs(mean)), std, 0.0)


def _sum_by_series(values: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    total = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    return total[offsets[1:]] - total[offsets[:-1]]
