"""Measures of forecast error.

Each is a quotient of two sums over the cells (window, horizon, target) whose truth is known, so that one object
answers for all windows, for each horizon, each series and each target. Hyndman & Koehler (2006), "Another look at
measures of forecast accuracy", discusses all of them but the last two.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    return np.divide(numerator, denominator, out=np.full(np.shape(numerator), np.nan), where=denominator > 0)


@dataclass(frozen=True, eq=False)
class Quotient:
    """A measure before its last division: sums of both parts along each axis, so that any of them can be asked for.

    0 / 0 is NaN.
    """

    numerator: tuple[np.ndarray, np.ndarray, np.ndarray]  # (W,), (K,), (C,)
    denominator: tuple[np.ndarray, np.ndarray, np.ndarray]
    is_squared: bool  # the root is taken after the division

    @classmethod
    def of(
        cls,
        truth: np.ndarray,
        numerator: np.ndarray,
        denominator: np.ndarray | float = 1.0,
        *,
        is_squared: bool = False,
    ) -> Quotient:
        """The quotient of sums over the cells (W, K, C) whose truth is known and whose denominator isn't NaN."""
        counted = np.isfinite(truth) & ~np.isnan(denominator)
        return cls(
            _marginals(np.where(counted, numerator, 0.0)),
            _marginals(np.where(counted, denominator, 0.0)),
            is_squared=is_squared,
        )

    def _divide(self, numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
        value = _ratio(numerator, denominator)
        return np.sqrt(value) if self.is_squared else value

    def overall(self) -> float:
        """One number for everything."""
        return float(self._divide(self.numerator[0].sum(), self.denominator[0].sum()))

    def per_window(self) -> np.ndarray:
        """One number for each window, (W,)."""
        return self._divide(self.numerator[0], self.denominator[0])

    def per_horizon(self) -> np.ndarray:
        """One number for each step ahead, (K,)."""
        return self._divide(self.numerator[1], self.denominator[1])

    def per_target(self) -> np.ndarray:
        """One number for each target, (C,)."""
        return self._divide(self.numerator[2], self.denominator[2])

    def per_group(self, group: np.ndarray, num_groups: int) -> np.ndarray:
        """One number for each group of windows, (num_groups,), for instance each series."""
        numerator = np.bincount(group, self.numerator[0], minlength=num_groups)
        return self._divide(numerator, np.bincount(group, self.denominator[0], minlength=num_groups))


def _marginals(cells: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    by_horizon_and_target = cells.sum(axis=0)
    return cells.sum(axis=(1, 2)), by_horizon_and_target.sum(axis=1), by_horizon_and_target.sum(axis=0)


def _error(truth: np.ndarray, forecast: np.ndarray) -> np.ndarray:
    return truth - forecast.astype(np.float64)


def absolute_error(truth: np.ndarray, forecast: np.ndarray) -> Quotient:
    """The mean of |y - f| (MAE); the median of the predictive distribution minimises it."""
    return Quotient.of(truth, np.abs(_error(truth, forecast)))


def squared_error(truth: np.ndarray, forecast: np.ndarray) -> Quotient:
    """The root of the mean of (y - f)^2 (RMSE); the mean of the predictive distribution minimises it."""
    return Quotient.of(truth, np.square(_error(truth, forecast)), is_squared=True)


def symmetric_percentage_error(truth: np.ndarray, forecast: np.ndarray) -> Quotient:
    """The mean of 200 |y - f| / (|y| + |f|) (sMAPE as in the M4 competition); a cell with y = f = 0 counts as 0."""
    size = np.abs(truth) + np.abs(forecast.astype(np.float64))
    share = np.divide(np.abs(_error(truth, forecast)), size, out=np.zeros(size.shape), where=size != 0)
    return Quotient.of(truth, 200.0 * share)


def scaled_error(truth: np.ndarray, forecast: np.ndarray, scale: np.ndarray) -> Quotient:
    """The mean of |y - f| / scale (MASE), with scale (W, C) the `seasonal_error` of each window's series.

    Cells whose scale is zero or unknown (a constant training part) are left out: no finite number is fair to them.
    """
    usable = _usable(scale)
    return Quotient.of(truth, np.abs(_error(truth, forecast)) / usable, usable / usable)


def scaled_squared_error(truth: np.ndarray, forecast: np.ndarray, scale: np.ndarray) -> Quotient:
    """The root of the mean of ((y - f) / scale)^2, scale (W, C) as in `scaled_error` (RMSSE)."""
    usable = _usable(scale)
    return Quotient.of(truth, np.square(_error(truth, forecast) / usable), usable / usable, is_squared=True)


def _usable(scale: np.ndarray) -> np.ndarray:
    """Positive scales, others as NaN, (W, 1, C)."""
    return np.where(np.isfinite(scale) & (scale > 0), scale, np.nan)[:, None, :]


def quantile_loss(truth: np.ndarray, quantiles: np.ndarray, levels: np.ndarray) -> Quotient:
    """The weighted quantile loss: 2 sum over cells of rho_q(y - f_q) / sum over cells of |y|, mean over the levels q.

    rho_q(e) = max(q e, (q - 1) e) is the pinball loss of Koenker & Bassett (1978); the weighting is that of Salinas
    et al. (2020, DeepAR). For a point forecast, handed in as `forecast[..., None]` with level 0.5, it is
    sum |y - f| / sum |y|; handed in once for every level it is what a forecast without any spread earns.
    """
    truth = truth.astype(np.float64)
    total = np.zeros(truth.shape)
    for index, level in enumerate(levels):
        error = _error(truth, quantiles[..., index if quantiles.shape[-1] > 1 else 0])
        total += np.maximum(level * error, (level - 1) * error)
    return Quotient.of(truth, 2.0 * total / len(levels), np.abs(truth))


def coverage(truth: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> Quotient:
    """The share of outcomes within [lower, upper], bounds included."""
    return Quotient.of(truth, ((truth >= lower) & (truth <= upper)).astype(np.float64))


def seasonal_error(values: np.ndarray, offsets: np.ndarray, train_until: np.ndarray, *, season: int) -> np.ndarray:
    """The mean of |y_t - y_(t - season)| over each series' training rows, (S, C); NaN where no such pair is known.

    values (N, C) holds all series one after the other, series s in rows offsets[s] : offsets[s + 1], of which those
    before row train_until[s] are for training. It's the denominator of MASE (Hyndman & Koehler, 2006, section 3).
    """
    num_rows, num_targets = values.shape
    num_series = len(offsets) - 1
    series = np.repeat(np.arange(num_series), np.diff(offsets))
    row = np.arange(season, num_rows)
    inside = (row - season >= offsets[series[season:]]) & (row < train_until[series[season:]])
    row = row[inside]
    step = np.abs(values[row].astype(np.float64) - values[row - season])
    known = np.isfinite(step)
    result = np.empty((num_series, num_targets))
    for target in range(num_targets):
        use = known[:, target]
        which = series[row[use]]
        total = np.bincount(which, step[use, target], minlength=num_series)
        result[:, target] = _ratio(total, np.bincount(which, minlength=num_series).astype(np.float64))
    return result
