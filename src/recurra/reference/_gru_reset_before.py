"""The gated recurrent unit as published, which resets before the product.

Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical machine translation", EMNLP 2014
(the paper has no biases; they are kept here so that both forms have the same weights):

    r_t = σ(W_r x_t + b_ir + U_r h_{t-1} + b_hr)            reset gate
    z_t = σ(W_z x_t + b_iz + U_z h_{t-1} + b_hz)            update gate: 1 keeps the old state
    s_t = r_t · h_{t-1}                                     the part of the old state that is let in
    n_t = tanh(W_n x_t + b_in + U_n s_t + b_hn)             candidate
    h_t = (1 - z_t) · n_t + z_t · h_{t-1}

The rows of W, U, b are stacked in the order r z n. U_n s_t cannot be computed before r_t is known: two products a
step, one after the other, which is why fast libraries use the other form.

Backpropagation through time, with the letters of `_gru_reset_after.py`:

    δh_t = γ_t + δh_{t+1} · z_{t+1} + U_rᵀ δa_{r,t+1} + U_zᵀ δa_{z,t+1} + δs_{t+1} · r_{t+1}
    δa_n = δh_t · (1 - z_t) · (1 - n_t²)
    δs_t = U_nᵀ δa_n
    δa_r = δs_t · h_{t-1} · r_t (1 - r_t)
    δa_z = δh_t · (h_{t-1} - n_t) · z_t (1 - z_t)
    δU_r = Σ_t δa_r h_{t-1}ᵀ    δU_z = Σ_t δa_z h_{t-1}ᵀ    δU_n = Σ_t δa_n s_tᵀ    δb_ih = δb_hh = Σ_t δa_t
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from recurra.reference._cell import Cell, Inside, StepBack, Steps, Weights, linear_sums, outer_sum
from recurra.reference._gru_reset_after import GRUState
from recurra.reference._nonlinearity import sigmoid_slope, tanh_slope


class GRUResetBeforeGates(NamedTuple):
    """How much of the old state to let in (r), how much to keep (z), and the candidate (n); or those of a run."""

    r: Float[Tensor, "batch *time hidden"]
    z: Float[Tensor, "batch *time hidden"]
    n: Float[Tensor, "batch *time hidden"]


def gru_reset_before_forward(
    x: Float[Tensor, "batch feature"], seen: Float[Tensor, "batch hidden"], before: GRUState, weights: Weights
) -> tuple[GRUResetBeforeGates, GRUState]:
    """One step: two products with the state, one after the other."""
    hidden = seen.shape[-1]
    u_rz, u_n = weights.weight_hh.split([2 * hidden, hidden])
    b_rz, b_n = weights.bias_hh.split([2 * hidden, hidden])
    x_rz, x_n = (x @ weights.weight_ih.mT + weights.bias_ih).split([2 * hidden, hidden], dim=-1)
    r, z = (x_rz + seen @ u_rz.mT + b_rz).sigmoid().chunk(2, dim=-1)
    n = (x_n + (r * seen) @ u_n.mT + b_n).tanh()
    return GRUResetBeforeGates(r=r, z=z, n=n), GRUState(h=(1 - z) * n + z * before.h)


def gru_reset_before_back(delta: GRUState, step: Steps, weights: Weights) -> StepBack:
    """One step back."""
    r, z, n = step.gates
    hidden = n.shape[-1]
    u_rz, u_n = weights.weight_hh.split([2 * hidden, hidden])
    delta_n = delta.h * (1 - z) * tanh_slope(n)
    delta_s = delta_n @ u_n
    delta_r = delta_s * step.seen * sigmoid_slope(r)
    delta_z = delta.h * (step.before.h - n) * sigmoid_slope(z)
    delta_rz = torch.cat([delta_r, delta_z], dim=-1)
    a = torch.cat([delta_rz, delta_n], dim=-1)
    return StepBack(
        after=delta, inside=Inside(a, a), seen=delta_rz @ u_rz + delta_s * r, before=GRUState(h=delta.h * z)
    )


def gru_reset_before_sums(steps: Steps, inside: Inside, weights: Weights) -> tuple[Tensor, Weights]:
    """The gradient of x and those of the weights; the rows of U for the candidate saw r · h."""
    x, of_weights = linear_sums(steps, inside, weights)
    hidden = steps.seen.shape[-1]
    delta_rz, delta_n = inside.of_h.split([2 * hidden, hidden], dim=-1)
    rows = [outer_sum(delta_rz, steps.seen), outer_sum(delta_n, steps.gates.r * steps.seen)]
    return x, of_weights._replace(weight_hh=torch.cat(rows))


GRU_RESET_BEFORE = Cell(
    "gru-reset-before", 3, GRUState, Weights, gru_reset_before_forward, gru_reset_before_back, gru_reset_before_sums
)
