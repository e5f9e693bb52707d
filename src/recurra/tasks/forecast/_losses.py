"""What training minimises. All in normalised units, `(y - level) / spread`, so that series of any size count alike.

Outcomes are (B, K, C, outputs), truths (B, K, C); steps whose truth is missing count for nothing.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.distributions import Distribution, NegativeBinomial, Normal, StudentT
from torch.nn.functional import softplus


def mean_over_observed(loss: Tensor, observed: Tensor) -> Tensor:
    """The average of (B, K, C) losses over the steps whose truth is known."""
    return (loss * observed).sum() / observed.sum().clamp(min=1)


def quantile_loss(outcome: Tensor, truth: Tensor, levels: Tensor) -> Tensor:
    """Pinball loss (Koenker & Bassett, 1978) averaged over levels, plus the squared error of the mean; (B, K, C).

    The outcome's last axis is the mean, then one number for each of `levels` (Q,).
    """
    error = truth[..., None] - outcome[..., 1:]
    pinball = torch.maximum(levels * error, (levels - 1) * error).mean(-1)
    return 2 * pinball + 0.5 * (truth - outcome[..., 0]).square()


def point_loss(outcome: Tensor, truth: Tensor, kind: str) -> Tensor:
    """Squared ("mse") or absolute ("mae") error of the single output, (B, K, C)."""
    error = truth - outcome[..., 0]
    return error.square() if kind == "mse" else error.abs()


def distribution(outcome: Tensor, kind: str) -> Distribution:
    """The distribution whose parameters are the last axis of `outcome`, in normalised units (counts: in spreads).

    Normal and Student-t: location, scale, and degrees of freedom above 2. Counts: see `count_distribution`.
    """
    scale = softplus(outcome[..., 1]) + 1e-3
    if kind == "normal":
        return Normal(outcome[..., 0], scale, validate_args=False)
    return StudentT(2 + softplus(outcome[..., 2]), outcome[..., 0], scale, validate_args=False)


def count_distribution(outcome: Tensor, spread: Tensor) -> NegativeBinomial:
    """Negative binomial in DeepAR's form (Salinas et al., 2020, 3.1): mean `mu * spread`, shape `alpha / sqrt(spread)`.

    Variance is `mean + mean^2 * alpha`; `spread` (B, 1, C) is the window's mean magnitude.
    """
    mean = softplus(outcome[..., 0]) * spread + 1e-6
    alpha = (softplus(outcome[..., 1]) + 1e-4) / spread.clamp(min=1e-6).sqrt()
    return NegativeBinomial(1 / alpha, logits=torch.log(mean * alpha), validate_args=False)


def likelihood_loss(outcome: Tensor, truth: Tensor, level: Tensor, spread: Tensor, kind: str) -> Tensor:
    """Negative log likelihood of (B, K, C) truths in the data's units, up to the constant log spread."""
    if kind == "negative-binomial":
        return -count_distribution(outcome, spread).log_prob(truth.clamp(min=0).round())
    return -distribution(outcome, kind).log_prob((truth - level) / spread)


def starting_bias(levels: tuple[float, ...]) -> list[float]:
    """Output biases that start the quantiles at a normal distribution's, one unit wide; the mean at 0."""
    return [0.0] + [math.sqrt(2) * float(torch.erfinv(torch.tensor(2 * level - 1))) for level in levels]
