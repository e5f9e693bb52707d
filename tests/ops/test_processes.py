"""Layers in several processes and threads at once, as those who train on many cores use them."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from cases.tolerances import assert_close
from ops import two_processes
from recurra import nn

NAMES = ["RNN", "LSTM", "GRU"]


def results(layer: torch.nn.Module, x: Tensor) -> list[Tensor]:
    """Outputs, and the gradients of x and of every weight."""
    x = x.clone().requires_grad_()
    output, _ = layer(x)
    return [output.detach(), *torch.autograd.grad(output.square().sum(), [x, *layer.parameters()])]


@pytest.mark.slow  # three processes import torch
def test_two_processes_train_as_one(tmp_path: Path):
    done = subprocess.run([sys.executable, two_processes.__file__, tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    torch.manual_seed(0)
    alone = two_processes.train(two_processes.Network(), slice(None))
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    assert first.keys() == second.keys() == alone.keys()
    for name, expected in alone.items():
        assert torch.equal(first[name], second[name])
        assert_close(first[name], expected, "gradient")


@pytest.mark.parametrize("name", NAMES)
def test_threads_share_a_layer(name: str):
    layer = getattr(nn, name)(3, 20, 2, bidirectional=True)
    inputs = [torch.randn(7 + i, 5 + i, 3) for i in range(6)]
    alone = [results(layer, x) for x in inputs]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda x: results(layer, x), inputs * 4))
    for found, expected in zip(together, alone * 4, strict=True):
        assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_replicas_in_threads_give_gradients_to_the_original(name: str):
    """What DataParallel does: a replica for each part of the batch, whose weights are computed from the original's."""
    layer = getattr(nn, name)(3, 20, 2)
    x = torch.randn(9, 8, 3)
    expected = results(layer, x)

    def replica() -> Any:
        made = layer._replicate_for_data_parallel()
        for key, parameter in layer.named_parameters():
            setattr(made, key, parameter.clone())
        return made

    part_of = x.clone().requires_grad_()
    with ThreadPoolExecutor(2) as pool:
        parts = pool.map(lambda part: part[0](part[1])[0], [(replica(), part) for part in part_of.split(4, dim=1)])
        output = torch.cat(list(parts), dim=1)
    gradients = torch.autograd.grad(output.square().sum(), [part_of, *layer.parameters()])
    assert_close([output.detach(), *gradients], expected, "gradient")


class _Computed(Dataset[list[Tensor]]):
    """Each item is what a layer makes of an input, computed in the process that asks for it."""

    def __init__(self, layer: torch.nn.Module, inputs: list[Tensor]) -> None:
        self.layer, self.inputs = layer, inputs

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: int) -> list[Tensor]:
        torch.set_num_threads(1 + index % 2)
        return results(self.layer, self.inputs[index])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of fork:DeprecationWarning")
def test_workers_of_a_data_loader_compute_after_their_parent_has(name: str):
    layer = getattr(nn, name)(3, 20, 2)
    inputs = [torch.randn(12, 16, 3) for _ in range(4)]
    torch.set_num_threads(2)
    expected = [results(layer, x) for x in inputs]
    torch.set_num_threads(1)
    loader = DataLoader(_Computed(layer, inputs), None, num_workers=2, multiprocessing_context="fork", timeout=60)
    for found, here in zip(loader, expected, strict=True):
        assert all(torch.equal(one, other) for one, other in zip(found, here, strict=True))
    assert all(torch.equal(one, other) for one, other in zip(results(layer, inputs[0]), expected[0], strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_functional_calls_give_gradients_to_the_weights_that_were_given(name: str):
    layer, other = getattr(nn, name)(3, 20, 2), getattr(nn, name)(3, 20, 2)
    x = torch.randn(9, 4, 3)
    weights = {key: value.detach().clone().requires_grad_() for key, value in other.named_parameters()}
    output, _ = torch.func.functional_call(layer, weights, (x,))
    gradients = torch.autograd.grad(output.square().sum(), list(weights.values()))
    expected = results(other, x)
    assert torch.equal(output, expected[0])
    assert all(torch.equal(one, other) for one, other in zip(gradients, expected[2:], strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_transforms_of_torch_func_take_the_layers_apart(name: str):
    layer = getattr(nn, name)(3, 5)
    x = torch.randn(9, 4, 3)

    def loss(weights: dict[str, Tensor], x: Tensor) -> Tensor:
        return torch.func.functional_call(layer, weights, (x,))[0].square().sum()

    weights = {key: value.detach() for key, value in layer.named_parameters()}
    expected = torch.autograd.grad(layer(x)[0].square().sum(), list(layer.parameters()))
    found = torch.func.grad(loss)(weights, x)
    of_each_row = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 1))(weights, x[:, :, None])
    for key, grad in zip(weights, expected, strict=True):
        torch.testing.assert_close(found[key], grad, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(of_each_row[key].sum(0), grad, rtol=1e-4, atol=1e-5)
