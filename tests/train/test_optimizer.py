from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from recurra.train._optimizer import build_optimizer, clip_gradients, optimizer_copies
from train.problems import config


def parameters_with_gradients(scale: float) -> list[nn.Parameter]:
    torch.manual_seed(3)
    parameters = [nn.Parameter(torch.randn(shape)) for shape in [(3, 4), (5,), ()]]
    for parameter in parameters:
        parameter.grad = scale * torch.randn_like(parameter)
    return parameters


@settings(deadline=None)
@given(scale=st.floats(1e-4, 1e4), largest=st.floats(1e-3, 1e3))
def test_clipping_equals_torch(scale, largest):
    ours, theirs = parameters_with_gradients(scale), parameters_with_gradients(scale)
    norm = clip_gradients(ours, largest)
    expected = nn.utils.clip_grad_norm_(theirs, largest)
    assert norm == pytest.approx(expected.item(), rel=1e-6)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-5, atol=1e-9)


def test_zero_does_not_clip():
    parameters, untouched = parameters_with_gradients(1e3), parameters_with_gradients(1e3)
    assert clip_gradients(parameters, 0) > 1e3
    for one, other in zip(parameters, untouched, strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=0, atol=0)


def test_parameters_without_gradient_do_not_count():
    parameters = [nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))]
    parameters[0].grad = torch.tensor([3.0, 4.0])
    assert clip_gradients(parameters, 0) == pytest.approx(5.0)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_norm_that_is_not_finite_leaves_gradients_alone(value):
    parameters = parameters_with_gradients(1.0)
    parameters[1].grad = torch.full((5,), value)
    assert not torch.isfinite(torch.tensor(clip_gradients(parameters, 0.1)))
    torch.testing.assert_close(parameters[0].grad, parameters_with_gradients(1.0)[0].grad, rtol=0, atol=0)


def test_adamw_step_by_hand():
    # First step: m/(1-b1) = g, v/(1-b2) = g^2, so the step is lr sign(g), after the decay by lr weight_decay.
    weight = nn.Parameter(torch.tensor([2.0]))
    optimizer = build_optimizer([weight], config(weight_decay=0.5), learning_rate=0.1)
    weight.grad = torch.tensor([4.0])
    optimizer.step()
    assert weight.item() == pytest.approx(2 * (1 - 0.1 * 0.5) - 0.1, rel=1e-5)


def test_sgd_steps_by_hand():
    weight = nn.Parameter(torch.tensor([2.0]))
    optimizer = build_optimizer([weight], config(optimizer="sgd", weight_decay=0.5), learning_rate=0.1)
    expected, velocity = 2.0, 0.0
    for gradient in (4.0, 1.0):
        weight.grad = torch.tensor([gradient])
        optimizer.step()
        full = gradient + 0.5 * expected
        velocity = 0.9 * velocity + full
        expected -= 0.1 * (full + 0.9 * velocity)
        assert weight.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_the_optimizer_keeps_as_many_copies_as_said(name):
    settings = config(optimizer=name)
    parameters = parameters_with_gradients(1.0)
    optimizer = build_optimizer(parameters, settings, learning_rate=0.1)
    optimizer.step()
    kept = [value for value in optimizer.state[parameters[0]].values() if value.shape == parameters[0].shape]
    assert len(kept) == optimizer_copies(settings)


def test_plain_descent_keeps_nothing():
    weight = nn.Parameter(torch.tensor([2.0]))
    optimizer = build_optimizer([weight], config(optimizer="sgd", momentum=0.0, weight_decay=0.0), learning_rate=0.25)
    for expected in (1.0, 0.0):
        weight.grad = torch.tensor([4.0])
        optimizer.step()
        assert weight.item() == expected
    assert optimizer_copies(config(optimizer="sgd", momentum=0.0)) == 0
