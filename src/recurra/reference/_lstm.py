"""The long short-term memory with forget gate.

Hochreiter & Schmidhuber, "Long short-term memory", Neural Computation 9, 1997; the forget gate is of Gers, Schmidhuber
& Cummins, "Learning to forget: continual prediction with LSTM", Neural Computation 12, 2000.

    i_t, f_t, o_t = σ(W x_t + b_ih + U h_{t-1} + b_hh)      input, forget and output gate, each with its rows of W, U, b
    g_t           = tanh(W x_t + b_ih + U h_{t-1} + b_hh)   candidate, with its own rows
    c_t           = f_t · c_{t-1} + i_t · g_t
    h_t           = o_t · tanh(c_t)

The rows of W, U, b are stacked in the order i f g o.

Backpropagation through time: δ is a derivative of the loss, γ_t and κ_t what the loss asks of h_t and c_t directly,
and a_i stands for what is inside σ or tanh:

    δh_t  = γ_t + Uᵀ δa_{t+1}                                  over all four gates
    δc_t  = κ_t + δh_t · o_t · (1 - tanh²(c_t)) + δc_{t+1} · f_{t+1}
    δa_i  = δc_t · g_t · i_t (1 - i_t)          δa_f = δc_t · c_{t-1} · f_t (1 - f_t)
    δa_g  = δc_t · i_t · (1 - g_t²)             δa_o = δh_t · tanh(c_t) · o_t (1 - o_t)
    δx_t  = Wᵀ δa_t
    δW    = Σ_t δa_t x_tᵀ    δU = Σ_t δa_t h_{t-1}ᵀ    δb_ih = δb_hh = Σ_t δa_t

The path δc_t = δc_{t+1} · f_{t+1} has no matrix and no slope in it: while f stays near 1 the error neither decays nor
explodes, which is what the cell was made for.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from recurra.reference._cell import Cell, Inside, StepBack, Steps, Weights, linear, linear_sums
from recurra.reference._nonlinearity import sigmoid_slope, tanh_slope


class LSTMState(NamedTuple):
    """What an LSTM carries from one step to the next; with a time axis, the states of a run."""

    h: Float[Tensor, "batch *time hidden"]
    c: Float[Tensor, "batch *time hidden"]


class LSTMGates(NamedTuple):
    """How much to write (i), to keep (f) and to show (o), and what to write (g); with a time axis, those of a run."""

    i: Float[Tensor, "batch *time hidden"]
    f: Float[Tensor, "batch *time hidden"]
    g: Float[Tensor, "batch *time hidden"]
    o: Float[Tensor, "batch *time hidden"]


def lstm_forward(
    x: Float[Tensor, "batch feature"], seen: Float[Tensor, "batch hidden"], before: LSTMState, weights: Weights
) -> tuple[LSTMGates, LSTMState]:
    """One step: the gates, and the state they make of the one before."""
    of_x, of_h = linear(x, seen, weights)
    i, f, g, o = (of_x + of_h).chunk(4, dim=-1)
    i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
    c = f * before.c + i * g
    return LSTMGates(i=i, f=f, g=g, o=o), LSTMState(h=o * c.tanh(), c=c)


def lstm_back(delta: LSTMState, step: Steps, weights: Weights) -> StepBack:
    """One step back."""
    _, f, _, o = step.gates
    tanh_c = step.after.c.tanh()
    delta_c = delta.c + delta.h * o * tanh_slope(tanh_c)
    delta_o = delta.h * tanh_c * sigmoid_slope(o)
    a = torch.cat([*delta_of_writing(delta_c, step), delta_o], dim=-1)
    return StepBack(
        after=LSTMState(h=delta.h, c=delta_c),
        inside=Inside(a, a),
        seen=a @ weights.weight_hh,
        before=LSTMState(h=torch.zeros_like(delta.h), c=delta_c * f),
    )


def delta_of_writing(delta_c: Float[Tensor, "batch hidden"], step: Steps) -> tuple[Tensor, Tensor, Tensor]:
    """What reaches the inside of i, f and g through c = f · c + i · g."""
    i, f, g, _ = step.gates
    return delta_c * g * sigmoid_slope(i), delta_c * step.before.c * sigmoid_slope(f), delta_c * i * tanh_slope(g)


LSTM = Cell("lstm", 4, LSTMState, Weights, lstm_forward, lstm_back, linear_sums)
