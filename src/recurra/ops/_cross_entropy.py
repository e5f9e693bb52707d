"""The cross-entropy of a linear map's outputs, in one."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from recurra.errors import ConfigError
from recurra.ops._cross_entropy_op import by_torch, compiled_loss
from recurra.ops._plan import kernel_of_loss

Reduction = Literal["mean", "sum", "none"]


def linear_cross_entropy(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    target: Tensor,
    *,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    reduction: Reduction = "mean",
) -> Tensor:
    """`torch.nn.functional.cross_entropy(linear(x, weight, bias), target)`, exactly, in less time and memory.

    `x` is (N, F), `weight` (V, F), `bias` (V,) or None; `target` (N,) holds classes, int64. Rows whose target is
    `ignore_index` aren't computed at all. With many classes, a language model's words, say, this is most of a step of
    training: the table of logits is written once and read once, and its softmax and gradient are never stored.

    What the compiled kernel gives is equal bit by bit for any number of threads, and a row's loss and gradient for
    whatever other rows there are. `plan("linear_cross_entropy", ...)` says what computes it: numbers other than
    float32, and other devices, are torch's. Raises ConfigError for shapes and options that don't fit, and IndexError
    for a target that is no class.

    >>> linear_cross_entropy(torch.zeros(3, 2), torch.ones(4, 2), None, torch.tensor([0, 1, 3]))
    tensor(1.3863)
    """
    _check(x, weight, bias, target, label_smoothing, reduction)
    if torch.is_autocast_enabled("cpu") and x.is_cpu:
        # As torch does with what loses by short numbers: computed, and given, in the numbers of the weights.
        with torch.autocast("cpu", enabled=False):
            options = {"ignore_index": ignore_index, "label_smoothing": label_smoothing}
            return linear_cross_entropy(x.to(weight.dtype), weight, bias, target, **options, reduction=reduction)
    dtype = torch.promote_types(x.dtype, weight.dtype)
    options = (ignore_index, float(label_smoothing), reduction)
    if kernel_of_loss(dtype, x.device.type) == "native":
        return compiled_loss(x, weight, bias, target, options)
    return by_torch(x, weight, bias, target, options)


def _check(
    x: Tensor, weight: Tensor, bias: Tensor | None, target: Tensor, label_smoothing: float, reduction: str
) -> None:
    fits = x.dim() == 2 and weight.dim() == 2 and target.dim() == 1
    fits = fits and x.shape[1] == weight.shape[1] and x.shape[0] == target.shape[0]
    if not fits or (bias is not None and bias.shape != weight.shape[:1]) or 0 in weight.shape:
        shapes = ", ".join(
            f"{name} {tuple(tensor.shape)}"
            for name, tensor in (("x", x), ("weight", weight), ("bias", bias), ("target", target))
            if tensor is not None
        )
        raise ConfigError(
            f"{shapes}: expected x (rows, features), weight (classes, features), bias (classes,) or None, and target "
            "(rows,), of at least one class and feature. Flatten batch and time into rows first."
        )
    if target.dtype is not torch.int64:
        raise ConfigError(
            f"target is {target.dtype}; expected the numbers of classes as int64. Convert: target.long()."
        )
    tensors = (x, weight, target) if bias is None else (x, weight, bias, target)
    if len({tensor.dtype for tensor in tensors[:-1]}) > 1 and not torch.is_autocast_enabled(x.device.type):
        given = ", ".join(str(tensor.dtype) for tensor in tensors[:-1])
        raise ConfigError(f"x, weight and bias are {given}; expected one dtype. Convert them to that of the weight.")
    if any(tensor.device != x.device for tensor in tensors):
        given = ", ".join(str(tensor.device) for tensor in tensors)
        raise ConfigError(f"x, weight, bias and target are on {given}; expected one device. Move them with .to().")
    if not 0 <= label_smoothing <= 1:
        raise ConfigError(f"label_smoothing={label_smoothing}: expected a number from 0 to 1.")
    if reduction not in get_args(Reduction):
        raise ConfigError(
            f"reduction={reduction!r}: no such reduction. Choose one of {', '.join(get_args(Reduction))}."
        )
