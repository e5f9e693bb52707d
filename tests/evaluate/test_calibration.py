from __future__ import annotations

import numpy as np
import pytest

from recurra.evaluate import calibration_error, fit_temperature, reliability


def test_error_by_hand():
    # Two bins: two answers at 0.9 of which one is right, two at 0.6 (the upper end of its bin) that are right.
    probabilities = np.array([[0.9, 0.1], [0.1, 0.9], [0.6, 0.4], [0.4, 0.6]])
    truth = np.array([0, 0, 0, 1])
    assert calibration_error(truth, probabilities) == pytest.approx((2 * 0.4 + 2 * 0.4) / 4)
    bins = reliability(truth, probabilities)
    assert np.flatnonzero(bins.count).tolist() == [8, 13]
    assert bins.accuracy[[8, 13]].tolist() == [1.0, 0.5]


def test_certainty_is_in_the_last_bin():
    assert reliability(np.array([0]), np.array([[1.0, 0.0]])).count[-1] == 1


@pytest.mark.parametrize("factor", [0.25, 1.0, 4.0])
@pytest.mark.parametrize("multi", [False, True])
def test_temperature_is_found_again(factor, multi):
    random = np.random.default_rng(5)
    logits = random.normal(size=(6000, 3)) * 2
    if multi:
        truth = random.random(logits.shape) < 1 / (1 + np.exp(-logits))
    else:
        truth = (logits + random.gumbel(size=logits.shape)).argmax(axis=1)
    assert fit_temperature(factor * logits, truth) == pytest.approx(factor, rel=0.08)


@pytest.mark.parametrize("multi", [False, True])
@pytest.mark.parametrize("count", [4, 80])
def test_a_few_right_answers_give_no_certainty(count, multi):
    truth = np.arange(count) % 2
    logits = np.where(np.eye(2)[truth] > 0, 3.0, -3.0)
    temperature = fit_temperature(logits, np.eye(2)[truth] if multi else truth)
    margin = 3 / temperature if multi else 6 / temperature
    assert 1 / (1 + np.exp(-margin)) == pytest.approx((count + 1) / (count + 2), rel=1e-3)
