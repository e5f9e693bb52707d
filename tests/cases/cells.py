"""Every cell of the reference: a new one is tested by being listed here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from recurra import reference


@dataclass(frozen=True)
class CellCase:
    """A cell, the torch module that computes the same (None where torch has none), and random material for both."""

    cell: reference.Cell
    twin: Callable[..., torch.nn.RNNBase] | None

    def __str__(self) -> str:
        return self.cell.name

    def weights(self, features: int, hidden: int, dtype: torch.dtype = torch.float64) -> Any:
        """Random weights; the two biases differ."""
        rows = self.cell.gates * hidden
        shapes = {
            "weight_ih": (rows, features),
            "weight_hh": (rows, hidden),
            "bias_ih": (rows,),
            "bias_hh": (rows,),
            "weight_peephole": (3 * hidden,),
            "weight_norm_ih": (rows,),
            "weight_norm_hh": (rows,),
            "weight_norm_c": (hidden,),
            "bias_norm_c": (hidden,),
        }
        names = self.cell.weights._fields
        return self.cell.weights(*(torch.randn(shapes[name], dtype=dtype) * 0.6 for name in names))

    def stack(
        self, features: int, hidden: int, layers: int, directions: int, dtype: torch.dtype = torch.float64
    ) -> list:
        """Random weights of each layer and direction, as torch counts them."""
        return [
            self.weights(features if layer == 0 else directions * hidden, hidden, dtype)
            for layer in range(layers)
            for _ in range(directions)
        ]

    def state(self, *shape: int, dtype: torch.dtype = torch.float64) -> Any:
        """A random state; its fields differ from each other and from zero."""
        fields = self.cell.state._fields
        return self.cell.state(*(torch.randn(shape, dtype=dtype) for _ in fields))


def copy_weights(module: torch.nn.RNNBase, stack: list[Any]) -> None:
    """Give the torch module the weights of a stack of cells."""
    with torch.no_grad():
        for parameters, weights in zip(module.all_weights, stack, strict=True):
            for parameter, weight in zip(parameters, weights, strict=True):
                parameter.copy_(weight)


def leaves(*records: Any) -> list[Tensor]:
    """The tensors in records of any depth, in order."""
    found: list[Tensor] = []
    for record in records:
        found.extend([record] if isinstance(record, Tensor) else leaves(*record))
    return found


CELLS = [
    CellCase(reference.rnn("tanh"), lambda *a, **k: torch.nn.RNN(*a, nonlinearity="tanh", **k)),
    CellCase(reference.rnn("relu"), lambda *a, **k: torch.nn.RNN(*a, nonlinearity="relu", **k)),
    CellCase(reference.rnn("sigmoid"), None),
    CellCase(reference.LSTM, torch.nn.LSTM),
    CellCase(reference.PEEPHOLE_LSTM, None),
    CellCase(reference.GRU_RESET_AFTER, torch.nn.GRU),
    CellCase(reference.GRU_RESET_BEFORE, None),
    CellCase(reference.layer_norm_rnn("tanh"), None),
    CellCase(reference.LAYER_NORM_LSTM, None),
    CellCase(reference.LAYER_NORM_GRU, None),
]
CELLS_IN_TORCH = [case for case in CELLS if case.twin is not None]
