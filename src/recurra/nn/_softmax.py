from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn


class TiedLinear(nn.Module):
    """The module of `blocks.TiedLinear`: a linear map whose weights are an embedding's vectors."""

    def __init__(self, table: nn.Embedding) -> None:
        super().__init__()
        # Not registered: the table belongs to its own branch, and is saved there.
        self._table = [table]
        self.bias = nn.Parameter(torch.zeros(table.num_embeddings))

    @property
    def weight(self) -> Float[Tensor, "category feature"]:
        return self._table[0].weight

    def forward(self, x: Float[Tensor, "batch *middle feature"]) -> Float[Tensor, "batch *middle category"]:
        return nn.functional.linear(x, self.weight, self.bias)


class AdaptiveSoftmax(nn.AdaptiveLogSoftmaxWithLoss):
    """The module of `blocks.AdaptiveSoftmax`; `loss` takes the targets, and costs far less than all categories."""

    def __init__(self, input_size: int, categories: int, cutoffs: tuple[int, ...], factor: float) -> None:
        super().__init__(input_size, categories, list(cutoffs), div_value=factor)

    def loss(self, x: Float[Tensor, "row feature"], target: Tensor) -> Float[Tensor, ""]:
        """The mean of -log p(target) over rows."""
        return super().forward(x, target).loss

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, x: Float[Tensor, "batch *middle feature"]
    ) -> Float[Tensor, "batch *middle category"]:
        return self.log_prob(x.reshape(-1, x.shape[-1])).reshape(*x.shape[:-1], -1)
