from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True, eq=False)
class Forecasts:
    """What was forecast from many origins, beside what then happened.

    A window is one series seen from one origin: K rows from `origin` on were forecast for C targets, knowing only the
    rows before `origin`. Truth that is missing or still to come is NaN. The arrays are borrowed, not copied.
    """

    truth: np.ndarray  # (W, K, C)
    mean: np.ndarray  # (W, K, C)
    quantiles: np.ndarray  # (W, K, C, Q)
    levels: np.ndarray  # (Q,) rising, each within (0, 1)
    series: np.ndarray  # (W,) index into series_labels
    origin: np.ndarray  # (W,) row of the panel that is forecast first
    times: np.ndarray | None = None  # (W,) datetime64 of that row; None for series in the order of rows
    series_labels: tuple[str, ...] = ("",)
    target_labels: tuple[str, ...] = ("target",)

    def __post_init__(self) -> None:
        windows, horizon, targets = self.truth.shape
        assert self.mean.shape == self.truth.shape, (self.mean.shape, self.truth.shape)
        assert self.quantiles.shape == (windows, horizon, targets, len(self.levels)), self.quantiles.shape
        assert bool(np.all(np.diff(self.levels) > 0)), "levels must rise"
        assert self.series.shape == self.origin.shape == (windows,), (self.series.shape, self.origin.shape)
        assert self.times is None or self.times.shape == (windows,)
        assert len(self.target_labels) == targets, (self.target_labels, targets)

    @property
    def num_windows(self) -> int:
        """How many windows there are, W."""
        return self.truth.shape[0]

    @property
    def horizon(self) -> int:
        """How many steps are forecast, K."""
        return self.truth.shape[1]

    @property
    def median(self) -> np.ndarray:
        """The forecast that half of all outcomes exceed, (W, K, C); the mean where level 0.5 wasn't asked for."""
        at = np.flatnonzero(np.isclose(self.levels, 0.5))
        return self.quantiles[..., at[0]] if at.size else self.mean

    @property
    def intervals(self) -> tuple[tuple[int, int, float], ...]:
        """Pairs of levels that enclose a central share: (index of lower, index of upper, share), narrowest first."""
        pairs = []
        for lower, level in enumerate(self.levels):
            upper = np.flatnonzero(np.isclose(self.levels, 1 - level, atol=1e-6))
            if level < 0.5 and upper.size:
                pairs.append((lower, int(upper[0]), float(1 - 2 * level)))
        return tuple(sorted(pairs, key=lambda pair: pair[2]))

    def select(self, windows: np.ndarray) -> Forecasts:
        """The given windows only, by index or mask."""
        return replace(
            self,
            truth=self.truth[windows],
            mean=self.mean[windows],
            quantiles=self.quantiles[windows],
            series=self.series[windows],
            origin=self.origin[windows],
            times=None if self.times is None else self.times[windows],
        )
