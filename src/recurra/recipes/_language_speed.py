"""How fast a language model trains, beside the same network of torch.nn."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from statistics import median
from time import perf_counter
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from recurra.blocks import Dropout, Embedding, Recurrent
from recurra.errors import TrainingError
from recurra.nn import Network
from recurra.tasks.generate._batches import RunningBatches
from recurra.tasks.generate._model import CarriedLoss

_STEPS, _COMPARED = 5, 3
_APART = 1e-4  # of losses and norms, relatively: some of float32's rounding errors


class Speed(NamedTuple):
    """Pieces of text a second in training: forward, backward, clipping and the optimiser's step.

    Of the median turn of each side, and of its best one, which other programs disturb least.
    """

    ours: float
    torch: float
    best_ours: float
    best_torch: float


class _Twin(nn.Module):
    """The same network with the same weights, written with torch.nn; it carries its state."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        embedding, *blocks, head = (block for branch in network.composition.branches for block in branch.blocks)
        assert isinstance(embedding, Embedding)
        categories, size = embedding.categories[0], embedding.sizes[0]
        self.embedding = nn.Embedding(categories, size)
        self.layers = nn.ModuleList()
        self.dropout = 0.0
        for block in blocks:
            if isinstance(block, Recurrent):
                self.layers.append(nn.LSTM(size, block.hidden_size))
                size = block.hidden_size
            if isinstance(block, Dropout):
                self.dropout = block.rate
        self.head = nn.Linear(size, categories)
        if head.kind == "tied_linear":
            self.head.weight = self.embedding.weight
        for mine, theirs in zip(self.parameters(), network.parameters(), strict=True):
            mine.data.copy_(theirs.data)
        self.state: list[Any] = [None] * len(self.layers)

    def forward(self, codes: Tensor, target: Tensor) -> Tensor:
        # Time first, as torch's own layers like it.
        x = self._dropped(self.embedding(codes[..., 0].t()))
        for index, layer in enumerate(self.layers):
            x, state = layer(x, self.state[index])
            self.state[index] = tuple(part.detach() for part in state)
            x = self._dropped(x)
        return functional.cross_entropy(self.head(x.flatten(0, 1)), target.t().flatten())

    def _dropped(self, x: Tensor) -> Tensor:
        return x * functional.dropout(x.new_ones(1, *x.shape[1:]), self.dropout) if self.dropout else x


def measure_speed(
    network: Network,
    *,
    batch_size: int,
    bptt: int,
    clip: float = 1.0,
    optimizer: Literal["adamw", "sgd"] = "adamw",
    rounds: int = 6,
) -> Speed:
    """Train copies of an LSTM network for some steps, in turns with the same network of torch.nn.

    `network` reads codes and gives scores of each, tied or not, dropout being per sequence. Both sides have the same
    optimiser, batches and dice. Raises TrainingError if their first losses and gradients aren't the same: speed is told
    of what is right.
    """
    ours = deepcopy(network).train()
    twin = _Twin(network).train()
    codes = np.random.default_rng(0).integers(1, twin.embedding.num_embeddings, batch_size * bptt * 20)
    batches = RunningBatches(codes, batch_size=batch_size, bptt=bptt, seed=0)
    carried = CarriedLoss()
    turns = (
        _turn(ours, lambda batch: carried(ours, batch), batches, clip, optimizer),
        _turn(twin, lambda batch: twin(batch["codes"], batch["target"]), batches, clip, optimizer),
    )
    seconds: tuple[list[float], list[float]] = ([], [])
    with torch.random.fork_rng(devices=[]):
        mine, theirs = (turn(_COMPARED)[1] for turn in turns)
        if not np.allclose(mine, theirs, rtol=_APART, atol=0):
            raise TrainingError(
                f"The first losses and norms of gradients are {mine} with recurra and {theirs} with torch.nn, which "
                "should be the same: no speed is told. One of them computes another network; compare their gradients."
            )
        for turn in range(rounds + 1):
            for side in (0, 1) if turn % 2 else (1, 0):
                seconds[side].append(turns[side](_STEPS)[0])
    pieces = _STEPS * batch_size * bptt
    typical, best = ([pieces / choose(of[1:]) for of in seconds] for choose in (median, min))
    return Speed(*typical, *best)


def _turn(
    model: nn.Module, loss: Callable[[Any], Tensor], batches: RunningBatches, clip: float, optimizer: str
) -> Callable[[int], tuple[float, list[tuple[float, float]]]]:
    parameters = list(model.parameters())
    if optimizer == "adamw":
        steps: torch.optim.Optimizer = torch.optim.AdamW(parameters, lr=1e-4, fused=True)
    else:
        steps = torch.optim.SGD(parameters, lr=0.1, fused=True)

    def turn(count: int) -> tuple[float, list[tuple[float, float]]]:
        seen = []
        start = perf_counter()
        for index in range(count):
            torch.manual_seed(index)
            steps.zero_grad(set_to_none=True)
            value = loss(batches.batch(0, index))
            value.backward()
            norm = nn.utils.clip_grad_norm_(parameters, clip)
            steps.step()
            seen.append((value.item(), norm.item()))
        return perf_counter() - start, seen

    return turn
