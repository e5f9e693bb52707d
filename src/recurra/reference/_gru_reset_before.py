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

from recurra.reference._cell import Cell, Gradients, Weights, in_time, outer_sum, reversed_in_time
from recurra.reference._gru_reset_after import GRUState
from recurra.reference._nonlinearity import sigmoid_slope, tanh_slope


class GRUResetBeforeGates(NamedTuple):
    """The gates of one step after their nonlinearity; with a time axis, those of a run."""

    r: Float[Tensor, "batch *time hidden"]
    z: Float[Tensor, "batch *time hidden"]
    n: Float[Tensor, "batch *time hidden"]


class GRUResetBeforeTape(NamedTuple):
    """What the backward pass needs."""

    x: Float[Tensor, "batch time feature"]
    states: GRUState  # (B, T + 1, H)
    gates: GRUResetBeforeGates  # (B, T, H)


def gru_reset_before_gates(x: Float[Tensor, "batch feature"], state: GRUState, weights: Weights) -> GRUResetBeforeGates:
    """How much of the old state to let in (r), how much to keep (z), and the candidate (n)."""
    hidden = state.h.shape[-1]
    u_rz, u_n = weights.weight_hh.split([2 * hidden, hidden])
    b_rz, b_n = weights.bias_hh.split([2 * hidden, hidden])
    input_rz, input_n = (x @ weights.weight_ih.mT + weights.bias_ih).split([2 * hidden, hidden], dim=-1)
    r, z = (input_rz + state.h @ u_rz.mT + b_rz).sigmoid().chunk(2, dim=-1)
    n = (input_n + (r * state.h) @ u_n.mT + b_n).tanh()
    return GRUResetBeforeGates(r=r, z=z, n=n)


def gru_reset_before_update(state: GRUState, gates: GRUResetBeforeGates) -> GRUState:
    """The next state: h' = (1 - z) · n + z · h."""
    return GRUState(h=(1 - gates.z) * gates.n + gates.z * state.h)


def gru_reset_before_step(
    x: Float[Tensor, "batch feature"], state: GRUState, weights: Weights
) -> tuple[Float[Tensor, "batch hidden"], GRUState]:
    """One step. The output is h'."""
    state = gru_reset_before_update(state, gru_reset_before_gates(x, state, weights))
    return state.h, state


def gru_reset_before_run(
    x: Float[Tensor, "batch time feature"], state: GRUState, weights: Weights
) -> tuple[Float[Tensor, "batch time hidden"], GRUState, GRUResetBeforeTape]:
    """All steps of a sequence: the outputs h_1..h_T, the state after the last, and the tape for the backward pass."""
    history, gates = [state], []
    for t in range(x.shape[1]):
        gates.append(gru_reset_before_gates(x[:, t], state, weights))
        state = gru_reset_before_update(state, gates[-1])
        history.append(state)
    states = in_time(GRUState, history, state.h)
    tape = GRUResetBeforeTape(x=x, states=states, gates=in_time(GRUResetBeforeGates, gates, state.h))
    return states.h[:, 1:], state, tape


def gru_reset_before_backward(tape: GRUResetBeforeTape, weights: Weights, grad_states: GRUState) -> Gradients:
    """Backpropagation through time, given the direct influence of each state h_0..h_T on the loss."""
    h = tape.states.h
    hidden = h.shape[-1]
    u_rz, u_n = weights.weight_hh.split([2 * hidden, hidden])
    delta_h = [grad_states.h[:, -1]]
    delta_a: list[Tensor] = []
    for t in range(tape.x.shape[1], 0, -1):
        r, z, n = (gate[:, t - 1] for gate in tape.gates)
        delta_n = delta_h[-1] * (1 - z) * tanh_slope(n)
        delta_s = delta_n @ u_n
        delta_r = delta_s * h[:, t - 1] * sigmoid_slope(r)
        delta_z = delta_h[-1] * (h[:, t - 1] - n) * sigmoid_slope(z)
        delta_rz = torch.cat([delta_r, delta_z], dim=-1)
        delta_a.append(torch.cat([delta_rz, delta_n], dim=-1))
        delta_h.append(grad_states.h[:, t - 1] + delta_h[-1] * z + delta_rz @ u_rz + delta_s * r)

    delta = reversed_in_time(delta_a, h.new_zeros(h.shape[0], 3 * hidden))  # (B, T, 3H)
    delta_rz, delta_n = delta.split([2 * hidden, hidden], dim=-1)
    bias = delta.sum(dim=(0, 1))
    return Gradients(
        x=delta @ weights.weight_ih,
        states=GRUState(h=torch.stack(delta_h[::-1], dim=1)),
        weights=Weights(
            weight_ih=outer_sum(delta, tape.x),
            weight_hh=torch.cat([outer_sum(delta_rz, h[:, :-1]), outer_sum(delta_n, tape.gates.r * h[:, :-1])]),
            bias_ih=bias,
            bias_hh=bias,
        ),
    )


GRU_RESET_BEFORE = Cell(
    "gru-reset-before", 3, GRUState, Weights, gru_reset_before_step, gru_reset_before_run, gru_reset_before_backward
)
