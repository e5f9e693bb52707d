from __future__ import annotations

import math

import pytest
import torch

from cases.tolerances import assert_close
from recurra.reference import NONLINEARITIES

# Worked by hand: sigmoid(ln 3) = 3/4 with slope 3/4 · 1/4, tanh(ln 2) = 3/5 with slope 1 - 9/25.
BY_HAND = [
    ("sigmoid", math.log(3), 3 / 4, 3 / 16),
    ("sigmoid", 0.0, 1 / 2, 1 / 4),
    ("tanh", math.log(2), 3 / 5, 16 / 25),
    ("tanh", -math.log(2), -3 / 5, 16 / 25),
    ("relu", 2.5, 2.5, 1.0),
    ("relu", -2.5, 0.0, 0.0),
    ("relu", 0.0, 0.0, 0.0),
]


@pytest.mark.parametrize(("name", "argument", "value", "slope"), BY_HAND)
def test_value_and_slope_by_hand(name: str, argument: float, value: float, slope: float):
    nonlinearity = NONLINEARITIES[name]
    y = nonlinearity.value(torch.tensor([argument], dtype=torch.float64))
    assert_close(y, torch.tensor([value], dtype=torch.float64), "by hand")
    assert_close(nonlinearity.slope(y), torch.tensor([slope], dtype=torch.float64), "by hand")


@pytest.mark.parametrize("name", NONLINEARITIES)
def test_slope_is_the_derivative(name: str):
    nonlinearity = NONLINEARITIES[name]
    a = torch.randn(50, dtype=torch.float64, requires_grad=True)
    y = nonlinearity.value(a)
    (expected,) = torch.autograd.grad(y.sum(), a)
    assert_close(nonlinearity.slope(y.detach()), expected)
