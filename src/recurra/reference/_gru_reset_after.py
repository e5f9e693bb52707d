"""The gated recurrent unit that resets after the product, as cuDNN and torch compute it.

Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical machine translation", EMNLP 2014,
with the reset gate moved behind the matrix product, so that one product serves all gates:

    r_t = σ(W_r x_t + b_ir + U_r h_{t-1} + b_hr)        reset gate
    z_t = σ(W_z x_t + b_iz + U_z h_{t-1} + b_hz)        update gate: 1 keeps the old state
    q_t = U_n h_{t-1} + b_hn
    n_t = tanh(W_n x_t + b_in + r_t · q_t)              candidate
    h_t = (1 - z_t) · n_t + z_t · h_{t-1}

The rows of W, U, b are stacked in the order r z n.

Backpropagation through time: δ is a derivative of the loss, γ_t what the loss asks of h_t directly, and a_r stands for
what is inside σ or tanh:

    δh_t     = γ_t + δh_{t+1} · z_{t+1} + U_rᵀ δa_{r,t+1} + U_zᵀ δa_{z,t+1} + U_nᵀ δq_{t+1}
    δa_n     = δh_t · (1 - z_t) · (1 - n_t²)
    δa_z     = δh_t · (h_{t-1} - n_t) · z_t (1 - z_t)
    δa_r     = δa_n · q_t · r_t (1 - r_t)
    δq_t     = δa_n · r_t
    δx_t     = W_rᵀ δa_r + W_zᵀ δa_z + W_nᵀ δa_n
    δW, δb_ih from (δa_r, δa_z, δa_n);  δU, δb_hh from (δa_r, δa_z, δq)
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from recurra.reference._cell import Cell, Inside, StepBack, Steps, Weights, linear, linear_sums
from recurra.reference._nonlinearity import sigmoid_slope, tanh_slope


class GRUState(NamedTuple):
    """What a GRU carries from one step to the next; with a time axis, the states of a run."""

    h: Float[Tensor, "batch *time hidden"]


class GRUResetAfterGates(NamedTuple):
    """How much of the product q to let in (r), how much to keep (z), the candidate (n), and q; or those of a run."""

    r: Float[Tensor, "batch *time hidden"]
    z: Float[Tensor, "batch *time hidden"]
    n: Float[Tensor, "batch *time hidden"]
    q: Float[Tensor, "batch *time hidden"]


def gru_reset_after_forward(
    x: Float[Tensor, "batch feature"], seen: Float[Tensor, "batch hidden"], before: GRUState, weights: Weights
) -> tuple[GRUResetAfterGates, GRUState]:
    """One step."""
    return gru_reset_after_update(*linear(x, seen, weights), before)


def gru_reset_after_update(
    of_x: Float[Tensor, "batch gates"], of_h: Float[Tensor, "batch gates"], before: GRUState
) -> tuple[GRUResetAfterGates, GRUState]:
    """The gates and the next state, from the products."""
    (x_r, x_z, x_n), (h_r, h_z, q) = of_x.chunk(3, dim=-1), of_h.chunk(3, dim=-1)
    r, z = (x_r + h_r).sigmoid(), (x_z + h_z).sigmoid()
    n = (x_n + r * q).tanh()
    return GRUResetAfterGates(r=r, z=z, n=n, q=q), GRUState(h=(1 - z) * n + z * before.h)


def gru_reset_after_back(delta: GRUState, step: Steps, weights: Weights) -> StepBack:
    """One step back."""
    inside = gru_reset_after_inside(delta, step)
    return StepBack(
        after=delta, inside=inside, seen=inside.of_h @ weights.weight_hh, before=GRUState(h=delta.h * step.gates.z)
    )


def gru_reset_after_inside(delta: GRUState, step: Steps) -> Inside:
    """What reaches the products."""
    r, z, n, q = step.gates[:4]
    delta_n = delta.h * (1 - z) * tanh_slope(n)
    delta_z = delta.h * (step.before.h - n) * sigmoid_slope(z)
    delta_r = delta_n * q * sigmoid_slope(r)
    return Inside(
        of_x=torch.cat([delta_r, delta_z, delta_n], dim=-1), of_h=torch.cat([delta_r, delta_z, delta_n * r], dim=-1)
    )


GRU_RESET_AFTER = Cell("gru", 3, GRUState, Weights, gru_reset_after_forward, gru_reset_after_back, linear_sums)
