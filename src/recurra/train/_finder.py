"""The learning-rate finder of Smith (2017, "Cyclical learning rates for training neural networks")."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite, log, sqrt
from statistics import mean, stdev
from typing import Any

from torch import Tensor, nn

from recurra.errors import TrainingError
from recurra.train._batches import Batches
from recurra.train._config import TrainingConfig
from recurra.train._diagnosis import not_finite
from recurra.train._optimizer import build_optimizer, clip_gradients
from recurra.train._randomness import seed_randomness
from recurra.train._result import LearningRateCurve
from recurra.train._weights import unchanged

_SMOOTHING = 0.9
_DIVERGED = 4.0  # times the best smoothed loss
_DEFAULT = 1e-3


def find_learning_rate(
    network: nn.Module,
    loss: Callable[[nn.Module, Any], Tensor],
    batches: Batches,
    config: TrainingConfig,
    *,
    smallest: float = 1e-6,
    largest: float = 1.0,
    steps: int = 100,  # at least 10
) -> LearningRateCurve:
    """Train a few steps while the rate rises by a constant factor, and suggest the peak for real training.

    The sweep ends early once the smoothed loss is four times its best or isn't finite. Suggested is the rate at which
    the smoothed loss falls fastest against the logarithm of the rate, no higher than a third of where it is lowest;
    where it falls no more than the noise of the first rates, a tenth of the rate at which it rises; and 1e-3 where it
    does neither.
    The network, its gradients, its mode and the random numbers are afterwards as before, bit by bit.
    """
    rates: list[float] = []
    losses: list[float] = []
    smoothed: list[float] = []
    with unchanged(network):
        network.train()
        seed_randomness(config.seed)
        parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
        optimizer = build_optimizer(parameters, config, learning_rate=smallest)
        average = 0.0
        for step in range(steps):
            rate = smallest * (largest / smallest) ** (step / max(steps - 1, 1))
            batch = batches.batch(*divmod(step, len(batches)))
            optimizer.zero_grad(set_to_none=True)
            value = loss(network, batch)
            value.backward()
            number = value.item()
            norm = clip_gradients(parameters, config.clip)
            if not isfinite(number) or not isfinite(norm):
                if step == 0:
                    raise not_finite(
                        loss=number,
                        norm=norm if isfinite(number) else None,
                        norms=(),
                        learning_rate=rate,
                        place="the first step of the learning-rate finder, batch 0",
                        batch=batch,
                        earlier_batch=None,
                    )
                break
            average = _SMOOTHING * average + (1 - _SMOOTHING) * number
            rates.append(rate)
            losses.append(number)
            # Without the division the average of the first steps would lean towards its start, zero.
            smoothed.append(average / (1 - _SMOOTHING ** (step + 1)))
            if step > 0 and _has_diverged(smoothed):
                break
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
    if len(losses) < 10:
        raise TrainingError(
            f"The learning-rate finder saw the loss break down within {len(losses)} steps, at a rate of only "
            f"{rates[-1]:.2g}. Scale the input, or give --learning-rate a number."
        )
    suggestion, reason = _suggest(rates, losses, smoothed)
    return LearningRateCurve(tuple(rates), tuple(losses), tuple(smoothed), suggestion, reason)


def _has_diverged(smoothed: list[float]) -> bool:
    # Measured from the best upwards in units of how far the loss has moved, so that negative losses work too.
    best, first = min(smoothed), smoothed[0]
    scale = max(abs(best), abs(first - best), 1e-12)
    return smoothed[-1] - best > (_DIVERGED - 1) * scale


def _suggest(rates: list[float], losses: list[float], smoothed: list[float]) -> tuple[float, str]:
    # In the first fifth the rates are too small to change anything: what moves there is noise. Their mean is about as
    # uncertain as the moving average, hence the two.
    calm = max(2, len(losses) // 5)
    level = mean(losses[:calm])
    spread = stdev(losses[:calm]) * sqrt(2 * (1 - _SMOOTHING) / (1 + _SMOOTHING)) + 1e-9 * abs(level)
    lowest = min(range(calm, len(smoothed)), key=smoothed.__getitem__)
    if smoothed[lowest] < level - 3 * spread:
        steepest = rates[min(range(calm, lowest + 1), key=lambda i: _slope(rates, smoothed, i))]
        limit = rates[lowest] / 3
        return (steepest, "the loss falls fastest here") if steepest <= limit else (limit, "a third of the best rate")
    for rate, value in zip(rates[calm:], smoothed[calm:], strict=True):
        if value > level + 3 * spread:
            return rate / 10, "the loss rises at ten times this rate, and falls clearly at none"
    return _DEFAULT, "the loss changes clearly at no rate, so this is the usual one"


def _slope(rates: list[float], smoothed: list[float], index: int) -> float:
    first, last = max(index - 3, 0), min(index + 3, len(rates) - 1)
    return (smoothed[last] - smoothed[first]) / log(rates[last] / rates[first])
