from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from cases.cells import CELLS, CELLS_IN_TORCH, CellCase, leaves
from cases.tolerances import assert_close
from recurra import reference


def twice_differentiated(outputs: list[Tensor], inputs: list[Tensor]) -> list[Tensor]:
    """The gradients of every input, and those of a random product with them."""
    generator = torch.Generator().manual_seed(7)

    def random_like(tensors: Any) -> list[Tensor]:
        return [torch.randn(t.shape, generator=generator, dtype=t.dtype) for t in tensors]

    first = torch.autograd.grad(outputs, inputs, random_like(outputs), create_graph=True, materialize_grads=True)
    second = torch.autograd.grad(first, inputs, random_like(first), materialize_grads=True)
    return [*first, *second]


@pytest.mark.parametrize("lengths", [None, [4, 0, 5], [2, 1, 3]], ids=str)
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("case", CELLS_IN_TORCH, ids=str)
def test_equals_torch_twice_differentiated(case: CellCase, reverse: bool, lengths: list[int] | None):
    x, state, weights = torch.randn(3, 5, 2, dtype=torch.float64), case.state(3, 3), case.weights(2, 3)
    inputs = [tensor.requires_grad_() for tensor in leaves(x, state, weights)]
    counts = None if lengths is None else torch.tensor(lengths)
    output, end = reference.differentiable_run(case.cell, x, state, weights, reverse=reverse, lengths=counts)
    mine = [output, *end]

    assert case.twin is not None
    module = case.twin(2, 3, batch_first=True, bidirectional=True, dtype=torch.float64)
    direction = int(reverse)
    flat = dict(zip([n + "_reverse" * direction for n in module._all_weights[0]], weights, strict=False))
    start = [torch.stack([field, field]) for field in state]
    outputs, ends = [], []
    for row in range(3):
        steps = 5 if lengths is None else lengths[row]
        if steps == 0:
            outputs.append(x.new_zeros(5, 3))
            ends.append([field[row] for field in state])
            continue
        h = [field[:, row : row + 1] for field in start]
        args = (x[row : row + 1, :steps], h[0] if len(h) == 1 else tuple(h))
        y, after = torch.func.functional_call(module, flat, args)
        after = (after,) if len(h) == 1 else after
        y = y[0, :, 3 * direction : 3 * direction + 3]
        outputs.append(torch.cat([y, y.new_zeros(5 - steps, 3)]))
        ends.append([field[direction, 0] for field in after])
    theirs = [torch.stack(outputs), *(torch.stack(fields) for fields in zip(*ends, strict=True))]
    assert_close(mine, theirs)
    assert_close(twice_differentiated(mine, inputs), twice_differentiated(theirs, inputs), "gradient")


@pytest.mark.parametrize("case", CELLS, ids=str)
def test_equals_the_run_with_a_tape(case: CellCase):
    x, state, weights = torch.randn(3, 5, 2, dtype=torch.float64), case.state(3, 3), case.weights(2, 3)
    output, end = reference.differentiable_run(case.cell, x, state, weights)
    expected, expected_end, _ = case.cell.run(x, state, weights)
    assert_close(output, expected)
    assert_close(end, expected_end)
    assert isinstance(end, case.cell.state)


@pytest.mark.parametrize("case", CELLS, ids=str)
def test_a_reset_begins_anew(case: CellCase):
    x, state, weights = torch.randn(2, 6, 2, dtype=torch.float64), case.state(2, 3), case.weights(2, 3)
    zero = case.cell.state(*(torch.zeros(1, 3, dtype=torch.float64) for _ in state))
    resets = torch.zeros(2, 6, dtype=torch.bool)
    resets[0, 2] = resets[1, 0] = resets[1, 5] = True
    lengths = torch.tensor([5, 6])
    row = [case.cell.state(*(field[r : r + 1] for field in state)) for r in range(2)]

    output, end = reference.differentiable_run(case.cell, x, state, weights, lengths=lengths, resets=resets)
    pieces = [(0, 0, 2, row[0]), (0, 2, 5, zero), (1, 0, 5, zero), (1, 5, 6, zero)]
    for r, start, stop, begin in pieces:
        expected, after, _ = case.cell.run(x[r : r + 1, start:stop], begin, weights)
        assert_close(output[r : r + 1, start:stop], expected)
        if stop == lengths[r]:
            assert_close([field[r : r + 1] for field in end], tuple(after))
    assert not output[0, 5].any()

    # In reverse, a reset cuts what came before it in that order: the step after.
    output, end = reference.differentiable_run(
        case.cell, x, state, weights, lengths=lengths, resets=resets, reverse=True
    )
    pieces = [(0, 4, 2, row[0]), (0, 2, -1, zero), (1, 5, 0, zero), (1, 0, -1, zero)]
    for r, start, stop, begin in pieces:
        order = list(range(start, stop, -1))
        expected, after, _ = case.cell.run(x[r : r + 1, order], begin, weights)
        assert_close(output[r : r + 1, order], expected)
        if stop == -1:
            assert_close([field[r : r + 1] for field in end], tuple(after))


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("case", CELLS, ids=str)
def test_padding_is_not_read(case: CellCase, reverse: bool):
    x, state, weights = torch.randn(2, 4, 2, dtype=torch.float64), case.state(2, 3), case.weights(2, 3)
    x[0, 2:] = torch.nan
    inputs = [tensor.requires_grad_() for tensor in leaves(x, state, weights)]
    output, end = reference.differentiable_run(
        case.cell, x, state, weights, lengths=torch.tensor([2, 4]), reverse=reverse
    )
    found = twice_differentiated([output, *end], inputs)
    assert all(tensor.isfinite().all() for tensor in [output, *end, *found])
    assert not found[0][0, 2:].any()


@pytest.mark.parametrize("case", CELLS, ids=str)
def test_no_steps(case: CellCase):
    x, state, weights = torch.randn(2, 0, 2, dtype=torch.float64), case.state(2, 3), case.weights(2, 3)
    output, end = reference.differentiable_run(case.cell, x, state, weights, resets=x.new_zeros(2, 0).bool())
    assert output.shape == (2, 0, 3)
    assert_close(end, tuple(state))
