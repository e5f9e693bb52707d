from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recurra import _core


def cpu_features() -> dict[str, bool]:
    """Which instruction sets this processor has and its operating system lets programs use, by name."""
    return _core.cpu_features()


def steps_since_observed(values: ArrayLike, offsets: ArrayLike) -> NDArray[np.float32]:
    """How many rows ago each column was last observed; NaN is a value that wasn't observed.

    `values` is (N, C): the rows of several series one after the other, those of series s in
    `offsets[s]:offsets[s + 1]`. The result has the same shape: 0 where a value stands, otherwise one more than in the
    row before. Before a series' first value it counts the rows since the series began, plus one. Series don't touch
    each other. Raises ValueError where `offsets` doesn't cut the N rows into series.

    >>> steps_since_observed([[1.0], [np.nan], [np.nan], [np.nan]], [0, 3, 4]).ravel()
    array([0., 1., 2., 1.], dtype=float32)
    """
    return _core.steps_since_observed(
        np.ascontiguousarray(values, dtype=np.float32), np.ascontiguousarray(offsets, dtype=np.int64)
    )
