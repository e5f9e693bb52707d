from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from torch import nn

from recurra.train import evaluating, seed_randomness
from recurra.train._randomness import capture_randomness, restore_randomness
from recurra.train._weights import copy_weights, put_weights, unchanged
from train.problems import Reader, fingerprint


def draw() -> list[float]:
    # An odd number of normals leaves one kept for later in numpy and Python.
    return [torch.rand(()).item(), np.random.normal(), random.gauss(0, 1), random.random()]


def test_random_numbers_come_back():
    draw()
    state = capture_randomness()
    first = draw()
    draw()
    restore_randomness(state)
    assert draw() == first


@pytest.mark.parametrize("seed", [0, 1, 2**32 + 5])
def test_one_seed_gives_the_same_numbers(seed):
    seed_randomness(seed)
    first = draw()
    seed_randomness(seed)
    assert draw() == first
    seed_randomness(seed + 1)
    assert all(one != other for one, other in zip(draw(), first, strict=True))


def test_copied_weights_come_back_into_the_same_tensors():
    network = Reader()
    network.head.weight = nn.Parameter(network.head.weight)
    before, addresses = fingerprint(network), [parameter.data_ptr() for parameter in network.parameters()]
    weights = copy_weights(network)
    network.train()(torch.randn(3, 6, 3))
    for parameter in network.parameters():
        nn.init.normal_(parameter)
    assert fingerprint(network) != before
    put_weights(network, weights)
    assert fingerprint(network) == before
    assert [parameter.data_ptr() for parameter in network.parameters()] == addresses


def test_evaluating_restores_each_mode():
    network = Reader()
    network.norm.eval()
    with evaluating(network) as inside:
        assert inside is network
        assert not any(module.training for module in network.modules())
        assert not torch.is_grad_enabled()
        assert not torch.is_inference_mode_enabled()
    assert (network.training, network.norm.training, network.head.training) == (True, False, True)
    assert torch.is_grad_enabled()


def test_evaluating_restores_modes_after_an_error():
    network = Reader()
    with pytest.raises(ZeroDivisionError), evaluating(network):
        raise ZeroDivisionError
    assert network.training


def test_unchanged_undoes_everything():
    network = Reader().eval()
    network.head.weight.grad = gradient = torch.ones(1, 4)
    before = fingerprint(network)
    state = capture_randomness()
    expected = draw()
    restore_randomness(state)
    with unchanged(network):
        assert network.head.weight.grad is None
        network.train()
        network(torch.randn(3, 6, 3)).sum().backward()
        put_weights(network, {name: tensor + 1 for name, tensor in copy_weights(network).items()})
        draw()
    assert fingerprint(network) == before
    assert draw() == expected
    assert network.head.weight.grad is gradient
    assert torch.equal(gradient, torch.ones(1, 4))
    assert network.recurrent.weight_hh_l0.grad is None
    assert not network.training
