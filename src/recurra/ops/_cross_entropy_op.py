"""The cross-entropy of a linear map as torch operators: differentiable, twice too, compilable with any number of rows.

    recurra::linear_cross_entropy_forward   the loss
    recurra::linear_cross_entropy_backward  its way back

`compiled_loss` is how to call them. Everything that the kernel trusts is checked here or in the binding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch._C import _functorch  # pyright: ignore[reportAttributeAccessIssue]  # not in the stubs
from torch.nn import functional

from recurra.ops import _native
from recurra.ops._tape import new_tape

# x (N, F), weight (V, F), bias (V), float32; target (N), int64. reduction: mean, sum or none. loss is (N) or a number;
# softmax and logits are for the way back, logits empty if they aren't saved. Gradients that aren't wanted are empty.
_OPERANDS = "Tensor x, Tensor weight, Tensor? bias, Tensor target"
_OPTIONS = "int ignore_index, float label_smoothing, str reduction"
SCHEMAS = (
    f"linear_cross_entropy_forward({_OPERANDS}, {_OPTIONS}, bool save) -> (Tensor loss, Tensor softmax, Tensor logits)",
    f"linear_cross_entropy_backward({_OPERANDS}, Tensor softmax, Tensor logits, Tensor grad, {_OPTIONS}, bool[] wanted)"
    " -> (Tensor grad_x, Tensor grad_weight, Tensor grad_bias)",
)

_LIBRARY = torch.library.Library("recurra", "FRAGMENT")
for _schema in SCHEMAS:
    _LIBRARY.define(_schema, tags=(torch.Tag.pt2_compliant_tag,))
_FORWARD = torch.ops.recurra.linear_cross_entropy_forward.default
_BACKWARD = torch.ops.recurra.linear_cross_entropy_backward.default

_Options = tuple[int, float, str]  # ignore_index, label_smoothing, reduction


def by_torch(x: Tensor, weight: Tensor, bias: Tensor | None, target: Tensor, options: _Options) -> Tensor:
    """The same in torch's own operations."""
    ignore_index, label_smoothing, reduction = options
    return functional.cross_entropy(
        functional.linear(x, weight, bias),
        target,
        ignore_index=ignore_index,
        label_smoothing=label_smoothing,
        reduction=reduction,
    )


def compiled_loss(x: Tensor, weight: Tensor, bias: Tensor | None, target: Tensor, options: _Options) -> Tensor:
    """The loss by the compiled kernel. Operands as in `SCHEMAS`."""
    is_compiling = torch.compiler.is_compiling()
    # A compiler has no such stack, and takes the question for an answer.
    if not is_compiling and _functorch.peek_interpreter_stack() is not None:
        # torch.func's transforms take torch's own operations apart, and nothing else.
        return by_torch(x, weight, bias, target, options)
    saves = _goes_back(x, weight, bias)
    if is_compiling or type(x) is not Tensor:
        return _FORWARD(x, weight, bias, target, *options, saves)[0]
    if saves:
        return _Forward.apply(_forward, options, x, weight, bias, target)[0]
    return _forward(x, weight, bias, target, *options, False)[0]


def _goes_back(*tensors: Tensor | None) -> bool:
    return torch.is_grad_enabled() and any(tensor is not None and tensor.requires_grad for tensor in tensors)


def _forward(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    target: Tensor,
    ignore_index: int,
    label_smoothing: float,
    reduction: str,
    save: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    losses, softmax = x.new_empty(x.shape[0]), x.new_empty(x.shape[0], 2)
    logits = new_tape(_logits_shape(x, weight)) if save else x.new_empty(0)
    sizes, operands, held = _prepared(x, weight, bias, target)
    _native.linear_cross_entropy_forward(
        sizes, operands, ignore_index, label_smoothing,
        losses.data_ptr(), softmax.data_ptr(), logits.data_ptr(), torch.get_num_threads(),
    )  # fmt: skip
    del held
    if reduction == "none":
        return losses, softmax, logits
    loss = losses.sum()
    return loss / _counted(target, ignore_index) if reduction == "mean" else loss, softmax, logits


def _backward(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    target: Tensor,
    softmax: Tensor,
    logits: Tensor,
    grad: Tensor,
    ignore_index: int,
    label_smoothing: float,
    reduction: str,
    wanted: Sequence[bool],
) -> tuple[Tensor, Tensor, Tensor]:
    options: _Options = (ignore_index, label_smoothing, reduction)
    if logits.dim() == 1:
        _, softmax, logits = _forward(x, weight, bias, target, *options, True)
    if reduction == "mean":
        grad = grad / _counted(target, ignore_index)
    grad = grad.expand(x.shape[0]).contiguous()
    grads = _empty_gradients(x, weight, bias, wanted)
    sizes, operands, held = _prepared(x, weight, bias, target)
    _native.linear_cross_entropy_backward(
        sizes, operands, ignore_index, label_smoothing, softmax.data_ptr(), logits.data_ptr(), grad.data_ptr(),
        (grads[0].data_ptr(), grads[1].data_ptr(), grads[2].data_ptr()), torch.get_num_threads(),
    )  # fmt: skip
    del held
    return grads


def _counted(target: Tensor, ignore_index: int) -> Tensor:
    return (target != ignore_index).sum()


def _prepared(x: Tensor, weight: Tensor, bias: Tensor | None, target: Tensor) -> tuple[Any, Any, Any]:
    """Sizes and addresses, and what must live as long as they are used."""
    if x.stride(-1) != 1 and x.shape[1] > 1:
        x = x.contiguous()
    weight, target = weight.contiguous(), target.contiguous()
    bias = None if bias is None else bias.contiguous()
    sizes = (x.shape[0], x.shape[1], weight.shape[0])
    places = (x.data_ptr(), x.stride(0), weight.data_ptr(), 0 if bias is None else bias.data_ptr(), target.data_ptr())
    return sizes, places, (x, weight, bias, target)


def _logits_shape(x: Any, weight: Any) -> tuple[Any, Any]:
    # The kernel's `logits_row`, in what a compiler can follow.
    return x.shape[0], (weight.shape[0] + 15) // 16 * 16


def _empty_gradients(
    x: Tensor, weight: Tensor, bias: Tensor | None, wanted: Sequence[bool]
) -> tuple[Tensor, Tensor, Tensor]:
    grad_x, grad_weight, grad_bias = (
        x.new_empty(tensor.shape if is_wanted and tensor is not None else (0,))
        for tensor, is_wanted in zip((x, weight, bias), wanted, strict=True)
    )
    return grad_x, grad_weight, grad_bias


class _Forward(torch.autograd.Function):
    """The loss and its way back. `run` is the operator, or what the operator does."""

    @staticmethod
    def forward(ctx: Any, run: Any, options: _Options, x: Any, weight: Any, bias: Any, target: Any) -> Any:
        loss, softmax, logits = run(x, weight, bias, target, *options, True)
        ctx.save_for_backward(x, weight, bias, target, softmax, logits)
        ctx.options = options
        ctx.mark_non_differentiable(softmax, logits)
        ctx.set_materialize_grads(False)
        return loss, softmax, logits

    @staticmethod
    def backward(ctx: Any, grad: Any, *_: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        if grad is None:
            return (None,) * 6
        operands: Any = (*ctx.saved_tensors, grad)
        wanted = ctx.needs_input_grad[2:5]
        is_plain = type(grad) is Tensor and not torch.is_grad_enabled()
        run: Any = _backward if is_plain else _BACKWARD
        found = run(*operands, *ctx.options, wanted)
        return None, None, *(one if want else None for one, want in zip(found, wanted, strict=True)), None


class _Backward(torch.autograd.Function):
    """The way back and its derivative, through torch's own operations."""

    @staticmethod
    def forward(ctx: Any, options: tuple, *operands: Any) -> Any:
        x, weight, bias, target, *_, grad = operands
        ctx.save_for_backward(x, weight, bias, target, grad)
        ctx.options = options
        ctx.set_materialize_grads(False)
        return _BACKWARD(*operands, *options)

    @staticmethod
    def backward(ctx: Any, *asked: Any) -> Any:
        x, weight, bias, target, grad = ctx.saved_tensors
        options, wanted = ctx.options[:3], ctx.options[3]
        is_followed = torch.is_grad_enabled()
        with torch.enable_grad():
            # Views, so that the derivatives below end here and yet, if somebody follows them, go on.
            inputs = [_view(tensor) for tensor in (x, weight, bias)]
            cotangent = _view(grad)
            loss = by_torch(inputs[0], inputs[1], inputs[2], target, options)
            pairs = [(i, a) for i, a, want in zip(inputs, asked, wanted, strict=True) if want and a is not None]
            sources, questions = zip(*pairs, strict=True)
            firsts = torch.autograd.grad(loss, sources, cotangent, create_graph=True)
            leaves = [tensor for tensor in (*inputs, cotangent) if tensor is not None]
            seconds = torch.autograd.grad(firsts, leaves, questions, create_graph=is_followed, allow_unused=True)
        found = iter(seconds)
        of_inputs = [None if tensor is None else next(found) for tensor in inputs]
        return None, *of_inputs, None, None, None, next(found)


def _view(tensor: Any) -> Any:
    if tensor is None:
        return None
    return tensor.view_as(tensor) if tensor.requires_grad else tensor.detach().requires_grad_()


def _forward_at_autograd(x: Any, weight: Any, bias: Any, target: Any, *options: Any) -> Any:
    if _goes_back(x, weight, bias):
        return _Forward.apply(_FORWARD, options[:3], x, weight, bias, target)
    with torch._C._AutoDispatchBelowAutograd():
        return _FORWARD(x, weight, bias, target, *options)


def _backward_at_autograd(x: Any, weight: Any, bias: Any, target: Any, *others: Any) -> Any:
    softmax, logits, grad, *options = others
    if _goes_back(x, weight, bias, grad):
        return _Backward.apply(tuple(options), x, weight, bias, target, softmax, logits, grad)
    with torch._C._AutoDispatchBelowAutograd():
        return _BACKWARD(x, weight, bias, target, *others)


def _forward_in_shape(x: Any, weight: Any, bias: Any, target: Any, ignored: Any, smoothing: Any, reduction: Any,
                      save: Any) -> Any:  # fmt: skip
    return (
        x.new_empty(x.shape[0] if reduction == "none" else ()),
        x.new_empty(x.shape[0], 2),
        x.new_empty(_logits_shape(x, weight) if save else (0,)),
    )


def _backward_in_shape(x: Any, weight: Any, bias: Any, *others: Any) -> Any:
    return _empty_gradients(x, weight, bias, others[-1])


_LIBRARY.impl("linear_cross_entropy_forward", _forward, "CPU")
_LIBRARY.impl("linear_cross_entropy_backward", _backward, "CPU")
_LIBRARY.impl("linear_cross_entropy_forward", _forward_at_autograd, "Autograd")
_LIBRARY.impl("linear_cross_entropy_backward", _backward_at_autograd, "Autograd")
torch.library.register_fake("recurra::linear_cross_entropy_forward", _forward_in_shape, lib=_LIBRARY)
torch.library.register_fake("recurra::linear_cross_entropy_backward", _backward_in_shape, lib=_LIBRARY)
