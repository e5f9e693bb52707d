from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from recurra.evaluate import ConformalCorrection, Forecasts, coverage

LEVELS = np.array([0.1, 0.5, 0.9])


def forecasts_of(truth: np.ndarray, quantiles: np.ndarray, levels: np.ndarray = LEVELS) -> Forecasts:
    windows, _, targets = truth.shape
    return Forecasts(
        truth=truth,
        mean=quantiles[..., len(levels) // 2],
        quantiles=quantiles,
        levels=levels,
        series=np.zeros(windows, dtype=int),
        origin=np.arange(windows),
        target_labels=tuple(map(str, range(targets))),
    )


def skewed(windows: int, seed: int, spread: float = 1.0) -> Forecasts:
    """Two steps, two targets, errors with a long tail above; every interval far too narrow."""
    random = np.random.default_rng(seed)
    size = np.array([1.0, 3.0])[None, :, None] * np.array([1.0, 100.0])[None, None, :] * spread
    truth = random.exponential(size, size=(windows, 2, 2))
    quantiles = np.broadcast_to(size[..., None] * np.array([0.6, 0.7, 0.8]), (windows, 2, 2, 3))
    return forecasts_of(truth, quantiles)


def test_by_hand():
    # 9 windows, truths 1 to 9, all quantiles 5: 10 % levels want rank ceil(10 * 0.9) = 9, the largest score, 4.
    truth = np.arange(1.0, 10)[:, None, None]
    wide = np.full((9, 1, 1, 3), 5.0)
    scale = np.full((9, 1), 2.0)
    correction = ConformalCorrection.fit(forecasts_of(truth, wide), scale)
    assert_allclose(correction.shift, [[[-2, 0, 2]]])
    assert_allclose(correction.apply(wide[:1], np.array([[1.0]])), [[[[3, 5, 7]]]])
    # Both bounds together: rank ceil(10 * 0.8) = 8 of |y - 5| = 0 1 1 2 2 3 3 4 4.
    both = ConformalCorrection.fit(forecasts_of(truth, wide), scale, symmetric=True)
    assert_allclose(both.shift, [[[-2, 0, 2]]])
    # Without the two outermost truths rank ceil(8 * 0.8) = 7 of 0 1 1 2 2 3 3.
    inner = ConformalCorrection.fit(forecasts_of(truth, wide).select(np.arange(1, 8)), scale[1:8], symmetric=True)
    assert_allclose(inner.shift, [[[-1.5, 0, 1.5]]])


def test_the_window_to_come_counts_too():
    # Of 10 scores rank ceil(11 * 0.9) = 10; without the one to come it would be the ninth.
    truth = np.arange(1.0, 11)[:, None, None]
    correction = ConformalCorrection.fit(forecasts_of(truth, np.full((10, 1, 1, 3), 5.5)), np.ones((10, 1)))
    assert_allclose(correction.shift, [[[-4.5, 0, 4.5]]])


@pytest.mark.parametrize("symmetric", [False, True])
def test_coverage_holds_on_new_windows(symmetric):
    learnt, new = skewed(2000, seed=1), skewed(2000, seed=2)
    scale = np.broadcast_to([[1.0, 100.0]], (2000, 2))
    correction = ConformalCorrection.fit(learnt, scale, symmetric=symmetric)
    after = correction.apply(new.quantiles, scale)
    share = coverage(new.truth, after[..., 0], after[..., 2])
    assert_allclose(share.per_horizon(), 0.8, atol=0.025)
    assert_allclose(share.per_target(), 0.8, atol=0.025)
    below = np.mean(new.truth < after[..., 0])
    if symmetric:
        # Nothing lies below zero, so that one number for both sides leaves all misses above.
        assert below == 0
    else:
        assert below == pytest.approx(0.1, abs=0.02)


def test_windows_on_another_scale_are_covered_alike():
    scale = np.ones((1000, 2)) * [1.0, 100.0]
    correction = ConformalCorrection.fit(skewed(1000, seed=1), scale)
    larger = skewed(1000, seed=2, spread=50.0)
    after = correction.apply(larger.quantiles, 50 * scale)
    assert coverage(larger.truth, after[..., 0], after[..., 2]).overall() == pytest.approx(0.8, abs=0.03)


def test_missing_truths_are_ignored():
    whole = skewed(400, seed=1)
    truth = np.concatenate([whole.truth, np.full((50, 2, 2), math.nan)])
    padded = forecasts_of(truth, np.concatenate([whole.quantiles, whole.quantiles[:50]]))
    expected = ConformalCorrection.fit(whole, np.ones((400, 2))).shift
    assert_array_equal(ConformalCorrection.fit(padded, np.ones((450, 2))).shift, expected)


def test_no_truth_no_correction():
    truth = np.full((3, 2, 1), math.nan)
    correction = ConformalCorrection.fit(forecasts_of(truth, np.zeros((3, 2, 1, 3))), np.ones((3, 1)))
    assert_array_equal(correction.shift, 0)


def test_few_windows_borrow_from_neighbouring_steps():
    random = np.random.default_rng(5)
    truth = random.normal(size=(4, 60, 1))
    few = forecasts_of(truth, np.zeros((4, 60, 1, 3)))
    shift = ConformalCorrection.fit(few, np.ones((4, 1))).shift[:, 0, 2]
    # On its own a step would take the largest of its four scores.
    assert np.std(shift) < 0.5 * np.std(truth.max(axis=0))
    assert shift.mean() == pytest.approx(1.28, abs=0.25)


def test_quantiles_stay_sorted():
    random = np.random.default_rng(5)
    levels = np.array([0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975])
    quantiles = np.sort(random.normal(size=(30, 4, 1, 7)), axis=-1).astype(np.float32)
    correction = ConformalCorrection.fit(
        forecasts_of(random.normal(size=(30, 4, 1)), quantiles, levels), np.ones((30, 1))
    )
    after = correction.apply(quantiles, np.ones((30, 1)))
    assert np.all(np.diff(after, axis=-1) >= 0)
    assert after.dtype == np.float32


def test_arrays_round_trip():
    correction = ConformalCorrection.fit(skewed(50, seed=1), np.ones((50, 2)))
    again = ConformalCorrection.from_arrays(correction.arrays())
    quantiles, scale = skewed(7, seed=3).quantiles, np.ones((7, 2))
    assert_array_equal(again.apply(quantiles, scale), correction.apply(quantiles, scale))
    assert_array_equal(again.levels, LEVELS)
