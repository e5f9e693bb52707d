"""Layers under torch's compilers: one graph, of any batch and time, without settings."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from cases.tolerances import assert_close
from recurra import nn

STACK: dict[str, Any] = {"num_layers": 2, "bidirectional": True, "batch_first": True}


@pytest.fixture(autouse=True)
def forget_graphs() -> None:
    torch.compiler.reset()


@pytest.mark.parametrize("options", [{}, STACK], ids=["one", "stack"])
@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_a_compiler_takes_a_layer_whole(name: str, options: dict[str, Any]):
    layer = getattr(nn, name)(3, 4, **options)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    inputs = [torch.randn(5, 2, 3, requires_grad=True), *layer.parameters()]
    cotangent = torch.randn(5, 2, 8 if options else 4)

    def results(call: Any, **rows: Tensor) -> list[Tensor]:
        output, _ = call(inputs[0], **rows)
        return [output, *torch.autograd.grad(output, inputs, cotangent)]

    lengths = torch.tensor([2, 1, 2, 0, 2] if options else [5, 3])
    for rows in ({}, {"lengths": lengths}):
        assert_close(results(compiled, **rows), results(layer, **rows), "gradient")


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("name", ["LSTM", "GRU"])
def test_an_exported_layer_takes_any_batch_and_time(name: str, strict: bool):
    layer = getattr(nn, name)(3, 4, **STACK)
    sizes = ({0: torch.export.Dim("batch"), 1: torch.export.Dim("time")},)
    program = torch.export.export(layer, (torch.randn(4, 5, 3),), dynamic_shapes=sizes, strict=strict)
    for shape in ((4, 5, 3), (9, 2, 3), (3, 7, 3)):
        x = torch.randn(shape)
        assert_close(program.module()(x)[0], layer(x)[0])
