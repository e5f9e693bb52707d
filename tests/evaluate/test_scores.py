from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from recurra.evaluate import Forecasts, Scores, score

LEVELS = np.array([0.025, 0.1, 0.5, 0.9, 0.975])


def forecasts_of(windows: int, *, series: int = 1, horizon: int = 3, targets: int = 1, seed: int = 0) -> Forecasts:
    random = np.random.default_rng(seed)
    truth = random.normal(10, 1, size=(windows, horizon, targets))
    offsets = np.array([-1.96, -1.28, 0, 1.28, 1.96])
    quantiles = np.broadcast_to(10 + offsets, (*truth.shape, 5))
    return Forecasts(
        truth=truth,
        mean=np.full(truth.shape, 10.0),
        quantiles=quantiles,
        levels=LEVELS,
        series=np.arange(windows) % series,
        origin=np.arange(windows),
        series_labels=tuple(f"series {index}" for index in range(series)),
        target_labels=tuple(f"target {index}" for index in range(targets)),
    )


def naive(forecasts: Forecasts) -> dict[str, np.ndarray]:
    random = np.random.default_rng(1)
    return {name: random.normal(10, spread, size=forecasts.truth.shape) for name, spread in (("a", 1.0), ("b", 2.0))}


@pytest.fixture
def scores() -> Scores:
    forecasts = forecasts_of(400)
    return score(forecasts, naive(forecasts), seasonal_errors=np.array([[2.0]]), history={"epochs": [1, 2]})


def test_numbers_agree_with_each_other(scores):
    assert scores.metrics["mae"] == pytest.approx(math.sqrt(2 / math.pi), abs=0.05)
    assert scores.metrics["rmse"] == pytest.approx(1, abs=0.05)
    assert scores.metrics["mase"] == pytest.approx(scores.metrics["mae"] / 2)
    assert scores.metrics["coverage_80"] == pytest.approx(0.8, abs=0.03)
    assert [(row.nominal, row.actual) for row in scores.coverage] == [
        (0.8, scores.metrics["coverage_80"]),
        (0.95, scores.metrics["coverage_95"]),
    ]
    assert scores.skill["b"]["mae"] == pytest.approx(1 - scores.metrics["mae"] / scores.baselines["b"]["mae"])
    # Without any spread the quantile loss is the absolute error over the mean size.
    assert scores.baselines["a"]["wql"] == pytest.approx(scores.baselines["a"]["mae"] / 10, rel=0.02)
    assert scores.metrics["wql"] < scores.baselines["a"]["wql"]
    assert scores.verdict.beats == ("a", "b")
    assert np.mean(scores.per_horizon.errors["model"]["mae"]) == pytest.approx(scores.metrics["mae"])


def test_round_trip_through_json(scores):
    text = scores.model_dump_json()
    assert Scores.model_validate_json(text) == scores
    assert json.loads(text)["verdict"]["beats"] == ["a", "b"]


def test_nan_and_infinity_become_null():
    forecasts = forecasts_of(5)
    got = score(forecasts, {"a": forecasts.truth.copy()}, seasonal_errors=np.array([[np.nan]]))
    assert got.metrics["mase"] is None
    assert got.skill["a"]["mae"] is None
    json.dumps(got.model_dump(mode="json"), allow_nan=False)


def test_tables_are_bounded():
    forecasts = forecasts_of(600, series=300, horizon=500)
    got = score(forecasts, naive(forecasts), seasonal_errors=np.ones((300, 1)))
    assert got.per_series.num_series == 300
    skills = [row.skill for row in got.per_series.rows if row.skill is not None]
    assert len(skills) == 40
    assert skills == sorted(skills)
    assert len(got.per_horizon.steps) == 200
    assert (got.per_horizon.steps[0], got.per_horizon.steps[-1]) == (1, 500)
    assert len(got.model_dump_json()) < 100_000


def test_series_without_windows_are_left_out():
    forecasts = forecasts_of(6, series=3).select(np.array([0, 2, 3, 5]))
    got = score(forecasts, naive(forecasts), seasonal_errors=np.ones((3, 1)))
    assert sorted(row.series for row in got.per_series.rows) == ["series 0", "series 2"]


def test_several_targets_have_a_table_each():
    forecasts = forecasts_of(50, targets=2)
    got = score(forecasts, naive(forecasts), seasonal_errors=np.ones((1, 2)))
    assert set(got.per_target) == {"target 0", "target 1"}
    both: Any = [got.per_target[name]["model"]["mae"] for name in got.per_target]
    assert np.mean(both) == pytest.approx(got.metrics["mae"])


@pytest.mark.parametrize(("width", "said"), [(1.0, None), (0.4, "too narrow: the 95%"), (3.0, "too wide: the 80%")])
def test_intervals_that_lie_are_warned_of(width, said):
    from dataclasses import replace

    fair = forecasts_of(400)
    bent = replace(fair, quantiles=10 + (fair.quantiles - 10) * width)
    warning = score(bent, naive(bent), seasonal_errors=np.array([[2.0]])).warning
    assert warning is None if said is None else warning is not None and said.split(":")[0] in warning
