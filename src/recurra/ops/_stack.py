"""Stacks of layers on the compiled kernel: layers, dropout between them, and what each reads of the state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from recurra import reference
from recurra.ops._layer_op import layer


def run_stack(
    input: Tensor,
    state: tuple[Tensor, ...],
    weights: Sequence[Tensor],
    *,
    cell: str,
    batch_first: bool,
    bidirectional: bool,
    bfloat16: bool,
    dropout: float,
    batch_sizes: Tensor | None,
    lengths: Tensor | None,
    resets: Tensor | None,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Outputs and final state of a stack; everything as in `recurra.ops.recurrent`."""
    h0, c0 = state if len(state) == 2 else (state[0], None)
    directions = 2 if bidirectional else 1
    layers = h0.shape[0] // directions
    if lengths is not None:
        lengths = lengths.to(dtype=torch.int64).contiguous()
    if resets is not None:
        resets = _of_each_direction(resets.t() if batch_first else resets, lengths, bidirectional)
    how: Any = {
        "cell": cell,
        "batch_first": batch_first,
        "bidirectional": bidirectional,
        "bfloat16": bfloat16,
        "lengths": lengths,
        "batch_sizes": batch_sizes,
        "resets": resets,
    }
    if layers == 1:
        output, *end = layer(input, h0, c0, weights, **how)
        return output, tuple(end[: len(state)])
    starts = zip(*(field.split(directions) for field in state), strict=True)
    per_layer, ends = len(weights) // layers, []
    for index, start in enumerate(starts):
        h, c = start if c0 is not None else (start[0], None)
        own = weights[index * per_layer : (index + 1) * per_layer]
        input, *end = layer(input, h, c, own, **how)
        ends.append(end[: len(state)])
        if dropout > 0 and index < layers - 1:
            input = _dropped(input, dropout, batch_first and batch_sizes is None)
    return input, tuple(torch.cat(fields) for fields in zip(*ends, strict=True))


def _dropped(sequence: Tensor, dropout: float, batch_first: bool) -> Tensor:
    """The sequence with dropout, the dice thrown step after step as torch's layers throw them."""
    if not batch_first:
        return torch.nn.functional.dropout(sequence, dropout)
    rows, time, width = sequence.shape
    return sequence * torch.nn.functional.dropout(sequence.new_ones(time, rows, width), dropout).transpose(0, 1)


def _of_each_direction(resets: Tensor, lengths: Tensor | None, bidirectional: bool) -> Tensor:
    """Before which steps the state of each direction is 0, (directions, T, B), from where rows begin anew (T, B)."""
    resets = resets.to(torch.bool)
    if not bidirectional:
        return resets[None].contiguous()
    return torch.stack([resets, reference.resets_in_reverse(resets.t(), lengths).t()])
