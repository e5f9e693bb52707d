"""One recurrent layer, in one direction or both, on the compiled kernel: tensors in, tensors out.

Everything that the kernel trusts is checked here or in the binding: types, sizes, layouts. No autograd.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from recurra.errors import ConfigError
from recurra.ops import _native
from recurra.ops._tape import new_tape, tape_width

GATES = {"rnn-tanh": 1, "rnn-relu": 1, "lstm": 4, "lstm-peephole": 4, "gru": 3, "gru-reset-before": 3}
_ABSENT = (0, 0, 0)


def has_memory(cell: str) -> bool:
    """Whether the cell has a c beside its h."""
    return GATES[cell] == 4


class _Call(NamedTuple):
    """What forward and backward hand over alike; tensors are held so that their memory stays."""

    layer: tuple[str, int, int, bool]
    steps: list[Any]  # of each direction
    weights: list[Any]  # addresses, of each direction
    start: list[tuple[int, int]]  # of each direction
    x: tuple[int, int, int]
    held: tuple[Any, ...]


def layer_forward(
    x: Tensor,
    h0: Tensor,
    c0: Tensor | None,
    weights: Sequence[Tensor],
    lengths: Tensor | None,
    batch_sizes: Tensor | None,
    resets: Tensor | None,
    cell: str,
    batch_first: bool,
    bidirectional: bool,
    bfloat16: bool,
    save_tape: bool,
    recompute: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Outputs, final h and c (empty where the cell has none), and the tape (empty unless it is wanted).

    See `recurra.ops._layer_op.SCHEMAS` for what goes in.
    """
    call = _prepared(x, h0, c0, weights, lengths, batch_sizes, resets, cell, batch_first, bidirectional, bfloat16)
    out, h_n, c_n, tape = empty_outputs(x, h0, cell, bidirectional, False, recompute)
    if save_tape:
        tape = new_tape(_tape_shape(x, h0, cell, bidirectional, recompute))
    hidden, state_bytes = h0.shape[2], 4 * h0.shape[1] * h0.shape[2]
    out_at, h_at, c_at, tape_at = out.data_ptr(), h_n.data_ptr(), c_n.data_ptr(), tape.data_ptr()
    strides = _strides(out, batch_first)
    for direction, (steps, addresses, start) in enumerate(zip(call.steps, call.weights, call.start, strict=True)):
        _native.forward(
            call.layer,
            steps,
            direction == 1,
            addresses,
            call.x,
            start,
            (out_at + 4 * hidden * direction, *strides),
            (h_at + state_bytes * direction, c_at + state_bytes * direction if c_at else 0),
            tape_at + 4 * tape.stride(0) * direction if save_tape else 0,
            recompute,
            torch.get_num_threads(),
        )
    return out, h_n, c_n, tape


def layer_backward(
    x: Tensor,
    h0: Tensor,
    c0: Tensor | None,
    weights: Sequence[Tensor],
    lengths: Tensor | None,
    batch_sizes: Tensor | None,
    resets: Tensor | None,
    out: Tensor,
    tape: Tensor,
    grad_out: Tensor | None,
    grad_h_n: Tensor | None,
    grad_c_n: Tensor | None,
    cell: str,
    batch_first: bool,
    bidirectional: bool,
    bfloat16: bool,
    recompute: bool,
    wanted: Sequence[bool],
) -> tuple[Tensor, Tensor, Tensor, list[Tensor]]:
    """The gradients of x, h0, c0 and each weight; empty where `wanted`, in that order, says so.

    Without a tape (one axis, not three), the layer runs forwards once more.
    """
    if tape.dim() == 1:
        out, *_, tape = layer_forward(
            x, h0, c0, weights, lengths, batch_sizes, resets,
            cell, batch_first, bidirectional, bfloat16, True, recompute,
        )  # fmt: skip
    call = _prepared(x, h0, c0, weights, lengths, batch_sizes, resets, cell, batch_first, bidirectional, bfloat16)
    grad_x, grad_h0, grad_c0, grad_weights = empty_gradients(x, h0, c0, weights, wanted)
    grad_x_backward = torch.empty_like(grad_x) if bidirectional and wanted[0] else grad_x
    if grad_out is not None and grad_out.stride(-1) != 1:
        grad_out = grad_out.contiguous()
    grad_h_n = None if grad_h_n is None else grad_h_n.contiguous()
    grad_c_n = None if grad_c_n is None or not has_memory(cell) else grad_c_n.contiguous()
    hidden, state_bytes = h0.shape[2], 4 * h0.shape[1] * h0.shape[2]
    grads_at = _addresses(grad_weights, cell, len(call.steps))
    out_at, tape_at = out.data_ptr(), tape.data_ptr()
    for direction, (steps, addresses, start) in enumerate(zip(call.steps, call.weights, call.start, strict=True)):
        mine = (grad_x, grad_x_backward)[direction]
        _native.backward(
            call.layer,
            steps,
            direction == 1,
            addresses,
            call.x,
            start,
            (out_at + 4 * hidden * direction, *_strides(out, batch_first)),
            tape_at + 4 * tape.stride(0) * direction,
            recompute,
            _ABSENT
            if grad_out is None
            else (grad_out.data_ptr() + 4 * hidden * direction, *_strides(grad_out, batch_first)),
            (_part(grad_h_n, state_bytes, direction), _part(grad_c_n, state_bytes, direction)),
            (mine.data_ptr(), *_strides(mine, batch_first)) if wanted[0] else _ABSENT,
            (_part(grad_h0, state_bytes, direction), _part(grad_c0, state_bytes, direction)),
            grads_at[direction],
            torch.get_num_threads(),
        )
    if grad_x_backward is not grad_x:
        grad_x += grad_x_backward
    return grad_x, grad_h0, grad_c0, grad_weights


def empty_outputs(
    x: Tensor, h0: Tensor, cell: str, bidirectional: bool, save_tape: bool, recompute: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Memory for what `layer_forward` gives."""
    directions = 2 if bidirectional else 1
    return (
        x.new_empty((*x.shape[:-1], directions * h0.shape[2])),
        x.new_empty(h0.shape),
        x.new_empty(h0.shape if has_memory(cell) else (0,)),
        x.new_empty(_tape_shape(x, h0, cell, bidirectional, recompute) if save_tape else (0,)),
    )


def _tape_shape(x: Tensor, h0: Tensor, cell: str, bidirectional: bool, recompute: bool) -> tuple[int, int, int]:
    rows = x.shape[0] if x.dim() == 2 else x.shape[0] * x.shape[1]
    return 2 if bidirectional else 1, rows, tape_width(cell, int(h0.shape[2]), recompute)


def empty_gradients(
    x: Tensor, h0: Tensor, c0: Tensor | None, weights: Sequence[Tensor], wanted: Sequence[bool]
) -> tuple[Tensor, Tensor, Tensor, list[Tensor]]:
    """Memory for what `layer_backward` gives."""
    grad_x, grad_h0, grad_c0, *grad_weights = (
        x.new_empty(tensor.shape if is_wanted and tensor is not None else (0,))
        for tensor, is_wanted in zip((x, h0, c0, *weights), wanted, strict=True)
    )
    return grad_x, grad_h0, grad_c0, grad_weights


def _prepared(
    x: Tensor,
    h0: Tensor,
    c0: Tensor | None,
    weights: Sequence[Tensor],
    lengths: Tensor | None,
    batch_sizes: Tensor | None,
    resets: Tensor | None,
    cell: str,
    batch_first: bool,
    bidirectional: bool,
    bfloat16: bool,
) -> _Call:
    if x.dim() != (3 if batch_sizes is None else 2) or h0.dim() != 3 or (c0 is None) == has_memory(cell):
        raise ConfigError(
            f"x has {x.dim()} axes and h0 {h0.dim()}, c0 is {'missing' if c0 is None else 'given'}; expected x (time, "
            f"batch, feature), or (row, feature) if packed, h0 (direction, batch, hidden), and c0 for an LSTM alone."
        )
    directions = 2 if bidirectional else 1
    features, (_, rows, hidden) = x.shape[-1], h0.shape
    if batch_sizes is not None:
        time, places = len(batch_sizes), x.shape[0]
        shape = (places, features)
    else:
        time = x.shape[1 if batch_first else 0]
        places = time * rows
        shape = (rows, time, features) if batch_first else (time, rows, features)
    state = (h0,) if c0 is None else (h0, c0)
    shapes = weight_shapes(cell, features, hidden, len(weights), directions)
    for tensor, expected in zip(
        (x, *state, *weights), (shape, *[(directions, rows, hidden)] * len(state), *shapes), strict=True
    ):
        if tensor.shape != expected or tensor.dtype is not torch.float32 or not tensor.is_cpu:
            name = "a weight" if tensor is not x and all(tensor is not field for field in state) else "x, h0 or c0"
            raise _unexpected(name, tensor, expected, torch.float32)
    counts = (0, 0)
    if lengths is not None or batch_sizes is not None or resets is not None:
        counts = _checked_rows(lengths, batch_sizes, resets, directions, time, rows)
    # The features of a step lie side by side; steps and rows may lie anywhere.
    if x.stride(-1) != 1:
        x = x.contiguous()
    state = tuple(field.contiguous() for field in state)
    weights = [weight.contiguous() for weight in weights]
    state_at, state_bytes = [field.data_ptr() for field in state], 4 * rows * hidden
    resets_at = 0 if resets is None else resets.data_ptr()
    return _Call(
        layer=(cell, features, hidden, bfloat16),
        steps=[(time, rows, places, *counts, resets_at + places * d if resets_at else 0) for d in range(directions)],
        weights=_addresses(weights, cell, directions),
        start=[(state_at[0] + state_bytes * d, state_at[-1] + state_bytes * d) for d in range(directions)],
        x=(x.data_ptr(), *_strides(x, batch_first)),
        held=(x, state, weights),
    )


def _checked_rows(
    lengths: Tensor | None, batch_sizes: Tensor | None, resets: Tensor | None, directions: int, time: int, rows: int
) -> tuple[int, int]:
    """The addresses of lengths and batch sizes, whose numbers the binding looks at."""
    if batch_sizes is not None and resets is not None:
        raise ConfigError("resets were given with a packed sequence. Give lengths instead of packing.")
    for name, tensor, shape, dtype in (
        ("lengths", lengths, (rows,), torch.int64),
        ("batch_sizes", batch_sizes, (time,), torch.int64),
        ("resets", resets, (directions, time, rows), torch.bool),
    ):
        if tensor is not None and (
            tensor.shape != shape or tensor.dtype is not dtype or not tensor.is_cpu or not tensor.is_contiguous()
        ):
            raise _unexpected(name, tensor, shape, dtype)
    return 0 if lengths is None else lengths.data_ptr(), 0 if batch_sizes is None else batch_sizes.data_ptr()


@lru_cache
def weight_shapes(cell: str, features: int, hidden: int, count: int, directions: int) -> tuple[tuple[int, ...], ...]:
    """The shapes of so many weights, in torch's order; with biases or without."""
    gates, peephole = GATES[cell] * hidden, cell == "lstm-peephole"
    biases = ((gates,), (gates,)) if count // directions >= 4 else ()
    of_direction = ((gates, features), (gates, hidden), *biases, *(((3 * hidden,),) if peephole else ()))
    if len(of_direction) * directions != count:
        raise ConfigError(
            f"{count} weights were given to {directions} direction(s) of {cell!r}; expected weight_ih and weight_hh of "
            f"each{', weight_peephole' if peephole else ''}, with bias_ih and bias_hh before it or without."
        )
    return of_direction * directions


def _unexpected(name: str, tensor: Tensor, shape: Sequence[int], dtype: torch.dtype) -> ConfigError:
    return ConfigError(
        f"{name} is {tensor.dtype} of shape {tuple(tensor.shape)} on {tensor.device}; expected {dtype} of shape "
        f"{tuple(shape)} on cpu."
    )


def _strides(sequence: Tensor, batch_first: bool) -> tuple[int, int]:
    """How many floats one step and one row take."""
    if sequence.dim() == 2:
        return 0, sequence.stride(0)
    one, other = sequence.stride(0), sequence.stride(1)
    return (other, one) if batch_first else (one, other)


def _addresses(weights: Sequence[Tensor], cell: str, directions: int) -> list[tuple[int, int, int, int, int]]:
    """The addresses of each direction's w_ih, w_hh, b_ih, b_hh and peephole; 0 for those that it hasn't."""
    at = [weight.data_ptr() for weight in weights]
    count = len(at) // directions
    found = []
    for first in range(0, len(at), count):
        w_ih, w_hh, *rest = at[first : first + count]
        b_ih, b_hh = rest[:2] if count >= 4 else (0, 0)
        found.append((w_ih, w_hh, b_ih, b_hh, rest[-1] if cell == "lstm-peephole" else 0))
    return found


def _part(tensor: Tensor | None, size: int, direction: int) -> int:
    """The address of one direction's part, of so many bytes; 0 where there is nothing."""
    address = 0 if tensor is None else tensor.data_ptr()
    return address + size * direction if address else 0
