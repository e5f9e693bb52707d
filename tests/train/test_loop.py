from __future__ import annotations

import pytest
import torch
from torch import nn

from recurra.errors import ConfigError
from recurra.train import ShuffledBatches, TrainingConfig, train
from train.problems import Problem, config, fingerprint, linear_problem, reading_problem


def run(problem: Problem, settings: TrainingConfig, **options):
    return train(problem.network, problem.loss, problem.batches, problem.validate, settings, **options)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize("schedule", ["one-cycle", "cosine"])
def test_linear_regression_reaches_least_squares(optimizer, schedule):
    problem, solution = linear_problem()
    settings = config(
        epochs=400, learning_rate=0.1, optimizer=optimizer, schedule=schedule, weight_decay=0, clip=0, patience=0
    )
    run(problem, settings)
    found = torch.cat([parameter.detach().flatten() for parameter in problem.network.parameters()])
    torch.testing.assert_close(found, solution, rtol=0, atol=2e-4)


def test_l2_of_sgd_reaches_ridge_regression():
    problem, _ = linear_problem()
    settings = config(epochs=400, learning_rate=0.1, optimizer="sgd", weight_decay=0.2, clip=0)
    train(problem.network, problem.loss, problem.batches, None, settings)
    x, y = problem.batches.batch(0, 0)
    x = torch.cat([x, torch.ones(len(x), 1)], dim=1)
    # The gradient of mean((xw - y)^2) + 0.1 |w|^2 is zero.
    ridge = torch.linalg.solve(2 * x.T @ x / len(x) + 0.2 * torch.eye(4), 2 * x.T @ y / len(x))[:, 0]
    found = torch.cat([parameter.detach().flatten() for parameter in problem.network.parameters()])
    torch.testing.assert_close(found, ridge, rtol=0, atol=2e-4)


def test_two_runs_of_one_seed_are_bit_identical():
    first, second, other = reading_problem(1), reading_problem(1), reading_problem(1)
    result = run(first, config(seed=4))
    torch.rand(7)  # whatever happened to the random numbers before
    again = run(second, config(seed=4))
    assert fingerprint(first.network) == fingerprint(second.network)
    assert result.history == again.history
    run(other, config(seed=5))
    assert fingerprint(other.network) != fingerprint(first.network)


def test_the_best_weights_are_kept_and_training_stops_early():
    problem = reading_problem()
    losses = iter([3.0, 2.0, 2.5, 2.0, 2.25, 1.0])
    seen: list[bytes] = []

    def validate(network: nn.Module) -> float:
        seen.append(fingerprint(network))
        return next(losses)

    problem.validate = validate
    result = run(problem, config(epochs=9, patience=3))
    assert (result.best_epoch, result.best_loss, result.stopped_early) == (2, 2.0, True)
    assert [record.validation for record in result.history] == [3.0, 2.0, 2.5, 2.0, 2.25]
    assert result.steps == 5 * len(problem.batches)
    assert fingerprint(problem.network) == seen[1] != seen[-1]


def test_without_patience_every_epoch_runs():
    problem = reading_problem()
    losses = iter([1.0, 2.0, 3.0, 4.0])
    problem.validate = lambda network: next(losses)
    result = run(problem, config(epochs=4, patience=0))
    assert (len(result.history), result.best_epoch, result.stopped_early) == (4, 1, False)


def test_without_validation_the_last_weights_stay():
    problem = reading_problem()
    other = reading_problem()
    result = train(problem.network, problem.loss, problem.batches, None, config(patience=1))
    assert (result.best_epoch, result.best_loss) == (3, result.history[-1].loss)
    assert {record.validation for record in result.history} == {None}
    falling = iter([3.0, 2.0, 1.0])
    other.validate = lambda network: next(falling)
    run(other, config(patience=1))
    assert fingerprint(problem.network) == fingerprint(other.network)


@pytest.mark.parametrize("validates", [True, False])
def test_the_running_mean_of_the_weights_is_validated_and_kept(validates):
    plain, averaged = reading_problem(), reading_problem()
    course: list[torch.Tensor] = []
    loss = plain.loss

    def watched(network: nn.Module, batch):
        course.append(network.get_parameter("head.weight").detach().clone())
        return loss(network, batch)

    plain.loss = watched
    run(plain, config(epochs=2))
    course.append(plain.network.get_parameter("head.weight").detach().clone())
    mean = course[0]
    for step, weight in enumerate(course[1:]):
        share = 1 - min(0.8, (1 + step) / (10 + step))
        mean = mean + share * (weight - mean)
    seen: list[torch.Tensor] = []

    def validate(network: nn.Module) -> float:
        seen.append(network.get_parameter("head.weight").detach().clone())
        return -len(seen)

    train(
        averaged.network,
        averaged.loss,
        averaged.batches,
        validate if validates else None,
        config(epochs=2, average=0.8),
    )
    torch.testing.assert_close(averaged.network.get_parameter("head.weight").detach(), mean)
    assert not validates or torch.equal(seen[-1], averaged.network.get_parameter("head.weight"))


def test_validation_sees_the_network_in_evaluation_mode_without_gradients():
    problem = reading_problem()
    problem.network.get_submodule("norm").eval()

    def validate(network: nn.Module) -> float:
        assert not any(module.training for module in network.modules())
        assert not torch.is_grad_enabled()
        return 1.0

    problem.validate = validate
    modes = []
    loss = problem.loss

    def watched(network: nn.Module, batch):
        modes.append(all(module.training for module in network.modules()) and torch.is_grad_enabled())
        return loss(network, batch)

    problem.loss = watched
    run(problem, config(epochs=2))
    assert modes == [True] * 2 * len(problem.batches)


def test_the_history_holds_means_over_the_epoch_and_the_last_rate():
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, 0.0)
    targets = torch.tensor([[1.0], [3.0]])
    batches = ShuffledBatches(2, lambda i: targets[i], batch_size=1, seed=0)
    result = train(
        network,
        lambda network, y: (network(torch.full((1, 1), 1e-9)) - y).square().mean(),
        batches,
        None,
        config(epochs=1, schedule="constant", learning_rate=1e-6),
    )
    (record,) = result.history
    assert record.loss == pytest.approx((1 + 9) / 2)
    assert record.gradient_norm == pytest.approx((2e-9 + 6e-9) / 2)
    assert (record.epoch, record.learning_rate) == (1, 1e-6)


def test_gradients_are_clipped_to_the_norm():
    network = nn.Linear(4, 1, bias=False)
    before = network.weight.detach().clone()
    x = torch.full((1, 4), 100.0)
    batches = ShuffledBatches(1, lambda i: x[i], batch_size=1, seed=0)
    settings = config(epochs=1, schedule="constant", optimizer="sgd", learning_rate=0.1, weight_decay=0, clip=0.5)
    result = train(network, lambda network, x: network(x).sum(), batches, None, settings)
    # Nesterov's first step moves by (1 + momentum) learning rate gradient.
    assert (network.weight - before).norm().item() == pytest.approx(1.9 * 0.1 * 0.5, rel=1e-5)
    assert result.history[0].gradient_norm == pytest.approx(200.0)


def test_frozen_parameters_stay():
    problem = reading_problem()
    recurrent = problem.network.get_submodule("recurrent").requires_grad_(False)
    before = fingerprint(recurrent)
    run(problem, config())
    assert fingerprint(recurrent) == before


def test_bfloat16_computes_in_bfloat16_and_keeps_weights_in_float32():
    problem = reading_problem()
    seen = set()
    problem.network.get_submodule("head").register_forward_hook(
        lambda module, x, y: seen.add((module.training, y.dtype))
    )
    run(problem, config(precision="bf16-mixed"))
    assert seen == {(True, torch.bfloat16), (False, torch.float32)}
    assert {parameter.dtype for parameter in problem.network.parameters()} == {torch.float32}


def test_threads_are_set_while_training_only():
    problem = reading_problem()
    before = torch.get_num_threads()
    seen = []
    problem.validate = lambda network: float(seen.append(torch.get_num_threads()) or 1)
    run(problem, config(epochs=1, threads=before + 1))
    assert seen == [before + 1]
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(
    ("changes", "options", "says"),
    [
        ({"epochs": None}, {}, "must be chosen"),
        ({}, {"resume": True}, "needs a checkpoint"),
    ],
)
def test_what_cannot_be_trained_is_refused(changes, options, says):
    problem = reading_problem()
    with pytest.raises(ConfigError, match=says):
        run(problem, config(**changes), **options)


def test_no_batches_are_refused():
    problem = reading_problem()
    problem.batches = ShuffledBatches(0, lambda i: i, batch_size=4, seed=0)
    with pytest.raises(ConfigError, match="no batch"):
        run(problem, config())
