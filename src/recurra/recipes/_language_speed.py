"""How fast a language model trains, beside the same network of torch.nn."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from recurra.blocks import Dropout, Embedding, Recurrent
from recurra.nn import Network
from recurra.tasks.generate._batches import RunningBatches
from recurra.tasks.generate._model import CarriedLoss

_STEPS, _ROUNDS = 5, 6
_CLIP = 1.0


class Speed(NamedTuple):
    """Pieces of text a second in training: forward, backward, clipping and the optimiser's step."""

    ours: float
    torch: float


class _Twin(nn.Module):
    """The same network, written with torch.nn; it carries its state."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        embedding, *blocks, head = (block for branch in network.composition.branches for block in branch.blocks)
        assert isinstance(embedding, Embedding) and head.kind == "tied_linear"
        size = embedding.sizes[0]
        self.embedding = nn.Embedding(embedding.categories[0], size)
        self.layers = nn.ModuleList()
        self.dropout = 0.0
        for block in blocks:
            if isinstance(block, Recurrent):
                self.layers.append(nn.LSTM(size, block.hidden_size, batch_first=True))
                size = block.hidden_size
            if isinstance(block, Dropout):
                self.dropout = block.rate
        self.bias = nn.Parameter(torch.zeros(embedding.categories[0]))
        self.state: list[Any] = [None] * len(self.layers)

    def forward(self, codes: Tensor, target: Tensor) -> Tensor:
        x = self._dropped(self.embedding(codes[..., 0]))
        for index, layer in enumerate(self.layers):
            x, state = layer(x, self.state[index])
            self.state[index] = tuple(part.detach() for part in state)
            x = self._dropped(x)
        scores = functional.linear(x.flatten(0, 1), self.embedding.weight, self.bias)
        return functional.cross_entropy(scores, target.flatten())

    def _dropped(self, x: Tensor) -> Tensor:
        return x * functional.dropout(x.new_ones(x.shape[0], 1, x.shape[2]), self.dropout)


def measure_speed(network: Network, *, batch_size: int, bptt: int) -> Speed:
    """Train copies of a tied LSTM network for some steps, in turns; the best turn of each counts."""
    ours = deepcopy(network).train()
    twin = _Twin(network).train()
    sizes = [sum(parameter.numel() for parameter in model.parameters()) for model in (ours, twin)]
    assert sizes[0] == sizes[1], sizes
    codes = np.random.default_rng(0).integers(1, twin.embedding.num_embeddings, batch_size * bptt * 20)
    batches = RunningBatches(codes, batch_size=batch_size, bptt=bptt, seed=0)
    carried = CarriedLoss()
    turns = (
        _turn(ours, lambda batch: carried(ours, batch), batches),
        _turn(twin, lambda batch: twin(batch["codes"], batch["target"]), batches),
    )
    seconds = np.array([[turn() for turn in turns] for _ in range(_ROUNDS)])
    best = seconds[1:].min(axis=0)
    return Speed(*(float(_STEPS * batch_size * bptt / each) for each in best))


def _turn(model: nn.Module, loss: Callable[[Any], Tensor], batches: RunningBatches) -> Callable[[], float]:
    parameters = list(model.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=1e-4, fused=True)

    def turn() -> float:
        start = perf_counter()
        for index in range(_STEPS):
            optimizer.zero_grad(set_to_none=True)
            loss(batches.batch(0, index)).backward()
            nn.utils.clip_grad_norm_(parameters, _CLIP)
            optimizer.step()
        return perf_counter() - start

    return turn
