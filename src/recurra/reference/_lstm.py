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

from recurra.reference._cell import Cell, Gradients, Weights, in_time, outer_sum, reversed_in_time
from recurra.reference._nonlinearity import sigmoid_slope, tanh_slope


class LSTMState(NamedTuple):
    """What an LSTM carries from one step to the next; with a time axis, the states of a run."""

    h: Float[Tensor, "batch *time hidden"]
    c: Float[Tensor, "batch *time hidden"]


class LSTMGates(NamedTuple):
    """The gates of one step after their nonlinearity; with a time axis, those of a run."""

    i: Float[Tensor, "batch *time hidden"]
    f: Float[Tensor, "batch *time hidden"]
    g: Float[Tensor, "batch *time hidden"]
    o: Float[Tensor, "batch *time hidden"]


class LSTMTape(NamedTuple):
    """What the backward pass of an LSTM needs."""

    x: Float[Tensor, "batch time feature"]
    states: LSTMState  # (B, T + 1, H)
    gates: LSTMGates  # (B, T, H)


def lstm_gates(x: Float[Tensor, "batch feature"], state: LSTMState, weights: Weights) -> LSTMGates:
    """How much to write (i), to keep (f) and to show (o), and what to write (g)."""
    a = x @ weights.weight_ih.mT + weights.bias_ih + state.h @ weights.weight_hh.mT + weights.bias_hh
    i, f, g, o = a.chunk(4, dim=-1)
    return LSTMGates(i=i.sigmoid(), f=f.sigmoid(), g=g.tanh(), o=o.sigmoid())


def lstm_update(state: LSTMState, gates: LSTMGates) -> LSTMState:
    """The next state: c' = f · c + i · g and h' = o · tanh(c')."""
    c = gates.f * state.c + gates.i * gates.g
    return LSTMState(h=gates.o * c.tanh(), c=c)


def lstm_step(
    x: Float[Tensor, "batch feature"], state: LSTMState, weights: Weights
) -> tuple[Float[Tensor, "batch hidden"], LSTMState]:
    """One step. The output is h'."""
    state = lstm_update(state, lstm_gates(x, state, weights))
    return state.h, state


def lstm_run(
    x: Float[Tensor, "batch time feature"], state: LSTMState, weights: Weights
) -> tuple[Float[Tensor, "batch time hidden"], LSTMState, LSTMTape]:
    """All steps of a sequence: the outputs h_1..h_T, the state after the last, and the tape for `lstm_backward`."""
    history, gates = [state], []
    for t in range(x.shape[1]):
        gates.append(lstm_gates(x[:, t], state, weights))
        state = lstm_update(state, gates[-1])
        history.append(state)
    states = in_time(LSTMState, history, state.h)
    return states.h[:, 1:], state, LSTMTape(x=x, states=states, gates=in_time(LSTMGates, gates, state.h))


def lstm_backward(tape: LSTMTape, weights: Weights, grad_states: LSTMState) -> Gradients:
    """Backpropagation through time, given the direct influence of each state h_0..h_T and c_0..c_T on the loss."""
    h, c = tape.states
    tanh_c = c.tanh()
    # What comes back from the step after: for the last step nothing.
    from_h, from_c = torch.zeros_like(h[:, 0]), torch.zeros_like(c[:, 0])
    delta_states: list[LSTMState] = []
    delta_a: list[Tensor] = []
    for t in range(tape.x.shape[1], 0, -1):
        i, f, g, o = (gate[:, t - 1] for gate in tape.gates)
        delta_h = grad_states.h[:, t] + from_h
        delta_c = grad_states.c[:, t] + delta_h * o * tanh_slope(tanh_c[:, t]) + from_c
        delta_states.append(LSTMState(h=delta_h, c=delta_c))
        delta_i = delta_c * g * sigmoid_slope(i)
        delta_f = delta_c * c[:, t - 1] * sigmoid_slope(f)
        delta_g = delta_c * i * tanh_slope(g)
        delta_o = delta_h * tanh_c[:, t] * sigmoid_slope(o)
        delta_a.append(torch.cat([delta_i, delta_f, delta_g, delta_o], dim=-1))
        from_h, from_c = delta_a[-1] @ weights.weight_hh, delta_c * f
    delta_states.append(LSTMState(h=grad_states.h[:, 0] + from_h, c=grad_states.c[:, 0] + from_c))

    delta = reversed_in_time(delta_a, h.new_zeros(h.shape[0], 4 * h.shape[-1]))  # (B, T, 4H)
    bias = delta.sum(dim=(0, 1))
    return Gradients(
        x=delta @ weights.weight_ih,
        states=in_time(LSTMState, delta_states[::-1], from_h),
        weights=Weights(
            weight_ih=outer_sum(delta, tape.x), weight_hh=outer_sum(delta, h[:, :-1]), bias_ih=bias, bias_hh=bias
        ),
    )


LSTM = Cell("lstm", 4, LSTMState, Weights, lstm_step, lstm_run, lstm_backward)
