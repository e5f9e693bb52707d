from __future__ import annotations

from math import log, sqrt

import pytest
import torch

from cases.cells import CELLS, CellCase
from cases.tolerances import assert_close
from recurra import reference

NORMED = [case for case in CELLS if str(case).endswith("layer-norm")]


def test_by_hand():
    # Two units with W x = (3, -1) and U h = (0, 4): means 1 and 2, deviations (2, -2) and (-2, 2), which are ±1 but for
    # the 10⁻⁵ beside their squares. Scaled by (ln 2, ln 3) and by ln 2: a = (ln 2 · k - ln 2 · k, ln 2 · k - ln 3 · k).
    k = 2 / sqrt(4 + 1e-5)
    weights = reference.LayerNormWeights(
        weight_ih=torch.tensor([[3.0], [-1.0]], dtype=torch.float64),
        weight_hh=torch.tensor([[0.0, 1.0], [2.0, 1.0]], dtype=torch.float64),
        bias_ih=torch.tensor([0.25, 0.0], dtype=torch.float64),
        bias_hh=torch.tensor([0.25, 1.0], dtype=torch.float64),
        weight_norm_ih=torch.tensor([log(2), log(3)], dtype=torch.float64),
        weight_norm_hh=torch.tensor([log(2), log(2)], dtype=torch.float64),
    )
    state = reference.RNNState(torch.tensor([[2.0, 0.0]], dtype=torch.float64))
    output, _ = reference.layer_norm_rnn("tanh").step(torch.ones(1, 1, dtype=torch.float64), state, weights)
    expected = torch.tensor([[0.5, 1 + k * log(2 / 3)]], dtype=torch.float64).tanh()
    assert_close(output, expected, "by hand")


@pytest.mark.parametrize("case", NORMED, ids=str)
def test_the_size_of_the_input_hardly_matters(case: CellCase):
    # What normalisation is for: the products' scale is gone, but for the 10⁻⁵ beside their variance.
    x, state, weights = torch.randn(2, 3, 5, dtype=torch.float64), case.state(2, 4), case.weights(5, 4)
    output, _, _ = case.cell.run(1e3 * x, state, weights)
    larger, _, _ = case.cell.run(1e6 * x, state, weights)
    torch.testing.assert_close(larger, output, rtol=0, atol=1e-8)


@pytest.mark.parametrize("case", NORMED, ids=str)
def test_equal_products_are_normalised_to_zero(case: CellCase):
    x, state, weights = torch.zeros(2, 1, 3, dtype=torch.float64), case.state(2, 4), case.weights(3, 4)
    state = case.cell.state(*(torch.zeros_like(field) for field in state))
    output, _, tape = case.cell.run(x, state, weights)
    gradients = case.cell.backward(tape, weights, reference.asked_of_states(torch.ones_like(output), state))
    assert output.isfinite().all()
    assert gradients.x.isfinite().all()
