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

from recurra.reference._cell import Cell, Inside, StepBack, Steps, Weights, linear, linear_sums
from recurra.reference._nonlinearity import NONLINEARITIES, Nonlinearity


class RNNState(NamedTuple):
    """What a simple recurrent network carries from one step to the next; with a time axis, the states of a run."""

    h: Float[Tensor, "batch *time hidden"]


def rnn_forward(
    x: Float[Tensor, "batch feature"],
    seen: Float[Tensor, "batch hidden"],
    before: RNNState,
    weights: Weights,
    *,
    nonlinearity: Nonlinearity,
) -> tuple[tuple[()], RNNState]:
    """One step. There are no gates."""
    of_x, of_h = linear(x, seen, weights)
    return (), RNNState(h=nonlinearity.value(of_x + of_h))


def rnn_back(delta: RNNState, step: Steps, weights: Weights, *, nonlinearity: Nonlinearity) -> StepBack:
    """One step back."""
    a = delta.h * nonlinearity.slope(step.after.h)
    return StepBack(
        after=delta, inside=Inside(a, a), seen=a @ weights.weight_hh, before=RNNState(torch.zeros_like(delta.h))
    )


def rnn(nonlinearity: str) -> Cell:
    """The simple recurrent cell with this nonlinearity: tanh, relu or sigmoid."""
    chosen = NONLINEARITIES[nonlinearity]
    return Cell(
        name=f"rnn-{nonlinearity}",
        gates=1,
        state=RNNState,
        weights=Weights,
        forward=partial(rnn_forward, nonlinearity=chosen),
        back=partial(rnn_back, nonlinearity=chosen),
        sums=linear_sums,
    )
