from __future__ import annotations

import numpy as np
import pytest

from recurra.bench import Case
from recurra.bench._check import GRADIENT_LIMIT, OUTPUT_LIMIT, compare, faults

CASE = Case("rnn", 4, 3, 2, 5, "training")
TRUTH = {
    "output": np.linspace(-1, 2, 60).reshape(4, 3, 5),
    "h": np.ones((3, 5)),
    **{
        f"gradient of {name}": np.full(shape, 10.0)
        for name, shape in {
            "x": (4, 3, 2),
            "weight_ih": (5, 2),
            "weight_hh": (5, 5),
            "bias_ih": 5,
            "bias_hh": 5,
        }.items()
    },
}


def test_a_right_result_has_no_fault():
    results = {name: (array * (1 + 1e-6)).astype(np.float32) for name, array in TRUTH.items()}
    deviations = compare(CASE, results, TRUTH)
    assert deviations.keys() == TRUTH.keys()
    assert faults(deviations) == {}
    assert 0.9e-6 < deviations["h"].largest < 1.2e-6


@pytest.mark.parametrize("name", TRUTH)
@pytest.mark.parametrize("wrong", [np.nan, np.inf, 0.5])
def test_one_wrong_number_anywhere_is_a_fault(name, wrong):
    results = {key: array.copy() for key, array in TRUTH.items()}
    results[name].flat[-1] = wrong
    assert faults(compare(CASE, results, TRUTH)).keys() == {name}


def test_what_is_missing_or_misshapen_is_a_fault():
    results = dict(TRUTH, h=np.ones(5))
    del results["gradient of bias_hh"]
    assert faults(compare(CASE, results, TRUTH)).keys() == {"h", "gradient of bias_hh"}


def test_gradients_have_a_limit_of_their_own():
    off = (OUTPUT_LIMIT * GRADIENT_LIMIT) ** 0.5
    found = faults(compare(CASE, {name: array * (1 + off) for name, array in TRUTH.items()}, TRUTH))
    assert found.keys() == {"output", "h"}
    assert found["output"] == pytest.approx(off)


def test_bfloat16_may_be_further_off():
    results = {name: array * 1.04 for name, array in TRUTH.items()}
    assert faults(compare(CASE, results, TRUTH)).keys() == TRUTH.keys()
    assert faults(compare(CASE, results, TRUTH), "bf16") == {}
    results = {name: array * 1.06 for name, array in TRUTH.items()}
    assert faults(compare(CASE, results, TRUTH), "bf16").keys() == TRUTH.keys()


def test_the_typical_deviation_is_a_root_mean_square():
    results = dict(TRUTH, h=TRUTH["h"].copy())
    results["h"][0, 0] += 0.15
    deviation = compare(CASE, results, TRUTH)["h"]
    assert deviation.largest == pytest.approx(0.15)
    assert deviation.typical == pytest.approx(0.15 / 15**0.5)
