"""The published figures of the M4 competition's own seasonal-naive, from its own data."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from recurra.evaluate import (
    History,
    scaled_error,
    seasonal_error,
    seasonal_naive,
    symmetric_percentage_error,
)


def ragged(path) -> list[np.ndarray]:
    with open(path, newline="") as file:
        rows = list(csv.reader(file))[1:]
    return [np.array([float(cell) for cell in row[1:] if cell]) for row in rows]


@pytest.mark.data
@pytest.mark.slow
def test_seasonal_naive_on_m4_hourly(data_dir):
    train = ragged(data_dir / "forecast" / "m4" / "Hourly-train.csv")
    truth = np.stack(ragged(data_dir / "forecast" / "m4" / "Hourly-test.csv"))[:, :, None]
    offsets = np.append(0, np.cumsum([len(series) for series in train]))
    values = np.concatenate(train)[:, None]
    forecast = seasonal_naive(History(values, offsets, offsets[1:]), offsets[1:], horizon=48, season=24)
    scale = seasonal_error(values, offsets, offsets[1:], season=24)
    assert len(train) == 414
    assert symmetric_percentage_error(truth, forecast).overall() == pytest.approx(13.912, abs=5e-4)
    assert scaled_error(truth, forecast, scale).overall() == pytest.approx(1.193, abs=5e-4)
