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
        return self.build_anew()

    def build_anew(self) -> torch.nn.Module:
        """With weights drawn from torch's generator as it stands."""
        return nn.build(self.block, self.shape[-1], tables={"words": _table()}).eval()

    def sample(self, *, batch: int, seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        if self.codes:
            return torch.randint(0, 3, (batch, *self.shape), generator=generator)
        return torch.randn((batch, *self.shape), generator=generator).abs() + 0.1

    def composition(self, output: str) -> blocks.Composition:
        """A network of this block; a tied one stands behind the embedding that it is tied to."""
        taken = (TIED.branch,) if self.block == TIED else ("x",)
        words = blocks.Branch(name=TIED.branch, takes=("x",), blocks=(blocks.Embedding(categories=(5,), sizes=(3,)),))
        last = blocks.Branch(name=output, takes=taken, blocks=(self.block,))  # pyright: ignore[reportArgumentType]
        return blocks.Composition(
            inputs={"x": 1 if self.block == TIED else self.shape[-1]},
            branches=(words, last) if self.block == TIED else (last,),
        )

    def input(self, *, batch: int, seed: int) -> Tensor:
        """What that network takes."""
        if self.block == TIED:
            return torch.randint(0, 5, (batch, 7, 1), generator=torch.Generator().manual_seed(seed))
        return self.sample(batch=batch, seed=seed)


def _table() -> torch.nn.Embedding:
    """The vectors that a tied block shares: another branch's, so always the same."""
    return torch.nn.Embedding.from_pretrained(torch.linspace(-1, 1, 15).reshape(5, 3), freeze=False)


TIED = blocks.TiedLinear(branch="words", categories=5)
BLOCKS = [
    BlockCase("embedding", blocks.Embedding(categories=(3, 5), sizes=(2, 4)), (7, 2), codes=True),
    BlockCase("linear", blocks.Linear(size=5, activation="relu"), (7, 3)),
    BlockCase("characters", blocks.Characters(categories=3, size=4, channels=5), (7, 6), codes=True),
    BlockCase(
        "characters one by one", blocks.Characters(categories=3, size=4, channels=5, kernel=1), (7, 6), codes=True
    ),
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
    *(
        BlockCase(f"pool {method}", blocks.Pool(method=method, size=5), (7, 4))
        for method in ("max", "mean", "attention", "root")
    ),  # pyright: ignore
    BlockCase("crf", blocks.Crf(forbidden=((0, 2), (1, 1)), forbidden_first=(2,)), (7, 3)),
    BlockCase("tied linear", TIED, (7, 3)),
    BlockCase("adaptive softmax", blocks.AdaptiveSoftmax(categories=9, cutoffs=(3, 6), factor=2), (7, 4)),
    BlockCase("dropout of sequences", blocks.Dropout(rate=0.5, per="sequence"), (7, 3)),
    BlockCase("positions", blocks.Positions(count=3), (3, 4)),
    *(BlockCase(f"decode {cell}", blocks.Decode(cell=cell, hidden_size=4), (3, 9)) for cell in ("rnn", "lstm", "gru")),  # pyright: ignore
    BlockCase("horizon", blocks.Horizon(time=7, horizon=3), (7, 2)),
    BlockCase("gain", blocks.Gain(horizon=3), (3, 2, 4)),
    BlockCase("unstack", blocks.Unstack(size=2), (7, 6)),
    *(BlockCase(f"level {method}", blocks.Level(method=method), (7, 4)) for method in ("last", "mean", "zero")),  # pyright: ignore
    BlockCase("level of the last steps", blocks.Level(method="mean", steps=3), (7, 4)),
    *(BlockCase(f"spread {method}", blocks.Spread(method=method), (7, 6)) for method in ("std", "mean-abs")),  # pyright: ignore
]
