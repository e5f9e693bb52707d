"""What every task does about training: its threads, and training on a network that was fitted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import torch
from torch import nn

from recurra.train import Batches, Carry, Progress, TrainingConfig, TrainingResult, train

_SLOWER = 4  # than when it was fitted


@contextmanager
def computing(threads: int | None, *, small: bool) -> Iterator[None]:
    """As many threads as were asked for; else one for what is small, which loses much by more on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads or (1 if small else before))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def tune(
    network: nn.Module,
    loss: Callable[..., torch.Tensor],
    batches: Batches,
    validate: Callable[[nn.Module], float],
    config: TrainingConfig,
    *,
    epochs: int,
    steps: int,
    batch_size: int,
    keep_zeros: bool,
    progress: Progress | None,
    carry: Carry | None = None,
) -> TrainingResult:
    """Train a fitted network a little longer, as `config` has it but more slowly.

    It changes in place, unless it validated better as it was. With `keep_zeros`, weights of matrices that are exactly
    0 stay so.
    """
    rate = 1e-3 if config.learning_rate == "auto" else config.learning_rate
    options: dict[str, Any] = {"epochs": epochs, "steps_per_epoch": steps, "batch_size": batch_size, "average": 0.0}
    options |= {"learning_rate": rate / _SLOWER, "threads": torch.get_num_threads()}
    network.eval()
    before, error = deepcopy(network.state_dict()), validate(network)
    with _zeros_kept(network, keep=keep_zeros):
        slowly = TrainingConfig.of(config, **options)
        result = train(network, loss, batches, validate, slowly, carry=carry, progress=progress)
    network.eval()
    if not validate(network) <= error:
        network.load_state_dict(before)
    return result


@contextmanager
def _zeros_kept(network: nn.Module, *, keep: bool) -> Iterator[None]:
    """Hold zeros of matrices where they are: without gradient they get no momentum, and weight decay leaves 0 alone."""
    hooks = []
    for parameter in network.parameters() if keep else ():
        if parameter.dim() > 1 and bool((parameter == 0).any()):
            mask = (parameter != 0).to(parameter.dtype)
            hooks.append(parameter.register_hook(lambda gradient, mask=mask: gradient * mask))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
