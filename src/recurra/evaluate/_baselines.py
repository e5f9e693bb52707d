"""Forecasts that anybody could make, for a model to be measured against.

Each is (W, K, C) float32 for the origins (W,), the rows forecast first, and depends on no value at or after its
origin. Persistence, seasonal-naive and drift are those of Hyndman & Athanasopoulos (2021), "Forecasting: principles
and practice", section 5.2.
"""

from __future__ import annotations

import numpy as np

from recurra.evaluate._history import History
from recurra.evaluate._linear import linear_autoregression


def persistence(history: History, origins: np.ndarray, *, horizon: int) -> np.ndarray:
    """The last known value, at every step."""
    return np.repeat(history.last(origins)[:, None, :], horizon, axis=1).astype(np.float32)


def seasonal_naive(history: History, origins: np.ndarray, *, horizon: int, season: int) -> np.ndarray:
    """The value one season before, or as many seasons as it takes to be before the origin.

    A series that is younger than that gives its last known value.
    """
    step = np.arange(horizon)
    row = origins[:, None] + step - season * (step // season + 1)  # (W, K)
    start = history.offsets[history.series_of(origins)]
    row = np.where(row >= start[:, None], row, origins[:, None] - 1)
    return history.filled[row].astype(np.float32)


def drift(history: History, origins: np.ndarray, *, horizon: int) -> np.ndarray:
    """The straight line through the first and the last known value of the series, continued."""
    last_row = history.last_row[origins - 1]  # (W, C)
    first_row = history.first_row[history.series_of(origins)]
    has_line = (last_row >= 0) & (first_row < last_row)
    last = history.last(origins)
    rise = last - history.filled[np.where(has_line, first_row, 0), np.arange(last.shape[1])]
    slope = np.divide(rise, last_row - first_row, out=np.zeros(rise.shape), where=has_line)
    ahead = origins[:, None, None] + np.arange(horizon)[None, :, None] - last_row[:, None, :]
    return (last[:, None, :] + slope[:, None, :] * ahead).astype(np.float32)


def forecast_baselines(
    values: np.ndarray,
    offsets: np.ndarray,
    origins: np.ndarray,
    *,
    horizon: int,
    season: int,
    train_until: np.ndarray,
) -> dict[str, np.ndarray]:
    """Every baseline for every origin, by name, the more obvious ones first.

    values, offsets and train_until are those of `History`; each origin has at least one row of its series before it.
    Without a season (season 1) seasonal-naive is persistence and is left out; where no training part is longer than
    the horizon there is no linear autoregression.
    """
    history = History(values, offsets, train_until)
    origins = np.asarray(origins, dtype=np.int64)
    result = {"persistence": persistence(history, origins, horizon=horizon)}
    if season > 1:
        result["seasonal-naive"] = seasonal_naive(history, origins, horizon=horizon, season=season)
    result["drift"] = drift(history, origins, horizon=horizon)
    linear = linear_autoregression(history, origins, horizon=horizon, season=season)
    if linear is not None:
        result["linear autoregression"] = linear
    return result
