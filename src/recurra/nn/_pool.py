from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn


class PoolState(NamedTuple):
    """What pooling carries on.

    Of "max" the largest numbers and how many steps there were; else the sum of steps times exp(score - peak), the sum
    of these weights, and the largest score.
    """

    value: Float[Tensor, "batch hidden"]
    weight: Float[Tensor, "batch 1"]
    peak: Float[Tensor, "batch 1"]


class PoolModule(nn.Module):
    """The module of `blocks.Pool`. A row of no steps gives zeros."""

    keeps_state = takes_lengths = True

    def __init__(self, method: str, hidden: int, size: int) -> None:
        super().__init__()
        self.method = method
        if method == "attention":
            self.key = nn.Linear(hidden, size)
            self.query = nn.Linear(size, 1, bias=False)

    def forward(
        self,
        x: Float[Tensor, "batch time hidden"],
        state: PoolState | None = None,
        lengths: Int[Tensor, "batch"] | None = None,
    ) -> tuple[Float[Tensor, "batch hidden"], PoolState]:
        steps = torch.arange(x.shape[1], device=x.device)
        within = steps < (x.shape[1] if lengths is None else lengths[:, None])  # (B, T) or (T,)
        within = within.expand(x.shape[:2])
        state = _merged(state, self._pooled(x, within), self.method)
        if self.method == "max":
            return torch.where(state.weight > 0, state.value, 0.0), state
        weight = state.weight.sqrt() if self.method == "root" else state.weight
        return state.value / weight.clamp(min=torch.finfo(x.dtype).tiny), state

    def weights(
        self, x: Float[Tensor, "batch time hidden"], lengths: Int[Tensor, "batch"]
    ) -> Float[Tensor, "batch time"]:
        """How much attention pays to each step; 0 beyond a row's end."""
        within = torch.arange(x.shape[1], device=x.device) < lengths[:, None]
        return self._scores(x).masked_fill(~within, -torch.inf).softmax(1).nan_to_num()

    def _scores(self, x: Float[Tensor, "batch time hidden"]) -> Float[Tensor, "batch time"]:
        if self.method == "attention":
            return self.query(self.key(x).tanh())[..., 0]
        return x.new_zeros(x.shape[:2])

    def _pooled(self, x: Float[Tensor, "batch time hidden"], within: Bool[Tensor, "batch time"]) -> PoolState:
        if self.method == "max":
            value = x.masked_fill(~within[..., None], -torch.inf).amax(1)
            weight = within.sum(1, keepdim=True).to(x.dtype)
            return PoolState(value, weight, torch.zeros_like(weight))
        scores = self._scores(x).masked_fill(~within, -torch.inf)
        peak = scores.amax(1, keepdim=True).detach()
        weights = torch.where(within, (scores - peak).exp(), 0.0)
        return PoolState((weights[:, None] @ x)[:, 0], weights.sum(1, keepdim=True), peak)


def _merged(before: PoolState | None, now: PoolState, method: str) -> PoolState:
    """The pool of some steps and those after them."""
    if before is None:
        return now
    if method == "max":
        return PoolState(torch.maximum(before.value, now.value), before.weight + now.weight, now.peak)
    if method == "root":
        return PoolState(before.value + now.value, before.weight + now.weight, now.peak)
    peak = torch.maximum(before.peak, now.peak)
    shares = [torch.where(part.weight > 0, (part.peak - peak).exp(), 0.0) for part in (before, now)]
    value, weight = (
        sum(getattr(part, name) * share for part, share in zip((before, now), shares, strict=True))
        for name in ("value", "weight")
    )
    return PoolState(value, weight, peak)  # pyright: ignore[reportArgumentType]
