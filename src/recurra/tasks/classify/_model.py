"""A network with what it takes to train it and to ask it: sequences in, losses and logits out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from recurra.data.text._batches import Ragged
from recurra.nn import Network
from recurra.tasks.classify._composition import OUTPUT, RECURRENT
from recurra.tasks.classify._words import LONGEST

_STEPS_AT_ONCE = 16_384  # of all rows together


class Model:
    """The network of a classifier, trained or not."""

    def __init__(
        self, network: Network, *, multi: bool, weights: np.ndarray | None = None, label_smoothing: float = 0.0
    ) -> None:
        self.network = network
        self.multi = multi
        self._weights = None if weights is None else torch.from_numpy(weights.astype(np.float32))
        self._smoothing = label_smoothing

    def loss(self, network: nn.Module, batch: Mapping[str, Tensor]) -> Tensor:
        """The cross entropy of a batch, a scalar; of a text with several labels, the mean over labels.

        Where a linear branch is beside the recurrent one, that learns on its own as much as what the other misses:
        what is left of a good regression's errors is too little to learn to read from.
        """
        values = network(batch, lengths=batch["lengths"])
        loss = self._cross_entropy(values[OUTPUT], batch["truth"])
        if RECURRENT not in values:
            return loss
        return (loss + self._cross_entropy(values[RECURRENT], batch["truth"])) / 2

    def _cross_entropy(self, logits: Tensor, truth: Tensor) -> Tensor:
        if not self.multi:
            return functional.cross_entropy(logits, truth, self._weights, label_smoothing=self._smoothing)
        truth = truth * (1 - self._smoothing) + self._smoothing / 2
        return functional.binary_cross_entropy_with_logits(logits, truth, self._weights)

    @torch.no_grad()
    def logits(self, encoded: Ragged, branch: str = OUTPUT) -> np.ndarray:
        """Logits (N, L) of all sequences, in their order; those of one branch."""
        self.network.eval()
        composition = self.network.composition
        classes = next(branch.blocks[-1].width(0) for branch in reversed(composition.branches) if branch.blocks)
        result = np.zeros((len(encoded), classes), np.float32)
        order = np.argsort(-encoded.lengths, kind="stable")
        start = 0
        while start < order.size:
            longest = max(int(encoded.lengths[order[start]]), 1)
            chosen = order[start : start + max(1, _STEPS_AT_ONCE // longest)]
            result[chosen] = self._logits(encoded, chosen, branch).numpy()
            start += chosen.size
        return result

    def _logits(self, encoded: Ragged, chosen: np.ndarray, branch: str) -> Tensor:
        arrays, counts = encoded.gather(chosen)
        inputs = {name: torch.from_numpy(array) for name, array in arrays.items()}
        lengths = torch.from_numpy(counts)
        if int(lengths.max()) <= LONGEST or self.network.composition.obstacles():
            inputs = {name: values[:, :LONGEST] for name, values in inputs.items()}
            return self.network.compute((branch,), inputs, lengths=lengths.clamp(max=LONGEST))[branch]
        return self._piecewise(inputs, int(lengths.max()), branch)

    def _piecewise(self, inputs: Mapping[str, Tensor], steps: int, branch: str) -> Tensor:
        """One long sequence, part after part: a network of causal blocks goes on from its state."""
        state: Any = None
        values: dict[str, Tensor] = {}
        for start in range(0, steps, LONGEST):
            part = {name: array[:, start : start + LONGEST] for name, array in inputs.items()}
            values, state = self.network.run(part, state, names=(branch,))
        return values[branch]
