"""Whole sequences through stacks of recurrent layers, by the kernel that the plan names."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import _VF, Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence
from torch.utils._pytree import tree_flatten, tree_unflatten

from recurra import reference
from recurra.ops._plan import Choice, Kind, Plan, Precision, choose, plan, torch_is_faster
from recurra.ops._stack import run_stack


class Recurrence(NamedTuple):
    """What a stack of recurrent layers computes: everything about it but its weights.

    Names and meanings are torch's, but for those after `nonlinearity`, which torch lacks.
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
    recurrent_dropout: float = 0.0
    zoneout: float = 0.0
    layer_norm: bool = False
    precision: Precision = "float32"

    def plan(
        self, *, dtype: torch.dtype, device: torch.device, training: bool, resets: bool = False, **sizes: int | None
    ) -> Plan:
        """Which kernel would run this, with resets or without, and why. Sizes are those that `plan` takes."""
        own: Any = {**self.features, "resets": resets, **sizes}
        return plan(self.kind, dtype=dtype, device=device, training=training, precision=self.precision, **own)

    @property
    def features(self) -> dict[str, object]:
        """What sets this apart from other layers of its kind, as `plan` names it."""
        own: dict[str, object] = {
            "rnn": {"nonlinearity": self.nonlinearity},
            "lstm": {"peephole": self.peephole, "proj_size": self.proj_size},
            "gru": {"reset_after": self.reset_after},
        }[self.kind]
        of_all = {"recurrent_dropout": self.recurrent_dropout, "zoneout": self.zoneout, "layer_norm": self.layer_norm}
        return {**own, **of_all}

    @property
    def cell(self) -> reference.Cell:
        """The equations of one step."""
        if self.kind == "rnn":
            return (reference.layer_norm_rnn if self.layer_norm else reference.rnn)(self.nonlinearity)
        if self.layer_norm:
            return reference.LAYER_NORM_LSTM if self.kind == "lstm" else reference.LAYER_NORM_GRU
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
    resets: Tensor | None = None,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """The outputs of a stack's last layer at every step, and the final state of each layer.

    `input` is (T, B, F), or (B, T, F) if batch first, or the data of a packed sequence with its `batch_sizes`; the
    output is laid out alike. Fields of the state are (layer, batch, hidden). `weights` lists the weights of each layer
    and direction in torch's order. `lengths` (B,), if given, counts the steps of each row, possibly none: beyond them
    the output is 0 and the final state is the one after the last step. `resets`, laid out as the input is, holds where
    a row begins anew: nothing passes between that step and the one before it, in either direction; not with a packed
    sequence. `training` throws the dice of dropout.

    What the compiled kernel gives is equal bit by bit for any number of threads, and a row's for whatever other rows
    there are; the shortest calls, which torch computes (`plan`), are equal to it up to rounding.
    """
    if torch.is_autocast_enabled("cpu") and input.is_cpu:
        # As torch does with what loses by short numbers: computed, and given, in the numbers of the weights.
        input, state = input.to(weights[0].dtype), tuple(field.to(weights[0].dtype) for field in state)
    is_compiling = torch.compiler.is_compiling()
    choice_of = _choice_of if is_compiling else _remembered_choice_of
    kernel, *_, yields = choice_of(recurrence, input.dtype, input.device.type, training, resets is not None)
    if yields and batch_sizes is None and lengths is None and not is_compiling:
        steps, rows = (input.shape[1], input.shape[0]) if recurrence.batch_first else input.shape[:2]
        if torch_is_faster(recurrence.kind, steps, rows, state[0].shape[-1]):
            kernel = "torch"
    if kernel == "native":
        return _by_native(input, state, weights, recurrence, training, batch_sizes, lengths, resets)
    if kernel == "torch":
        return _by_torch(input, state, weights, recurrence, training, batch_sizes, lengths)
    return _by_reference(input, state, weights, recurrence, training, batch_sizes, lengths, resets)


def _choice_of(recurrence: Recurrence, dtype: torch.dtype, device: str, training: bool, resets: bool) -> Choice:
    features = {**recurrence.features, "resets": resets}
    return choose(recurrence.kind, dtype, device, training, recurrence.precision, features)


_remembered_choice_of = lru_cache(_choice_of)


def _by_native(
    input: Tensor,
    state: tuple[Tensor, ...],
    weights: Sequence[Tensor],
    recurrence: Recurrence,
    training: bool,
    batch_sizes: Tensor | None,
    lengths: Tensor | None,
    resets: Tensor | None = None,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    kind = recurrence.kind
    if kind == "rnn":
        cell = f"rnn-{recurrence.nonlinearity}"
    elif kind == "lstm":
        cell = "lstm-peephole" if recurrence.peephole else "lstm"
    else:
        cell = "gru" if recurrence.reset_after else "gru-reset-before"
    return run_stack(
        input,
        state,
        weights,
        cell=cell,
        batch_first=recurrence.batch_first,
        bidirectional=recurrence.bidirectional,
        bfloat16=recurrence.precision == "bf16",
        dropout=recurrence.dropout if training else 0.0,
        batch_sizes=batch_sizes,
        lengths=lengths,
        resets=resets,
    )


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
    resets: Tensor | None = None,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    if batch_sizes is not None:
        x, lengths = pad_packed_sequence(PackedSequence(input, batch_sizes), batch_first=True)
    elif recurrence.batch_first:
        x = input
    else:
        x, resets = input.transpose(0, 1), None if resets is None else resets.transpose(0, 1)
    if lengths is not None:
        lengths = lengths.to(x.device)
    masks: list[Tensor] = []
    if training and recurrence.dropout > 0:
        ones = x.new_ones(*x.shape[:2], state[0].shape[-1] * (2 if recurrence.bidirectional else 1))
        masks = [torch.nn.functional.dropout(ones, recurrence.dropout) for _ in range(recurrence.num_layers - 1)]
    cell = recurrence.cell
    if not recurrence.bias:
        weights = _with_zero_biases(weights, cell.weights._fields)
    options = {
        "bidirectional": recurrence.bidirectional,
        "lengths": lengths,
        "masks": masks,
        "resets": resets,
        "disturbances": [_disturbance(recurrence, x, field, training) for field in state[0]],
    }
    output, *end = _Unrolled.apply(cell, options, x, *state, *weights)
    if batch_sizes is not None:
        assert lengths is not None
        output = pack_padded_sequence(output, lengths.cpu(), batch_first=True).data
    elif not recurrence.batch_first:
        output = output.transpose(0, 1)
    return output, tuple(end)


def _disturbance(recurrence: Recurrence, x: Tensor, h: Tensor, training: bool) -> reference.Disturbance:
    """What is done to the state of one layer and direction, of which `h` (B, H) is a part, with the dice thrown."""
    mask = zoneout = None
    if training and recurrence.recurrent_dropout > 0:
        mask = torch.nn.functional.dropout(torch.ones_like(h), recurrence.recurrent_dropout)
    if recurrence.zoneout > 0:
        share = h.new_full((1, 1, 1), recurrence.zoneout).expand(*x.shape[:2], h.shape[-1])
        fields = recurrence.cell.state._fields
        zoneout = recurrence.cell.state(*(share.bernoulli() if training else share for _ in fields))
    return reference.Disturbance(mask=mask, zoneout=zoneout)


def _with_zero_biases(weights: Sequence[Tensor], names: Sequence[str]) -> list[Tensor]:
    """The weights of layers without biases, as the equations want them: with biases that are 0."""
    complete: list[Tensor] = []
    present = [name for name in names if "bias" not in name]
    for first in range(0, len(weights), len(present)):
        cell = dict(zip(present, weights[first : first + len(present)], strict=True))
        for name in names:
            # A bias has a number for each row of the weight that it belongs to.
            weight = cell[name.replace("bias", "weight")]
            complete.append(weight if name in cell else weight.new_zeros(len(weight)))
    return complete


class _Unrolled(torch.autograd.Function):
    """A stack of reference cells, with the backward pass that the reference derives by hand."""

    @staticmethod
    def forward(
        ctx: Any, cell: reference.Cell, options: dict[str, Any], x: Tensor, *tensors: Tensor
    ) -> tuple[Tensor, ...]:
        ctx.cell, ctx.options = cell, options
        output, end, tape = _unrolled(cell, options, x, tensors)
        # Through save_for_backward, so that autograd notices when somebody writes into an input before the way back.
        saved, ctx.structure = tree_flatten((x, tensors, tape._replace(bidirectional=None)))
        ctx.save_for_backward(*saved)
        return output, *end

    @staticmethod
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grad_outputs: Tensor
    ) -> tuple[Tensor | None, ...]:
        grad_output, *grad_end = grad_outputs
        x, tensors, tape = tree_unflatten(list(ctx.saved_tensors), ctx.structure)
        if torch.is_grad_enabled():
            # The way back is itself to be differentiated, for which autograd must know where the tape came from.
            _, _, tape = _unrolled(ctx.cell, ctx.options, x, tensors)
        gradients = reference.unrolled_backward(
            ctx.cell,
            tape._replace(bidirectional=ctx.options["bidirectional"]),
            _stack(ctx.cell, tensors),
            grad_output=grad_output,
            grad_state=ctx.cell.state(*grad_end),
        )
        weights = [grad for grads in gradients.weights for grad in grads]
        return None, None, gradients.x, *gradients.state, *weights


def _unrolled(cell: reference.Cell, options: dict[str, Any], x: Tensor, tensors: Sequence[Tensor]) -> tuple[Any, ...]:
    state = cell.state(*tensors[: len(cell.state._fields)])
    return reference.unrolled_run(cell, x, state, _stack(cell, tensors), **options)


def _stack(cell: reference.Cell, tensors: Sequence[Tensor]) -> list[Any]:
    """The weights of each layer and direction, which stand behind the fields of the state."""
    fields, per_cell = len(cell.state._fields), len(cell.weights._fields)
    return [cell.weights(*tensors[i : i + per_cell]) for i in range(fields, len(tensors), per_cell)]
