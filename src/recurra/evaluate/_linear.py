from __future__ import annotations

import numpy as np

from recurra.evaluate._history import History

# Bounds on work: longer histories and more windows stop helping long before they stop costing.
LONGEST_LAGS = 400
TRAINING_NUMBERS = 6_000_000
WINDOWS_AT_ONCE = 4096

# Ridge penalty per training window, on features of unit spread: the best of 0.0001, 0.01 and 0.1 on five of six public
# series (sunspots, births, airline, minimum temperatures, Seattle; ETTh1 doesn't mind).
PENALTY = 0.1


def linear_autoregression(history: History, origins: np.ndarray, *, horizon: int, season: int) -> np.ndarray | None:
    """A ridge regression of all K steps at once on the last values; None where no training window is long enough.

    One regression for each target, shared by all series, fitted on windows that lie within training rows. Each window
    has its last value taken off and is divided by its series' training spread, as in NLinear (Zeng et al., 2023, "Are
    transformers effective for time series forecasting?"); that last value, as a deviation from the series' mean, is a
    feature too, so that a series may return to its mean. A window that reaches beyond the start of its series repeats
    its last value there.
    """
    from sklearn.linear_model import Ridge

    lags = _num_lags(history, horizon, season)
    if lags < 1:
        return None
    training = _training_origins(history, lags, horizon)
    result = np.empty((len(origins), horizon, history.filled.shape[1]), dtype=np.float32)
    for target in range(result.shape[2]):
        usable = _with_known_targets(history, training, horizon, target)
        features, _, _ = _features(history, usable, lags, target)
        answers = _answers(history, usable, horizon, target)
        ridge = Ridge(alpha=PENALTY * len(usable), solver="cholesky").fit(features, answers)
        for begin in range(0, len(origins), WINDOWS_AT_ONCE):
            part = slice(begin, begin + WINDOWS_AT_ONCE)
            features, level, spread = _features(history, origins[part], lags, target)
            result[part, :, target] = level + spread * ridge.predict(features).reshape(len(features), horizon)
    return result


def _num_lags(history: History, horizon: int, season: int) -> int:
    """A season and half the horizon, or twice the horizon, as far as it leaves half of the longest training part."""
    longest = int((history.train_until - history.offsets[:-1]).max(initial=0))
    wanted = max(season + horizon // 2, 2 * horizon, 8)
    return min(wanted, LONGEST_LAGS, (longest - horizon) // 2)


def _training_origins(history: History, lags: int, horizon: int) -> np.ndarray:
    """Origins spread evenly over all windows of lags and horizon rows within training parts."""
    first = history.offsets[:-1] + lags
    count = np.maximum(history.train_until - horizon - first + 1, 0)
    until = np.cumsum(count)
    chosen = np.linspace(0, until[-1] - 1, min(int(until[-1]), TRAINING_NUMBERS // (lags + horizon)) or 1)
    chosen = chosen.astype(np.int64)
    series = np.searchsorted(until, chosen, side="right")
    return first[series] + chosen - (until - count)[series]


def _with_known_targets(history: History, origins: np.ndarray, horizon: int, target: int) -> np.ndarray:
    """The origins with nothing missing ahead; all of them, gaps filled, where that would leave too few."""
    missing = np.append(0, np.cumsum(~history.observed[:, target]))
    complete = origins[missing[origins + horizon] == missing[origins]]
    return complete if len(complete) >= min(50, len(origins)) else origins


def _features(
    history: History, origins: np.ndarray, lags: int, target: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lags and level, (W, lags + 1), with what was taken off, (W, 1), and divided by, (W, 1)."""
    column = history.filled[:, target]
    series = history.series_of(origins)
    level = column[origins - 1][:, None]
    spread = history.training_spread[series, target][:, None]
    row = origins[:, None] - np.arange(lags, 0, -1)
    start = history.offsets[series][:, None]
    past = np.where(row >= start, column[np.maximum(row, 0)], level)
    deviation = level - history.training_mean[series, target][:, None]
    return np.concatenate([past - level, deviation], axis=1) / spread, level, spread


def _answers(history: History, origins: np.ndarray, horizon: int, target: int) -> np.ndarray:
    """What followed, on the scale of the features, (W, K)."""
    column = history.filled[:, target]
    ahead = column[origins[:, None] + np.arange(horizon)] - column[origins - 1][:, None]
    return ahead / history.training_spread[history.series_of(origins), target][:, None]
