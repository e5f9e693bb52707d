"""Every layer that the compiled kernel computes, and problems to put to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence

from recurra.ops import Recurrence, recurrent
from recurra.ops._recurrent import _by_reference, _by_torch

Form = Literal["time first", "batch first", "lengths", "packed", "resets", "resets and lengths"]
FORMS: tuple[Form, ...] = ("time first", "batch first", "lengths", "packed", "resets", "resets and lengths")


@dataclass(frozen=True)
class LayerCase:
    """A layer by name, what makes it, and whether torch has it."""

    name: str
    options: dict[str, Any] = field(hash=False)
    in_torch: bool = True

    def __str__(self) -> str:
        return self.name


LAYERS = [
    LayerCase("rnn-tanh", {"kind": "rnn", "nonlinearity": "tanh"}),
    LayerCase("rnn-relu", {"kind": "rnn", "nonlinearity": "relu"}),
    LayerCase("lstm", {"kind": "lstm"}),
    LayerCase("lstm-peephole", {"kind": "lstm", "peephole": True}, in_torch=False),
    LayerCase("gru", {"kind": "gru"}),
    LayerCase("gru-reset-before", {"kind": "gru", "reset_after": False}, in_torch=False),
]
GATES = {"rnn": 1, "lstm": 4, "gru": 3}


@dataclass(frozen=True)
class Problem:
    """A stack of layers, its weights, what it reads, and what is asked of everything that it gives."""

    recurrence: Recurrence
    inputs: list[Tensor]  # x, the state, the weights
    rows: dict[str, Tensor]  # batch_sizes, lengths, resets
    asked: list[Tensor]

    @property
    def fields(self) -> int:
        return 2 if self.recurrence.kind == "lstm" else 1

    def with_inputs(self, inputs: list[Tensor]) -> Problem:
        return replace(self, inputs=inputs)

    def run(self, kernel: Callable[..., Any] | None = None, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
        """All outputs, final states and gradients; by `recurrent` unless another kernel is named."""
        inputs = [tensor.detach().to(dtype, copy=dtype != tensor.dtype).requires_grad_() for tensor in self.inputs]
        x, state, weights = inputs[0], tuple(inputs[1 : 1 + self.fields]), inputs[1 + self.fields :]
        if kernel is None:
            output, end = recurrent(x, state, weights, self.recurrence, training=True, **self.rows)
        else:
            rows = [self.rows.get(name) for name in ("batch_sizes", "lengths")]
            resets = {"resets": self.rows["resets"]} if "resets" in self.rows else {}
            output, end = kernel(x, state, weights, self.recurrence, True, *rows, **resets)
        given = [output, *end]
        asked = [tensor.to(dtype) for tensor in self.asked]
        gradients = torch.autograd.grad(given, inputs, asked, materialize_grads=True)
        names = ["output", "h_n", "c_n"][: len(given)]
        found = dict(zip(names, (tensor.detach() for tensor in given), strict=True))
        of = ["x", "h0", "c0"][: 1 + self.fields] + [f"weight {i}" for i in range(len(weights))]
        return found | dict(zip((f"d {name}" for name in of), gradients, strict=True))


def problem(
    case: LayerCase,
    *,
    rows: int = 3,
    hidden: int = 4,
    features: int = 2,
    time: int = 5,
    layers: int = 1,
    bidirectional: bool = False,
    bias: bool = True,
    form: Form = "time first",
    seed: int = 0,
) -> Problem:
    """Random float32 numbers of every kind: h0 and c0 differ from each other and from 0, and so do both biases."""
    generator = torch.Generator().manual_seed(seed)

    def random(*shape: int, scale: float = 1.0) -> Tensor:
        return scale * torch.randn(shape, generator=generator)

    recurrence = Recurrence(
        **case.options,
        num_layers=layers,
        bias=bias,
        bidirectional=bidirectional,
        batch_first=form == "batch first",
    )
    directions, gates = 2 if bidirectional else 1, GATES[recurrence.kind] * hidden
    weights = []
    for layer in range(layers):
        width = features if layer == 0 else directions * hidden
        for _ in range(directions):
            scale = hidden**-0.5
            weights += [random(gates, width, scale=width**-0.5), random(gates, hidden, scale=scale)]
            weights += [random(gates, scale=0.5), random(gates, scale=0.5)] if bias else []
            weights += [random(3 * hidden, scale=0.5)] if recurrence.peephole else []
    x = random(time, rows, features)
    state = [random(layers * directions, rows, hidden) for _ in range(2 if recurrence.kind == "lstm" else 1)]
    places: tuple[int, ...] = (time, rows)
    how: dict[str, Tensor] = {}
    if form == "packed":
        lengths = torch.randint(1, time + 1, (rows,), generator=generator).sort(descending=True).values
        x, how["batch_sizes"], *_ = pack_padded_sequence(x, lengths)
        places = x.shape[:1]
    elif form == "batch first":
        x, places = x.transpose(0, 1), (rows, time)
    if "lengths" in form:
        how["lengths"] = torch.randint(0, time + 1, (rows,), generator=generator)
    if "resets" in form:
        how["resets"] = torch.rand(time, rows, generator=generator) < 0.3
    asked = [random(*places, directions * hidden), *(random(*field.shape) for field in state)]
    return Problem(recurrence, [x, *state, *weights], how, asked)


def errors(found: dict[str, Tensor], truth: dict[str, Tensor]) -> dict[str, float]:
    """How far each tensor is from the truth, in units of the truth's size."""
    assert list(found) == list(truth)
    return {
        name: float((found[name].double() - true).norm() / true.norm().clamp(min=1e-30)) if true.numel() else 0.0
        for name, true in truth.items()
    }


# Four roundings of float32: sums of few numbers are exact by luck, and nobody is twice as lucky in every tensor.
LUCK = 4 * 2.0**-23


def assert_as_exact(problem: Problem, witness: Callable[..., Any]) -> None:
    """No further from float64 than twice as far as float32 is by another's code, in every output and gradient."""
    truth = problem.run(witness, torch.float64)
    mine, theirs = errors(problem.run(), truth), errors(problem.run(witness), truth)
    worse = {name: (mine[name], theirs[name]) for name in mine if not mine[name] <= 2 * theirs[name] + LUCK}
    assert not worse


def witness_of(case: LayerCase, form: Form) -> Callable[..., Any]:
    """Somebody else's code for this: torch's where it has it, otherwise our equations."""
    return _by_torch if case.in_torch and "resets" not in form else _by_reference
