"""The equations: each cell in one file, forward and backward through time, in plain tensor maths.

Slow, meant to be read, and what faster code is checked against. Start with `_lstm.py`.
"""

from recurra.reference._cell import (
    Cell,
    Disturbance,
    Gradients,
    Inside,
    StepBack,
    Steps,
    Tape,
    Weights,
    at_time,
)
from recurra.reference._differentiable import differentiable_run
from recurra.reference._gradient_norms import gradient_norms
from recurra.reference._gru_reset_after import GRU_RESET_AFTER, GRUState
from recurra.reference._gru_reset_before import GRU_RESET_BEFORE
from recurra.reference._layer_norm import (
    LAYER_NORM_GRU,
    LAYER_NORM_LSTM,
    LayerNormLSTMWeights,
    LayerNormWeights,
    layer_norm_rnn,
)
from recurra.reference._lstm import LSTM, LSTMState
from recurra.reference._nonlinearity import (
    NONLINEARITIES,
    Nonlinearity,
    relu,
    relu_slope,
    sigmoid,
    sigmoid_slope,
    tanh,
    tanh_slope,
)
from recurra.reference._peephole_lstm import PEEPHOLE_LSTM, PeepholeWeights
from recurra.reference._rnn import RNNState, rnn
from recurra.reference._truncated import truncated_gradients
from recurra.reference._unrolled import (
    UnrolledGradients,
    UnrolledTape,
    asked_of_states,
    resets_in_reverse,
    unrolled_backward,
    unrolled_run,
)

__all__ = [
    "GRU_RESET_AFTER",
    "GRU_RESET_BEFORE",
    "LAYER_NORM_GRU",
    "LAYER_NORM_LSTM",
    "LSTM",
    "NONLINEARITIES",
    "PEEPHOLE_LSTM",
    "Cell",
    "Disturbance",
    "GRUState",
    "Gradients",
    "Inside",
    "LSTMState",
    "LayerNormLSTMWeights",
    "LayerNormWeights",
    "Nonlinearity",
    "PeepholeWeights",
    "RNNState",
    "StepBack",
    "Steps",
    "Tape",
    "UnrolledGradients",
    "UnrolledTape",
    "Weights",
    "asked_of_states",
    "at_time",
    "differentiable_run",
    "gradient_norms",
    "layer_norm_rnn",
    "relu",
    "relu_slope",
    "resets_in_reverse",
    "rnn",
    "sigmoid",
    "sigmoid_slope",
    "tanh",
    "tanh_slope",
    "truncated_gradients",
    "unrolled_backward",
    "unrolled_run",
]
