"""The LSTM whose gates also see the memory cell.

Gers & Schmidhuber, "Recurrent nets that time and count", IJCNN 2000; in the form of Graves, "Generating sequences with
recurrent neural networks", 2013, with diagonal peephole weights p:

    i_t, f_t = σ(W x_t + b_ih + U h_{t-1} + b_hh + p · c_{t-1})     see the memory as it was
    g_t      = tanh(W x_t + b_ih + U h_{t-1} + b_hh)
    c_t      = f_t · c_{t-1} + i_t · g_t
    o_t      = σ(W x_t + b_ih + U h_{t-1} + b_hh + p · c_t)         sees the memory as it is now
    h_t      = o_t · tanh(c_t)

W, U, b are stacked in the order i f g o, p in the order i f o.

Backpropagation through time differs from the LSTM's (see `_lstm.py` for the letters) in δc_t, which now also comes
through the gates:

    δc_t = κ_t + δh_t · o_t · (1 - tanh²(c_t)) + δa_o · p_o
               + δc_{t+1} · f_{t+1} + δa_{i,t+1} · p_i + δa_{f,t+1} · p_f
    δp_i = Σ_t δa_i · c_{t-1}    δp_f = Σ_t δa_f · c_{t-1}    δp_o = Σ_t δa_o · c_t

Gers cut the gradient at the peepholes; this is the whole gradient, as Graves has it.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from recurra.reference._cell import Cell, Inside, StepBack, Steps, linear, linear_sums
from recurra.reference._lstm import LSTMGates, LSTMState, delta_of_writing
from recurra.reference._nonlinearity import sigmoid_slope, tanh_slope


class PeepholeWeights(NamedTuple):
    """The weights of an LSTM with peepholes: torch's four, and one number a gate and unit for i, f, o."""

    weight_ih: Float[Tensor, "gates feature"]
    weight_hh: Float[Tensor, "gates hidden"]
    bias_ih: Float[Tensor, "gates"]
    bias_hh: Float[Tensor, "gates"]
    weight_peephole: Float[Tensor, "peepholes"]


def peephole_lstm_forward(
    x: Float[Tensor, "batch feature"], seen: Float[Tensor, "batch hidden"], before: LSTMState, weights: PeepholeWeights
) -> tuple[LSTMGates, LSTMState]:
    """One step; here the output gate can only be known after the memory."""
    of_x, of_h = linear(x, seen, weights)
    i, f, g, o = (of_x + of_h).chunk(4, dim=-1)
    p_i, p_f, p_o = weights.weight_peephole.chunk(3)
    i, f, g = (i + p_i * before.c).sigmoid(), (f + p_f * before.c).sigmoid(), g.tanh()
    c = f * before.c + i * g
    o = (o + p_o * c).sigmoid()
    return LSTMGates(i=i, f=f, g=g, o=o), LSTMState(h=o * c.tanh(), c=c)


def peephole_lstm_back(delta: LSTMState, step: Steps, weights: PeepholeWeights) -> StepBack:
    """One step back."""
    _, f, _, o = step.gates
    p_i, p_f, p_o = weights.weight_peephole.chunk(3)
    tanh_c = step.after.c.tanh()
    delta_o = delta.h * tanh_c * sigmoid_slope(o)
    delta_c = delta.c + delta.h * o * tanh_slope(tanh_c) + delta_o * p_o
    delta_i, delta_f, delta_g = delta_of_writing(delta_c, step)
    a = torch.cat([delta_i, delta_f, delta_g, delta_o], dim=-1)
    return StepBack(
        after=LSTMState(h=delta.h, c=delta_c),
        inside=Inside(a, a),
        seen=a @ weights.weight_hh,
        before=LSTMState(h=torch.zeros_like(delta.h), c=delta_c * f + delta_i * p_i + delta_f * p_f),
    )


def peephole_lstm_sums(steps: Steps, inside: Inside, weights: PeepholeWeights) -> tuple[Tensor, PeepholeWeights]:
    """The gradient of x and those of the weights."""
    x, of_weights = linear_sums(steps, inside, weights)
    delta_i, delta_f, _, delta_o = inside.of_x.chunk(4, dim=-1)
    before, after = steps.before.c, steps.after.c
    peephole = torch.cat([delta_i * before, delta_f * before, delta_o * after], dim=-1).sum(dim=(0, 1))
    return x, PeepholeWeights(*of_weights, weight_peephole=peephole)


PEEPHOLE_LSTM = Cell(
    "lstm-peephole", 4, LSTMState, PeepholeWeights, peephole_lstm_forward, peephole_lstm_back, peephole_lstm_sums
)
