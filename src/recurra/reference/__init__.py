"""The equations: each cell in one file, forward and backward through time, in plain tensor maths.

Slow, meant to be read, and what faster code is checked against. Start with `_lstm.py`.
"""

from recurra.reference._cell import Cell, Gradients, Weights, at_time
from recurra.reference._differentiable import differentiable_run
from recurra.reference._gradient_norms import gradient_norms
from recurra.reference._gru_reset_after import (
    GRU_RESET_AFTER,
    GRUState,
    gru_reset_after_backward,
    gru_reset_after_run,
    gru_reset_after_step,
)
from recurra.reference._gru_reset_before import (
    GRU_RESET_BEFORE,
    gru_reset_before_backward,
    gru_reset_before_run,
    gru_reset_before_step,
)
from recurra.reference._lstm import LSTM, LSTMState, lstm_backward, lstm_run, lstm_step
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
from recurra.reference._peephole_lstm import (
    PEEPHOLE_LSTM,
    PeepholeWeights,
    peephole_lstm_backward,
    peephole_lstm_run,
    peephole_lstm_step,
)
from recurra.reference._rnn import RNNState, rnn, rnn_backward, rnn_run, rnn_step
from recurra.reference._truncated import truncated_gradients
from recurra.reference._unrolled import (
    UnrolledGradients,
    UnrolledTape,
    asked_of_states,
    unrolled_backward,
    unrolled_run,
)

__all__ = [
    "GRU_RESET_AFTER",
    "GRU_RESET_BEFORE",
    "LSTM",
    "NONLINEARITIES",
    "PEEPHOLE_LSTM",
    "Cell",
    "GRUState",
    "Gradients",
    "LSTMState",
    "Nonlinearity",
    "PeepholeWeights",
    "RNNState",
    "UnrolledGradients",
    "UnrolledTape",
    "Weights",
    "asked_of_states",
    "at_time",
    "differentiable_run",
    "gradient_norms",
    "gru_reset_after_backward",
    "gru_reset_after_run",
    "gru_reset_after_step",
    "gru_reset_before_backward",
    "gru_reset_before_run",
    "gru_reset_before_step",
    "lstm_backward",
    "lstm_run",
    "lstm_step",
    "peephole_lstm_backward",
    "peephole_lstm_run",
    "peephole_lstm_step",
    "relu",
    "relu_slope",
    "rnn",
    "rnn_backward",
    "rnn_run",
    "rnn_step",
    "sigmoid",
    "sigmoid_slope",
    "tanh",
    "tanh_slope",
    "truncated_gradients",
    "unrolled_backward",
    "unrolled_run",
]
