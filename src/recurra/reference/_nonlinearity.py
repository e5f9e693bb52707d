"""Sigmoid, tanh and relu with their slopes."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor


class Nonlinearity(NamedTuple):
    """A function applied to each number alone, and its slope.

    `slope` takes the *value* y = f(a), not the argument a: backpropagation through time then keeps one tensor a gate,
    not two.
    """

    name: str
    value: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]


def sigmoid(a: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Between 0 and 1: y = 1 / (1 + exp(-a))."""
    return torch.sigmoid(a)


def sigmoid_slope(y: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """dy/da = y (1 - y), at most 1/4."""
    return y * (1 - y)


def tanh(a: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Between -1 and 1: y = (exp(a) - exp(-a)) / (exp(a) + exp(-a))."""
    return torch.tanh(a)


def tanh_slope(y: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """dy/da = 1 - y², at most 1."""
    return 1 - y * y


def relu(a: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Zero where a is negative: y = max(0, a)."""
    return torch.relu(a)


def relu_slope(y: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """dy/da = 1 where y > 0, else 0; at the corner 0, as torch has it."""
    return (y > 0).to(y.dtype)


NONLINEARITIES = {
    "tanh": Nonlinearity("tanh", tanh, tanh_slope),
    "relu": Nonlinearity("relu", relu, relu_slope),
    "sigmoid": Nonlinearity("sigmoid", sigmoid, sigmoid_slope),
}
