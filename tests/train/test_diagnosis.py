from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from recurra.errors import TrainingError
from recurra.train import train
from recurra.train._tensors import named_tensors
from train.problems import config, reading_problem


class Pair(NamedTuple):
    x: Tensor
    y: Tensor


@dataclass
class Window:
    past: dict[str, Tensor]
    future: tuple[Tensor, ...]
    label: str = "a"


def spoilt_problem(position: tuple[int, int], spoil, *, always=lambda batch: batch):
    """The reading problem, in which `spoil` changes the batch at `position`."""
    problem = reading_problem(samples=50)
    draw = problem.batches.batch
    problem.batches.batch = lambda epoch, index: (spoil if (epoch, index) == position else always)(draw(epoch, index))
    return problem


def error_of(problem, **changes) -> str:
    with pytest.raises(TrainingError) as raised:
        train(problem.network, problem.loss, problem.batches, problem.validate, config(**changes))
    return str(raised.value)


def with_value(value: float):
    def spoil(batch):
        x, y = batch[0].clone(), batch[1]
        x[2, 4, 1] = value
        return x, y

    return spoil


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_bad_value_in_batch_7_names_batch_7_and_the_place_of_the_value(value):
    message = error_of(spoilt_problem((1, 7), with_value(value)))
    assert "epoch 2 of 3, step 17 of 30, batch 7, learning rate 0.01" in message
    assert "gradient norm of the step before" in message
    assert f"batch[0] holds 1 value that isn't finite, the first ({value}) at [2, 4, 1]" in message


def test_weights_are_the_last_good_ones():
    problem = spoilt_problem((1, 7), with_value(float("nan")))
    error_of(problem)
    assert all(torch.isfinite(parameter).all() for parameter in problem.network.parameters())


def test_missing_values_that_every_batch_has_are_not_the_cause():
    def masked(batch):
        x, y = batch
        return x, torch.where(torch.arange(len(y))[:, None] == 0, torch.nan, y)

    problem = spoilt_problem((0, 7), lambda batch: masked(with_value(1e30)(batch)), always=masked)
    problem.loss = lambda network, batch: (network(batch[0]) - batch[1])[1:].square().mean() + batch[0].square().mean()
    message = error_of(problem)
    assert "batch[0] holds values as large as 1e+30. Scale the input" in message


def test_a_rate_that_is_too_high_is_named():
    problem = reading_problem()
    problem.loss = lambda network, batch: nn.utils.parameters_to_vector(network.parameters()).pow(4).sum()
    message = error_of(problem, learning_rate=10.0, clip=0, optimizer="sgd", schedule="constant")
    assert "the learning rate is too high" in message
    assert "Try a learning rate of 1 or 'auto', or a smaller clip" in message


def test_a_bad_first_step_with_good_input_points_at_the_loss():
    problem = reading_problem()
    problem.loss = lambda network, batch: (network(batch[0]) * 0).log().mean()
    message = error_of(problem)
    assert "The loss is -inf at epoch 1 of 3, step 0 of 15, batch 0" in message or "The loss is nan" in message
    assert "the logarithm of zero" in message


def test_a_gradient_that_is_not_finite_is_told_from_a_loss():
    problem = reading_problem()
    problem.loss = lambda network, batch: (network(batch[0]) * 0).abs().sqrt().sum()
    assert error_of(problem).startswith("The gradient norm is nan (the loss is 0) at epoch 1 of 3, step 0 of 15")


def test_a_validation_loss_that_is_not_finite_is_said():
    problem = reading_problem()
    problem.validate = lambda network: float("nan")
    assert "The validation loss is nan after epoch 1 of 3" in error_of(problem)


def test_the_last_good_checkpoint_stays(tmp_path):
    path = tmp_path / "training.ckpt"
    problem = spoilt_problem((1, 7), with_value(float("nan")))
    with pytest.raises(TrainingError, match="batch 7"):
        train(
            problem.network,
            problem.loss,
            problem.batches,
            problem.validate,
            config(),
            checkpoint=path,
            checkpoint_every=0,
        )
    place = torch.load(path, weights_only=True)["place"]
    assert (place["epoch"], place["index"]) == (1, 7)


def test_tensors_are_found_wherever_they_are():
    one = torch.zeros(1)
    batch = [Window({"price": one}, (one, one)), Pair(one, one), {"a": [one], 3: "no tensor"}, None]
    assert [name for name, _ in named_tensors(batch)] == [
        "batch[0].past['price']",
        "batch[0].future[0]",
        "batch[0].future[1]",
        "batch[1].x",
        "batch[1].y",
        "batch[2]['a'][0]",
    ]
