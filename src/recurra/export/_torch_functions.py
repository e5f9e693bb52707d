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


def spell(table: nn.Embedding, linear: nn.Linear, codes: Tensor) -> Tensor:
    """The largest features of a convolution over the characters of each word; 0 is no character."""
    is_there = (codes > 0)[..., None]
    kernel = linear.in_features // table.embedding_dim
    padded = nn.functional.pad(table(codes) * is_there, (0, 0, kernel // 2, kernel // 2))
    windows = padded.unfold(-2, kernel, 1).transpose(-1, -2).flatten(-2)
    features = linear(windows).masked_fill(~is_there, -torch.inf).amax(-2)
    return torch.where(is_there.any(-2), features, torch.zeros_like(features))


def largest(x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The largest of each number over steps; the state is that, how many steps there were, and 0."""
    value = x.amax(1)
    count = torch.full_like(value[:, :1], x.shape[1])
    if state is not None:
        before, steps, _ = state[0].split([x.shape[2], 1, 1], dim=1)
        value = torch.where(steps > 0, torch.maximum(before, value), value)
        count = count + steps
    return value, torch.cat([value, count, torch.zeros_like(count)], dim=1)[None]


def rooted_sum(x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The sum over steps by the root of their number; the state is the sum, the number, and 0."""
    value = x.sum(1)
    count = torch.full_like(value[:, :1], x.shape[1])
    if state is not None:
        before, steps, _ = state[0].split([x.shape[2], 1, 1], dim=1)
        value, count = value + before, count + steps
    return value / count.sqrt(), torch.cat([value, count, torch.zeros_like(count)], dim=1)[None]


def weighted_mean(x: Tensor, scores: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The mean over steps by weights exp(score); the state is sum and weight, less the highest score, and that."""
    peak = scores.amax(1)
    weights = (scores - peak[:, None]).exp()
    value, weight = (weights * x).sum(1), weights.sum(1)
    if state is not None:
        old_value, old_weight, old_peak = state[0].split([x.shape[2], 1, 1], dim=1)
        highest = torch.where(old_weight > 0, torch.maximum(old_peak, peak), peak)
        kept = torch.where(old_weight > 0, (old_peak - highest).exp(), torch.zeros_like(highest))
        added = (peak - highest).exp()
        value, weight, peak = value * added + old_value * kept, weight * added + old_weight * kept, highest
    return value / weight, torch.cat([value, weight, peak], dim=1)[None]


def best_paths(
    field: nn.ParameterDict,
    scores: Tensor,
    forbidden: list[tuple[int, int]],
    forbidden_first: list[int],
    state: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """For each step and label the score of the best path that ends there, less that of the best of all.

    The state is those of the last step, and whether there was one.
    """
    moves, first = field["transitions"].clone(), field["first"].clone()
    for before, after in forbidden:
        moves[before, after] = -1e4
    first[forbidden_first] = -1e4
    state = scores.new_zeros(1, len(scores), scores.shape[2] + 1) if state is None else state
    now, has_begun = state[0, :, :-1], state[0, :, -1:]
    paths = []
    for step in scores.unbind(1):
        now = torch.where(has_begun > 0, (now[:, :, None] + moves).amax(1), first) + step
        now = now - now.amax(1, keepdim=True)
        has_begun = torch.ones_like(has_begun)
        paths.append(now)
    return torch.stack(paths, dim=1), torch.cat([now, has_begun], dim=1)[None]


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
