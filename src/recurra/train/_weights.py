"""A network's numbers, copied out and back in place, and the modes in which it is used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

import torch
from torch import Tensor, nn

from recurra.train._randomness import capture_randomness, restore_randomness


def weights_of(network: nn.Module) -> dict[str, Tensor]:
    """All parameters and buffers, not copied.

    Unlike `state_dict` this holds tied weights once, and buffers that aren't persistent too.
    """
    return {name: tensor.detach() for name, tensor in chain(network.named_parameters(), network.named_buffers())}


def copy_weights(network: nn.Module) -> dict[str, Tensor]:
    """Copies of all parameters and buffers."""
    return {name: tensor.clone() for name, tensor in weights_of(network).items()}


@torch.no_grad()
def put_weights(network: nn.Module, weights: dict[str, Tensor]) -> None:
    """Write copied weights back into the same tensors, so that whoever holds those sees them."""
    for name, tensor in weights_of(network).items():
        tensor.copy_(weights[name])


@contextmanager
def evaluating(network: nn.Module) -> Iterator[nn.Module]:
    """The network without dropout and without gradients; afterwards each module is in its earlier mode again.

    Gradients are off through `no_grad`, not `inference_mode`: a tensor that a module caches while it is validated
    may be used in training afterwards.
    """
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        with torch.no_grad():
            yield network
    finally:
        for module, mode in modes:
            module.training = mode


@contextmanager
def unchanged(network: nn.Module) -> Iterator[nn.Module]:
    """A network to try things on; afterwards weights, gradients, modes and random numbers are as before, bit by bit."""
    weights = copy_weights(network)
    gradients = [(parameter, parameter.grad) for parameter in network.parameters()]
    modes = [(module, module.training) for module in network.modules()]
    randomness = capture_randomness()
    for parameter, _ in gradients:
        parameter.grad = None
    try:
        yield network
    finally:
        put_weights(network, weights)
        for parameter, gradient in gradients:
            parameter.grad = gradient
        for module, mode in modes:
            module.training = mode
        restore_randomness(randomness)
