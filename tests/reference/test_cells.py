from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis.strategies import integers, lists

from cases.cells import CELLS, CELLS_IN_TORCH, CellCase, copy_weights, leaves
from cases.tolerances import assert_close
from recurra import reference

# (batch, time, features, hidden)
SIZES = [(1, 1, 1, 1), (2, 5, 3, 7), (3, 2, 7, 2), (7, 5, 1, 3), (2, 0, 3, 2)]


def ask_everything(case: CellCase, sizes: tuple[int, int, int, int]) -> tuple[Any, Any, Any, Any]:
    """Input, state, weights, and random cotangents on every state of the run."""
    batch, time, features, hidden = sizes
    x = torch.randn(batch, time, features, dtype=torch.float64)
    return x, case.state(batch, hidden), case.weights(features, hidden), case.state(batch, time + 1, hidden)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("case", CELLS, ids=str)
def test_run_is_step_after_step(case: CellCase, sizes: tuple[int, int, int, int]):
    x, state, weights, _ = ask_everything(case, sizes)
    output, end, tape = case.cell.run(x, state, weights)
    assert output.shape == (*x.shape[:2], sizes[3])
    assert_close(reference.at_time(tape.states, 0), state)
    for t in range(x.shape[1]):
        y, state = case.cell.step(x[:, t], state, weights)
        torch.testing.assert_close(output[:, t], y, rtol=0, atol=0)
        torch.testing.assert_close(state.h, y, rtol=0, atol=0)
    assert_close(end, state)
    assert_close(reference.at_time(tape.states, -1), state)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("case", CELLS, ids=str)
def test_backward_equals_autograd(case: CellCase, sizes: tuple[int, int, int, int]):
    x, state, weights, grad_states = ask_everything(case, sizes)
    inputs = leaves(x, state, weights)
    for tensor in inputs:
        tensor.requires_grad_()
    _, _, tape = case.cell.run(x, state, weights)
    expected = torch.autograd.grad(tape.states, inputs, grad_states, materialize_grads=True)

    with torch.no_grad():
        _, _, tape = case.cell.run(x, state, weights)
        gradients = case.cell.backward(tape, weights, grad_states)
    assert isinstance(gradients.weights, case.cell.weights)
    assert_close(leaves(gradients.x, gradients.state, gradients.weights), expected, "gradient")


@pytest.mark.parametrize("case", CELLS, ids=str)
def test_backward_tells_the_gradient_of_every_state(case: CellCase):
    x, state, weights, grad_states = ask_everything(case, (2, 4, 3, 3))
    history = [case.cell.state(*(field.requires_grad_() for field in state))]
    for t in range(4):
        history.append(case.cell.step(x[:, t], history[-1], weights)[1])
    asked = [field for t in range(5) for field in reference.at_time(grad_states, t)]
    expected = torch.autograd.grad(leaves(history), leaves(history), asked)

    with torch.no_grad():
        _, _, tape = case.cell.run(x, state, weights)
        states = case.cell.backward(tape, weights, grad_states).states
    assert_close([field for t in range(5) for field in reference.at_time(states, t)], expected, "gradient")


@pytest.mark.parametrize("case", CELLS, ids=str)
def test_gradcheck(case: CellCase):
    x, state, weights, _ = ask_everything(case, (2, 3, 2, 2))
    fields = len(state)

    class Run(torch.autograd.Function):
        """The run with the backward pass derived by hand."""

        @staticmethod
        def forward(ctx: Any, x: torch.Tensor, *rest: torch.Tensor) -> Any:
            ctx.weights = case.cell.weights(*rest[fields:])
            _, _, ctx.tape = case.cell.run(x, case.cell.state(*rest[:fields]), ctx.weights)
            return tuple(field.clone() for field in ctx.tape.states)

        @staticmethod
        def backward(ctx: Any, *grad_states: torch.Tensor) -> Any:
            gradients = case.cell.backward(ctx.tape, ctx.weights, case.cell.state(*grad_states))
            return tuple(leaves(gradients.x, gradients.state, gradients.weights))

    inputs = [tensor.requires_grad_() for tensor in leaves(x, state, weights)]
    assert torch.autograd.gradcheck(Run.apply, inputs)


@pytest.mark.parametrize("sizes", [*SIZES[:-1], (1, 3, 63, 63)], ids=str)
@pytest.mark.parametrize("case", CELLS_IN_TORCH, ids=str)
def test_equals_torch(case: CellCase, sizes: tuple[int, int, int, int]):
    batch, time, features, hidden = sizes
    x, state, weights, _ = ask_everything(case, sizes)
    grad_output, grad_state = torch.randn(batch, time, hidden, dtype=torch.float64), case.state(batch, hidden)
    assert case.twin is not None
    module = case.twin(features, hidden, batch_first=True, dtype=torch.float64)
    copy_weights(module, [weights])

    theirs = [x.clone().requires_grad_(), *(field[None].clone().requires_grad_() for field in state)]
    start = theirs[1] if len(state) == 1 else tuple(theirs[1:])
    expected_output, expected_end = module(theirs[0], start)
    expected_end = (expected_end,) if len(state) == 1 else expected_end
    torch.autograd.backward([expected_output, *expected_end], [grad_output, *(field[None] for field in grad_state)])

    output, end, tape = case.cell.run(x, state, weights)
    gradients = case.cell.backward(tape, weights, reference.asked_of_states(grad_output, grad_state))

    assert_close(output, expected_output)
    assert_close(end, tuple(field[0] for field in expected_end))
    assert_close(gradients.x, theirs[0].grad, "gradient")
    assert_close(gradients.state, tuple(field.grad[0] for field in theirs[1:]), "gradient")
    assert_close(gradients.weights, tuple(weight.grad for weight in module.all_weights[0]), "gradient")


@pytest.mark.parametrize("case", CELLS, ids=str)
@settings(max_examples=15, deadline=None)
@given(cuts=lists(integers(0, 8), max_size=4), seed=integers(0, 9999))
def test_chunks_do_not_matter(case: CellCase, cuts: list[int], seed: int):
    torch.manual_seed(seed)
    x, state, weights, _ = ask_everything(case, (2, 8, 2, 3))
    whole, end, _ = case.cell.run(x, state, weights)
    pieces = []
    for start, stop in zip([0, *sorted(cuts)], [*sorted(cuts), 8], strict=True):
        y, state, _ = case.cell.run(x[:, start:stop], state, weights)
        pieces.append(y)
    assert_close(torch.cat(pieces, dim=1), whole)
    assert_close(state, end)


@pytest.mark.parametrize("case", CELLS, ids=str)
def test_rows_of_a_batch_do_not_meet(case: CellCase):
    x, state, weights, grad_states = ask_everything(case, (7, 3, 2, 3))
    order = torch.randperm(7)
    _, _, tape = case.cell.run(x, state, weights)
    gradients = case.cell.backward(tape, weights, grad_states)
    _, _, shuffled = case.cell.run(x[order], case.cell.state(*(f[order] for f in state)), weights)
    again = case.cell.backward(shuffled, weights, case.cell.state(*(f[order] for f in grad_states)))
    assert_close(shuffled.states, tuple(field[order] for field in tape.states))
    assert_close(again.x, gradients.x[order], "gradient")
    assert_close(again.state, tuple(field[order] for field in gradients.state), "gradient")
    assert_close(again.weights, gradients.weights, "gradient")


@pytest.mark.parametrize("case", CELLS, ids=str)
def test_strides_do_not_matter(case: CellCase):
    x, state, weights, grad_states = ask_everything(case, (3, 4, 5, 2))
    strided = x.transpose(0, 2).contiguous().transpose(0, 2)
    assert not strided.is_contiguous()
    _, _, tape = case.cell.run(x, state, weights)
    _, _, other = case.cell.run(strided, state, weights)
    assert_close(other.states, tape.states)
    assert_close(
        leaves(case.cell.backward(other, weights, grad_states)),
        leaves(case.cell.backward(tape, weights, grad_states)),
        "gradient",
    )


def test_sigmoid_network_is_a_tanh_network_in_disguise():
    # σ(a) = (1 + tanh(a / 2)) / 2: with h = (1 + u) / 2 torch's tanh network checks the sigmoid one, which it lacks.
    case = next(case for case in CELLS if case.cell.name == "rnn-sigmoid")
    x, state, weights, _ = ask_everything(case, (3, 5, 2, 4))
    module = torch.nn.RNN(2, 4, batch_first=True, dtype=torch.float64)
    bias_hh = weights.bias_hh / 2 + weights.weight_hh.sum(dim=1) / 4
    disguise = reference.Weights(weights.weight_ih / 2, weights.weight_hh / 4, weights.bias_ih / 2, bias_hh)
    copy_weights(module, [disguise])
    u, _ = module(x, (2 * state.h - 1)[None])
    output, _, _ = case.cell.run(x, state, weights)
    assert_close(output, (1 + u.detach()) / 2)


def test_lstm_without_peepholes_is_the_lstm():
    case = next(case for case in CELLS if case.cell.name == "lstm-peephole")
    x, state, weights, grad_states = ask_everything(case, (2, 4, 3, 3))
    blind = weights._replace(weight_peephole=torch.zeros_like(weights.weight_peephole))
    _, _, tape = reference.PEEPHOLE_LSTM.run(x, state, blind)
    _, _, plain = reference.LSTM.run(x, state, reference.Weights(*weights[:4]))
    assert_close([tape.states, *tape.steps], [plain.states, *plain.steps])
    gradients = reference.LSTM.backward(plain, reference.Weights(*weights[:4]), grad_states)
    mine = reference.PEEPHOLE_LSTM.backward(tape, blind, grad_states)
    assert_close(leaves(mine.x, mine.states, mine.weights[:4]), leaves(gradients), "gradient")
