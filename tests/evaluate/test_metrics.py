from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, mean_pinball_loss, root_mean_squared_error

from recurra.evaluate import (
    absolute_error,
    coverage,
    quantile_loss,
    scaled_error,
    scaled_squared_error,
    seasonal_error,
    squared_error,
    symmetric_percentage_error,
)

NAN = math.nan


def column(*values: float) -> np.ndarray:
    """One window of one target."""
    return np.array(values, dtype=np.float64)[None, :, None]


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(7)


def test_metrics_by_hand():
    truth, forecast = column(1, 2, 4, NAN), column(2, 2, 1, 100)
    assert absolute_error(truth, forecast).overall() == pytest.approx(4 / 3)
    assert squared_error(truth, forecast).overall() == pytest.approx(math.sqrt(10 / 3))
    assert symmetric_percentage_error(truth, forecast).overall() == pytest.approx((200 / 3 + 0 + 600 / 5) / 3)
    assert scaled_error(truth, forecast, np.array([[2.0]])).overall() == pytest.approx(2 / 3)
    assert scaled_squared_error(truth, forecast, np.array([[2.0]])).overall() == pytest.approx(math.sqrt(10 / 12))
    assert coverage(truth, forecast - 1, forecast + 1).overall() == pytest.approx(2 / 3)


def test_quantile_loss_by_hand():
    truth, quantiles = column(10, 20), np.array([[[[8.0, 12.0]], [[21.0, 22.0]]]])
    # Level 0.1: 0.1 * 2 and 0.9 * 1; level 0.9: 0.1 * 2 and 0.1 * 2; sum of |y| is 30.
    expected = 2 * ((0.2 + 0.9) + (0.2 + 0.2)) / 2 / 30
    assert quantile_loss(truth, quantiles, np.array([0.1, 0.9])).overall() == pytest.approx(expected)


def test_quantile_loss_of_a_point_is_the_weighted_absolute_error():
    truth, point = column(10, -20), column(13, -15)
    assert quantile_loss(truth, point[..., None], np.array([0.5])).overall() == pytest.approx(8 / 30)
    # Without spread, over levels symmetric about one half, the mean over levels is the same.
    assert quantile_loss(truth, point[..., None], np.array([0.1, 0.5, 0.9])).overall() == pytest.approx(8 / 30)


def test_against_scikit_learn(random):
    truth, forecast = random.normal(size=(2, 5, 4, 3))
    quantiles = np.sort(random.normal(size=(5, 4, 3, 2)), axis=-1)
    levels = np.array([0.1, 0.8])
    flat = truth.ravel(), forecast.ravel()
    assert absolute_error(truth, forecast).overall() == pytest.approx(mean_absolute_error(*flat), rel=1e-12)
    assert squared_error(truth, forecast).overall() == pytest.approx(root_mean_squared_error(*flat), rel=1e-12)
    pinball = [
        mean_pinball_loss(truth.ravel(), quantiles[..., i].ravel(), alpha=level) for i, level in enumerate(levels)
    ]
    expected = 2 * np.mean(pinball) / np.abs(truth).mean()
    assert quantile_loss(truth, quantiles, levels).overall() == pytest.approx(expected, rel=1e-12)


def test_groupings_equal_loops(random):
    truth, forecast = random.normal(size=(2, 6, 4, 2))
    truth[random.random(truth.shape) < 0.3] = NAN
    group = np.array([0, 2, 0, 2, 2, 0])
    quotient = squared_error(truth, forecast)

    def by_loop(windows, horizons, targets) -> float:
        total = [
            (truth[w, k, c] - forecast[w, k, c]) ** 2
            for w in windows
            for k in horizons
            for c in targets
            if not math.isnan(truth[w, k, c])
        ]
        return math.sqrt(sum(total) / len(total)) if total else NAN

    np.testing.assert_allclose(quotient.per_horizon(), [by_loop(range(6), [k], range(2)) for k in range(4)])
    np.testing.assert_allclose(quotient.per_target(), [by_loop(range(6), range(4), [c]) for c in range(2)])
    np.testing.assert_allclose(quotient.per_window(), [by_loop([w], range(4), range(2)) for w in range(6)])
    expected = [by_loop(np.flatnonzero(group == g), range(4), range(2)) for g in range(3)]
    np.testing.assert_allclose(quotient.per_group(group, 3), expected)
    assert math.isnan(expected[1])


def test_sums_are_in_float64():
    truth = np.full((1, 10_000, 1), 1e4, dtype=np.float32)
    forecast = truth + np.float32(0.0078125)
    assert absolute_error(truth, forecast).overall() == pytest.approx(0.0078125, rel=1e-9)


def test_nothing_known_and_nothing_but_zeros():
    assert math.isnan(absolute_error(column(NAN), column(1)).overall())
    assert symmetric_percentage_error(column(0, 0), column(0, 0)).overall() == 0
    assert math.isnan(quantile_loss(column(0, 0), column(1, 1)[..., None], np.array([0.5])).overall())
    assert math.isnan(scaled_error(column(1), column(2), np.array([[0.0]])).overall())
    assert math.isnan(scaled_error(column(1), column(2), np.array([[NAN]])).overall())


def test_a_forecast_that_is_nan_is_not_excused():
    assert math.isnan(absolute_error(column(1, 2), column(1, NAN)).overall())


def test_seasonal_error_equals_a_loop(random):
    values = random.normal(size=(17, 2))
    values[random.random(values.shape) < 0.2] = NAN
    offsets, train_until = np.array([0, 9, 12, 17]), np.array([7, 12, 16])
    got = seasonal_error(values, offsets, train_until, season=3)
    for series in range(3):
        for target in range(2):
            steps = [
                abs(values[t, target] - values[t - 3, target])
                for t in range(offsets[series] + 3, train_until[series])
                if not math.isnan(values[t, target] - values[t - 3, target])
            ]
            expected = np.mean(steps) if steps else NAN
            np.testing.assert_allclose(got[series, target], expected)
    assert np.isnan(got[1]).all()


def test_seasonal_error_of_series_shorter_than_the_season():
    assert np.isnan(seasonal_error(np.ones((3, 1)), np.array([0, 3]), np.array([3]), season=12)).all()
