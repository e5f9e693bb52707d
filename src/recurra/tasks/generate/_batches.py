from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


class RunningBatches:
    """A long text cut into rows that are read side by side, `bptt` pieces a batch, each batch after the last one.

    A batch holds "codes" (B, T, 1), the pieces after them, "target" (B, T), and whether the rows begin with it,
    "begins". Every pass over the text cuts it elsewhere, by (seed, pass), so that no piece is always first in its
    batch. With fewer `steps` than a pass has, an epoch goes on where the last one ended, though without its state.
    """

    def __init__(self, codes: np.ndarray, *, batch_size: int, bptt: int, seed: int, steps: int | None = None) -> None:
        rows = (len(codes) - 1) // batch_size
        self._codes = codes
        self._batch_size, self._bptt, self._seed = batch_size, min(bptt, rows), seed
        # What the shift takes away, so that every pass has as many steps.
        self._slack = min(self._bptt, rows // 10) * batch_size
        self._length = (len(codes) - 1 - self._slack) // batch_size
        self._whole = -(-self._length // self._bptt)
        self._steps = self._whole if steps is None else min(steps, self._whole)

    def __len__(self) -> int:
        return self._steps

    def batch(self, epoch: int, index: int) -> dict[str, Tensor]:
        """The rows of this position."""
        if not 0 <= index < self._steps:
            raise IndexError(f"batch {index} of {self._steps}")
        turn, place = divmod(epoch * self._steps + index, self._whole)
        shift = int(np.random.default_rng((self._seed, turn)).integers(self._slack + 1))
        start = place * self._bptt
        width = min(self._bptt, self._length - start) + 1
        begins = shift + start + np.arange(self._batch_size) * self._length
        rows = torch.from_numpy(self._codes[begins[:, None] + np.arange(width)].astype(np.int64))
        return {
            "codes": rows[:, :-1, None],
            "target": rows[:, 1:],
            "begins": torch.tensor(index == 0 or place == 0),
        }
