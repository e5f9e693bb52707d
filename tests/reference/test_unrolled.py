from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis.strategies import integers, lists
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from cases.cells import CELLS, CELLS_IN_TORCH, CellCase, copy_weights, leaves
from cases.tolerances import assert_close
from recurra import reference

# (layers, directions)
STACKS = [(1, 2), (2, 1), (3, 2)]


@pytest.mark.parametrize("lengths", [None, [4, 1, 5]], ids=["whole", "lengths"])
@pytest.mark.parametrize(("layers", "directions"), STACKS)
@pytest.mark.parametrize("case", CELLS_IN_TORCH, ids=str)
def test_equals_torch(case: CellCase, layers: int, directions: int, lengths: list[int] | None):
    batch, time, features, hidden = 3, 5, 2, 3
    x, state = torch.randn(batch, time, features, dtype=torch.float64), case.state(layers * directions, batch, hidden)
    grad_output = torch.randn(batch, time, directions * hidden, dtype=torch.float64)
    grad_state = case.state(layers * directions, batch, hidden)
    stack = case.stack(features, hidden, layers, directions)
    assert case.twin is not None
    module = case.twin(features, hidden, layers, batch_first=True, bidirectional=directions == 2, dtype=torch.float64)
    copy_weights(module, stack)

    theirs = [x.clone().requires_grad_(), *(field.clone().requires_grad_() for field in state)]
    start = theirs[1] if len(state) == 1 else tuple(theirs[1:])
    if lengths is None:
        expected_output, expected_end = module(theirs[0], start)
    else:
        packed = pack_padded_sequence(theirs[0], torch.tensor(lengths), batch_first=True, enforce_sorted=False)
        packed_output, expected_end = module(packed, start)
        expected_output, _ = pad_packed_sequence(packed_output, batch_first=True)
    expected_end = (expected_end,) if len(state) == 1 else expected_end
    torch.autograd.backward([expected_output, *expected_end], [grad_output, *grad_state])

    output, end, tape = reference.unrolled_run(
        case.cell,
        x,
        state,
        stack,
        bidirectional=directions == 2,
        lengths=None if lengths is None else torch.tensor(lengths),
    )
    gradients = reference.unrolled_backward(case.cell, tape, stack, grad_output=grad_output, grad_state=grad_state)
    assert_close(output, expected_output)
    assert_close(end, expected_end)
    assert_close(gradients.x, theirs[0].grad, "gradient")
    assert_close(gradients.state, tuple(field.grad for field in theirs[1:]), "gradient")
    for mine, parameters in zip(gradients.weights, module.all_weights, strict=True):
        assert_close(mine, tuple(parameter.grad for parameter in parameters), "gradient")


@pytest.mark.parametrize("time", [0, 1, 4])
@pytest.mark.parametrize("case", CELLS, ids=str)
def test_backward_equals_autograd(case: CellCase, time: int):
    x, state, stack = torch.randn(3, time, 2, dtype=torch.float64), case.state(4, 3, 3), case.stack(2, 3, 2, 2)
    grad_output, grad_state = torch.randn(3, time, 6, dtype=torch.float64), case.state(4, 3, 3)
    lengths = torch.tensor([time, time // 2, 0])
    masks = [torch.bernoulli(torch.full((3, time, 6), 0.5, dtype=torch.float64)) * 2]
    inputs = [tensor.requires_grad_() for tensor in leaves(x, state, *stack)]

    def run() -> tuple[torch.Tensor, tuple[torch.Tensor, ...], reference.UnrolledTape]:
        return reference.unrolled_run(case.cell, x, state, stack, bidirectional=True, lengths=lengths, masks=masks)

    output, end, _ = run()
    expected = torch.autograd.grad([output, *end], inputs, [grad_output, *grad_state], materialize_grads=True)
    with torch.no_grad():
        _, _, tape = run()
        gradients = reference.unrolled_backward(case.cell, tape, stack, grad_output=grad_output, grad_state=grad_state)
    assert_close(leaves(gradients), expected, "gradient")


@pytest.mark.parametrize("case", CELLS, ids=str)
@settings(max_examples=10, deadline=None)
@given(lengths=lists(integers(0, 5), min_size=3, max_size=3), seed=integers(0, 9999))
def test_padding_changes_nothing(case: CellCase, lengths: list[int], seed: int):
    torch.manual_seed(seed)
    x, state, stack = torch.randn(3, 5, 2, dtype=torch.float64), case.state(4, 3, 3), case.stack(2, 3, 2, 2)
    grad_output, grad_state = torch.randn(3, 5, 6, dtype=torch.float64), case.state(4, 3, 3)
    padding = torch.arange(5) >= torch.tensor(lengths)[:, None]
    x[padding] = torch.nan
    output, end, tape = reference.unrolled_run(
        case.cell, x, state, stack, bidirectional=True, lengths=torch.tensor(lengths)
    )
    gradients = reference.unrolled_backward(case.cell, tape, stack, grad_output=grad_output, grad_state=grad_state)
    assert not output[padding].any()
    assert not gradients.x[padding].any()

    total = [torch.zeros_like(weight) for weight in leaves(*stack)]
    for row, length in enumerate(lengths):
        alone = case.cell.state(*(field[:, row : row + 1] for field in state))
        y, state_after, tape = reference.unrolled_run(
            case.cell, x[row : row + 1, :length], alone, stack, bidirectional=True
        )
        single = reference.unrolled_backward(
            case.cell,
            tape,
            stack,
            grad_output=grad_output[row : row + 1, :length],
            grad_state=case.cell.state(*(field[:, row : row + 1] for field in grad_state)),
        )
        assert_close(output[row : row + 1, :length], y)
        assert_close(tuple(field[:, row : row + 1] for field in end), tuple(state_after))
        assert_close(gradients.x[row : row + 1, :length], single.x, "gradient")
        total = [sofar + grad for sofar, grad in zip(total, leaves(single.weights), strict=True)]
    assert_close(leaves(gradients.weights), total, "gradient")


def test_state_that_overflows_in_the_padding_stays_there():
    case = next(case for case in CELLS if case.cell.name == "rnn-relu")
    weights = case.weights(1, 2)._replace(weight_hh=torch.full((2, 2), 1e60, dtype=torch.float64))
    x, state = torch.ones(1, 20, 1, dtype=torch.float64), reference.RNNState(torch.ones(1, 1, 2, dtype=torch.float64))
    output, end, tape = reference.unrolled_run(case.cell, x, state, [weights], lengths=torch.tensor([2]))
    grad_state = reference.RNNState(torch.ones_like(end[0]))
    gradients = reference.unrolled_backward(
        case.cell, tape, [weights], grad_output=torch.ones_like(output), grad_state=grad_state
    )
    assert all(tensor.isfinite().all() for tensor in leaves(output, end, gradients))


@pytest.mark.parametrize("case", CELLS, ids=str)
@pytest.mark.parametrize("steps", [1, 2, 3, 7, 8])
def test_truncated_equals_autograd_with_detached_state(case: CellCase, steps: int):
    x, state, stack = torch.randn(2, 7, 3, dtype=torch.float64), case.state(2, 2, 3), case.stack(3, 3, 2, 1)
    grad_output, grad_state = torch.randn(2, 7, 3, dtype=torch.float64), case.state(2, 2, 3)
    gradients = reference.truncated_gradients(
        case.cell, x, state, stack, steps=steps, grad_output=grad_output, grad_state=grad_state
    )

    inputs = [tensor.requires_grad_() for tensor in leaves(x, state, *stack)]
    outputs, carried, end = [], state, state
    for start in range(0, 7, steps):
        y, end, _ = reference.unrolled_run(case.cell, x[:, start : start + steps], carried, stack)
        outputs.append(y)
        carried = case.cell.state(*(field.detach() for field in end))
    asked = [torch.cat(outputs, dim=1), *end]
    expected = torch.autograd.grad(asked, inputs, [grad_output, *grad_state], materialize_grads=True)
    assert_close(leaves(gradients), expected, "gradient")


def test_truncated_cuts_something():
    case = next(case for case in CELLS if case.cell.name == "lstm")
    x, state, stack = torch.randn(2, 6, 3, dtype=torch.float64), case.state(1, 2, 3), case.stack(3, 3, 1, 1)
    asked = {"grad_output": torch.randn(2, 6, 3, dtype=torch.float64), "grad_state": case.state(1, 2, 3)}
    cut = reference.truncated_gradients(case.cell, x, state, stack, steps=3, **asked)
    whole = reference.truncated_gradients(case.cell, x, state, stack, steps=6, **asked)
    assert_close(cut.x[:, 3:], whole.x[:, 3:], "gradient")
    assert (cut.x[:, :3] - whole.x[:, :3]).abs().max() > 1e-3


@pytest.mark.parametrize("case", CELLS, ids=str)
def test_truncated_works_for_no_steps_and_refuses_empty_chunks(case: CellCase):
    x, state, stack = torch.randn(2, 0, 3, dtype=torch.float64), case.state(2, 2, 3), case.stack(3, 3, 2, 1)
    grad_output, grad_state = torch.randn(2, 0, 3, dtype=torch.float64), case.state(2, 2, 3)
    gradients = reference.truncated_gradients(
        case.cell, x, state, stack, steps=3, grad_output=grad_output, grad_state=grad_state
    )
    assert_close(gradients.state, grad_state)
    with pytest.raises(ValueError, match="steps=0"):
        reference.truncated_gradients(
            case.cell, x, state, stack, steps=0, grad_output=grad_output, grad_state=grad_state
        )


@pytest.mark.parametrize("case", CELLS, ids=str)
def test_resets_cut_a_row_into_rows(case: CellCase):
    # Row 0 is reset at step 2, row 1 at 0 and 4, and where it is over; lengths are 5 and 6.
    x, state, stack = torch.randn(2, 7, 2, dtype=torch.float64), case.state(4, 2, 3), case.stack(2, 3, 2, 2)
    resets = torch.zeros(2, 7, dtype=torch.bool)
    resets[0, 2] = resets[1, 0] = resets[1, 4] = resets[1, 6] = True
    grad_output, grad_state = torch.randn(2, 7, 6, dtype=torch.float64), case.state(4, 2, 3)
    output, end, tape = reference.unrolled_run(
        case.cell, x, state, stack, bidirectional=True, lengths=torch.tensor([5, 6]), resets=resets
    )
    gradients = reference.unrolled_backward(case.cell, tape, stack, grad_output=grad_output, grad_state=grad_state)

    forwards = torch.tensor([1.0, 0.0, 1.0, 0.0], dtype=torch.float64)[:, None, None]
    backwards = 1 - forwards
    total = [torch.zeros_like(weight) for weight in leaves(*stack)]
    # What a piece begins with: forwards the row's state unless it was reset, backwards that of the row's last piece.
    for row, start, stop, first, last in [(0, 0, 2, 1, 0), (0, 2, 5, 0, 1), (1, 0, 4, 0, 0), (1, 4, 6, 0, 1)]:
        own = forwards * first + backwards * last
        alone = case.cell.state(*(field[:, row : row + 1] * own for field in state))
        y, after, tape = reference.unrolled_run(
            case.cell, x[row : row + 1, start:stop], alone, stack, bidirectional=True
        )
        ends = forwards * last + backwards * (start == 0)
        single = reference.unrolled_backward(
            case.cell,
            tape,
            stack,
            grad_output=grad_output[row : row + 1, start:stop],
            grad_state=case.cell.state(*(field[:, row : row + 1] * ends for field in grad_state)),
        )
        assert_close(output[row : row + 1, start:stop], y)
        assert_close([field[:, row : row + 1] * ends for field in end], [field * ends for field in after])
        assert_close(gradients.x[row : row + 1, start:stop], single.x, "gradient")
        total = [sofar + grad for sofar, grad in zip(total, leaves(single.weights), strict=True)]
    assert_close(leaves(gradients.weights), total, "gradient")


@pytest.mark.parametrize("case", CELLS, ids=str)
def test_backward_of_a_disturbed_stack_equals_autograd(case: CellCase):
    x, state, stack = torch.randn(3, 4, 2, dtype=torch.float64), case.state(4, 3, 3), case.stack(2, 3, 2, 2)
    grad_output, grad_state = torch.randn(3, 4, 6, dtype=torch.float64), case.state(4, 3, 3)
    resets, lengths = torch.rand(3, 4) < 0.4, torch.tensor([4, 2, 0])
    disturbances = [
        reference.Disturbance(
            mask=torch.rand(3, 3, dtype=torch.float64),
            zoneout=case.cell.state(*(torch.rand(3, 4, 3, dtype=torch.float64) for _ in case.cell.state._fields)),
        )
        for _ in range(4)
    ]
    inputs = [tensor.requires_grad_() for tensor in leaves(x, state, *stack)]

    def run() -> tuple[torch.Tensor, tuple[torch.Tensor, ...], reference.UnrolledTape]:
        return reference.unrolled_run(
            case.cell, x, state, stack, bidirectional=True, lengths=lengths, resets=resets, disturbances=disturbances
        )

    output, end, _ = run()
    expected = torch.autograd.grad([output, *end], inputs, [grad_output, *grad_state], materialize_grads=True)
    with torch.no_grad():
        _, _, tape = run()
        gradients = reference.unrolled_backward(case.cell, tape, stack, grad_output=grad_output, grad_state=grad_state)
    assert_close(leaves(gradients), expected, "gradient")
