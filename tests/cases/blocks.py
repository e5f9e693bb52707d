"""Every block there is, with an input that it takes: list a new block here and the contract suite covers it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from recurra import blocks, nn


@dataclass(frozen=True)
class BlockCase:
    name: str
    block: blocks.Block
    shape: tuple[int, ...]  # of one sample, batch left out
    codes: bool = False

    def __str__(self) -> str:
        return self.name

    def build(self) -> torch.nn.Module:
        torch.manual_seed(3)
        return nn.build(self.block, self.shape[-1]).eval()

    def sample(self, *, batch: int, seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        if self.codes:
            return torch.randint(0, 3, (batch, *self.shape), generator=generator)
        return torch.randn((batch, *self.shape), generator=generator).abs() + 0.1


BLOCKS = [
    BlockCase("embedding", blocks.Embedding(categories=(3, 5), sizes=(2, 4)), (7, 2), codes=True),
    BlockCase("linear", blocks.Linear(size=5, activation="relu"), (7, 3)),
    BlockCase("dropout", blocks.Dropout(rate=0.5), (7, 3)),
    BlockCase("clip", blocks.Clip(limit=0.5), (7, 3)),
    BlockCase("segments", blocks.Segments(size=4), (12, 3)),
    BlockCase("segments of one", blocks.Segments(size=1), (12, 3)),
    BlockCase("steps", blocks.Steps(size=4), (3, 8)),
    *(
        BlockCase(f"{cell} {layers} layers {'both ways' if both else 'forward'}", block, (7, 3))
        for cell in ("rnn", "lstm", "gru")
        for layers, both in ((1, False), (2, False), (2, True))
        for block in [blocks.Recurrent(cell=cell, hidden_size=4, num_layers=layers, bidirectional=both)]  # pyright: ignore
    ),
    BlockCase("last", blocks.Last(), (7, 4)),
    BlockCase("last both ways", blocks.Last(bidirectional=True), (7, 4)),
    BlockCase("positions", blocks.Positions(count=3), (3, 4)),
    *(BlockCase(f"decode {cell}", blocks.Decode(cell=cell, hidden_size=4), (3, 9)) for cell in ("rnn", "lstm", "gru")),  # pyright: ignore
    BlockCase("horizon", blocks.Horizon(time=7, horizon=3), (7, 2)),
    BlockCase("gain", blocks.Gain(horizon=3), (3, 2, 4)),
    BlockCase("unstack", blocks.Unstack(size=2), (7, 6)),
    *(BlockCase(f"level {method}", blocks.Level(method=method), (7, 4)) for method in ("last", "mean", "zero")),  # pyright: ignore
    BlockCase("level of the last steps", blocks.Level(method="mean", steps=3), (7, 4)),
    *(BlockCase(f"spread {method}", blocks.Spread(method=method), (7, 6)) for method in ("std", "mean-abs")),  # pyright: ignore
]
