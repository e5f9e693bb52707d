"""Backpropagation through time, cut into chunks.

Williams & Peng, "An efficient gradient-based algorithm for on-line training of recurrent network trajectories", Neural
Computation 2, 1990. The state is carried from chunk to chunk, so the outputs are those of the whole sequence; its
gradient isn't, so a step is blamed only for what it caused within its own chunk. Memory is that of one chunk.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from recurra.reference._cell import Cell
from recurra.reference._unrolled import UnrolledGradients, unrolled_backward, unrolled_run


def truncated_gradients(
    cell: Cell,
    x: Float[Tensor, "batch time feature"],
    state: Any,
    weights: Sequence[Any],
    *,
    steps: int,
    grad_output: Float[Tensor, "batch time outputs"],
    grad_state: Any,
) -> UnrolledGradients:
    """The gradients of truncated backpropagation through time in chunks of `steps`, the last one possibly shorter.

    `grad_output` and `grad_state` are dL/d(outputs) and dL/d(final state), as for `unrolled_backward`, to which this is
    equal if `steps` reaches over the whole sequence. The initial state gets its gradient from the first chunk alone.
    """
    if steps < 1:
        raise ValueError(f"steps={steps}: a chunk holds at least one step. Pass steps >= 1.")
    nothing = type(state)(*(torch.zeros_like(field) for field in state))
    starts = range(0, max(x.shape[1], 1), steps)
    pieces: list[UnrolledGradients] = []
    for start in starts:
        chunk = slice(start, start + steps)
        _, state, tape = unrolled_run(cell, x[:, chunk], state, weights)
        asked = grad_state if start == starts[-1] else nothing
        pieces.append(unrolled_backward(cell, tape, weights, grad_output=grad_output[:, chunk], grad_state=asked))
    return UnrolledGradients(
        x=torch.cat([piece.x for piece in pieces], dim=1),
        state=pieces[0].state,
        weights=tuple(
            type(layers[0])(*(sum(fields[1:], start=fields[0]) for fields in zip(*layers, strict=True)))
            for layers in zip(*(piece.weights for piece in pieces), strict=True)
        ),
    )
