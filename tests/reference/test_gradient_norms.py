from __future__ import annotations

import pytest
import torch

from cases.cells import CELLS, CellCase, leaves
from cases.tolerances import assert_close
from recurra import reference


@pytest.mark.parametrize("case", CELLS, ids=str)
def test_equals_autograd(case: CellCase):
    x, weights, asked = torch.randn(2, 5, 3, dtype=torch.float64), case.weights(3, 4), torch.randn(2, 4).double()
    history = [case.cell.state(*(field.requires_grad_() for field in case.state(2, 4)))]
    for t in range(5):
        history.append(case.cell.step(x[:, t], history[-1], weights)[1])
    gradients = torch.autograd.grad(history[-1].h, leaves(history), asked, materialize_grads=True)
    expected = torch.stack([gradient.norm(dim=-1) for gradient in gradients], dim=1)

    with torch.no_grad():
        norms = reference.gradient_norms(case.cell, x, history[0], weights, grad_output=asked)
    fields = len(norms)
    for number, field in enumerate(norms):
        assert_close(field, expected[:, number::fields], "gradient")


def test_linear_network_decays_by_its_only_weight():
    # relu of positive numbers is linear: each step back multiplies by 1/2, or by 2.
    for factor in (0.5, 2.0):
        one = torch.ones(1, 1, dtype=torch.float64)
        weights = reference.Weights(one, factor * one, one[0], one[0])
        norms = reference.gradient_norms(
            reference.rnn("relu"), one.expand(1, 6, 1), reference.RNNState(one), weights, grad_output=one
        )
        assert_close(norms.h, factor ** torch.arange(6, -1, -1, dtype=torch.float64)[None])


def test_memory_with_open_forget_gate_keeps_the_gradient():
    lstm = next(case for case in CELLS if case.cell.name == "lstm")
    x, weights, state = torch.randn(1, 50, 3, dtype=torch.float64), lstm.weights(3, 4), lstm.state(1, 4)
    # Forget gate at 1, input and output gates closed to the recurrent path: only the memory is left.
    open_gates = weights._replace(weight_hh=torch.zeros_like(weights.weight_hh), bias_ih=weights.bias_ih.clone())
    open_gates.bias_ih[4:8] = 40.0
    asked = torch.ones(1, 4, dtype=torch.float64)
    norms = reference.gradient_norms(lstm.cell, x, state, open_gates, grad_output=asked)
    assert_close(norms.c[:, :-1], norms.c[:, -1:].expand(1, 50), "gradient")
