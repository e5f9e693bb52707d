from __future__ import annotations

from collections.abc import Callable

import numpy as np

REPLICATES = 2000
_AT_ONCE = 4_000_000  # numbers held while swapping


def chance_by_swapping(
    model: np.ndarray, other: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray], *, seed: int = 0
) -> float:
    """The probability of a difference as large as this, did it not matter which of two systems an answer came from.

    Approximate randomisation (Noreen, 1989; for F-scores, which no t-test fits: Yeh, 2000): the answers of both to each
    text are swapped or not by a coin, and the statistics compared again. model and other (N, K) are counts for each of
    N independent texts; statistic takes sums of them (R, K) to a number each (R,). Two-sided, never 0, and the same for
    the same seed; with very few texts it can't be small.
    """
    difference = other - model
    different = difference[np.any(difference != 0, axis=1)]
    if not len(different):
        return 1.0
    # Texts with the same difference are interchangeable: how many of them are swapped is binomial.
    kinds, count = np.unique(different, axis=0, return_counts=True)
    total, swing = model.sum(axis=0), difference.sum(axis=0)
    observed = abs(float(_gap(statistic, total[None], total[None] + swing)[0]))
    random = np.random.default_rng(seed)
    as_large = 0
    rows = max(1, _AT_ONCE // max(len(kinds), model.shape[1]))
    for start in range(0, REPLICATES, rows):
        swapped = random.binomial(count, 0.5, size=(min(rows, REPLICATES - start), len(kinds)))
        moved = swapped.astype(np.float64) @ kinds
        gap = _gap(statistic, total + moved, total + swing - moved)
        as_large += int(np.sum(np.abs(gap) >= observed - 1e-12))
    return (as_large + 1) / (REPLICATES + 1)


def _gap(statistic: Callable[[np.ndarray], np.ndarray], model: np.ndarray, other: np.ndarray) -> np.ndarray:
    return statistic(model) - statistic(other)
