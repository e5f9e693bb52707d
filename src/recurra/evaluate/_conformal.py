from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from recurra.evaluate._forecasts import Forecasts

# A quantile at level 0.975 wants some forty scores beyond it to be steady; with fewer windows than this the scores of
# neighbouring steps are taken together.
ENOUGH_SCORES = 100


@dataclass(frozen=True, eq=False)
class ConformalCorrection:
    """How far each quantile is moved so that as many outcomes lie beyond it as its level says.

    Conformalised quantile regression (Romano, Patterson & Candès, 2019), for each step, target and level on its own:
    quantile' = quantile + shift * scale. The scale is a size of each window, such as what the network divided it by;
    in its units calm and lively windows, small and large series have comparable errors. The median isn't moved. The
    promise is exact for exchangeable windows; series change, so coverage on the test part is what counts.
    """

    levels: np.ndarray  # (Q,)
    shift: np.ndarray  # (K, C, Q) in units of the scale

    @classmethod
    def fit(cls, forecasts: Forecasts, scale: np.ndarray, *, symmetric: bool = False) -> ConformalCorrection:
        """The correction that these forecasts, made on data not trained on, would have needed; scale is (W, C) > 0.

        Each bound of an interval gets a share of its own, which holds better where errors are skewed (theorem 2 of the
        paper); `symmetric` moves both bounds of a central interval by one number (theorem 1), and leaves alone the
        levels that have no counterpart.
        """
        assert scale.shape == (forecasts.num_windows, forecasts.truth.shape[2]) and np.all(scale > 0)
        levels = np.asarray(forecasts.levels, dtype=np.float64)

        def above(index: int) -> np.ndarray:
            """How far the truth lies above a quantile, in units of the scale, (W, K, C)."""
            return (forecasts.truth - forecasts.quantiles[..., index].astype(np.float64)) / scale[:, None, :]

        shift = np.zeros((*forecasts.truth.shape[1:], len(levels)))
        if symmetric:
            for lower, upper, share in forecasts.intervals:
                shift[..., upper] = _quantile_per_step(np.maximum(-above(lower), above(upper)), share)
                shift[..., lower] = -shift[..., upper]
            return cls(levels, shift)
        for index, level in enumerate(levels):
            if level > 0.5 + 1e-6:
                shift[..., index] = _quantile_per_step(above(index), level)
            elif level < 0.5 - 1e-6:
                shift[..., index] = -_quantile_per_step(-above(index), 1 - level)
        return cls(levels, shift)

    def apply(self, quantiles: np.ndarray, scale: np.ndarray) -> np.ndarray:
        """Corrected quantiles (W, K, C, Q), sorted where they'd cross; scale is (W, C)."""
        assert np.all(scale > 0), "each window needs a positive scale"
        moved = quantiles + (self.shift[None] * scale[:, None, :, None]).astype(quantiles.dtype)
        return np.sort(moved, axis=-1)

    def arrays(self) -> dict[str, np.ndarray]:
        """All there is to it, for saving."""
        return {"levels": self.levels, "shift": self.shift}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> ConformalCorrection:
        """What `arrays` gave away."""
        return cls(levels=arrays["levels"], shift=arrays["shift"])


def _quantile_per_step(scores: np.ndarray, share: float) -> np.ndarray:
    """The score that a share of all known scores doesn't exceed, for each step and target, (K, C).

    Of n scores it's the one of rank ceil((n + 1) share), at most the largest; zero where none is known.
    """
    windows, horizon, targets = scores.shape
    around = min(ENOUGH_SCORES // max(windows, 1), horizon - 1) // 2
    result = np.zeros((horizon, targets))
    for step in range(horizon):
        near = slice(max(step - around, 0), step + around + 1)
        for target in range(targets):
            known = scores[:, near, target]
            known = np.sort(known[np.isfinite(known)])
            if known.size:
                rank = min(int(np.ceil((known.size + 1) * share - 1e-9)), known.size)
                result[step, target] = known[max(rank, 1) - 1]
    return result
