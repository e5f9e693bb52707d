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


class Average:
    """The running mean of a network's parameters (Polyak averaging, with an exponential window).

    Early on the window is as long as the training was so far, so that the first weights are soon forgotten.
    """

    def __init__(self, parameters: list[nn.Parameter], *, decay: float, means: list[Tensor] | None = None) -> None:
        self.decay = decay
        self.means = [parameter.detach().clone() for parameter in parameters] if means is None else means
        self._parameters: list[Tensor] = list(parameters)

    @torch.no_grad()
    def follow(self, step: int) -> None:
        """Take in the weights after `step` steps."""
        share = 1 - min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self.means, self._parameters, share)  # pyright: ignore[reportPrivateImportUsage]

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The network with the means as its parameters; afterwards with its own again, bit by bit."""
        own = [parameter.detach().clone() for parameter in self._parameters]
        self._put(self.means)
        try:
            yield
        finally:
            self._put(own)

    @torch.no_grad()
    def _put(self, values: list[Tensor]) -> None:
        for parameter, value in zip(self._parameters, values, strict=True):
            parameter.copy_(value)


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
