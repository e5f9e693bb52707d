from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import Ridge

from recurra.evaluate import forecast_baselines

NAN = math.nan


def forecast(values, origins, *, horizon, season=1, offsets=None, train_until=None) -> dict[str, np.ndarray]:
    values = np.asarray(values, dtype=np.float32)
    values = values[:, None] if values.ndim == 1 else values
    offsets = np.array([0, len(values)]) if offsets is None else np.asarray(offsets)
    train_until = offsets[1:] if train_until is None else np.asarray(train_until)
    return forecast_baselines(
        values, offsets, np.asarray(origins), horizon=horizon, season=season, train_until=train_until
    )


def test_by_hand():
    got = forecast([1, 2, 4, 8, 5, 7, 0, 0], [6, 3], horizon=4, season=3, train_until=[3])
    assert_allclose(got["persistence"][:, :, 0], [[7] * 4, [4] * 4])
    assert_allclose(got["seasonal-naive"][:, :, 0], [[8, 5, 7, 8], [1, 2, 4, 1]])
    assert_allclose(got["drift"][:, :, 0], [[7 + 1.2 * k for k in (1, 2, 3, 4)], [4 + 1.5 * k for k in (1, 2, 3, 4)]])


def test_gaps_take_the_last_known_value_and_nothing_known_takes_the_training_mean():
    values = [NAN, 2, NAN, 6, NAN, NAN, 9, 9]
    got = forecast(values, [6, 1], horizon=3, season=2, train_until=[6])
    assert_allclose(got["persistence"][:, :, 0], [[6, 6, 6], [4, 4, 4]])
    assert_allclose(got["seasonal-naive"][:, :, 0], [[6, 6, 6], [4, 4, 4]])
    # The line through rows 1 and 3 rises by 2 a row and is at 12 in row 6.
    assert_allclose(got["drift"][:, :, 0], [[12, 14, 16], [4, 4, 4]])


def test_a_series_without_training_rows_takes_the_mean_of_the_others():
    got = forecast([1, 3, NAN, NAN, 5], [4], horizon=1, offsets=[0, 2, 5], train_until=[2, 2])
    assert_allclose(got["persistence"], [[[2]]])


def test_series_do_not_see_each_other():
    values = np.array([100, 100, 100, 1, 2, 3, 4], dtype=float)
    got = forecast(values, [4, 7], horizon=3, season=2, offsets=[0, 3, 7])
    assert_allclose(got["persistence"][:, 0, 0], [1, 4])
    # One row of history isn't a season; persistence takes over.
    assert_allclose(got["seasonal-naive"][:, :, 0], [[1, 1, 1], [3, 4, 3]])
    assert_allclose(got["drift"][:, :, 0], [[1, 1, 1], [5, 6, 7]])


def test_no_season_no_seasonal_naive():
    assert "seasonal-naive" not in forecast(np.arange(30), [20], horizon=2)


def test_training_too_short_for_a_window_has_no_linear_autoregression():
    assert "linear autoregression" not in forecast(np.arange(8), [7], horizon=7, train_until=[7])


@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_nothing_at_or_after_the_origin_matters(missing):
    random = np.random.default_rng(3)
    values = random.normal(size=(120, 2)).cumsum(axis=0)
    values[random.random(values.shape) < missing] = NAN
    offsets, train_until, origins = [0, 70, 120], [40, 100], np.array([45, 60, 70, 105, 120])
    options = {"horizon": 4, "season": 5, "offsets": offsets, "train_until": train_until}
    whole = forecast(values, origins, **options)
    assert len(whole) == 4
    for window, origin in enumerate(origins):
        end = next(o for o in offsets if o >= origin)
        changed = values.copy()
        changed[origin:end] = random.normal(1e3, 1e2, size=(end - origin, 2))
        for name, got in forecast(changed, origins, **options).items():
            assert_allclose(got[window], whole[name][window], err_msg=name, rtol=0, atol=0)


def test_what_comes_before_the_origin_does_matter():
    values = np.random.default_rng(3).normal(size=80).cumsum()
    changed = values.copy()
    changed[69] += 1
    options = {"horizon": 3, "season": 1, "train_until": [50]}
    before, after = forecast(values, [70], **options), forecast(changed, [70], **options)
    assert all(np.all(before[name] != after[name]) for name in before)


def test_linear_autoregression_equals_its_definition():
    """The same regression built window by window: lags and answers relative to the last value, plus that value."""
    random = np.random.default_rng(11)
    series = [random.normal(3, 2, size=90).cumsum(), random.normal(0, 50, size=75).cumsum()]
    horizon, season, lags = 3, 6, 8
    train_until = [60, 90 + 50]
    features, answers, asked = [], [], []
    for values, until in zip(series, (60, 50), strict=True):
        values = values.astype(np.float32).astype(np.float64)
        mean, spread = values[:until].mean(), values[:until].std()
        rows = [
            np.append(values[t - lags : t] - values[t - 1], values[t - 1] - mean)
            for t in range(len(values) + 1)
            if t >= lags
        ]
        for t in range(lags, until - horizon + 1):
            features.append(rows[t - lags] / spread)
            answers.append((values[t : t + horizon] - values[t - 1]) / spread)
        asked.append((rows[66 - lags] / spread, values[65], spread))
    ridge = Ridge(alpha=0.1 * len(features)).fit(features, answers)
    expected = [level + spread * ridge.predict(row[None])[0] for row, level, spread in asked]
    got = forecast(
        np.concatenate(series),
        [66, 90 + 66],
        horizon=horizon,
        season=season,
        offsets=[0, 90, 165],
        train_until=train_until,
    )
    assert_allclose(got["linear autoregression"][:, :, 0], expected, rtol=1e-5)


def test_a_window_that_begins_before_its_series_sees_nothing_of_the_one_before():
    random = np.random.default_rng(2)
    own = random.normal(size=100).cumsum()
    options = {"horizon": 3, "season": 6, "offsets": [0, 40, 140], "train_until": [0, 120]}
    got = [forecast(np.append(random.normal(size=40), own), [42], **options)["linear autoregression"] for _ in range(2)]
    assert_allclose(got[0], got[1], rtol=0, atol=0)


def test_linear_autoregression_learns_a_sine():
    values = 5 + np.sin(np.arange(400) * 2 * np.pi / 25)
    origins = np.arange(300, 380)
    got = forecast(values, origins, horizon=10, season=25, train_until=[300])
    truth = values[origins[:, None] + np.arange(10)]
    error = {name: np.abs(point[:, :, 0] - truth).mean() for name, point in got.items()}
    # The penalty keeps it from being exact, as seasonal-naive is here.
    assert error["linear autoregression"] < 0.1 * error["persistence"]


def test_constant_and_unobserved_targets_stay_finite():
    values = np.stack([np.full(60, 3.0), np.full(60, NAN)], axis=1)
    for name, got in forecast(values, [50], horizon=3, season=2, train_until=[40]).items():
        assert_allclose(got[0, :, 0], 3, err_msg=name)
        assert_allclose(got[0, :, 1], 0, err_msg=name)


def test_a_training_part_full_of_gaps_still_gives_a_regression():
    values = np.arange(100, dtype=float)
    values[::3] = NAN
    assert np.isfinite(forecast(values, [90], horizon=4, train_until=[80])["linear autoregression"]).all()


@pytest.mark.slow
def test_ten_thousand_series_in_seconds():
    random = np.random.default_rng(0)
    values = random.normal(size=(10_000 * 100, 1)).astype(np.float32)
    offsets = np.arange(10_001) * 100
    origins = np.repeat(offsets[1:] - 14, 2) - np.tile([0, 7], 10_000)
    got = forecast_baselines(values, offsets, origins, horizon=14, season=7, train_until=offsets[1:] - 28)
    assert got["linear autoregression"].shape == (20_000, 14, 1)
