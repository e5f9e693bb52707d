"""Parameters: recurrent layers with torch's contract, and the modules of blocks and whole networks."""

from recurra.nn._accelerate import AccelerationReport, accelerate, decelerate
from recurra.nn._crf import Crf, best_paths
from recurra.nn._modules import build
from recurra.nn._network import Network, NetworkState
from recurra.nn._recurrent import GRU, LSTM, RNN
from recurra.nn._recurrent_cells import GRUCell, LSTMCell, RNNCell
from recurra.nn._softmax import AdaptiveSoftmax, TiedLinear

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "AccelerationReport",
    "AdaptiveSoftmax",
    "Crf",
    "GRUCell",
    "LSTMCell",
    "Network",
    "NetworkState",
    "RNNCell",
    "TiedLinear",
    "accelerate",
    "best_paths",
    "build",
    "decelerate",
]
