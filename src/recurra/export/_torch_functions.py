"""What exported networks are written with beside torch's own modules: copied, as it stands here, into their source."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def concatenate(*tensors: Tensor) -> Tensor:
    """Side by side on the last axis; what has no time axis, or one step, is repeated over time."""
    steps = max((tensor.shape[1] for tensor in tensors if tensor.dim() == 3), default=None)
    if steps is not None:
        tensors = tuple((t if t.dim() == 3 else t[:, None]).expand(-1, steps, -1) for t in tensors)
    return torch.cat(tensors, dim=-1)


def memory(state: dict[str, Tensor], h: str, c: str) -> tuple[Tensor, Tensor] | None:
    """What an LSTM remembers; None at the beginning of a sequence."""
    return (state[h], state[c]) if state else None


def embed(tables: nn.ModuleList, codes: Tensor) -> Tensor:
    """The vectors of all columns of codes, side by side."""
    return torch.cat([table(codes[..., column]) for column, table in enumerate(tables)], dim=-1)


def decode(cell: nn.RNNCell | nn.LSTMCell | nn.GRUCell, x: Tensor) -> Tensor:
    """One step of the cell at each position, from the state that is first among its features."""
    flat = x.flatten(0, 1)
    h, own = flat[:, : cell.hidden_size], flat[:, cell.hidden_size :]
    h = cell(own, (h, h))[0] if isinstance(cell, nn.LSTMCell) else cell(own, h)
    return h.unflatten(0, x.shape[:2])


def last_of_both_ways(x: Tensor) -> Tensor:
    """The last output of the forward layer beside that of the backward one, which ends at the first step."""
    forward, backward = x.chunk(2, dim=-1)
    return torch.cat([forward[:, -1], backward[:, 0]], dim=-1)


def last_observed(values: Tensor, observed: Tensor) -> Tensor:
    """The last value that was observed; 0 where none was."""
    steps = torch.arange(1, values.shape[1] + 1, device=values.device)[None, :, None]
    last = (steps * (observed > 0)).amax(dim=1, keepdim=True)
    value = values.gather(1, (last - 1).clamp(min=0))
    return torch.where(last > 0, value, torch.zeros_like(value))


def mean_observed(values: Tensor, observed: Tensor) -> Tensor:
    """The mean of what was observed; 0 where nothing was."""
    return (values * observed).sum(1, keepdim=True) / observed.sum(1, keepdim=True).clamp(min=1)


def deviation(values: Tensor, observed: Tensor, scale: Tensor) -> Tensor:
    """The standard deviation of what was observed; a tenth of the scale where it is flat."""
    variance = mean_observed((values - mean_observed(values, observed)).square(), observed)
    return (variance + (0.1 * scale[:, :1]).square()).sqrt()


def magnitude(values: Tensor, observed: Tensor, scale: Tensor) -> Tensor:
    """The mean magnitude of what was observed, and a tenth of the scale, so that it isn't 0."""
    return mean_observed(values.abs(), observed) + 0.1 * scale[:, :1]
