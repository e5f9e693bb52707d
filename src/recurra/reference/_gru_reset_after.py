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

from recurra.reference._cell import Cell, Gradients, Weights, in_time, outer_sum, reversed_in_time
from recurra.reference._nonlinearity import sigmoid_slope, tanh_slope


class GRUState(NamedTuple):
    """What a GRU carries from one step to the next; with a time axis, the states of a run."""

    h: Float[Tensor, "batch *time hidden"]


class GRUResetAfterGates(NamedTuple):
    """The gates of one step after their nonlinearity, and the product q that r resets; or those of a run."""

    r: Float[Tensor, "batch *time hidden"]
    z: Float[Tensor, "batch *time hidden"]
    n: Float[Tensor, "batch *time hidden"]
    q: Float[Tensor, "batch *time hidden"]


class GRUResetAfterTape(NamedTuple):
    """What the backward pass needs."""

    x: Float[Tensor, "batch time feature"]
    states: GRUState  # (B, T + 1, H)
    gates: GRUResetAfterGates  # (B, T, H)


def gru_reset_after_gates(x: Float[Tensor, "batch feature"], state: GRUState, weights: Weights) -> GRUResetAfterGates:
    """How much of the product to let in (r), how much to keep (z), and the candidate (n)."""
    input_r, input_z, input_n = (x @ weights.weight_ih.mT + weights.bias_ih).chunk(3, dim=-1)
    hidden_r, hidden_z, q = (state.h @ weights.weight_hh.mT + weights.bias_hh).chunk(3, dim=-1)
    r = (input_r + hidden_r).sigmoid()
    z = (input_z + hidden_z).sigmoid()
    n = (input_n + r * q).tanh()
    return GRUResetAfterGates(r=r, z=z, n=n, q=q)


def gru_reset_after_update(state: GRUState, gates: GRUResetAfterGates) -> GRUState:
    """The next state: h' = (1 - z) · n + z · h."""
    return GRUState(h=(1 - gates.z) * gates.n + gates.z * state.h)


def gru_reset_after_step(
    x: Float[Tensor, "batch feature"], state: GRUState, weights: Weights
) -> tuple[Float[Tensor, "batch hidden"], GRUState]:
    """One step. The output is h'."""
    state = gru_reset_after_update(state, gru_reset_after_gates(x, state, weights))
    return state.h, state


def gru_reset_after_run(
    x: Float[Tensor, "batch time feature"], state: GRUState, weights: Weights
) -> tuple[Float[Tensor, "batch time hidden"], GRUState, GRUResetAfterTape]:
    """All steps of a sequence: the outputs h_1..h_T, the state after the last, and the tape for the backward pass."""
    history, gates = [state], []
    for t in range(x.shape[1]):
        gates.append(gru_reset_after_gates(x[:, t], state, weights))
        state = gru_reset_after_update(state, gates[-1])
        history.append(state)
    states = in_time(GRUState, history, state.h)
    tape = GRUResetAfterTape(x=x, states=states, gates=in_time(GRUResetAfterGates, gates, state.h))
    return states.h[:, 1:], state, tape


def gru_reset_after_backward(tape: GRUResetAfterTape, weights: Weights, grad_states: GRUState) -> Gradients:
    """Backpropagation through time, given the direct influence of each state h_0..h_T on the loss."""
    h = tape.states.h
    delta_h = [grad_states.h[:, -1]]
    delta_input: list[Tensor] = []
    delta_hidden: list[Tensor] = []
    for t in range(tape.x.shape[1], 0, -1):
        r, z, n, q = (gate[:, t - 1] for gate in tape.gates)
        delta_n = delta_h[-1] * (1 - z) * tanh_slope(n)
        delta_z = delta_h[-1] * (h[:, t - 1] - n) * sigmoid_slope(z)
        delta_r = delta_n * q * sigmoid_slope(r)
        delta_input.append(torch.cat([delta_r, delta_z, delta_n], dim=-1))
        delta_hidden.append(torch.cat([delta_r, delta_z, delta_n * r], dim=-1))
        delta_h.append(grad_states.h[:, t - 1] + delta_h[-1] * z + delta_hidden[-1] @ weights.weight_hh)

    none = h.new_zeros(h.shape[0], 3 * h.shape[-1])
    delta_ih = reversed_in_time(delta_input, none)  # (B, T, 3H)
    delta_hh = reversed_in_time(delta_hidden, none)  # (B, T, 3H)
    return Gradients(
        x=delta_ih @ weights.weight_ih,
        states=GRUState(h=torch.stack(delta_h[::-1], dim=1)),
        weights=Weights(
            weight_ih=outer_sum(delta_ih, tape.x),
            weight_hh=outer_sum(delta_hh, h[:, :-1]),
            bias_ih=delta_ih.sum(dim=(0, 1)),
            bias_hh=delta_hh.sum(dim=(0, 1)),
        ),
    )


GRU_RESET_AFTER = Cell("gru", 3, GRUState, Weights, gru_reset_after_step, gru_reset_after_run, gru_reset_after_backward)
