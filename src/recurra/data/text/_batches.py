from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

_POOL = 50


class Ragged(Protocol):
    """Sequences of different lengths, such as `Encoded`."""

    @property
    def lengths(self) -> np.ndarray:
        """Steps of each, (N,)."""
        ...

    def __len__(self) -> int: ...

    def gather(self, indices: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """The inputs (B, T, width) of chosen ones, zeros after each, and their lengths (B,); T is at least 1."""
        ...


class BucketedBatches:
    """Batches of texts of like length, so that little is padded; drawn anew for each epoch from (seed, epoch).

    Each epoch shuffles the texts, sorts every fifty batches of them by length, and shuffles the batches. A batch is a
    dict of the network's inputs (B, T, width) int64, "lengths" (B,), and what `add` gives for the texts' numbers, such
    as labels. The last batch drawn may be smaller; with `steps` an epoch ends after so many.
    """

    def __init__(
        self,
        encoded: Ragged,
        *,
        batch_size: int,
        seed: int,
        add: Callable[[np.ndarray], Mapping[str, Tensor]] | None = None,
        steps: int | None = None,
    ) -> None:
        self._encoded = encoded
        self._batch_size = batch_size
        self._seed = seed
        self._add = add
        whole = -(-len(encoded) // batch_size)
        self._steps = whole if steps is None else min(steps, whole)
        self._epoch = -1
        self._drawn: list[np.ndarray] = []

    def __len__(self) -> int:
        return self._steps

    def batch(self, epoch: int, index: int) -> dict[str, Tensor]:
        """Gather the texts of this position."""
        if not 0 <= index < self._steps:
            raise IndexError(f"batch {index} of {self._steps}")
        if epoch != self._epoch:
            self._drawn = self._draw(epoch)
            self._epoch = epoch
        return self.gather(self._drawn[index])

    def gather(self, indices: np.ndarray) -> dict[str, Tensor]:
        """The batch of chosen texts."""
        inputs, lengths = self._encoded.gather(indices)
        added = {} if self._add is None else self._add(indices)
        return {
            **{name: torch.from_numpy(array) for name, array in inputs.items()},
            "lengths": torch.from_numpy(lengths),
            **added,
        }

    def _draw(self, epoch: int) -> list[np.ndarray]:
        random = np.random.default_rng((self._seed, epoch))
        order = random.permutation(len(self._encoded))
        size, pool = self._batch_size, self._batch_size * _POOL
        drawn = []
        for start in range(0, order.size, pool):
            chosen = order[start : start + pool]
            chosen = chosen[np.argsort(self._encoded.lengths[chosen], kind="stable")]
            drawn += [chosen[at : at + size] for at in range(0, chosen.size, size)]
        return [drawn[at] for at in random.permutation(len(drawn))]
