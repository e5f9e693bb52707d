"""One layer in one direction that autograd can follow all the way, and so differentiate as often as it is asked to.

Faster runs derive one backward pass by hand; the derivative of that backward pass is taken through this one. It has no
tape: torch keeps what it needs.
"""

from __future__ import annotations

from typing import TypeVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from recurra.reference._cell import Cell, zero_where
from recurra.reference._unrolled import blanked, mirrored

Record = TypeVar("Record", bound=tuple)


def differentiable_run(
    cell: Cell,
    x: Float[Tensor, "batch time feature"],
    state: Record,
    weights: tuple[Tensor, ...],
    *,
    reverse: bool = False,
    lengths: Int[Tensor, "batch"] | None = None,
    resets: Bool[Tensor, "batch time"] | None = None,
) -> tuple[Float[Tensor, "batch time hidden"], Record]:
    """The output at every step and the final state.

    `reverse` runs each row from its last step to its first. Beyond a row's length the output is 0 and the input isn't
    read. Where `resets` holds, the state is 0 before that step is run; in reverse what came before it is the step
    after.
    """
    x = blanked(x, lengths)
    if reverse:
        x = mirrored(x, lengths)
        resets = None if resets is None else mirrored(resets[:, :, None], lengths)[:, :, 0]
    outputs = [torch.zeros_like(state[0])[:, None][:, :0]]
    for t in range(x.shape[1]):
        before = state if resets is None else zero_where(resets[:, t], state)
        output, after = cell.step(x[:, t], before, weights)
        state = after if lengths is None else _chosen(t < lengths, after, state)
        outputs.append(output[:, None])
    output = blanked(torch.cat(outputs, dim=1), lengths)
    return mirrored(output, lengths) if reverse else output, state


def _chosen(rows: Bool[Tensor, "batch"], these: Record, those: Record) -> Record:
    """These in such rows, those in the others."""
    pairs = zip(these, those, strict=True)
    return type(these)(*(torch.where(rows[:, None], this, that) for this, that in pairs))
