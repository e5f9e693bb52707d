"""Whole sequences through stacks of recurrent layers, by the kernel that the plan names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import _VF, Tensor
from torch.autograd.function import once_differentiable
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence
from torch.utils._pytree import tree_flatten, tree_unflatten

from recurra import reference
from recurra.ops._plan import Kind, Plan, plan


class Recurrence(NamedTuple):
    """What a stack of recurrent layers computes: everything about it but its weights.

    Names and meanings are torch's, but for the last line, which torch lacks.
    """

    kind: Kind
    num_layers: int = 1
    bias: bool = True
    batch_first: bool = False
    dropout: float = 0.0
    bidirectional: bool = False
    proj_size: int = 0
    nonlinearity: str = "tanh"
    peephole: bool = False
    reset_after: bool = True

    def plan(self, *, dtype: torch.dtype, device: torch.device, training: bool) -> Plan:
        """Which kernel would run this, and why."""
        if self.kind == "rnn":
            return plan("rnn", dtype=dtype, device=device, training=training, nonlinearity=self.nonlinearity)
        if self.kind == "lstm":
            features = {"peephole": self.peephole, "proj_size": self.proj_size}
            return plan("lstm", dtype=dtype, device=device, training=training, **features)
        return plan(self.kind, dtype=dtype, device=device, training=training, reset_after=self.reset_after)

    @property
    def cell(self) -> reference.Cell:
        """The equations of one step."""
        if self.kind == "rnn":
            return reference.rnn(self.nonlinearity)
        if self.kind == "lstm":
            return reference.PEEPHOLE_LSTM if self.peephole else reference.LSTM
        return reference.GRU_RESET_AFTER if self.reset_after else reference.GRU_RESET_BEFORE


def recurrent(
    input: Tensor,
    state: tuple[Tensor, ...],
    weights: Sequence[Tensor],
    recurrence: Recurrence,
    *,
    training: bool,
    batch_sizes: Tensor | None = None,
    lengths: Tensor | None = None,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """The outputs of a stack's last layer at every step, and the final state of each layer.

    `input` is (T, B, F), or (B, T, F) if batch first, or the data of a packed sequence with its `batch_sizes`; the
    output is laid out alike. Fields of the state are (layer, batch, hidden). `weights` lists the weights of each layer
    and direction in torch's order. `lengths` (B,), if given, counts the steps of each row, possibly none: beyond them
    the output is 0 and the final state is the one after the last step. `training` throws the dice of dropout.
    """
    chosen = recurrence.plan(dtype=input.dtype, device=input.device, training=training)
    compute = _by_torch if chosen.kernel == "torch" else _by_reference
    return compute(input, state, weights, recurrence, training, batch_sizes, lengths)


def _by_torch(
    input: Tensor,
    state: tuple[Tensor, ...],
    weights: Sequence[Tensor],
    recurrence: Recurrence,
    training: bool,
    batch_sizes: Tensor | None,
    lengths: Tensor | None,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    _, layers, bias, batch_first, dropout, bidirectional, *_ = recurrence
    if recurrence.kind == "rnn":
        kernel: Any = _VF.rnn_tanh if recurrence.nonlinearity == "tanh" else _VF.rnn_relu
    else:
        kernel = _VF.lstm if recurrence.kind == "lstm" else _VF.gru
    start = state if recurrence.kind == "lstm" else state[0]
    if batch_sizes is not None:
        output, *end = kernel(input, batch_sizes, start, weights, bias, layers, dropout, training, bidirectional)
        return output, tuple(end)
    time = input.shape[1] if batch_first else input.shape[0]
    if time == 0:
        # torch refuses to run no steps; the state after none is the state before.
        return input.new_zeros(*input.shape[:2], state[0].shape[-1] * (2 if bidirectional else 1)), state
    if lengths is None or len(lengths) == 0:
        output, *end = kernel(input, start, weights, bias, layers, dropout, training, bidirectional, batch_first)
        return output, tuple(end)
    return _packed(input, state, weights, recurrence, training, lengths)


def _packed(
    input: Tensor,
    state: tuple[Tensor, ...],
    weights: Sequence[Tensor],
    recurrence: Recurrence,
    training: bool,
    lengths: Tensor,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Rows of different lengths by torch, which wants them packed and none of them empty."""
    batch_first = recurrence.batch_first
    time = input.shape[1] if batch_first else input.shape[0]
    empty = (lengths == 0).to(input.device)
    any_empty = bool(empty.any())
    of_row = empty[:, None, None] if batch_first else empty[:, None]
    if any_empty:
        input = input.masked_fill(of_row, 0)
    packed = pack_padded_sequence(input, lengths.clamp(min=1).cpu(), batch_first=batch_first, enforce_sorted=False)
    assert packed.sorted_indices is not None and packed.unsorted_indices is not None
    start = tuple(field.index_select(1, packed.sorted_indices) for field in state)
    data, end = _by_torch(packed.data, start, weights, recurrence, training, packed.batch_sizes, None)
    output, _ = pad_packed_sequence(packed._replace(data=data), batch_first=batch_first, total_length=time)
    end = tuple(field.index_select(1, packed.unsorted_indices) for field in end)
    if any_empty:
        output = output.masked_fill(of_row, 0)
        end = tuple(torch.where(empty[:, None], before, after) for before, after in zip(state, end, strict=True))
    return output, end


def _by_reference(
    input: Tensor,
    state: tuple[Tensor, ...],
    weights: Sequence[Tensor],
    recurrence: Recurrence,
    training: bool,
    batch_sizes: Tensor | None,
    lengths: Tensor | None,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    if batch_sizes is not None:
        x, lengths = pad_packed_sequence(PackedSequence(input, batch_sizes), batch_first=True)
    else:
        x = input if recurrence.batch_first else input.transpose(0, 1)
    if lengths is not None:
        lengths = lengths.to(x.device)
    masks: list[Tensor] = []
    if training and recurrence.dropout > 0:
        ones = x.new_ones(*x.shape[:2], state[0].shape[-1] * (2 if recurrence.bidirectional else 1))
        masks = [torch.nn.functional.dropout(ones, recurrence.dropout) for _ in range(recurrence.num_layers - 1)]
    if not recurrence.bias:
        weights = _with_zero_biases(weights, len(weights) // state[0].shape[0])
    output, *end = _Unrolled.apply(recurrence.cell, recurrence.bidirectional, lengths, masks, x, *state, *weights)
    if batch_sizes is not None:
        assert lengths is not None
        output = pack_padded_sequence(output, lengths.cpu(), batch_first=True).data
    elif not recurrence.batch_first:
        output = output.transpose(0, 1)
    return output, tuple(end)


def _with_zero_biases(weights: Sequence[Tensor], per_cell: int) -> list[Tensor]:
    """The weights of layers without biases, as the equations want them: with biases that are 0."""
    complete: list[Tensor] = []
    for first in range(0, len(weights), per_cell):
        weight_ih, weight_hh, *rest = weights[first : first + per_cell]
        zeros = weight_ih.new_zeros(weight_ih.shape[0])
        complete += [weight_ih, weight_hh, zeros, zeros, *rest]
    return complete


class _Unrolled(torch.autograd.Function):
    """A stack of reference cells, with the backward pass that the reference derives by hand."""

    @staticmethod
    def forward(
        ctx: Any,
        cell: reference.Cell,
        bidirectional: bool,
        lengths: Tensor | None,
        masks: list[Tensor],
        x: Tensor,
        *tensors: Tensor,
    ) -> tuple[Tensor, ...]:
        fields = len(cell.state._fields)
        state, weights = cell.state(*tensors[:fields]), tensors[fields:]
        per_cell = len(cell.weights._fields)
        stack = [cell.weights(*weights[i : i + per_cell]) for i in range(0, len(weights), per_cell)]
        output, end, tape = reference.unrolled_run(
            cell, x, state, stack, bidirectional=bidirectional, lengths=lengths, masks=masks
        )
        # Through save_for_backward, so that autograd notices when somebody writes into an input before the way back.
        saved, ctx.structure = tree_flatten((tape._replace(bidirectional=None), stack))
        ctx.save_for_backward(*saved)
        ctx.cell, ctx.bidirectional = cell, bidirectional
        return output, *end

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grad_outputs: Tensor
    ) -> tuple[Tensor | None, ...]:
        grad_output, *grad_end = grad_outputs
        tape, stack = tree_unflatten(list(ctx.saved_tensors), ctx.structure)
        gradients = reference.unrolled_backward(
            ctx.cell,
            tape._replace(bidirectional=ctx.bidirectional),
            stack,
            grad_output=grad_output,
            grad_state=ctx.cell.state(*grad_end),
        )
        weights = [grad for grads in gradients.weights for grad in grads]
        return None, None, None, None, gradients.x, *gradients.state, *weights
