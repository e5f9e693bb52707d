"""One layer of torch's, or of ours with torch's contract, doing what a case asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recurra.bench._case import GRADIENTS, STATE, WEIGHTS, Case, Cell, Problem

NAMES: dict[Cell, str] = {"rnn": "RNN", "gru": "GRU", "lstm": "LSTM"}


class Layer:
    """A layer with the weights of a problem, and its inputs as tensors.

    What `forward` and `training` give has the order of `names`: output, state, gradients.
    """

    def __init__(self, room: Any, case: Case, problem: Problem, *, dtype: torch.dtype = torch.float32) -> None:
        self.module: torch.nn.Module = getattr(room, NAMES[case.cell])(case.input_size, case.hidden_size, dtype=dtype)
        values = dict(zip((f"{name}_l0" for name in WEIGHTS), map(torch.from_numpy, problem.weights), strict=True))
        self.module.load_state_dict(values)
        self.weights = [getattr(self.module, name) for name in values]
        self.x = torch.from_numpy(problem.x).to(dtype)
        self.state = [torch.from_numpy(field)[None].to(dtype) for field in problem.state]
        cotangents = [torch.from_numpy(array).to(dtype) for array in problem.cotangents]
        self.cotangents = [cotangents[0], *(cotangent[None] for cotangent in cotangents[1:])]
        self.lengths = None if problem.lengths is None else torch.from_numpy(problem.lengths)
        self.names = ("output", *STATE[case.cell], *GRADIENTS)

    def run(self, x: Tensor) -> list[Tensor]:
        """Output and state at the end; rows that end earlier by `lengths=`, which ours take."""
        options = {} if self.lengths is None else {"lengths": self.lengths}
        output, end = self.module(x, state_argument(self.state), **options)
        return [output, *(end if isinstance(end, tuple) else (end,))]

    def forward(self) -> list[Tensor]:
        with torch.inference_mode():
            return self.run(self.x)

    def training(self) -> list[Tensor]:
        x = self.x.detach().requires_grad_()
        results = self.run(x)
        used = results[: len(self.cotangents)]
        return results + list(torch.autograd.grad(used, [x, *self.weights], self.cotangents))

    def results(self, given: list[Tensor]) -> Mapping[str, NDArray[np.floating]]:
        arrays = [tensor.detach().numpy() for tensor in given]
        # A layer's state has an axis for layers, of which there is one.
        fields = range(1, 1 + len(self.state))
        return {
            name: array[0] if place in fields else array
            for place, (name, array) in enumerate(zip(self.names, arrays, strict=False))
        }


def state_argument(fields: Sequence[Tensor]) -> Tensor | tuple[Tensor, ...]:
    """A state as torch's modules take it: h alone, or h and c as a pair."""
    return tuple(fields) if len(fields) > 1 else fields[0]
