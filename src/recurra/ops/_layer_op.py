"""One recurrent layer as torch operators: differentiable, twice too, compilable and exportable with any batch and time.

    recurra::recurrent_forward   a layer, in one direction or both, over whole sequences
    recurra::recurrent_backward  its way back

`layer` is how to call them. Where nobody looks on (no compiler, no tensor subclass), it leaves torch's dispatcher out,
which costs as much as a short sequence.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch._C import _functorch  # pyright: ignore[reportAttributeAccessIssue]  # not in the stubs
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from recurra import reference
from recurra.errors import ConfigError
from recurra.ops._layer_kernel import empty_gradients, empty_outputs, has_memory, layer_backward, layer_forward
from recurra.ops._native import instruction_set
from recurra.ops._tape import recomputes

# x (T, B, F), or (B, T, F) if batch_first, or (rows, F) if packed; float32, of any strides.
# h0, c0 (directions, B, H); c0 for an LSTM alone. weights as torch orders them, one direction after the other:
# w_ih w_hh [b_ih b_hh] [peephole]. lengths (B) or batch_sizes (T), int64. resets (directions, T, B), time first always:
# before which steps the state of each direction is 0, bool, not with batch_sizes. cell: as in recurra.reference.
# bfloat16: products of numbers rounded to bfloat16, where the machine has it; sums and all tensors are float32.
# out is laid out as x; empty are c_n where the cell has no c, tape if it isn't saved, and gradients that aren't wanted.
_OPERANDS = "Tensor x, Tensor h0, Tensor? c0, Tensor[] weights, Tensor? lengths, Tensor? batch_sizes, Tensor? resets"
SCHEMAS = (
    f"recurrent_forward({_OPERANDS}, str cell, bool batch_first, bool bidirectional, bool bfloat16, bool save_tape,"
    " bool recompute) -> (Tensor out, Tensor h_n, Tensor c_n, Tensor tape)",
    f"recurrent_backward({_OPERANDS}, Tensor out, Tensor tape, Tensor? grad_out, Tensor? grad_h_n, Tensor? grad_c_n,"
    " str cell, bool batch_first, bool bidirectional, bool bfloat16, bool recompute, bool[] wanted)"
    " -> (Tensor grad_x, Tensor grad_h0, Tensor grad_c0, Tensor[] grad_weights)",
)

_LIBRARY = torch.library.Library("recurra", "DEF")
for _schema in SCHEMAS:
    _LIBRARY.define(_schema, tags=(torch.Tag.pt2_compliant_tag,))
_FORWARD = torch.ops.recurra.recurrent_forward.default
_BACKWARD = torch.ops.recurra.recurrent_backward.default

_CELLS = {
    cell.name: cell
    for cell in (
        reference.rnn("tanh"),
        reference.rnn("relu"),
        reference.LSTM,
        reference.PEEPHOLE_LSTM,
        reference.GRU_RESET_AFTER,
        reference.GRU_RESET_BEFORE,
    )
}


def layer(
    x: Tensor,
    h0: Tensor,
    c0: Tensor | None,
    weights: Sequence[Tensor],
    *,
    cell: str,
    batch_first: bool = False,
    bidirectional: bool = False,
    bfloat16: bool = False,
    lengths: Tensor | None = None,
    batch_sizes: Tensor | None = None,
    resets: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Outputs, final h and final c of one layer; c is empty where the cell has none. Operands as in `SCHEMAS`."""
    rows = (lengths, batch_sizes, resets)
    is_taped = torch.is_grad_enabled() and any(
        tensor is not None and tensor.requires_grad for tensor in (x, h0, c0, *weights)
    )
    options = (cell, batch_first, bidirectional, bfloat16)
    is_compiling = torch.compiler.is_compiling()
    # A compiler has no such stack, and takes the question for an answer.
    if not is_compiling and _functorch.peek_interpreter_stack() is not None:
        # torch.func's transforms take torch's own operations apart, and nothing else.
        return _by_equations(x, h0, c0, weights, *rows, *options[:3])
    if is_compiling or type(x) is not Tensor:
        # A graph of any size can't decide by size: it stores the gates.
        return _FORWARD(x, h0, c0, weights, *rows, *options, is_taped, False)[:3]
    if is_taped:
        places = x.shape[0] if batch_sizes is not None else x.shape[0] * x.shape[1]
        recompute = recomputes(cell, h0.shape[2], places)
        return _Forward.apply(layer_forward, (*options, True, recompute), x, h0, c0, *rows, *weights)[:3]
    return layer_forward(x, h0, c0, weights, *rows, *options, False, False)[:3]


class _Forward(torch.autograd.Function):
    """`recurrent_forward` and its way back. `run` is the operator, or what the operator does."""

    @staticmethod
    def forward(ctx: Any, run: Any, options: tuple, x: Any, h0: Any, c0: Any, *tensors: Any) -> Any:
        lengths, batch_sizes, resets, *weights = tensors
        out, h_n, c_n, tape = run(x, h0, c0, weights, lengths, batch_sizes, resets, *options)
        ctx.save_for_backward(x, h0, c0, lengths, batch_sizes, resets, out, tape, *weights)
        ctx.options, ctx.instructions = options, instruction_set()
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(*(tape,) if has_memory(options[0]) else (c_n, tape))
        return out, h_n, c_n, tape

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        if all(grad is None for grad in grads):
            return (None,) * len(ctx.needs_input_grad)
        if ctx.instructions != instruction_set():
            raise ConfigError(
                f"The way forward ran with {ctx.instructions} instructions, the way back is asked for with "
                f"{instruction_set()}. Leave use_instruction_set after both."
            )
        x, h0, c0, lengths, batch_sizes, resets, out, tape, *weights = ctx.saved_tensors
        cell, batch_first, bidirectional, bfloat16, _, recompute = ctx.options
        needed = ctx.needs_input_grad
        wanted = [*needed[2:5], *needed[8:]]
        operands: Any = (x, h0, c0, weights, lengths, batch_sizes, resets, out, tape, *grads[:3])
        run: Any = layer_backward if type(x) is Tensor and not torch.is_grad_enabled() else _BACKWARD
        *found, of_weights = run(*operands, cell, batch_first, bidirectional, bfloat16, recompute, wanted)
        found = [grad if want else None for grad, want in zip((*found, *of_weights), wanted, strict=True)]
        return None, None, *found[:3], None, None, None, *found[3:]


class _Backward(torch.autograd.Function):
    """`recurrent_backward` and its derivative, through a run of the equations that autograd follows."""

    @staticmethod
    def forward(ctx: Any, options: tuple, *tensors: Any) -> Any:
        x, h0, c0, lengths, batch_sizes, resets, out, tape, grad_out, grad_h_n, grad_c_n, *weights = tensors
        *found, of_weights = _BACKWARD(
            x, h0, c0, weights, lengths, batch_sizes, resets, out, tape, grad_out, grad_h_n, grad_c_n, *options
        )
        ctx.save_for_backward(x, h0, c0, lengths, batch_sizes, resets, grad_out, grad_h_n, grad_c_n, *weights)
        ctx.options = options
        ctx.set_materialize_grads(False)
        return *found, *of_weights

    @staticmethod
    def backward(ctx: Any, *asked: Any) -> Any:
        x, h0, c0, lengths, batch_sizes, resets, grad_out, grad_h_n, grad_c_n, *weights = ctx.saved_tensors
        cell, batch_first, bidirectional, _, _, wanted = ctx.options
        is_followed = torch.is_grad_enabled()
        with torch.enable_grad():
            # Views, so that the derivatives below end here and yet, if somebody follows them, go on.
            inputs = [_view(tensor) for tensor in (x, h0, c0, *weights)]
            cotangents = [_view(tensor) for tensor in (grad_out, grad_h_n, grad_c_n)]
            rows = (lengths, batch_sizes, resets)
            ends = _by_equations(inputs[0], inputs[1], inputs[2], inputs[3:], *rows, cell, batch_first, bidirectional)
            ends, given = zip(*((e, g) for e, g in zip(ends, cotangents, strict=True) if g is not None), strict=True)
            sources = [tensor for tensor, want in zip(inputs, wanted, strict=True) if want]
            questions = [question for question, want in zip(asked, wanted, strict=True) if want]
            firsts = torch.autograd.grad(ends, sources, given, create_graph=True, materialize_grads=True)
            pairs = [(f, q) for f, q in zip(firsts, questions, strict=True) if q is not None and f.requires_grad]
            leaves = [tensor for tensor in (*inputs, *cotangents) if tensor is not None]
            seconds: Any = [None] * len(leaves)
            if pairs:
                firsts, questions = zip(*pairs, strict=True)
                seconds = torch.autograd.grad(firsts, leaves, questions, create_graph=is_followed, allow_unused=True)
        found = iter(seconds)
        of_inputs = [None if tensor is None else next(found) for tensor in inputs]
        of_cotangents = [None if tensor is None else next(found) for tensor in cotangents]
        return None, *of_inputs[:3], None, None, None, None, None, *of_cotangents, *of_inputs[3:]


def _view(tensor: Any) -> Any:
    if tensor is None:
        return None
    return tensor.view_as(tensor) if tensor.requires_grad else tensor.detach().requires_grad_()


def _by_equations(
    x: Tensor,
    h0: Tensor,
    c0: Tensor | None,
    weights: Sequence[Tensor],
    lengths: Tensor | None,
    batch_sizes: Tensor | None,
    resets: Tensor | None,
    name: str,
    batch_first: bool,
    bidirectional: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """What `recurrent_forward` computes, step by step, in operations that torch can differentiate as often as asked."""
    cell = _CELLS[name]
    if batch_sizes is not None:
        unpacked, lengths = pad_packed_sequence(PackedSequence(x, batch_sizes), batch_first=True)
    else:
        unpacked = x if batch_first else x.transpose(0, 1)
    directions = 2 if bidirectional else 1
    per_direction = len(weights) // directions
    outputs, ends = [], []
    for direction in range(directions):
        w_ih, w_hh, *rest = weights[direction * per_direction : (direction + 1) * per_direction]
        biases = [] if per_direction >= 4 else [w_ih.new_zeros(w_ih.shape[0])] * 2
        state = [field[direction] for field in (h0, c0) if field is not None]
        output, end = reference.differentiable_run(
            cell,
            unpacked,
            cell.state(*state),
            cell.weights(w_ih, w_hh, *biases, *rest),
            reverse=direction == 1,
            lengths=lengths,
            resets=None if resets is None else resets[direction].t(),
        )
        outputs.append(output)
        ends.append(end)
    out = torch.cat(outputs, dim=-1)
    if batch_sizes is not None:
        assert lengths is not None
        out = pack_padded_sequence(out, lengths, batch_first=True).data
    elif not batch_first:
        out = out.transpose(0, 1)
    h_n, *c_n = (torch.stack(fields) for fields in zip(*ends, strict=True))
    return out, h_n, c_n[0] if c_n else x.new_empty(0)


def _forward_at_autograd(x: Any, h0: Any, c0: Any, weights: Any, *others: Any) -> Any:
    if torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in (x, h0, c0, *weights)):
        return _Forward.apply(_FORWARD, others[3:], x, h0, c0, *others[:3], *weights)
    with torch._C._AutoDispatchBelowAutograd():
        return _FORWARD(x, h0, c0, weights, *others)


def _backward_at_autograd(x: Any, h0: Any, c0: Any, weights: Any, *others: Any) -> Any:
    tensors = (x, h0, c0, *others[:8], *weights)
    if torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in tensors):
        grad_x, grad_h0, grad_c0, *grad_weights = _Backward.apply(others[8:], *tensors)
        return grad_x, grad_h0, grad_c0, grad_weights
    with torch._C._AutoDispatchBelowAutograd():
        return _BACKWARD(x, h0, c0, weights, *others)


def _forward_in_shape(
    x: Any, h0: Any, c0: Any, weights: Any, lengths: Any, batch_sizes: Any, resets: Any, cell: Any, batch_first: Any,
    bidirectional: Any, bfloat16: Any, save_tape: Any, recompute: Any,
) -> Any:  # fmt: skip
    return empty_outputs(x, h0, cell, bidirectional, save_tape, recompute)


def _backward_in_shape(x: Any, h0: Any, c0: Any, weights: Any, *others: Any) -> Any:
    return empty_gradients(x, h0, c0, weights, others[-1])


_LIBRARY.impl("recurrent_forward", layer_forward, "CPU")
_LIBRARY.impl("recurrent_backward", layer_backward, "CPU")
_LIBRARY.impl("recurrent_forward", _forward_at_autograd, "Autograd")
_LIBRARY.impl("recurrent_backward", _backward_at_autograd, "Autograd")
torch.library.register_fake("recurra::recurrent_forward", _forward_in_shape, lib=_LIBRARY)
torch.library.register_fake("recurra::recurrent_backward", _backward_in_shape, lib=_LIBRARY)
