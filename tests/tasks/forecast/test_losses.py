from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
import torch

from recurra.tasks.forecast._losses import (
    count_distribution,
    likelihood_loss,
    mean_over_observed,
    point_loss,
    quantile_loss,
    starting_bias,
)


def outcome(*parameters: float) -> torch.Tensor:
    """One window, step and target."""
    return torch.tensor(parameters, dtype=torch.float64).reshape(1, 1, 1, -1)


def one(value: float) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64).reshape(1, 1, 1)


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


@pytest.mark.parametrize(
    ("truth", "expected"),
    [
        # Levels 0.1 and 0.8 say 1 and 3, the mean says 2.
        (5.0, 2 * (0.1 * 4 + 0.8 * 2) / 2 + 0.5 * 9),  # above both
        (2.0, 2 * (0.1 * 1 + 0.2 * 1) / 2),  # between
        (0.0, 2 * (0.9 * 1 + 0.2 * 3) / 2 + 0.5 * 4),  # below both
    ],
)
def test_quantile_loss_by_hand(truth, expected) -> None:
    loss = quantile_loss(outcome(2, 1, 3), one(truth), torch.tensor([0.1, 0.8], dtype=torch.float64))
    assert loss.shape == (1, 1, 1)
    assert loss.item() == pytest.approx(expected)


def test_quantile_loss_is_least_at_the_quantiles(seed) -> None:
    sample = torch.from_numpy(np.random.default_rng(seed).gamma(2.0, size=4001)).reshape(-1, 1, 1)
    levels = torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)
    guess = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([guess], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = quantile_loss(guess.expand(*sample.shape, 4), sample, levels).mean()
        loss.backward()
        return loss

    optimizer.step(closure)  # pyright: ignore[reportArgumentType]
    assert guess[0].item() == pytest.approx(sample.mean().item(), abs=0.02)
    assert guess[1:].tolist() == pytest.approx(np.quantile(sample, levels).tolist(), abs=0.05)


@pytest.mark.parametrize(("kind", "expected"), [("mse", 9.0), ("mae", 3.0)])
def test_point_loss_by_hand(kind, expected) -> None:
    assert point_loss(outcome(5), one(2), kind).item() == expected


def test_missing_truths_count_for_nothing() -> None:
    loss = torch.tensor([[1.0, 100.0], [3.0, 100.0]])[..., None]
    observed = torch.tensor([[1.0, 0.0], [1.0, 0.0]])[..., None]
    assert mean_over_observed(loss, observed).item() == 2
    assert mean_over_observed(loss, torch.zeros_like(observed)).item() == 0


@pytest.mark.parametrize("truth", [-2.0, 0.0, 7.5])
@pytest.mark.parametrize("parameters", [(0.0, 0.0, 0.0), (1.5, -3.0, 2.0), (-4.0, 4.0, -5.0)])
def test_likelihoods_are_scipys(truth, parameters) -> None:
    level, spread = 1.25, 3.0
    loc, scale, df = parameters[0], softplus(parameters[1]) + 1e-3, 2 + softplus(parameters[2])
    normal = (truth - level) / spread
    loss = likelihood_loss(outcome(*parameters[:2]), one(truth), one(level), one(spread), "normal")
    assert loss.item() == pytest.approx(-scipy.stats.norm.logpdf(normal, loc, scale))
    loss = likelihood_loss(outcome(*parameters), one(truth), one(level), one(spread), "student-t")
    assert loss.item() == pytest.approx(-scipy.stats.t.logpdf(normal, df, loc, scale))


@pytest.mark.parametrize("truth", [0.0, 1.0, 12.0, 300.0])
@pytest.mark.parametrize("parameters", [(0.0, 0.0), (2.0, -4.0), (-3.0, 3.0)])
def test_counts_are_scipys(truth, parameters) -> None:
    spread = 7.0
    mean = softplus(parameters[0]) * spread + 1e-6
    alpha = (softplus(parameters[1]) + 1e-4) / math.sqrt(spread)
    expected = scipy.stats.nbinom(1 / alpha, 1 / (1 + alpha * mean))
    loss = likelihood_loss(outcome(*parameters), one(truth), one(0), one(spread), "negative-binomial")
    assert loss.item() == pytest.approx(-expected.logpmf(truth))  # pyright: ignore[reportAttributeAccessIssue]
    given = count_distribution(outcome(*parameters), one(spread))
    assert given.mean.item() == pytest.approx(mean)
    assert given.variance.item() == pytest.approx(mean + mean**2 * alpha)
    assert given.variance.item() == pytest.approx(expected.var())


def test_quantiles_start_where_a_normal_distribution_has_them() -> None:
    levels = (0.025, 0.1, 0.5, 0.9, 0.975)
    mean, *quantiles = starting_bias(levels)
    expected = scipy.stats.norm.ppf(levels)
    width = quantiles[-1] / expected[-1]
    assert mean == 0
    assert width > 0
    assert quantiles == pytest.approx([width * quantile for quantile in expected], abs=1e-6)
