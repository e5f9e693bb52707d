from __future__ import annotations

import math

import numpy as np
import pytest
from statsmodels.stats.sandwich_covariance import S_hac_simple

from recurra.evaluate import Forecasts, absolute_error
from recurra.evaluate._paired import chance, chance_of_mean


def test_by_hand():
    # T = 4, nothing overlaps: bandwidth ceil(1.3 * 2) = 3, weights 2/3 and 1/3.
    difference = np.array([3.0, 1.0, 2.0, 6.0])  # mean 3, centred 0 -2 -1 3
    variance = 14 + 2 * (2 / 3) * (2 - 3) + 2 * (1 / 3) * (0 - 6)
    statistic = 12 / math.sqrt(variance) * math.sqrt(3 / 4)
    stretch = (1.96 + 2.9694 * 0.75 + 0.4160 * 0.75**2 - 0.5324 * 0.75**3) / 1.96
    assert chance_of_mean(difference, overlap=1) == pytest.approx(math.erfc(statistic / stretch / math.sqrt(2)))


def test_long_run_variance_equals_statsmodels():
    difference = np.random.default_rng(2).normal(0.1, 1, size=100).cumsum()[::3]
    overlap = count = len(difference)
    overlap = 12
    centred = (difference - difference.mean())[:, None]
    variance = S_hac_simple(centred, nlags=overlap - 1)[0, 0]
    correction = (count + 1 - 2 * overlap + overlap * (overlap - 1) / count) / count
    share = overlap / count
    stretch = (1.96 + 2.9694 * share + 0.4160 * share**2 - 0.5324 * share**3) / 1.96
    statistic = abs(difference.sum()) / math.sqrt(variance) * math.sqrt(correction)
    expected = math.erfc(statistic / stretch / math.sqrt(2))
    assert chance_of_mean(difference, overlap=overlap) == pytest.approx(expected)


@pytest.mark.parametrize(("count", "overlap"), [(12, 1), (40, 8), (200, 24)])
def test_noise_is_rarely_taken_for_skill(count, overlap):
    random = np.random.default_rng(1)
    rejected = 0
    for _ in range(400):
        total = np.append(0, random.normal(size=count + overlap - 1).cumsum())
        rejected += chance_of_mean(total[overlap:] - total[:-overlap], overlap=overlap) < 0.05
    assert rejected / 400 < 0.11


def test_a_clear_difference_is_seen():
    random = np.random.default_rng(1)
    assert chance_of_mean(random.normal(1, 1, size=60), overlap=4) < 0.001


def test_edges():
    assert chance_of_mean(np.zeros(10), overlap=1) == 1
    assert chance_of_mean(np.ones(10), overlap=1) == 0
    assert chance_of_mean(np.ones(3), overlap=1) == 1
    # Ten windows that all share one outcome are one observation.
    assert chance_of_mean(np.arange(10.0), overlap=10) == 1


def windows_of(series, origin, times=None, horizon=1) -> Forecasts:
    shape = (len(series), horizon, 1)
    return Forecasts(
        truth=np.zeros(shape),
        mean=np.zeros(shape),
        quantiles=np.zeros((*shape, 1)),
        levels=np.array([0.5]),
        series=np.asarray(series),
        origin=np.asarray(origin),
        times=times,
        series_labels=tuple(map(str, range(1000))),
    )


def test_windows_at_one_time_are_one_observation():
    """A hundred series that err together at ten times are ten observations, in whatever order they come."""
    random = np.random.default_rng(4)
    series, time = np.repeat(np.arange(100), 10), np.tile(np.arange(10), 100)
    shared = random.normal(0.3, 1, size=10)[time]
    model, other = shared[:, None, None] + 5.0, np.full((1000, 1, 1), 5.0)
    order = random.permutation(1000)
    forecasts = windows_of(series[order], (series * 50 + time)[order], np.datetime64("2020-01-01") + time[order])
    got = chance(
        forecasts, absolute_error(forecasts.truth, model[order]), absolute_error(forecasts.truth, other[order])
    )
    assert got == pytest.approx(chance_of_mean(random_sum(shared, time), overlap=1))


@pytest.mark.parametrize(("stride", "overlap"), [(1, 10), (4, 3), (10, 1), (30, 1)])
def test_windows_that_share_outcomes_overlap(stride, overlap):
    random = np.random.default_rng(4)
    loss = random.normal(0.2, 1, size=60).cumsum() ** 2
    model, other = np.repeat(loss, 10).reshape(60, 10, 1), np.full((60, 10, 1), 3.0)
    step = random.permutation(60)
    forecasts = windows_of(np.zeros(60, int), 100 + stride * step, horizon=10)
    got = chance(forecasts, absolute_error(forecasts.truth, model[step]), absolute_error(forecasts.truth, other))
    assert got == pytest.approx(chance_of_mean(10 * (loss - 3), overlap=overlap))


def random_sum(shared: np.ndarray, time: np.ndarray) -> np.ndarray:
    return np.bincount(time, shared)


def test_times_are_origins_counted_from_the_first_where_there_are_none():
    series, step = np.repeat([0, 1, 2], 12), np.tile(np.arange(12), 3)
    loss = np.random.default_rng(4).normal(size=36) ** 2
    model, other = loss[:, None, None], np.ones((36, 1, 1))
    with_rows = windows_of(series, 100 * series + 7 * series + step)
    with_times = windows_of(series, 100 * series + 7 * series + step, np.datetime64("2020-01-01") + step)
    values = [
        chance(f, absolute_error(f.truth, model), absolute_error(f.truth, other)) for f in (with_rows, with_times)
    ]
    assert values[0] == values[1]


def test_one_window_each_of_many_series_counts_series():
    loss = np.random.default_rng(4).normal(3, 1, size=50)
    forecasts = windows_of(np.arange(50), np.arange(50) * 10, np.full(50, np.datetime64("2020-01-01")))
    got = chance(
        forecasts,
        absolute_error(forecasts.truth, loss[:, None, None]),
        absolute_error(forecasts.truth, np.full((50, 1, 1), 2.0)),
    )
    assert got == pytest.approx(chance_of_mean(loss - 2, overlap=1))
