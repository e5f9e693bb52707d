"""Resets, recurrent dropout and zoneout, in any cell."""

from __future__ import annotations

from math import log
from typing import Any

import pytest
import torch
from torch import Tensor

from cases.cells import CELLS, CellCase, leaves
from cases.tolerances import assert_close
from recurra import reference
from recurra.reference import Disturbance, RNNState, Weights

BATCH, TIME, HIDDEN = 3, 5, 4
KINDS = ["none", "resets", "mask", "zoneout", "all"]


def disturbance(case: CellCase, kind: str) -> Disturbance:
    """Random, and for zoneout as it is in training for h but a share between 0 and 1 for c."""
    resets = torch.rand(BATCH, TIME) < 0.4
    mask = torch.bernoulli(torch.full((BATCH, HIDDEN), 0.5, dtype=torch.float64)) * 2
    zoneout = [torch.rand(BATCH, TIME, HIDDEN, dtype=torch.float64) for _ in case.cell.state._fields]
    zoneout[0] = zoneout[0].round()
    every = {"resets": resets, "mask": mask, "zoneout": case.cell.state(*zoneout)}
    return Disturbance(**{name: what for name, what in every.items() if kind in (name, "all")})


def material(case: CellCase) -> tuple[Tensor, Any, Any]:
    return torch.randn(BATCH, TIME, 2, dtype=torch.float64), case.state(BATCH, HIDDEN), case.weights(2, HIDDEN)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", CELLS, ids=str)
def test_backward_equals_autograd(case: CellCase, kind: str):
    (x, state, weights), done = material(case), disturbance(case, kind)
    grad_states = case.state(BATCH, TIME + 1, HIDDEN)
    inputs = [tensor.requires_grad_() for tensor in leaves(x, state, weights)]
    _, _, tape = case.cell.run(x, state, weights, done)
    expected = torch.autograd.grad(tape.states, inputs, grad_states, materialize_grads=True)
    with torch.no_grad():
        output, end, tape = case.cell.run(x, state, weights, done)
        gradients = case.cell.backward(tape, weights, grad_states)
    assert_close([output, end], [tape.states[0][:, 1:], reference.at_time(tape.states, -1)])
    assert_close(leaves(gradients.x, gradients.state, gradients.weights), expected, "gradient")


def plain_step(name: str, x: Tensor, h: Tensor, s: Tensor, c: Tensor, w: Any) -> tuple[Tensor, ...]:
    """One row's step, unit by unit, from the papers' formulas: what the recurrent products see is s."""
    rows = [
        [w.weight_ih[k] @ x + w.bias_ih[k] for k in range(len(w.bias_ih))],
        [w.weight_hh[k] @ s + w.bias_hh[k] for k in range(len(w.bias_hh))],
    ]
    units = range(HIDDEN)
    if name.endswith("layer-norm"):
        name = name.removesuffix("-layer-norm")
        of_x, of_h = w.weight_ih @ x, w.weight_hh @ s
        rows = [
            list(torch.nn.functional.layer_norm(of_x, of_x.shape, w.weight_norm_ih, w.bias_ih)),
            list(torch.nn.functional.layer_norm(of_h, of_h.shape, w.weight_norm_hh, w.bias_hh)),
        ]

    def inside(gate: int, j: int) -> Tensor:
        return rows[0][gate * HIDDEN + j] + rows[1][gate * HIDDEN + j]

    if name.startswith("rnn"):
        function = {"rnn-tanh": torch.tanh, "rnn-relu": torch.relu, "rnn-sigmoid": torch.sigmoid}[name]
        return (torch.stack([function(inside(0, j)) for j in units]),)
    if name.startswith("lstm"):
        peep = w.weight_peephole if name == "lstm-peephole" else torch.zeros(3 * HIDDEN, dtype=x.dtype)
        new_c = [
            torch.sigmoid(inside(1, j) + peep[HIDDEN + j] * c[j]) * c[j]
            + torch.sigmoid(inside(0, j) + peep[j] * c[j]) * torch.tanh(inside(2, j))
            for j in units
        ]
        shown = torch.stack(new_c)
        if "weight_norm_c" in w._fields:
            shown = torch.nn.functional.layer_norm(shown, shown.shape, w.weight_norm_c, w.bias_norm_c)
        new_h = [torch.sigmoid(inside(3, j) + peep[2 * HIDDEN + j] * new_c[j]) * torch.tanh(shown[j]) for j in units]
        return torch.stack(new_h), torch.stack(new_c)
    r = torch.stack([torch.sigmoid(inside(0, j)) for j in units])
    z = torch.stack([torch.sigmoid(inside(1, j)) for j in units])
    of_s = rows[1] if name == "gru" else [w.weight_hh[k] @ (r * s) + w.bias_hh[k] for k in range(3 * HIDDEN)]
    scale = r if name == "gru" else torch.ones_like(r)
    n = torch.stack([torch.tanh(rows[0][2 * HIDDEN + j] + scale[j] * of_s[2 * HIDDEN + j]) for j in units])
    return ((1 - z) * n + z * h,)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", CELLS, ids=str)
def test_equals_plain_loops(case: CellCase, kind: str):
    (x, state, weights), done = material(case), disturbance(case, kind)
    output, end, _ = case.cell.run(x, state, weights, done)
    for row in range(BATCH):
        fields = [field[row] for field in state]
        for t in range(TIME):
            if done.resets is not None and done.resets[row, t]:
                fields = [torch.zeros_like(field) for field in fields]
            seen = fields[0] if done.mask is None else fields[0] * done.mask[row]
            new = plain_step(case.cell.name, x[row, t], fields[0], seen, fields[-1], weights)
            if done.zoneout is not None:
                shares = [share[row, t] for share in done.zoneout]
                new = [torch.lerp(n, f, share) for n, f, share in zip(new, fields, shares, strict=True)]
            fields = list(new)
            assert_close(output[row, t], fields[0])
        assert_close([field[row] for field in end], fields)


def test_reset_by_hand():
    # a_1 = x_1 + 0.5 · 0.2 = ln 2, so h_1 = 3/5. The state is then 0, a_2 = x_2 = ln 3, so h_2 = 4/5.
    x = torch.tensor([[[log(2) - 0.1], [log(3)]]], dtype=torch.float64)
    one, zero = torch.ones(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    weights, cell = Weights(one[None], 0.5 * one[None], zero, zero), reference.rnn("tanh")
    done = Disturbance(resets=torch.tensor([[False, True]]))
    output, _, tape = cell.run(x, RNNState(0.2 * one[None]), weights, done)
    assert_close(output.flatten(), torch.tensor([0.6, 0.8], dtype=torch.float64), "by hand")
    # The loss is h_1 + 5 h_2. δa_2 = 5 · (1 - 0.64) = 1.8 goes no further. δa_1 = 1 - 0.36 = 0.64, δh_0 = 0.32.
    asked = RNNState(torch.tensor([[[0.0], [1.0], [5.0]]], dtype=torch.float64))
    gradients = cell.backward(tape, weights, asked)
    assert_close(gradients.x.flatten(), torch.tensor([0.64, 1.8], dtype=torch.float64), "by hand")
    assert_close(gradients.states.h.flatten(), torch.tensor([0.32, 1.0, 5.0], dtype=torch.float64), "by hand")
    # U was used on h_0 = 0.2 and on 0.
    assert_close(gradients.weights.weight_hh.flatten(), torch.tensor([0.128], dtype=torch.float64), "by hand")


def test_zoneout_and_dropout_by_hand():
    # Dropout keeps the only unit, doubled: a_1 = x_1 + 0.5 · 2 · 0.2 = ln 2, after_1 = 3/5, h_1 = 3/4 · 3/5 + 1/4 · 0.2
    # = 1/2. a_2 = x_2 + 0.5 · 2 · 1/2 = ln 3, after_2 = 4/5, but h_2 = h_1 = 1/2 is kept.
    x = torch.tensor([[[log(2) - 0.2], [log(3) - 0.5]]], dtype=torch.float64)
    one, zero = torch.ones(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    weights, cell = Weights(one[None], 0.5 * one[None], zero, zero), reference.rnn("tanh")
    zoneout = RNNState(torch.tensor([[[0.25], [1.0]]], dtype=torch.float64))
    output, _, tape = cell.run(x, RNNState(0.2 * one[None]), weights, Disturbance(mask=2 * one[None], zoneout=zoneout))
    assert_close(output.flatten(), torch.tensor([0.5, 0.5], dtype=torch.float64), "by hand")
    # The loss is h_1 + 5 h_2: δh_1 = 1 + 5. δa_1 = 6 · 3/4 · (1 - 0.36) = 2.88, δh_0 = 6 / 4 + 2.88 · 0.5 · 2 = 4.38.
    asked = RNNState(torch.tensor([[[0.0], [1.0], [5.0]]], dtype=torch.float64))
    gradients = cell.backward(tape, weights, asked)
    assert_close(gradients.x.flatten(), torch.tensor([2.88, 0.0], dtype=torch.float64), "by hand")
    assert_close(gradients.states.h.flatten(), torch.tensor([4.38, 6.0, 5.0], dtype=torch.float64), "by hand")
    # U was used on 2 · 0.2 with δa_1.
    assert_close(gradients.weights.weight_hh.flatten(), torch.tensor([1.152], dtype=torch.float64), "by hand")
