from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence

from cases.cells import CELLS, CellCase, leaves
from cases.tolerances import TOLERANCES, assert_close
from recurra.ops import Recurrence, recurrent
from recurra.ops._recurrent import _by_reference, _by_torch

FEATURES: dict[str, dict[str, Any]] = {
    "rnn-tanh": {"kind": "rnn", "nonlinearity": "tanh"},
    "rnn-relu": {"kind": "rnn", "nonlinearity": "relu"},
    "rnn-sigmoid": {"kind": "rnn", "nonlinearity": "sigmoid"},
    "lstm": {"kind": "lstm"},
    "lstm-peephole": {"kind": "lstm", "peephole": True},
    "gru": {"kind": "gru"},
    "gru-reset-before": {"kind": "gru", "reset_after": False},
    "rnn-tanh-layer-norm": {"kind": "rnn", "layer_norm": True},
    "lstm-layer-norm": {"kind": "lstm", "layer_norm": True},
    "gru-layer-norm": {"kind": "gru", "layer_norm": True},
}
IN_TORCH = [case for case in CELLS if case.twin]
BEYOND_TORCH = [case for case in CELLS if not case.twin]


def weights_of(case: CellCase, *, bias: bool, dtype: torch.dtype = torch.float64) -> list[torch.Tensor]:
    """Two layers in both directions, 3 features and 2 units."""
    stack = case.stack(3, 2, 2, 2, dtype)
    return [w for cell in stack for w, name in zip(cell, cell._fields, strict=True) if bias or "bias" not in name]


def run_and_return(kernel: Any, inputs: list[torch.Tensor], fields: int, recurrence: Recurrence, *rows: Any) -> list:
    """The outputs and final states, and the gradient of every input for a cotangent on each of them."""
    inputs = [tensor.clone().requires_grad_() for tensor in inputs]
    output, end = kernel(inputs[0], tuple(inputs[1 : 1 + fields]), inputs[1 + fields :], recurrence, True, *rows)
    generator = torch.Generator().manual_seed(3)
    asked = [torch.randn(tensor.shape, generator=generator).to(tensor) for tensor in (output, *end)]
    return [(output, *end), torch.autograd.grad((output, *end), inputs, asked)]


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("rows", ["time first", "batch first", "packed", "lengths"])
@pytest.mark.parametrize("case", IN_TORCH, ids=str)
def test_both_kernels_agree(case: CellCase, rows: str, bias: bool):
    recurrence = Recurrence(
        **FEATURES[str(case)], num_layers=2, bias=bias, bidirectional=True, batch_first=rows == "batch first"
    )
    x, state = torch.randn(5, 4, 3, dtype=torch.float64), case.state(4, 4, 2)
    batch_sizes, lengths = None, None
    if rows == "batch first":
        x = x.transpose(0, 1)
    elif rows == "packed":
        x, batch_sizes, *_ = pack_padded_sequence(x, torch.tensor([5, 5, 2, 1]))
    elif rows == "lengths":
        lengths = torch.tensor([2, 0, 5, 1])
    inputs = [x, *state, *weights_of(case, bias=bias)]
    mine = run_and_return(_by_reference, inputs, len(state), recurrence, batch_sizes, lengths)
    theirs = run_and_return(_by_torch, inputs, len(state), recurrence, batch_sizes, lengths)
    assert_close(mine[0], theirs[0])
    assert_close(mine[1], theirs[1], "gradient")


@pytest.mark.parametrize("case", IN_TORCH, ids=str)
def test_float32_is_as_exact_as_torch(case: CellCase):
    recurrence = Recurrence(**FEATURES[str(case)], num_layers=2, bidirectional=True)
    inputs = [torch.randn(5, 7, 3), *case.state(4, 7, 2, dtype=torch.float32)]
    inputs += weights_of(case, bias=True, dtype=torch.float32)
    fields = len(case.cell.state._fields)
    truth = leaves(*run_and_return(_by_torch, [i.double() for i in inputs], fields, recurrence, None, None))
    mine = leaves(*run_and_return(_by_reference, inputs, fields, recurrence, None, None))
    theirs = leaves(*run_and_return(_by_torch, inputs, fields, recurrence, None, None))
    worst_mine, worst_theirs = (
        max(float((a - b).detach().norm() / b.detach().norm()) for a, b in zip(numbers, truth, strict=True))
        for numbers in (mine, theirs)
    )
    assert 0 < worst_theirs < TOLERANCES[torch.float32, "gradient"]
    assert worst_mine <= 2 * worst_theirs


@pytest.mark.parametrize("case", BEYOND_TORCH, ids=str)
def test_gradcheck_beyond_torch(case: CellCase):
    recurrence = Recurrence(**FEATURES[str(case)], num_layers=2, bidirectional=True)
    fields = len(case.cell.state._fields)
    lengths = torch.tensor([3, 1])

    def run(x: torch.Tensor, *rest: torch.Tensor) -> Any:
        output, end = recurrent(x, rest[:fields], rest[fields:], recurrence, training=True, lengths=lengths)
        return output, *end

    inputs = [torch.randn(3, 2, 3, dtype=torch.float64), *case.state(4, 2, 2), *weights_of(case, bias=True)]
    assert torch.autograd.gradcheck(run, [tensor.requires_grad_() for tensor in inputs], fast_mode=True)


@pytest.mark.parametrize("case", CELLS, ids=str)
def test_the_way_back_can_be_differentiated(case: CellCase):
    recurrence = Recurrence(**FEATURES[str(case)], bidirectional=True)
    fields = len(case.cell.state._fields)
    resets = torch.tensor([[False, False], [False, True]])

    def run(x: torch.Tensor, *rest: torch.Tensor) -> Any:
        output, end = recurrent(x, rest[:fields], rest[fields:], recurrence, training=True, resets=resets)
        return output, *end

    weights = weights_of(case, bias=True)[: 2 * len(case.cell.weights._fields)]
    inputs = [torch.randn(2, 2, 3, dtype=torch.float64), *case.state(2, 2, 2), *weights]
    assert torch.autograd.gradgradcheck(run, [tensor.requires_grad_() for tensor in inputs], fast_mode=True)


@pytest.mark.parametrize("case", BEYOND_TORCH, ids=str)
def test_dropout_falls_between_layers_and_only_in_training(case: CellCase):
    x, state, weights = torch.randn(5, 4, 3, dtype=torch.float64), case.state(4, 4, 2), weights_of(case, bias=True)

    def output(dropout: float, training: bool) -> torch.Tensor:
        recurrence = Recurrence(**FEATURES[str(case)], num_layers=2, bidirectional=True, dropout=dropout)
        return recurrent(x, state, weights, recurrence, training=training)[0]

    dry = output(0.0, True)
    assert_close(output(0.5, False), dry)
    torch.manual_seed(1)
    wet = output(0.5, True)
    torch.manual_seed(1)
    assert_close(output(0.5, True), wet)
    assert not torch.allclose(wet, dry)
    # When everything is dropped, the second layer reads nothing, and the first matters no more.
    weights[0] = weights[0] + 1
    blank = output(1.0, True)
    weights[0] = weights[0] - 2
    assert_close(output(1.0, True), blank)
    assert blank.abs().max() > 0.01


def test_writing_into_what_backward_needs_is_noticed():
    case = next(case for case in CELLS if str(case) == "gru-reset-before")
    weights = [weight.requires_grad_() for weight in weights_of(case, bias=True)]
    recurrence = Recurrence("gru", num_layers=2, bidirectional=True, reset_after=False)
    x = torch.randn(5, 4, 3, dtype=torch.float64)
    output, _ = recurrent(x, case.state(4, 4, 2), weights, recurrence, training=True)
    x.zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        output.sum().backward()


@pytest.mark.parametrize("case", CELLS, ids=str)
def test_no_steps_leave_the_state_alone(case: CellCase):
    recurrence = Recurrence(**FEATURES[str(case)], num_layers=2, bidirectional=True)
    state, weights = case.state(4, 3, 2), weights_of(case, bias=True)
    output, end = recurrent(torch.empty(0, 3, 3, dtype=torch.float64), state, weights, recurrence, training=True)
    assert output.shape == (0, 3, 4)
    assert_close(end, tuple(state))
