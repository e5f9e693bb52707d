from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

_MASKED = -torch.inf


class CharactersModule(nn.Module):
    """The module of `blocks.Characters`."""

    def __init__(self, categories: int, size: int, channels: int, kernel: int) -> None:
        super().__init__()
        self.table = nn.Embedding(categories, size)
        nn.init.normal_(self.table.weight, std=size**-0.5)
        self.kernel = kernel
        self.linear = nn.Linear(kernel * size, channels)

    def forward(self, codes: Int[Tensor, "batch time character"]) -> Float[Tensor, "batch time feature"]:
        words = codes.reshape(-1, codes.shape[2])
        is_there = words > 0
        vectors = self.table(words) * is_there[..., None]
        reach = self.kernel // 2
        padded = nn.functional.pad(vectors, (0, 0, reach, reach))
        windows = padded.unfold(1, self.kernel, 1).transpose(2, 3).flatten(2)  # (word, character, kernel * size)
        features = self.linear(windows).masked_fill(~is_there[..., None], _MASKED).amax(1)
        return torch.where(is_there.any(1, keepdim=True), features, 0.0).reshape(*codes.shape[:2], -1)
