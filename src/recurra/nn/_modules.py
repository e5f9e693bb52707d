"""The torch module of each block."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from recurra import blocks
from recurra.nn._characters import CharactersModule
from recurra.nn._crf import Crf
from recurra.nn._pool import PoolModule
from recurra.nn._recurrent import GRU, LSTM, RNN
from recurra.nn._softmax import AdaptiveSoftmax, TiedLinear

_ACTIVATIONS: dict[str, type[nn.Module]] = {"none": nn.Identity, "relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU}


def build(block: blocks.Block, input_size: int, *, tables: Mapping[str, nn.Embedding] | None = None) -> nn.Module:
    """The module of `block` for `input_size` numbers on the last axis, with fresh parameters.

    `tables` are the embeddings that branches begin with, by the branch's name: what `TiedLinear` shares.
    """
    if isinstance(block, blocks.TiedLinear):
        return TiedLinear((tables or {})[block.branch])
    return _MODULES[type(block)](block, input_size)


def _linear(block: blocks.Linear, input_size: int) -> nn.Module:
    linear = nn.Linear(input_size, block.size)
    return linear if block.activation == "none" else nn.Sequential(linear, _ACTIVATIONS[block.activation]())


def _recurrent(block: blocks.Recurrent, input_size: int) -> nn.Module:
    layer = {"rnn": RNN, "lstm": LSTM, "gru": GRU}[block.cell]
    return layer(
        input_size,
        block.hidden_size,
        block.num_layers,
        batch_first=True,
        bidirectional=block.bidirectional,
        dropout=block.dropout if block.num_layers > 1 else 0.0,
        weight_dropout=block.weight_dropout,
    )


class _EmbeddingModule(nn.Module):
    def __init__(self, categories: tuple[int, ...], sizes: tuple[int, ...], dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.tables = nn.ModuleList(nn.Embedding(n, size) for n, size in zip(categories, sizes, strict=True))
        for table in self.tables:
            nn.init.normal_(table.weight, std=0.1)  # pyright: ignore[reportArgumentType]

    def forward(self, codes: Int[Tensor, "batch *middle code"]) -> Float[Tensor, "batch *middle feature"]:
        columns = [self._look_up(table, codes[..., i]) for i, table in enumerate(self.tables)]  # pyright: ignore[reportArgumentType]
        return columns[0] if len(columns) == 1 else torch.cat(columns, dim=-1)

    def _look_up(self, table: nn.Embedding, codes: Tensor) -> Tensor:
        vectors = table(codes)
        if not self.training or not self.dropout:
            return vectors
        # A mask of codes rather than of the table, whose product would cost as much as all of its gradients.
        kept = functional.dropout(vectors.new_ones(table.num_embeddings), self.dropout)
        return vectors * kept[codes][..., None]


class _SegmentsModule(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Float[Tensor, "batch time feature"]) -> Float[Tensor, "batch segment wide"]:
        return x.reshape(x.shape[0], x.shape[1] // self.size, self.size * x.shape[2])


class _StepsModule(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Float[Tensor, "batch segment wide"]) -> Float[Tensor, "batch time feature"]:
        return x.reshape(x.shape[0], x.shape[1] * self.size, x.shape[2] // self.size)


class _LastModule(nn.Module):
    takes_lengths = True

    def __init__(self, bidirectional: bool) -> None:
        super().__init__()
        self.bidirectional = bidirectional

    def forward(
        self, x: Float[Tensor, "batch time hidden"], lengths: Int[Tensor, "batch"] | None = None
    ) -> Float[Tensor, "batch hidden"]:
        last = x[:, -1] if lengths is None else x[torch.arange(len(x), device=x.device), lengths - 1]
        if not self.bidirectional:
            return last
        half = x.shape[2] // 2
        return torch.cat([last[:, :half], x[:, 0, half:]], dim=-1)


class _PositionsModule(nn.Module):
    def __init__(self, count: int, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(count, size) * 0.1)

    def forward(self, x: Float[Tensor, "batch segment feature"]) -> Float[Tensor, "batch segment feature"]:
        return x + self.weight


class _DecodeModule(nn.Module):
    def __init__(self, cell: str, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.cell = {"rnn": nn.RNNCell, "lstm": nn.LSTMCell, "gru": nn.GRUCell}[cell](input_size, hidden_size)

    def forward(self, x: Float[Tensor, "batch segment feature"]) -> Float[Tensor, "batch segment hidden"]:
        flat = x.reshape(-1, x.shape[2])
        state, own = flat[:, : self.hidden_size], flat[:, self.hidden_size :]
        h = self.cell(own, (state, state))[0] if isinstance(self.cell, nn.LSTMCell) else self.cell(own, state)
        return h.reshape(x.shape[0], x.shape[1], self.hidden_size)


class _HorizonModule(nn.Module):
    def __init__(self, time: int, horizon: int) -> None:
        super().__init__()
        self.linear = nn.Linear(time, horizon)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x: Float[Tensor, "batch time feature"]) -> Float[Tensor, "batch horizon feature"]:
        return self.linear(x.mT).mT


class _GainModule(nn.Module):
    def __init__(self, horizon: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(horizon))

    def forward(
        self, x: Float[Tensor, "batch horizon target quantile"]
    ) -> Float[Tensor, "batch horizon target quantile"]:
        return x * self.weight[:, None, None]


class _LevelModule(nn.Module):
    def __init__(self, method: str, steps: int | None) -> None:
        super().__init__()
        self.method, self.steps = method, steps

    def forward(self, x: Float[Tensor, "batch time double"]) -> Float[Tensor, "batch 1 target"]:
        values, observed = x.chunk(2, dim=-1)
        if self.method == "zero":
            return torch.zeros_like(values[:, :1])
        if self.method == "mean":
            if self.steps is not None:
                values, observed = values[:, -self.steps :], observed[:, -self.steps :]
            return (values * observed).sum(1, keepdim=True) / observed.sum(1, keepdim=True).clamp(min=1)
        steps = torch.arange(1, values.shape[1] + 1, device=x.device)[None, :, None]
        last = (steps * (observed > 0)).amax(1, keepdim=True)
        value = values.gather(1, (last - 1).clamp(min=0))
        return torch.where(last > 0, value, torch.zeros_like(value))


class _SpreadModule(nn.Module):
    def __init__(self, method: str) -> None:
        super().__init__()
        self.method = method

    def forward(self, x: Float[Tensor, "batch time triple"]) -> Float[Tensor, "batch 1 target"]:
        values, observed, scale = x.chunk(3, dim=-1)
        scale = scale[:, :1]
        count = observed.sum(1, keepdim=True).clamp(min=1)
        if self.method == "mean-abs":
            return (values.abs() * observed).sum(1, keepdim=True) / count + 0.1 * scale
        mean = (values * observed).sum(1, keepdim=True) / count
        variance = ((values - mean).square() * observed).sum(1, keepdim=True) / count
        return (variance + (0.1 * scale).square()).sqrt()


class _LockedDropout(nn.Module):
    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Float[Tensor, "batch time feature"]) -> Float[Tensor, "batch time feature"]:
        if not self.training or not self.rate:
            return x
        return x * functional.dropout(x.new_ones(x.shape[0], 1, x.shape[2]), self.rate)


_MODULES: dict[type[blocks.Block], Callable[[Any, int], nn.Module]] = {
    blocks.Embedding: lambda block, _: _EmbeddingModule(block.categories, block.sizes, block.dropout),
    blocks.Characters: lambda block, _: CharactersModule(block.categories, block.size, block.channels, block.kernel),
    blocks.Linear: _linear,
    blocks.Dropout: lambda block, _: nn.Dropout(block.rate) if block.per == "number" else _LockedDropout(block.rate),
    blocks.Clip: lambda block, _: nn.Hardtanh(-block.limit, block.limit),
    blocks.Segments: lambda block, _: nn.Identity() if block.size == 1 else _SegmentsModule(block.size),
    blocks.Steps: lambda block, _: _StepsModule(block.size),
    blocks.Recurrent: _recurrent,
    blocks.Last: lambda block, _: _LastModule(block.bidirectional),
    blocks.Pool: lambda block, size: PoolModule(block.method, size, block.size),
    blocks.Crf: lambda block, size: Crf(size, block.forbidden, block.forbidden_first),
    blocks.AdaptiveSoftmax: lambda block, size: AdaptiveSoftmax(size, block.categories, block.cutoffs, block.factor),
    blocks.Positions: lambda block, size: _PositionsModule(block.count, size),
    blocks.Decode: lambda block, size: _DecodeModule(block.cell, size - block.hidden_size, block.hidden_size),
    blocks.Horizon: lambda block, _: _HorizonModule(block.time, block.horizon),
    blocks.Gain: lambda block, _: _GainModule(block.horizon),
    blocks.Unstack: lambda block, size: nn.Unflatten(-1, (size // block.size, block.size)),
    blocks.Level: lambda block, _: _LevelModule(block.method, block.steps),
    blocks.Spread: lambda block, _: _SpreadModule(block.method),
}
