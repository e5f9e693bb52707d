from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


class Moments:
    """Mean and deviation of each target of a series that wasn't trained on, of all rows so far.

    What `data._preparation.running_moments` gives for the last row, number by number: sums of distances from the first
    value.
    """

    def __init__(self, targets: int) -> None:
        self.numbers = np.zeros((targets, 4))  # count, first value, sum and sum of squares
        self._typical: list[float] = []

    def add(self, values: Sequence[float]) -> None:
        """Count a row in; NaN is missing."""
        for numbers, value in zip(self.numbers, values, strict=True):
            if value == value:
                value = float(np.float32(value))
                if not numbers[0]:
                    numbers[1] = value
                distance = value - numbers[1]
                numbers += (1.0, 0.0, distance, distance * distance)

    def centre(self) -> list[float]:
        """The means; 0 where nothing was observed."""
        return [float(first + total / max(count, 1.0)) for count, first, total, _ in self.numbers]

    def scale(self, typical: Sequence[float]) -> list[float]:
        """The deviations; the typical one where it can't be told."""
        out = []
        for (count, first, total, squares), usual in zip(self.numbers, typical, strict=True):
            mean = total / max(count, 1.0)
            std = math.sqrt(max(squares / max(count, 1.0) - mean * mean, 0.0))
            told = count >= 2 and std > 1e-6 * abs(mean + first)
            out.append(std if told else usual)
        return [float(value) for value in out]
