"""Whether a result is right: no speed is shown of one that isn't."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recurra.bench._case import GRADIENTS, Case, Precision, expected_names

# Of the largest true value. Sound float32 runtimes stay a hundred times below these; one that computes something else,
# or in half precision, doesn't.
OUTPUT_LIMIT = 1e-4
GRADIENT_LIMIT = 1e-3
# bfloat16 keeps 8 binary digits.
BF16_LIMIT = 5e-2


class Deviation(NamedTuple):
    """How far a result is from the true one, as a share of the true one's size."""

    largest: float  # the largest difference over the largest true value
    typical: float  # the same with root mean squares


def compare(
    case: Case, results: Mapping[str, NDArray[np.floating]], truth: Mapping[str, NDArray[np.float64]]
) -> dict[str, Deviation]:
    """The deviation of everything that this case must give; infinite where something is missing or misshapen."""
    return {name: _deviation(results.get(name), truth[name]) for name in expected_names(case)}


def faults(deviations: Mapping[str, Deviation], precision: Precision = "float32") -> dict[str, float]:
    """What lies beyond its limit, and by how much it deviates. Nothing means that the result is right."""
    return {
        name: deviation.largest
        for name, deviation in deviations.items()
        if not deviation.largest <= _limit(name, precision)
    }


def _limit(name: str, precision: Precision) -> float:
    if precision == "bf16":
        return BF16_LIMIT
    return GRADIENT_LIMIT if name in GRADIENTS else OUTPUT_LIMIT


def _deviation(result: NDArray[np.floating] | None, truth: NDArray[np.float64]) -> Deviation:
    if result is None or result.shape != truth.shape or not np.isfinite(result).all():
        return Deviation(np.inf, np.inf)
    difference = result - truth
    size, typical_size = np.abs(truth).max(), np.sqrt(np.mean(truth**2))
    return Deviation(float(np.abs(difference).max() / size), float(np.sqrt(np.mean(difference**2)) / typical_size))
