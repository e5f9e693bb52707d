from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from recurra.evaluate._forecasts import Forecasts
from recurra.evaluate._metrics import absolute_error, scaled_error

# More points than this can't be told apart in a picture of a page's width.
MOST_POINTS = 240


@dataclass(frozen=True, eq=False)
class Excerpt:
    """One window of one target with what came before it, thinned to what a picture can show."""

    series: str
    target: str
    begins: str  # when the forecast begins
    error: float | None  # mean absolute error of the window
    past_at: np.ndarray  # (P,) times or row numbers
    past: np.ndarray  # (P,)
    at: np.ndarray  # (K,) times or row numbers
    truth: np.ndarray  # (K,) NaN where not known
    median: np.ndarray  # (K,)
    intervals: tuple[tuple[float, np.ndarray, np.ndarray], ...]  # share, lower, upper; widest first
    baseline: np.ndarray | None  # (K,)
    baseline_name: str | None


def recent_and_typical(forecasts: Forecasts, scale: np.ndarray) -> list[int]:
    """Windows worth looking at: the latest with a known outcome, an easy, a middling and a hard one.

    scale is (W, C), the seasonal error of each window's series, so that large series aren't all there is to see.
    """
    error = _error(forecasts, scale)
    known = np.flatnonzero(np.isfinite(error))
    if not known.size:
        return []
    latest = known[np.lexsort((forecasts.series[known], -_when(forecasts)[known].astype(np.int64)))[0]]
    by_error = known[np.argsort(error[known], kind="stable")]
    chosen = [int(latest)]
    for share in (0.1, 0.5, 0.9):
        candidate = int(by_error[round(share * (len(by_error) - 1))])
        if candidate not in chosen:
            chosen.append(candidate)
    return chosen


def worst(forecasts: Forecasts, scale: np.ndarray, *, count: int) -> list[int]:
    """The windows with the largest errors, none of a series sharing a row with another."""
    error = _error(forecasts, scale)
    order = np.argsort(-np.nan_to_num(error, nan=-np.inf), kind="stable")
    chosen: list[int] = []
    for window in order:
        apart = all(
            forecasts.series[other] != forecasts.series[window]
            or abs(int(forecasts.origin[other] - forecasts.origin[window])) >= forecasts.horizon
            for other in chosen
        )
        if len(chosen) == count or not np.isfinite(error[window]):
            break
        if apart:
            chosen.append(int(window))
    return chosen


def excerpt(
    forecasts: Forecasts,
    window: int,
    target: int,
    *,
    values: np.ndarray,
    offsets: np.ndarray,
    time: np.ndarray,
    ahead_times: np.ndarray | None = None,
    baselines: Mapping[str, np.ndarray] | None = None,
    baseline: str | None = None,
) -> Excerpt:
    """Cut one window out; `ahead_times` (W, K) says when steps are that lie beyond the table."""
    origin, horizon = int(forecasts.origin[window]), forecasts.horizon
    series = int(forecasts.series[window])
    steps = _thin(np.arange(horizon))
    past = np.arange(max(origin - min(max(3 * horizon, 24), 1200), int(offsets[series])), origin)
    past = _thin(past)
    at = time[origin + steps] if ahead_times is None else ahead_times[window, steps]
    quantiles = forecasts.quantiles[window, steps, target]
    error = _finite_mean(np.abs(forecasts.truth[window, :, target] - forecasts.median[window, :, target]))
    return Excerpt(
        series=forecasts.series_labels[series],
        target=forecasts.target_labels[target],
        begins=_say(at[0]),
        error=error,
        past_at=time[past],
        past=values[past, target],
        at=at,
        truth=forecasts.truth[window, steps, target],
        median=forecasts.median[window, steps, target],
        intervals=tuple(
            (share, quantiles[:, lower], quantiles[:, upper]) for lower, upper, share in reversed(forecasts.intervals)
        ),
        baseline=None if baselines is None or baseline is None else baselines[baseline][window, steps, target],
        baseline_name=baseline,
    )


def _thin(index: np.ndarray) -> np.ndarray:
    """Evenly fewer, last one kept."""
    if len(index) <= MOST_POINTS:
        return index
    return index[np.unique(np.linspace(0, len(index) - 1, MOST_POINTS).round().astype(int))]


def _error(forecasts: Forecasts, scale: np.ndarray) -> np.ndarray:
    """A size of each window's error that lets series be compared, (W,)."""
    scaled = scaled_error(forecasts.truth, forecasts.median, scale).per_window()
    plain = absolute_error(forecasts.truth, forecasts.median).per_window()
    return scaled if np.isfinite(scaled).any() else plain


def _when(forecasts: Forecasts) -> np.ndarray:
    return forecasts.origin if forecasts.times is None else forecasts.times


def _finite_mean(values: np.ndarray) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else None


def _say(at: np.datetime64 | np.integer) -> str:
    """`2014-12-30 18:00`, `2014-12-30` or `row 17`."""
    if isinstance(at, np.datetime64):
        return np.datetime_as_string(at, unit="m").replace("T", " ").removesuffix(" 00:00")
    return f"row {at}"
