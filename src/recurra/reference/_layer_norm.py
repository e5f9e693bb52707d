"""Cells whose products are normalised over the units of a layer.

Ba, Kiros & Hinton, "Layer normalization", 2016. A vector a is normalised over its own numbers, whatever other rows and
steps there are:

    N(a) = (a - mean(a)) · s(a)        s(a) = 1 / sqrt(mean((a - mean(a))²) + 10⁻⁵)

and each product of a step is normalised on its own, over the rows of all gates together, before its bias:

    W x_t + b_ih      becomes  γ_ih · N(W x_t) + b_ih
    U h_{t-1} + b_hh  becomes  γ_hh · N(U h_{t-1}) + b_hh
    tanh(c_t)         becomes  tanh(γ_c · N(c_t) + b_c)             in the LSTM; c itself is carried on as it is

in the equations of `_rnn.py`, `_lstm.py` and `_gru_reset_after.py`. (In the GRU of the paper the candidate's rows are
normalised apart from those of the gates; here both are one vector, as in the other cells.)

The way back through y = γ · N(a) + b, for one vector a, is

    δb = δy    δγ = δy · N(a)    δa = s(a) · (δN - mean(δN) - N(a) · mean(δN · N(a)))    where δN = γ · δy
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from recurra.reference._cell import Cell, Inside, StepBack, Steps, outer_sum
from recurra.reference._gru_reset_after import GRUState, gru_reset_after_inside, gru_reset_after_update
from recurra.reference._lstm import LSTMGates, LSTMState, delta_of_writing
from recurra.reference._nonlinearity import NONLINEARITIES, Nonlinearity, sigmoid_slope, tanh_slope
from recurra.reference._rnn import RNNState


class LayerNormWeights(NamedTuple):
    """The weights of a cell whose products are normalised: torch's four, and what each product is scaled by."""

    weight_ih: Float[Tensor, "gates feature"]
    weight_hh: Float[Tensor, "gates hidden"]
    bias_ih: Float[Tensor, "gates"]
    bias_hh: Float[Tensor, "gates"]
    weight_norm_ih: Float[Tensor, "gates"]
    weight_norm_hh: Float[Tensor, "gates"]


class LayerNormLSTMWeights(NamedTuple):
    """The same, and what the memory is scaled and shifted by before it is shown."""

    weight_ih: Float[Tensor, "gates feature"]
    weight_hh: Float[Tensor, "gates hidden"]
    bias_ih: Float[Tensor, "gates"]
    bias_hh: Float[Tensor, "gates"]
    weight_norm_ih: Float[Tensor, "gates"]
    weight_norm_hh: Float[Tensor, "gates"]
    weight_norm_c: Float[Tensor, "hidden"]
    bias_norm_c: Float[Tensor, "hidden"]


class LSTMInside(NamedTuple):
    """What reaches the products, and what reaches γ_c · N(c) + b_c."""

    of_x: Float[Tensor, "batch *time gates"]
    of_h: Float[Tensor, "batch *time gates"]
    of_c: Float[Tensor, "batch *time hidden"]


class Normalised(NamedTuple):
    """N(a) and s(a)."""

    values: Float[Tensor, "*rows units"]
    scale: Float[Tensor, "*rows 1"]


def normalised(a: Float[Tensor, "*rows units"]) -> Normalised:
    """A vector a row, of mean 0 and mean square 1."""
    centred = a - a.mean(dim=-1, keepdim=True)
    scale = (centred.square().mean(dim=-1, keepdim=True) + 1e-5).rsqrt()
    return Normalised(values=centred * scale, scale=scale)


def normalised_back(delta: Float[Tensor, "*rows units"], norm: Normalised) -> Float[Tensor, "*rows units"]:
    """δa from δN."""
    n, scale = norm
    return scale * (delta - delta.mean(dim=-1, keepdim=True) - n * (delta * n).mean(dim=-1, keepdim=True))


def normalised_products(
    x: Float[Tensor, "batch feature"], seen: Float[Tensor, "batch hidden"], weights: Any
) -> tuple[Float[Tensor, "batch gates"], Float[Tensor, "batch gates"]]:
    """The two products of a step, each normalised, scaled and shifted."""
    of_x, of_h = normalised(x @ weights.weight_ih.mT), normalised(seen @ weights.weight_hh.mT)
    return (
        weights.weight_norm_ih * of_x.values + weights.bias_ih,
        weights.weight_norm_hh * of_h.values + weights.bias_hh,
    )


def seen_back(of_h: Float[Tensor, "batch gates"], step: Steps, weights: Any) -> Float[Tensor, "batch hidden"]:
    """What reaches the state that the recurrent product saw."""
    norm = normalised(step.seen @ weights.weight_hh.mT)
    return normalised_back(weights.weight_norm_hh * of_h, norm) @ weights.weight_hh


def layer_norm_sums(steps: Steps, inside: Any, weights: Any) -> tuple[Tensor, LayerNormWeights]:
    """The gradient of x and those of the weights, for all steps of a run at once."""
    norm_x, norm_h = normalised(steps.x @ weights.weight_ih.mT), normalised(steps.seen @ weights.weight_hh.mT)
    of_x = normalised_back(weights.weight_norm_ih * inside.of_x, norm_x)
    of_h = normalised_back(weights.weight_norm_hh * inside.of_h, norm_h)
    return of_x @ weights.weight_ih, LayerNormWeights(
        weight_ih=outer_sum(of_x, steps.x),
        weight_hh=outer_sum(of_h, steps.seen),
        bias_ih=inside.of_x.sum(dim=(0, 1)),
        bias_hh=inside.of_h.sum(dim=(0, 1)),
        weight_norm_ih=(inside.of_x * norm_x.values).sum(dim=(0, 1)),
        weight_norm_hh=(inside.of_h * norm_h.values).sum(dim=(0, 1)),
    )


def layer_norm_rnn_forward(
    x: Float[Tensor, "batch feature"],
    seen: Float[Tensor, "batch hidden"],
    before: RNNState,
    weights: LayerNormWeights,
    *,
    nonlinearity: Nonlinearity,
) -> tuple[tuple[()], RNNState]:
    """One step of the simple recurrent network."""
    of_x, of_h = normalised_products(x, seen, weights)
    return (), RNNState(h=nonlinearity.value(of_x + of_h))


def layer_norm_rnn_back(
    delta: RNNState, step: Steps, weights: LayerNormWeights, *, nonlinearity: Nonlinearity
) -> StepBack:
    """One step back of the simple recurrent network."""
    a = delta.h * nonlinearity.slope(step.after.h)
    before = RNNState(torch.zeros_like(delta.h))
    return StepBack(after=delta, inside=Inside(a, a), seen=seen_back(a, step, weights), before=before)


def layer_norm_gru_forward(
    x: Float[Tensor, "batch feature"], seen: Float[Tensor, "batch hidden"], before: GRUState, weights: LayerNormWeights
) -> tuple[Any, GRUState]:
    """One step of the GRU that resets after the product."""
    return gru_reset_after_update(*normalised_products(x, seen, weights), before)


def layer_norm_gru_back(delta: GRUState, step: Steps, weights: LayerNormWeights) -> StepBack:
    """One step back of the GRU that resets after the product."""
    inside = gru_reset_after_inside(delta, step)
    before = GRUState(h=delta.h * step.gates.z)
    return StepBack(after=delta, inside=inside, seen=seen_back(inside.of_h, step, weights), before=before)


def layer_norm_lstm_forward(
    x: Float[Tensor, "batch feature"],
    seen: Float[Tensor, "batch hidden"],
    before: LSTMState,
    weights: LayerNormLSTMWeights,
) -> tuple[LSTMGates, LSTMState]:
    """One step of the LSTM."""
    of_x, of_h = normalised_products(x, seen, weights)
    i, f, g, o = (of_x + of_h).chunk(4, dim=-1)
    i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
    c = f * before.c + i * g
    shown = (weights.weight_norm_c * normalised(c).values + weights.bias_norm_c).tanh()
    return LSTMGates(i=i, f=f, g=g, o=o), LSTMState(h=o * shown, c=c)


def layer_norm_lstm_back(delta: LSTMState, step: Steps, weights: LayerNormLSTMWeights) -> StepBack:
    """One step back of the LSTM."""
    _, f, _, o = step.gates
    norm_c = normalised(step.after.c)
    shown = (weights.weight_norm_c * norm_c.values + weights.bias_norm_c).tanh()
    of_c = delta.h * o * tanh_slope(shown)
    delta_c = delta.c + normalised_back(weights.weight_norm_c * of_c, norm_c)
    delta_o = delta.h * shown * sigmoid_slope(o)
    a = torch.cat([*delta_of_writing(delta_c, step), delta_o], dim=-1)
    return StepBack(
        after=LSTMState(h=delta.h, c=delta_c),
        inside=LSTMInside(a, a, of_c),
        seen=seen_back(a, step, weights),
        before=LSTMState(h=torch.zeros_like(delta.h), c=delta_c * f),
    )


def layer_norm_lstm_sums(
    steps: Steps, inside: LSTMInside, weights: LayerNormLSTMWeights
) -> tuple[Tensor, LayerNormLSTMWeights]:
    """The gradient of x and those of the weights of the LSTM."""
    x, of_weights = layer_norm_sums(steps, inside, weights)
    return x, LayerNormLSTMWeights(
        *of_weights,
        weight_norm_c=(inside.of_c * normalised(steps.after.c).values).sum(dim=(0, 1)),
        bias_norm_c=inside.of_c.sum(dim=(0, 1)),
    )


def layer_norm_rnn(nonlinearity: str) -> Cell:
    """The simple recurrent cell with layer normalisation and this nonlinearity: tanh, relu or sigmoid."""
    forward: Callable[..., Any] = partial(layer_norm_rnn_forward, nonlinearity=NONLINEARITIES[nonlinearity])
    back: Callable[..., StepBack] = partial(layer_norm_rnn_back, nonlinearity=NONLINEARITIES[nonlinearity])
    return Cell(f"rnn-{nonlinearity}-layer-norm", 1, RNNState, LayerNormWeights, forward, back, layer_norm_sums)


LAYER_NORM_LSTM = Cell(
    "lstm-layer-norm",
    4,
    LSTMState,
    LayerNormLSTMWeights,
    layer_norm_lstm_forward,
    layer_norm_lstm_back,
    layer_norm_lstm_sums,
)
LAYER_NORM_GRU = Cell(
    "gru-layer-norm", 3, GRUState, LayerNormWeights, layer_norm_gru_forward, layer_norm_gru_back, layer_norm_sums
)
