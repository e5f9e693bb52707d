"""Batches by position: the loop asks for batch `index` of epoch `epoch`, so a place in training is two numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor


class Batches(Protocol):
    """What a network is trained on.

    The same position always gives the same batch, whatever was asked for before, and drawing one leaves the global
    random numbers alone: exact resume rests on that. A batch is a tensor, or tensors in tuples, lists, dicts,
    dataclasses.
    """

    def __len__(self) -> int:
        """Steps of one epoch."""
        ...

    def batch(self, epoch: int, index: int) -> Any:
        """The batch of step `index` of epoch `epoch`; both count from 0."""
        ...


class ShuffledBatches:
    """Batches gathered by index, in an order drawn anew for each epoch from (seed, epoch).

    `gather` turns sample numbers, an int64 tensor, into a batch. The last batch of an epoch may be smaller; with
    `steps` an epoch ends after so many batches, and the next one draws anew.
    """

    def __init__(
        self,
        count: int,
        gather: Callable[[Tensor], Any],
        *,
        batch_size: int,
        seed: int,
        steps: int | None = None,
    ) -> None:
        self._count = count
        self._gather = gather
        self._batch_size = batch_size
        self._seed = seed
        whole = -(-count // batch_size)
        self._steps = whole if steps is None else min(steps, whole)
        self._epoch = -1
        self._order = torch.empty(0, dtype=torch.int64)

    def __len__(self) -> int:
        return self._steps

    def batch(self, epoch: int, index: int) -> Any:
        """Gather the samples of this position."""
        if not 0 <= index < self._steps:
            raise IndexError(f"batch {index} of {self._steps}")
        if epoch != self._epoch:
            self._order = torch.from_numpy(np.random.default_rng((self._seed, epoch)).permutation(self._count))
            self._epoch = epoch
        start = index * self._batch_size
        return self._gather(self._order[start : start + self._batch_size])
