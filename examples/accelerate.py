"""A tagger written for torch, trained on torch, then on recurra: the same model, the same optimiser, one line between.

python examples/accelerate.py
"""

from __future__ import annotations

import time

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import recurra


class Tagger(nn.Module):
    """Nothing of recurra in here."""

    def __init__(self, words: int = 1000, tags: int = 9, hidden: int = 64) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, hidden)
        self.recurrent = nn.LSTM(hidden, hidden, batch_first=True, bidirectional=True)
        self.output = nn.Linear(2 * hidden, tags)

    def forward(self, words: Tensor, lengths: Tensor) -> Tensor:
        """A score for each tag at each word."""
        packed = pack_padded_sequence(self.embedding(words), lengths, batch_first=True, enforce_sorted=False)
        hidden, _ = pad_packed_sequence(self.recurrent(packed)[0], batch_first=True, total_length=words.shape[1])
        return self.output(hidden)


def main() -> None:
    """Train a while, swap, train on."""
    # Matrices this small gain nothing from threads.
    torch.set_num_threads(1)
    torch.manual_seed(0)
    lengths = torch.randint(1, 41, (32,))
    words = torch.randint(1000, (32, 40))
    tags = (words % 9).masked_fill(torch.arange(40) >= lengths[:, None], -1)  # a tag is easily told from its word
    model = Tagger()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

    def train(steps: int) -> tuple[float, float]:
        """The last loss, and the milliseconds of the fastest step."""
        loss, fastest = torch.tensor(0.0), float("inf")
        for _ in range(steps):
            start = time.perf_counter()
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(words, lengths).flatten(0, 1), tags.flatten(), ignore_index=-1)
            loss.backward()
            optimizer.step()
            fastest = min(fastest, time.perf_counter() - start)
        return loss.item(), fastest * 1e3

    loss, step = train(10)
    print(f"on torch.nn:  loss {loss:.3f}, a step takes {step:.1f} ms")

    before = model(words, lengths)
    print(recurra.accelerate(model))
    print(f"largest difference of an output: {(model(words, lengths) - before).abs().max():.1e}")

    loss, step = train(10)
    print(f"on recurra:   loss {loss:.3f}, a step takes {step:.1f} ms")

    recurra.decelerate(model)
    loss, step = train(10)
    print(f"and back:     loss {loss:.3f}, a step takes {step:.1f} ms")


if __name__ == "__main__":
    main()
