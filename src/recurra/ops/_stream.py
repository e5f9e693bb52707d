"""Stacks of layers that run one step at a time."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from recurra.errors import ConfigError
from recurra.ops._native import Stream
from recurra.ops._recurrent import Recurrence


def stream(weights: Sequence[Tensor], recurrence: Recurrence, rows: int = 1) -> Stream:
    """What `recurrent` computes outside of training, one step at a time, for so many sequences at once.

    The weights, in the order of `recurrent`, are copied. The state begins at 0. Raises ConfigError for what can't be
    run step by step, or not by the compiled kernel.
    """
    if recurrence.bidirectional:
        raise ConfigError(
            "bidirectional=True: one direction begins at the last step, which a stream doesn't know. "
            "Train with bidirectional=False to stream."
        )
    plan = recurrence.plan(dtype=weights[0].dtype, device=weights[0].device, training=False)
    if plan.kernel != "native":
        raise ConfigError(f"Only the compiled kernel streams, and it can't: {plan.reason}.")
    layers = []
    per_layer = len(weights) // recurrence.num_layers
    for first in range(0, len(weights), per_layer):
        w_ih, w_hh, *rest = (weight.detach() for weight in weights[first : first + per_layer])
        b_ih, b_hh = rest[:2] if recurrence.bias else (None, None)
        layers.append((recurrence.cell.name, w_ih, w_hh, b_ih, b_hh, rest[-1] if recurrence.peephole else None))
    return Stream(layers, rows)
