"""Parameters: recurrent layers with torch's contract, and the blocks that every task's network is made of."""

from recurra.nn._blocks import (
    AnyBlock,
    Block,
    Decode,
    Dropout,
    Embedding,
    Horizon,
    Last,
    Level,
    Linear,
    Positions,
    Recurrent,
    Segments,
    Spread,
    Steps,
    Unstack,
    embedding_size,
)
from recurra.nn._network import Branch, Composition, Network, NetworkState
from recurra.nn._recurrent import GRU, LSTM, RNN

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "AnyBlock",
    "Block",
    "Branch",
    "Composition",
    "Decode",
    "Dropout",
    "Embedding",
    "Horizon",
    "Last",
    "Level",
    "Linear",
    "Network",
    "NetworkState",
    "Positions",
    "Recurrent",
    "Segments",
    "Spread",
    "Steps",
    "Unstack",
    "embedding_size",
]
