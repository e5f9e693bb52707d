from __future__ import annotations

import numpy as np


class History:
    """Series one after the other with every gap closed from behind, ready to be asked what was known before a row.

    values (N, C) holds S series, NaN where missing, series s in rows offsets[s] : offsets[s + 1], of which those before
    row train_until[s] are for training. A missing value becomes the last observed one of its series; before the first
    it's the mean of the series' training rows, or of everybody's where the series has none.
    """

    def __init__(self, values: np.ndarray, offsets: np.ndarray, train_until: np.ndarray) -> None:
        self.offsets = np.asarray(offsets, dtype=np.int64)
        self.train_until = np.asarray(train_until, dtype=np.int64)
        self.observed = np.isfinite(values)  # (N, C)
        num_rows, num_targets = values.shape
        num_series = len(self.offsets) - 1
        series = np.repeat(np.arange(num_series), np.diff(self.offsets))
        start = self.offsets[series]
        row = np.arange(num_rows)
        in_training = row < self.train_until[series]
        self.filled = np.empty((num_rows, num_targets))
        self.last_row = np.empty((num_rows, num_targets), dtype=np.int64)  # -1 where nothing was observed yet
        self.first_row = np.empty((num_series, num_targets), dtype=np.int64)  # N where nothing ever is
        self.training_mean = np.empty((num_series, num_targets))
        self.training_spread = np.empty((num_series, num_targets))  # standard deviation; 1 where it isn't positive
        for target in range(num_targets):
            column = values[:, target].astype(np.float64)
            observed = self.observed[:, target]
            last = np.maximum.accumulate(np.where(observed, row, -1))
            last = np.where(last >= start, last, -1)
            use = observed & in_training
            mean = _mean_by_series(column[use], series[use], num_series)
            variance = _mean_by_series(np.square(column - mean[series])[use], series[use], num_series)
            following = np.minimum.accumulate(np.where(observed, row, num_rows)[::-1])[::-1]
            self.filled[:, target] = np.where(last >= 0, column[last], mean[series])
            self.last_row[:, target] = last
            self.first_row[:, target] = np.append(following, num_rows)[self.offsets[:-1]]
            self.training_mean[:, target] = mean
            self.training_spread[:, target] = np.sqrt(np.where(variance > 0, variance, 1.0))

    def series_of(self, origins: np.ndarray) -> np.ndarray:
        """The series that each origin continues, (W,); it may be the row just after that series' last."""
        return np.searchsorted(self.offsets, origins - 1, side="right") - 1

    def last(self, origins: np.ndarray) -> np.ndarray:
        """The last value known before each origin, (W, C)."""
        return self.filled[origins - 1]


def _mean_by_series(value: np.ndarray, series: np.ndarray, num_series: int) -> np.ndarray:
    count = np.bincount(series, minlength=num_series)
    total = np.bincount(series, value, minlength=num_series)
    everybody = total.sum() / count.sum() if count.any() else 0.0
    return np.divide(total, count, out=np.full(num_series, everybody), where=count > 0)
