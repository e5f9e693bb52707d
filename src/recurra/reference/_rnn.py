"""The simple recurrent network (Elman, "Finding structure in time", Cognitive Science 14, 1990).

    a_t = W x_t + b_ih + U h_{t-1} + b_hh
    h_t = φ(a_t)                                φ: tanh, relu or sigmoid

Backpropagation through time (Werbos, "Backpropagation through time: what it does and how to do it", 1990). Write
δ for a derivative of the loss, and g_t for what the loss asks of h_t directly:

    δh_t = g_t + Uᵀ δa_{t+1}                    nothing comes from after the last step
    δa_t = δh_t · φ'(a_t)
    δx_t = Wᵀ δa_t
    δW   = Σ_t δa_t x_tᵀ    δU = Σ_t δa_t h_{t-1}ᵀ    δb_ih = δb_hh = Σ_t δa_t
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from recurra.reference._cell import Cell, Gradients, Weights, in_time, outer_sum, reversed_in_time
from recurra.reference._nonlinearity import NONLINEARITIES, Nonlinearity

TANH = NONLINEARITIES["tanh"]


class RNNState(NamedTuple):
    """What a simple recurrent network carries from one step to the next; with a time axis, the states of a run."""

    h: Float[Tensor, "batch *time hidden"]


class RNNTape(NamedTuple):
    """What the backward pass of a simple recurrent network needs."""

    x: Float[Tensor, "batch time feature"]
    states: RNNState  # (B, T + 1, H)


def rnn_step(
    x: Float[Tensor, "batch feature"], state: RNNState, weights: Weights, nonlinearity: Nonlinearity = TANH
) -> tuple[Float[Tensor, "batch hidden"], RNNState]:
    """One step: h' = φ(W x + b_ih + U h + b_hh). The output is h'."""
    a = x @ weights.weight_ih.mT + weights.bias_ih + state.h @ weights.weight_hh.mT + weights.bias_hh
    h = nonlinearity.value(a)
    return h, RNNState(h=h)


def rnn_run(
    x: Float[Tensor, "batch time feature"], state: RNNState, weights: Weights, nonlinearity: Nonlinearity = TANH
) -> tuple[Float[Tensor, "batch time hidden"], RNNState, RNNTape]:
    """All steps of a sequence: the outputs h_1..h_T, the state after the last, and the tape for `rnn_backward`."""
    history = [state]
    for t in range(x.shape[1]):
        _, state = rnn_step(x[:, t], state, weights, nonlinearity)
        history.append(state)
    states = in_time(RNNState, history, state.h)
    return states.h[:, 1:], state, RNNTape(x=x, states=states)


def rnn_backward(
    tape: RNNTape, weights: Weights, grad_states: RNNState, nonlinearity: Nonlinearity = TANH
) -> Gradients:
    """Backpropagation through time, given the direct influence of each state h_0..h_T on the loss."""
    h = tape.states.h
    delta_h = [grad_states.h[:, -1]]
    delta_a: list[Tensor] = []
    for t in range(tape.x.shape[1], 0, -1):
        delta_a.append(delta_h[-1] * nonlinearity.slope(h[:, t]))
        delta_h.append(grad_states.h[:, t - 1] + delta_a[-1] @ weights.weight_hh)

    delta = reversed_in_time(delta_a, h[:, 0])  # (B, T, H)
    bias = delta.sum(dim=(0, 1))
    return Gradients(
        x=delta @ weights.weight_ih,
        states=RNNState(h=torch.stack(delta_h[::-1], dim=1)),
        weights=Weights(
            weight_ih=outer_sum(delta, tape.x), weight_hh=outer_sum(delta, h[:, :-1]), bias_ih=bias, bias_hh=bias
        ),
    )


def rnn(nonlinearity: str) -> Cell:
    """The simple recurrent cell with this nonlinearity: tanh, relu or sigmoid."""
    chosen = NONLINEARITIES[nonlinearity]
    return Cell(
        name=f"rnn-{nonlinearity}",
        gates=1,
        state=RNNState,
        weights=Weights,
        step=partial(rnn_step, nonlinearity=chosen),
        run=partial(rnn_run, nonlinearity=chosen),
        backward=partial(rnn_backward, nonlinearity=chosen),
    )
