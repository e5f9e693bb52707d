from __future__ import annotations

import numpy as np

from recurra.data import Panel

# time between rows, in polars durations -> seasons that people's lives and the sun make, in rows
CALENDAR_SEASONS: dict[str, tuple[int, ...]] = {
    "1m": (60, 1440),
    "5m": (12, 288),
    "10m": (144,),
    "15m": (96, 672),
    "30m": (48, 336),
    "1h": (24, 168),
    "1d": (7, 365),
    "1b": (5,),
    "1w": (52,),
    "1mo": (12,),
    "1q": (4,),
    "1y": (),
}
_MOST_SERIES, _LONGEST_LAG = 40, 1500


def find_season(panel: Panel, training: np.ndarray) -> tuple[int, str]:
    """The season of the targets in rows, 1 if there is none, and the reason in words.

    A season is a peak of the autocorrelation (after removing a straight line) that stands out from a dip before it. Of
    several the highest is taken, or a shorter one that comes near it.
    Only rows where `training` (N,) holds are looked at, of at most 40 series.
    """
    calendar = CALENDAR_SEASONS.get(panel.schema.frequency or "", ())
    found: dict[int, list[float]] = {}
    looked = 0
    for series in np.argsort(-panel.lengths, kind="stable")[:_MOST_SERIES]:
        rows = np.arange(int(panel.offsets[series]), int(panel.offsets[series + 1]))
        rows = rows[training[rows]]
        for values in panel.target[rows].T:
            correlation = autocorrelation(values.astype(np.float64))
            if correlation is None:
                continue
            looked += 1
            for lag, height in _peaks(correlation, calendar).items():
                found.setdefault(lag, []).append(height)
    heights = {lag: sum(values) / looked for lag, values in found.items() if 2 * len(values) >= looked}
    if not heights:
        if calendar and panel.schema.frequency != "1b":
            return calendar[
                0
            ], f"usual for rows every {panel.schema.frequency}; no peak of the autocorrelation stands out"
        return 1, "no peak of the autocorrelation stands out"
    weight = {lag: height + (0.05 if lag in calendar else 0.0) for lag, height in heights.items()}
    best = min(lag for lag in weight if weight[lag] >= max(weight.values()) - 0.05)
    return best, f"autocorrelation {heights[best]:.2f} at {best} steps stands out"


def autocorrelation(values: np.ndarray) -> np.ndarray | None:
    """Autocorrelation of (T,) values about a straight line, at lags 0 to T/3; None if it can't be told."""
    present = np.isfinite(values)
    if present.sum() < 12:
        return None
    time = np.arange(len(values), dtype=np.float64)
    slope, intercept = np.polyfit(time[present], values[present], 1)
    centred = np.where(present, values - slope * time - intercept, 0.0)
    power = float((centred**2).sum())
    if power <= 1e-12 * max(1.0, float((values[present] ** 2).sum())):
        return None
    size = 1 << (2 * len(values) - 1).bit_length()
    spectrum = np.fft.rfft(centred, size)
    lags = min(len(values) // 3, _LONGEST_LAG) + 1
    count = np.fft.irfft(np.abs(np.fft.rfft(present.astype(np.float64), size)) ** 2, size)[:lags]
    covariance = np.fft.irfft(np.abs(spectrum) ** 2, size)[:lags]
    return (covariance / np.maximum(count, 1)) / (power / present.sum())


def _peaks(correlation: np.ndarray, calendar: tuple[int, ...]) -> dict[int, float]:
    """Peaks at seasons of the calendar, and the first of all that is about as high as the highest, with their heights.

    The first, since every multiple of a season has a peak of about its height. A peak beside a season of the calendar
    is that season, displaced by noise.
    """
    inner = correlation[2:-1]
    summits = np.flatnonzero((inner > 0.3) & (inner >= correlation[1:-2]) & (inner >= correlation[3:])) + 2
    summits = [lag for lag in map(int, summits) if _stands_out(correlation, lag)]
    highest = max((correlation[lag] for lag in summits), default=0.0)
    usual = [
        lag
        for lag in calendar
        if 2 <= lag < len(correlation) and correlation[lag] > 0.2 and _stands_out(correlation, lag, slack=0.05)
    ]
    first = [lag for lag in summits if correlation[lag] >= 0.85 * highest][:1]
    first = [lag for lag in first if all(abs(lag - known) > known // 8 for known in usual)]
    return {lag: float(correlation[lag]) for lag in (*usual, *first)}


def _stands_out(correlation: np.ndarray, lag: int, *, slack: float = 0.0) -> bool:
    """Whether the correlation is the highest, or nearly, for an eighth of the lag on either side, after a real dip."""
    near = max(1, lag // 8)
    around = correlation[max(1, lag - near) : lag + near + 1]
    dip = correlation[max(1, lag // 4) : lag].min(initial=1.0)
    return bool(correlation[lag] >= around.max() - slack and correlation[lag] - dip > 0.1)
