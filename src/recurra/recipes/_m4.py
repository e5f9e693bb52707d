"""The hourly series of the M4 competition (Makridakis et al., 2020): 414 series, 48 hours ahead, by one network.

Protocol: sMAPE is the mean of 200 |y - f| / (|y| + |f|), MASE is against the in-sample error of the season of 24 hours,
OWA is the mean of both relative to Naive2. Windows are relative to the mean of their last week.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from recurra.errors import DataError
from recurra.evaluate import (
    History,
    scaled_error,
    seasonal_error,
    seasonal_naive,
    symmetric_percentage_error,
)
from recurra.recipes._recipe import Figure, Reproduction
from recurra.tasks.forecast import Forecaster

HORIZON, SEASON = 48, 24
SETTINGS: dict[str, Any] = {
    "context": 336,
    "segment": 24,
    "hidden_size": 128,
    "dropout": 0.0,
    "linear_skip": True,
    "normalisation": "relative",
    "loss": "mae",
    "learning_rate": 5e-3,
    "average": 0.998,
    "batch_size": 256,
    "epochs": 15,
    "steps_per_epoch": 200,
    "patience": 0,
    "validation": 0.055,
}


def m4_hourly(data: Path, *, seed: int, progress: Any) -> Reproduction:
    """Train on all series together, and forecast the 48 hours after each."""
    history, truth = read(data, "train"), np.stack(read(data, "test"))
    lengths = np.array([len(series) for series in history])
    offsets = np.append(0, np.cumsum(lengths))
    values = np.concatenate(history)[:, None]
    scale = seasonal_error(values, offsets, offsets[1:], season=SEASON)

    def measure(forecast: np.ndarray) -> tuple[float, float]:
        smape = symmetric_percentage_error(truth[..., None], forecast[..., None]).overall()
        return smape, scaled_error(truth[..., None], forecast[..., None], scale).overall()

    naive2 = measure(np.stack([forecast_naive2(series, HORIZON, SEASON) for series in history]))
    past = History(values, offsets, offsets[1:])
    naive = measure(seasonal_naive(past, offsets[1:], horizon=HORIZON, season=SEASON)[..., 0])
    frame = pl.DataFrame(
        {
            "series": np.repeat(np.arange(len(history)), lengths + HORIZON),
            "value": np.concatenate([np.append(*pair) for pair in zip(history, truth, strict=True)]),
        }
    ).with_columns(pl.col("series").cast(pl.String).str.zfill(3))
    model = Forecaster(
        target="value",
        series="series",
        time="none",
        horizon=HORIZON,
        season=SEASON,
        test=HORIZON,
        seed=seed,
        **SETTINGS,
    )
    model.fit(frame, progress=progress)
    forecasts = model.backtest()
    assert np.allclose(forecasts.truth[..., 0], truth, rtol=1e-4), "one window a series, in the order of the file"
    smape, mase = measure(forecasts.median[..., 0])
    owa = (smape / naive2[0] + mase / naive2[1]) / 2
    return Reproduction(
        (
            Figure("Naive2 sMAPE", naive2[0], 18.383),
            Figure("Naive2 MASE", naive2[1], 2.395),
            Figure("seasonal-naive sMAPE", naive[0], 13.912),
            Figure("seasonal-naive MASE", naive[1], 1.193),
            Figure("sMAPE", smape, 9.328),
            Figure("MASE", mase, 0.893),
            Figure("OWA", owa, 0.440),
        ),
        f"m4-hourly: OWA {owa:.3f}; the winner, an ensemble of hybrid recurrent networks, had 0.440, Theta 1.006.",
        model,
    )


def read(data: Path, part: str) -> list[np.ndarray]:
    """The series of a wide, ragged file, in its order."""
    path = data / "forecast" / "m4" / f"Hourly-{part}.csv"
    if not path.exists():
        raise DataError(f"{data} holds no forecast/m4/{path.name}. Pass the folder that does as --data.")
    with open(path, newline="") as file:
        return [np.array([float(cell) for cell in row[1:] if cell]) for row in list(csv.reader(file))[1:]]


def forecast_naive2(history: np.ndarray, horizon: int, season: int) -> np.ndarray:
    """The last value after seasonal adjustment, as the competition computed it: (T,) history to (horizon,)."""
    if not is_seasonal(history, season):
        return np.repeat(history[-1], horizon)
    index = seasonal_indices(history, season)
    time = len(history)
    return history[-1] / index[(time - 1) % season] * index[(time + np.arange(horizon)) % season]


def is_seasonal(values: np.ndarray, season: int) -> bool:
    """The competition's test: autocorrelation at the season beyond 1.645 times Bartlett's error."""
    if len(values) < 3 * season:
        return False
    centred = values - values.mean()
    power = float(centred @ centred)
    correlation = np.array([centred[lag:] @ centred[:-lag] / power for lag in range(1, season + 1)])
    limit = 1.645 * np.sqrt((1 + 2 * np.sum(correlation[:-1] ** 2)) / len(values))
    return bool(abs(correlation[-1]) > limit)


def seasonal_indices(values: np.ndarray, season: int) -> np.ndarray:
    """Classical multiplicative decomposition for an even season: indices by phase of the first value, mean 1."""
    kernel = np.r_[0.5, np.ones(season - 1), 0.5] / season
    trend = np.convolve(values, kernel, "valid")
    ratio = np.full(len(values), np.nan)
    start = season // 2
    ratio[start : start + len(trend)] = values[start : start + len(trend)] / trend
    index = np.array([np.nanmean(ratio[phase::season]) for phase in range(season)])
    return index / index.mean()
