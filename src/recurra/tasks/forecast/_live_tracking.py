"""What a session learns from its own forecasts as the truth arrives: how wide they should be, and how good they are.

Each followed quantile is moved by a share of the usual error, up by its level when the truth lies above and down by
the rest when it doesn't, so that in the long run as many truths lie below it as it says, whatever the series does:
quantile tracking (Gibbs & Candes, 2021; Angelopoulos, Candes & Tibshirani, 2023, "P control"). In units of the
window's spread, like the correction that it starts from. The usual error is that of one step ahead. The median stays
where the network has it, as in the bundle's calibration: it is there to be near, not to split even.

Each push does this, so the compiled core does it: see `csrc/core/tracker.hpp`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recurra.runtime._native import Followed
from recurra.tasks.forecast._composition import CLIP

RATE = 0.1  # of the usual error, by which a quantile moves when every truth lies beyond it
_ALL, _SOME, _MOST_PENDING = 32, 16, 32


def follow(base: np.ndarray, levels: Sequence[float], floor: Sequence[float], trained: Sequence[float]) -> Followed:
    """How forecasts (K, C, 1 + Q) are calibrated from `base` on, the correction of their mean and quantiles in spreads.

    Nothing is forecast below `floor` (C). `trained` (C) are the errors of one step ahead, in scales; none: unknown.
    """
    leads, strides = followed_steps(len(base))
    distance = np.abs(np.log(np.arange(1, len(base) + 1))[:, None] - np.log(leads))
    level = np.asarray(levels)
    middle = int(np.argmin(np.abs(level - 0.5)))
    is_median = np.abs(level - 0.5) < 1e-6
    return Followed(
        leads=leads,
        strides=strides,
        nearest=distance.argmin(1),
        up=(RATE * np.append(0, np.where(is_median, 0, level))).astype(np.float32),
        down=(RATE * np.append(0, np.where(is_median, 0, level - 1))).astype(np.float32),
        base=base,
        floor=np.asarray(floor, dtype=np.float32),
        trained=trained,
        clip=CLIP,
        middle=1 + middle,
        median=1 + middle if is_median.any() else 0,
    )


def followed_steps(horizon: int) -> tuple[np.ndarray, np.ndarray]:
    """Which steps ahead are held against the truth, and every so many rows one forecast of each.

    All steps of a short horizon; of a long one some, evenly apart by their logarithm, less often the farther.
    """
    leads = np.unique(np.geomspace(1, horizon, min(horizon, _SOME)).round().astype(np.int64))
    if horizon <= _ALL:
        leads = np.arange(1, horizon + 1)
    strides = -(-leads // _MOST_PENDING)
    leads, first = np.unique(leads // strides * strides, return_index=True)
    return leads, strides[first]
