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

from recurra.reference._cell import Cell, Gradients, in_time, outer_sum, reversed_in_time
from recurra.reference._lstm import LSTMGates, LSTMState, LSTMTape
from recurra.reference._nonlinearity import sigmoid_slope, tanh_slope


class PeepholeWeights(NamedTuple):
    """The weights of an LSTM with peepholes: torch's four, and one number a gate and unit for i, f, o."""

    weight_ih: Float[Tensor, "gates feature"]
    weight_hh: Float[Tensor, "gates hidden"]
    bias_ih: Float[Tensor, "gates"]
    bias_hh: Float[Tensor, "gates"]
    weight_peephole: Float[Tensor, "peepholes"]


def peephole_lstm_update(
    x: Float[Tensor, "batch feature"], state: LSTMState, weights: PeepholeWeights
) -> tuple[LSTMState, LSTMGates]:
    """The next state and the gates it came through; here the output gate can only be known after the memory."""
    a = x @ weights.weight_ih.mT + weights.bias_ih + state.h @ weights.weight_hh.mT + weights.bias_hh
    i, f, g, o = a.chunk(4, dim=-1)
    p_i, p_f, p_o = weights.weight_peephole.chunk(3)
    i = (i + p_i * state.c).sigmoid()
    f = (f + p_f * state.c).sigmoid()
    g = g.tanh()
    c = f * state.c + i * g
    o = (o + p_o * c).sigmoid()
    return LSTMState(h=o * c.tanh(), c=c), LSTMGates(i=i, f=f, g=g, o=o)


def peephole_lstm_step(
    x: Float[Tensor, "batch feature"], state: LSTMState, weights: PeepholeWeights
) -> tuple[Float[Tensor, "batch hidden"], LSTMState]:
    """One step. The output is h'."""
    state, _ = peephole_lstm_update(x, state, weights)
    return state.h, state


def peephole_lstm_run(
    x: Float[Tensor, "batch time feature"], state: LSTMState, weights: PeepholeWeights
) -> tuple[Float[Tensor, "batch time hidden"], LSTMState, LSTMTape]:
    """All steps of a sequence: the outputs h_1..h_T, the state after the last, and the tape for the backward pass."""
    history, history_of_gates = [state], []
    for t in range(x.shape[1]):
        state, gates = peephole_lstm_update(x[:, t], state, weights)
        history.append(state)
        history_of_gates.append(gates)
    states = in_time(LSTMState, history, state.h)
    return states.h[:, 1:], state, LSTMTape(x=x, states=states, gates=in_time(LSTMGates, history_of_gates, state.h))


def peephole_lstm_backward(tape: LSTMTape, weights: PeepholeWeights, grad_states: LSTMState) -> Gradients:
    """Backpropagation through time, given the direct influence of each state h_0..h_T and c_0..c_T on the loss."""
    h, c = tape.states
    tanh_c = c.tanh()
    p_i, p_f, p_o = weights.weight_peephole.chunk(3)
    # What comes back from the step after: for the last step nothing.
    from_h, from_c = torch.zeros_like(h[:, 0]), torch.zeros_like(c[:, 0])
    delta_states: list[LSTMState] = []
    delta_a: list[Tensor] = []
    for t in range(tape.x.shape[1], 0, -1):
        i, f, g, o = (gate[:, t - 1] for gate in tape.gates)
        delta_h = grad_states.h[:, t] + from_h
        delta_o = delta_h * tanh_c[:, t] * sigmoid_slope(o)
        delta_c = grad_states.c[:, t] + delta_h * o * tanh_slope(tanh_c[:, t]) + delta_o * p_o + from_c
        delta_states.append(LSTMState(h=delta_h, c=delta_c))
        delta_i = delta_c * g * sigmoid_slope(i)
        delta_f = delta_c * c[:, t - 1] * sigmoid_slope(f)
        delta_g = delta_c * i * tanh_slope(g)
        delta_a.append(torch.cat([delta_i, delta_f, delta_g, delta_o], dim=-1))
        from_h = delta_a[-1] @ weights.weight_hh
        from_c = delta_c * f + delta_i * p_i + delta_f * p_f
    delta_states.append(LSTMState(h=grad_states.h[:, 0] + from_h, c=grad_states.c[:, 0] + from_c))

    delta = reversed_in_time(delta_a, h.new_zeros(h.shape[0], 4 * h.shape[-1]))  # (B, T, 4H)
    delta_i, delta_f, _, delta_o = delta.chunk(4, dim=-1)
    peephole = torch.cat([delta_i * c[:, :-1], delta_f * c[:, :-1], delta_o * c[:, 1:]], dim=-1)
    bias = delta.sum(dim=(0, 1))
    return Gradients(
        x=delta @ weights.weight_ih,
        states=in_time(LSTMState, delta_states[::-1], from_h),
        weights=PeepholeWeights(
            weight_ih=outer_sum(delta, tape.x),
            weight_hh=outer_sum(delta, h[:, :-1]),
            bias_ih=bias,
            bias_hh=bias,
            weight_peephole=peephole.sum(dim=(0, 1)),
        ),
    )


PEEPHOLE_LSTM = Cell(
    "lstm-peephole", 4, LSTMState, PeepholeWeights, peephole_lstm_step, peephole_lstm_run, peephole_lstm_backward
)
