"""Small things to train, used by the tests of this room."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from recurra.train import ShuffledBatches, TrainingConfig


class Reader(nn.Module):
    """A recurrent network with dropout, running statistics, and a buffer that state_dict doesn't show."""

    steps_seen: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.recurrent = nn.GRU(3, 4, batch_first=True)
        self.norm = nn.BatchNorm1d(4)
        self.dropout = nn.Dropout(0.3)
        self.head = nn.Linear(4, 1)
        self.register_buffer("steps_seen", torch.zeros(()), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.steps_seen += 1
        output, _ = self.recurrent(x)
        return self.head(self.dropout(self.norm(output[:, -1]))) + 1e-3 * self.steps_seen


def squared_error(network: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    x, y = batch
    return (network(x) - y).square().mean()


@dataclass
class Problem:
    """Everything that `train` takes, from one seed."""

    network: nn.Module
    loss: Callable[[nn.Module, Any], Tensor]
    batches: ShuffledBatches
    validate: Callable[[nn.Module], float]


def reading_problem(seed: int = 0, *, samples: int = 24, batch_size: int = 5) -> Problem:
    """24 short sequences whose sum is to be read; 5 steps an epoch, the last of them smaller."""
    torch.manual_seed(seed)
    x = torch.randn(samples + 8, 6, 3)
    y = x.sum((1, 2))[:, None] / 4
    return Problem(
        network=Reader(),
        loss=squared_error,
        batches=ShuffledBatches(samples, lambda i: (x[i], y[i]), batch_size=batch_size, seed=seed),
        validate=lambda network: squared_error(network, (x[samples:], y[samples:])).item(),
    )


def linear_problem(*, features: int = 3, samples: int = 64) -> tuple[Problem, Tensor]:
    """Linear regression, and its least-squares solution (weights, then bias)."""
    x = torch.randn(samples, features)
    y = x @ torch.randn(features, 1) + 0.7 + 0.3 * torch.randn(samples, 1)
    solution = torch.linalg.lstsq(torch.cat([x, torch.ones(samples, 1)], dim=1), y).solution[:, 0]
    problem = Problem(
        network=nn.Linear(features, 1),
        loss=squared_error,
        batches=ShuffledBatches(samples, lambda i: (x[i], y[i]), batch_size=samples, seed=0),
        validate=lambda network: squared_error(network, (x, y)).item(),
    )
    return problem, solution


def config(**changes: Any) -> TrainingConfig:
    """A short training with a large learning rate."""
    return TrainingConfig(**{"epochs": 3, "batch_size": 5, "learning_rate": 0.02, **changes})


def fingerprint(network: nn.Module) -> bytes:
    """Every bit of a network's parameters and buffers."""
    tensors = [*network.parameters(), *network.buffers()]
    return b"".join(tensor.detach().numpy().tobytes() for tensor in tensors)
