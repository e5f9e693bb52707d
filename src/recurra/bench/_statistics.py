from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np


class Quartiles(NamedTuple):
    """A median, and the quartiles around it."""

    low: float
    median: float
    high: float

    @property
    def spread(self) -> float:
        """Half the distance of the quartiles, as a share of the median."""
        return (self.high - self.low) / 2 / self.median


def quartiles(values: Sequence[float]) -> Quartiles:
    """Of at least one value."""
    low, median, high = np.quantile(values, (0.25, 0.5, 0.75))
    return Quartiles(float(low), float(median), float(high))


def ratio(theirs: Sequence[float], ours: Sequence[float]) -> Quartiles:
    """How many times longer they take: the quartiles of the ratios of each round, in which both ran side by side."""
    return quartiles([their / our for their, our in zip(theirs, ours, strict=True)])


def geometric_mean(values: Iterable[float]) -> float:
    """The mean of ratios: that of the inverse ratios is its inverse."""
    return float(np.exp(np.mean(np.log(list(values)))))
