from __future__ import annotations

from statistics import NormalDist

import numpy as np

from recurra.evaluate._forecasts import Forecasts
from recurra.evaluate._metrics import Quotient

# Fewer differences than this say nothing about their own spread.
FEWEST_ORIGINS = 4
# With fewer origins in time than this, many series are the better witnesses.
FEW_ORIGINS = 8


def chance(forecasts: Forecasts, model: Quotient, other: Quotient) -> float:
    """The probability of a difference in loss as large as this, were both forecasts equally good in the long run.

    The test of Diebold & Mariano (1995): losses of both are subtracted window by window, summed over all windows of one
    origin in time, and the mean over origins is held against its Newey-West standard error. Where few origins meet many
    series, series are the independent units instead. Too few of either give 1.
    """
    difference = model.numerator[0] - other.numerator[0]
    position = _position(forecasts)
    origins = np.unique(position)
    if len(origins) < FEW_ORIGINS and len(np.unique(forecasts.series)) >= FEW_ORIGINS:
        _, group = np.unique(forecasts.series, return_inverse=True)
        return chance_of_mean(np.bincount(group, difference), overlap=1)
    _, group = np.unique(position, return_inverse=True)
    overlap = -(-forecasts.horizon // _stride(forecasts))
    return chance_of_mean(np.bincount(group, difference), overlap=overlap)


def chance_of_mean(difference: np.ndarray, *, overlap: int) -> float:
    """The two-sided probability that a series (T,) of mean zero has a mean this far from zero.

    Neighbours up to `overlap` - 1 apart are expected to be correlated, as windows that share outcomes are. Long-run
    variance with Bartlett weights; critical values that allow for its own error (Kiefer & Vogelsang, 2005, table 1);
    the correction for short series of Harvey, Leybourne & Newbold (1997). Simulated with sums of `overlap` independent
    numbers, the worst case, a true zero is rejected at 5 % in 5 to 8 % of cases, for T from 10 to 1000.
    """
    count = len(difference)
    if count < FEWEST_ORIGINS:
        return 1.0
    overlap = min(overlap, count)
    correction = (count + 1 - 2 * overlap + overlap * (overlap - 1) / count) / count
    bandwidth = min(max(overlap, int(np.ceil(1.3 * np.sqrt(count)))), count)
    centred = difference - difference.mean()
    variance = centred @ centred
    for lag in range(1, bandwidth):
        variance += 2 * (1 - lag / bandwidth) * (centred[lag:] @ centred[:-lag])
    if difference.mean() == 0 or correction <= 0:
        return 1.0
    if variance <= 1e-20 * (difference @ difference):
        return 0.0
    statistic = abs(difference.sum()) / np.sqrt(variance) * np.sqrt(correction)
    share = bandwidth / count
    # How much farther out than for a normal variable the 5 % bound lies when the variance is estimated like this.
    stretch = (1.9600 + 2.9694 * share + 0.4160 * share**2 - 0.5324 * share**3) / 1.9600
    return 2 * (1 - NormalDist().cdf(float(statistic / stretch)))


def _position(forecasts: Forecasts) -> np.ndarray:
    """When each window's origin is: its time or, without times, its row counted from its series' first origin, (W,)."""
    if forecasts.times is not None:
        return forecasts.times
    first = np.full(int(forecasts.series.max(initial=0)) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, forecasts.series, forecasts.origin)
    return forecasts.origin - first[forecasts.series]


def _stride(forecasts: Forecasts) -> int:
    """Rows between origins of one series."""
    order = np.lexsort((forecasts.origin, forecasts.series))
    step = np.diff(forecasts.origin[order])[np.diff(forecasts.series[order]) == 0]
    return max(int(np.median(step)), 1) if step.size else forecasts.horizon
