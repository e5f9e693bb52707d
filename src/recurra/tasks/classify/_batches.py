from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from recurra.data.text import BucketedBatches

_TAG = 0xC1A55


class TrainingBatches:
    """Batches of labelled sequences, some of their words changed at random, drawn from (seed, epoch, index) alone.

    `unknown` is the share of words whose code becomes 0, `augment` that of words dropped or swapped with the next one.
    """

    def __init__(self, batches: BucketedBatches, *, seed: int, unknown: float, augment: float) -> None:
        self._batches = batches
        self._seed, self._unknown, self._augment = seed, unknown, augment

    def __len__(self) -> int:
        return len(self._batches)

    def batch(self, epoch: int, index: int) -> dict[str, Tensor]:
        """The batch of this position."""
        batch = self._batches.batch(epoch, index)
        random = np.random.default_rng((self._seed, epoch, index, _TAG))
        if self._augment:
            batch = drop_and_swap(batch, self._augment, random)
        if self._unknown and "words" in batch:
            hidden = torch.from_numpy(random.random(batch["words"].shape) < self._unknown)
            batch["words"] = batch["words"].masked_fill(hidden, 0)
        return batch


def drop_and_swap(batch: dict[str, Tensor], share: float, random: Any) -> dict[str, Tensor]:
    """Drop half of `share` of the steps of each row, but never all, and swap as many with the step after them."""
    lengths = batch["lengths"].numpy()
    order = np.tile(np.arange(_steps(batch)), (len(lengths), 1))
    inside = order < lengths[:, None]
    for row, at in zip(*np.nonzero(random.random(order.shape) < share / 2), strict=True):
        if at + 1 < lengths[row]:
            order[row, [at, at + 1]] = order[row, [at + 1, at]]
    kept = inside & (random.random(order.shape) >= share / 2)
    kept[:, 0] |= ~kept.any(axis=1)
    # What is kept moves to the front, in its order.
    places = np.argsort(~kept, axis=1, kind="stable")
    order = torch.from_numpy(np.take_along_axis(order, places, axis=1))
    count = torch.from_numpy(kept.sum(axis=1))
    later = torch.arange(order.shape[1]) >= count[:, None]
    changed = dict(batch)
    for name, values in batch.items():
        if values.dim() == 3:
            moved = values.gather(1, order[..., None].expand_as(values))
            changed[name] = moved.masked_fill(later[..., None], 0)
    return changed | {"lengths": count}


def _steps(batch: dict[str, Tensor]) -> int:
    return next(values.shape[1] for values in batch.values() if values.dim() == 3)
