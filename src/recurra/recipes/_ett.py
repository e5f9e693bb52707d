"""Electricity transformer temperature (Zhou et al., 2021), horizon 96, by a recurrent network over segments.

Protocol: months of 30 days, 12 for training, 4 for validation, 4 for the test; channels z-scored by the training part;
every test window; MSE and MAE averaged over channels. The network is that of SegRNN (Lin et al., 2023), smaller.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from recurra.errors import DataError
from recurra.recipes._recipe import Figure, Reproduction
from recurra.tasks.forecast import Forecaster

HORIZON = 96
# Seasonal-naive, SegRNN with look-back 720: MSE, MAE.
PUBLISHED = {"ETTh1": ((0.512, 0.433), (0.351, 0.392)), "ETTm1": ((0.423, 0.387), (0.293, 0.354))}
SETTINGS: dict[str, dict[str, Any]] = {
    "ETTh1": {"segment": 24, "season": 24, "learning_rate": 6e-3, "average": 0.99, "linear_skip": False},
    "ETTm1": {"segment": 48, "season": 96, "learning_rate": 3e-3, "average": 0.995, "epochs": 16},
}
SHARED: dict[str, Any] = {
    "context": 720,
    "hidden_size": 64,
    "dropout": 0.2,
    "batch_size": 256,
    "epochs": 10,
    "steps_per_epoch": 70,
    "patience": 0,
    "loss": "mae",
    "normalisation": "last",
    "calendar": False,
}


def etth1(data: Path, *, seed: int, progress: Any) -> Reproduction:
    """ETTh1, hourly."""
    return _ett(data, "ETTh1", 24, seed, progress)


def ettm1(data: Path, *, seed: int, progress: Any) -> Reproduction:
    """ETTm1, every quarter of an hour."""
    return _ett(data, "ETTm1", 96, seed, progress)


def _ett(data: Path, name: str, per_day: int, seed: int, progress: Any) -> Reproduction:
    rows = 600 * per_day
    frame = read(data, name).head(rows)
    targets = tuple(column for column in frame.columns if column != "date")
    values = frame.select(targets).to_numpy()
    training = values[: 360 * per_day]
    mean, std = training.mean(0), training.std(0)
    starts = np.arange(480 * per_day, rows - HORIZON + 1)
    naive = values[starts[:, None] + np.arange(HORIZON) % per_day - per_day]
    truth = values[starts[:, None] + np.arange(HORIZON)]
    floor = errors((naive - mean) / std, (truth - mean) / std)
    model = Forecaster(
        target=targets,
        time="date",
        horizon=HORIZON,
        validation=0.2,
        test="0.2",
        seed=seed,
        **{**SHARED, **SETTINGS[name]},
    )
    model.fit(frame, progress=progress)
    forecasts = model.backtest()
    assert len(forecasts.truth) == len(starts), "every test window"
    ours = errors((forecasts.mean - mean) / std, (truth - mean) / std)
    (naive_mse, naive_mae), (mse, mae) = PUBLISHED[name]
    return Reproduction(
        (
            Figure("seasonal-naive MSE", floor[0], naive_mse),
            Figure("seasonal-naive MAE", floor[1], naive_mae),
            Figure("MSE", ours[0], mse),
            Figure("MAE", ours[1], mae),
        ),
        f"{name}-{HORIZON}: MSE {ours[0]:.4f}, {1 - ours[0] / floor[0]:.0%} below seasonal-naive; SegRNN has {mse}.",
        model,
    )


def read(data: Path, name: str) -> pl.DataFrame:
    """The file under `data`, packed or not."""
    for path in (data / "forecast" / "ett" / f"{name}.csv", data / "forecast" / "ett" / f"{name}.csv.gz"):
        if path.exists():
            return pl.read_csv(path)
    raise DataError(f"{data} holds no forecast/ett/{name}.csv or .csv.gz. Pass the folder that does as --data.")


def errors(forecast: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """MSE and MAE over everything."""
    difference = forecast.astype(np.float64) - truth
    return float(np.mean(difference**2)), float(np.mean(np.abs(difference)))
