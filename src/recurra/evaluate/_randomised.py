from __future__ import annotations

from collections.abc import Callable

import numpy as np

REPLICATES = 1000
_AT_ONCE = 1_000_000  # numbers held while swapping


def chance_by_swapping(
    model: np.ndarray, other: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray], *, seed: int = 0
) -> float:
    """The probability of a difference as large as this, did it not matter which of two systems an answer came from.

    Approximate randomisation (Noreen, 1989; for F-scores, which no t-test fits: Yeh, 2000): the answers of both to each
    text are swapped or not by a coin, and the statistics compared again. model and other (N, K) are counts for each of
    N independent texts; statistic takes sums of them (R, K) to a number each (R,). Two-sided, never 0, and the same for
    the same seed; with very few texts it can't be small.
    """
    from scipy.sparse import csr_matrix

    random = np.random.default_rng(seed)
    difference = (other - model).astype(np.int64)
    difference = difference[difference.any(axis=1)]
    if not len(difference):
        return 1.0
    # Texts with the same difference are interchangeable: how many of them are swapped is binomial. Rows are told apart
    # by one number each, which wraps around; that two share it by chance happens once in 2^64 cases.
    mark = difference @ random.integers(-(2**62), 2**62, size=difference.shape[1])
    _, first, count = np.unique(mark, return_index=True, return_counts=True)
    kinds = csr_matrix(difference[first].T)  # (K, U): few classes change in a text
    total, swing = model.sum(axis=0), difference.sum(axis=0)
    observed = abs(float(_gap(statistic, total[None], total[None] + swing)[0]))
    as_large = 0
    rows = max(1, _AT_ONCE // len(count))
    for start in range(0, REPLICATES, rows):
        swapped = random.binomial(count, 0.5, size=(min(rows, REPLICATES - start), len(count)))
        moved = (kinds @ swapped.T).T
        gap = _gap(statistic, total + moved, total + swing - moved)
        as_large += int(np.sum(np.abs(gap) >= observed - 1e-12))
    return (as_large + 1) / (REPLICATES + 1)


def _gap(statistic: Callable[[np.ndarray], np.ndarray], model: np.ndarray, other: np.ndarray) -> np.ndarray:
    return statistic(model) - statistic(other)
