"""Optimisers and the gradient norm."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils import get_total_norm
from torch.optim import SGD, AdamW, Optimizer

from recurra.train._config import TrainingConfig


def build_optimizer(parameters: Sequence[nn.Parameter], config: TrainingConfig, *, learning_rate: float) -> Optimizer:
    """AdamW, or SGD with Nesterov momentum, in torch's fused form."""
    if config.optimizer == "adamw":
        return AdamW(parameters, lr=learning_rate, weight_decay=config.weight_decay, fused=True)
    return SGD(
        parameters,
        lr=learning_rate,
        momentum=config.momentum,
        nesterov=config.momentum > 0,
        weight_decay=config.weight_decay,
        fused=True,
    )


def optimizer_copies(config: TrainingConfig) -> int:
    """How many numbers the optimiser keeps for each weight."""
    return 2 if config.optimizer == "adamw" else int(config.momentum > 0)


def clip_gradients(parameters: Sequence[nn.Parameter], largest: float) -> float:
    """The norm of all gradients together; when it is above `largest` (and that isn't 0), scale them down to it."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    norm = get_total_norm(gradients, foreach=True).item()
    if 0 < largest < norm < float("inf"):
        _scale(gradients, largest / (norm + 1e-6))
    return norm


@torch.no_grad()
def _scale(gradients: list[Tensor], factor: float) -> None:
    for gradient in gradients:
        gradient.mul_(factor)
