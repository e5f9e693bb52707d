"""Why a loss or a gradient stopped being a number, as a sentence that helps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from recurra.errors import TrainingError
from recurra.train._tensors import named_tensors

_HUGE = 1e6


def not_finite(
    *,
    loss: float,
    norm: float | None,
    norms: Sequence[float],
    learning_rate: float,
    place: str,
    batch: Any,
    earlier_batch: Any,
) -> TrainingError:
    """The error for a loss or gradient norm that is NaN or infinite.

    `norm` is None when the loss already failed. `norms` are the norms of the steps before, oldest first;
    `earlier_batch` is one that went well, or None at the first step: values that aren't finite in the same tensor of
    both (missing values under a mask) aren't taken for the cause.
    """
    what = f"The loss is {loss}" if norm is None else f"The gradient norm is {norm} (the loss is {loss:.6g})"
    before = f"gradient norm of the step before {norms[-1]:.4g}" if norms else "no step before"
    cause = _bad_input(batch, earlier_batch) or _high_rate(norms, learning_rate)
    return TrainingError(f"{what} at {place}, learning rate {learning_rate:.4g}, {before}. Likely cause: {cause}")


def _bad_input(batch: Any, earlier_batch: Any) -> str | None:
    earlier = {name for name, tensor in named_tensors(earlier_batch) if _count_not_finite(tensor)}
    for name, tensor in named_tensors(batch):
        count = _count_not_finite(tensor)
        if count and name not in earlier:
            first = (~torch.isfinite(tensor)).nonzero()[0].tolist()
            value = tensor[tuple(first)].item()
            values = "1 value that isn't" if count == 1 else f"{count} values that aren't"
            return (
                f"{name} holds {values} finite, the first ({value}) at {first}. Mend or drop those rows of the input, "
                "or mark them as missing."
            )
    for name, tensor in named_tensors(batch):
        if tensor.is_floating_point() and tensor.numel():
            largest = torch.nan_to_num(tensor, nan=0.0).abs().max().item()
            if largest > _HUGE:
                return f"{name} holds values as large as {largest:.3g}. Scale the input, or mend the outliers."
    return None


def _high_rate(norms: Sequence[float], learning_rate: float) -> str:
    advice = f"Try a learning rate of {learning_rate / 10:.2g} or 'auto', or a smaller clip."
    if len(norms) > 1 and norms[-1] > 10 * sorted(norms)[len(norms) // 2]:
        usual = sorted(norms)[len(norms) // 2]
        return f"the learning rate is too high; the gradient norm grew from {usual:.3g} to {norms[-1]:.3g}. {advice}"
    if not norms:
        return (
            "the network or the loss itself, since this is the first step and the input is finite: for instance the "
            "logarithm of zero, or a division by a spread of zero. Look at the loss of this batch."
        )
    return f"the learning rate is too high; the input of this batch is finite. {advice}"


def _count_not_finite(tensor: Tensor) -> int:
    if not tensor.is_floating_point():
        return 0
    return int((~torch.isfinite(tensor)).sum().item())
