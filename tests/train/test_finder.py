from __future__ import annotations

from itertools import repeat

import pytest
import torch
from torch import nn

from recurra.errors import TrainingError
from recurra.train import ShuffledBatches, find_learning_rate, train
from train.problems import config, fingerprint, linear_problem, reading_problem


def test_everything_is_as_before():
    problem = reading_problem()
    problem.network.eval()
    before, randomness = fingerprint(problem.network), torch.get_rng_state()
    find_learning_rate(problem.network, problem.loss, problem.batches, config())
    assert fingerprint(problem.network) == before
    assert torch.equal(torch.get_rng_state(), randomness)
    assert not problem.network.training
    assert all(parameter.grad is None for parameter in problem.network.parameters())


def test_rates_rise_by_a_constant_factor_until_the_loss_diverges():
    problem, _ = linear_problem()
    curve = find_learning_rate(
        problem.network, problem.loss, problem.batches, config(optimizer="sgd", clip=0), largest=100.0
    )
    rates = torch.tensor(curve.learning_rates, dtype=torch.float64)
    torch.testing.assert_close(
        rates[1:] / rates[:-1], torch.full((len(rates) - 1,), 1e8 ** (1 / 99), dtype=torch.float64)
    )
    assert rates[0] == 1e-6
    assert len(curve.learning_rates) == len(curve.losses) == len(curve.smoothed) < 100
    assert curve.losses[-1] > 4 * min(curve.losses)
    assert curve.suggestion < curve.learning_rates[curve.smoothed.index(min(curve.smoothed))] / 2.9
    # Gradient descent on this loss diverges above 2 / (largest curvature), which is near 1 here.
    assert 1e-3 < curve.suggestion < 1


def constant_loss(values):
    return lambda network, batch: 0 * network(torch.ones(1, 1)).sum() + next(values)


ONE = ShuffledBatches(1, lambda i: i, batch_size=1, seed=0)


def test_the_smoothed_loss_by_hand():
    values = iter([4.0, 2.0, *[1.0] * 10])
    curve = find_learning_rate(nn.Linear(1, 1), constant_loss(values), ONE, config(), steps=12)
    assert curve.smoothed[:2] == pytest.approx([4.0, (0.9 * 0.1 * 4 + 0.1 * 2) / (1 - 0.81)])


def test_a_rate_that_is_found_trains_better_than_one_a_hundred_times_off():
    ends = []
    for factor in (1, 0.01):
        torch.manual_seed(0)
        problem, _ = linear_problem()
        curve = find_learning_rate(problem.network, problem.loss, problem.batches, config())
        settings = config(learning_rate=curve.suggestion * factor, epochs=40)
        ends.append(train(problem.network, problem.loss, problem.batches, problem.validate, settings).best_loss)
    assert ends[0] < ends[1] / 3


def test_auto_trains_with_the_rate_that_is_found():
    problem = reading_problem()
    curve = find_learning_rate(problem.network, problem.loss, problem.batches, config(seed=3))
    result = train(problem.network, problem.loss, problem.batches, None, config(seed=3, learning_rate="auto"))
    assert result.learning_rate_curve == curve
    assert result.learning_rate == curve.suggestion
    again = reading_problem()
    train(again.network, again.loss, again.batches, None, config(seed=3, learning_rate=curve.suggestion))
    assert fingerprint(again.network) == fingerprint(problem.network)


def test_bad_input_is_named():
    x = torch.full((4, 3), torch.inf)
    batches = ShuffledBatches(4, lambda i: x[i], batch_size=4, seed=0)
    with pytest.raises(TrainingError, match=r"finder, batch 0.*batch holds 12 values that aren't finite"):
        find_learning_rate(nn.Linear(3, 1), lambda network, x: network(x).sum(), batches, config())


def test_a_loss_that_never_changes_gets_the_usual_rate():
    curve = find_learning_rate(nn.Linear(1, 1), constant_loss(repeat(1.0)), ONE, config())
    assert curve.suggestion == 1e-3
    assert "changes clearly at no rate" in curve.reason


def test_noise_is_not_taken_for_a_fall():
    generator = torch.Generator().manual_seed(0)
    # Noise alone up to step 75, then a rise: nothing below a tenth of that rate does harm.
    noise = (1 + torch.randn(100, generator=generator) / 5).tolist()
    values = [value + max(0, step - 75) / 5 for step, value in enumerate(noise)]
    curve = find_learning_rate(nn.Linear(1, 1), constant_loss(iter(values)), ONE, config())
    assert 1e-6 * 1e6 ** (75 / 99) / 10 < curve.suggestion < 0.1
    assert "rises at ten times this rate" in curve.reason


def test_a_loss_that_breaks_down_at_once_is_said():
    values = iter([1.0, 1.0, 1.0, float("nan")])
    with pytest.raises(TrainingError, match="break down within 3 steps"):
        find_learning_rate(nn.Linear(1, 1), constant_loss(values), ONE, config())
