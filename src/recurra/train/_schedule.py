"""The learning rate as a function of the step: no state, so nothing to save and nothing to resume wrongly."""

from __future__ import annotations

from math import cos, pi
from typing import Literal

Schedule = Literal["one-cycle", "cosine", "exponential", "constant"]

WARM_UP = 0.3  # share of the steps in which one-cycle rises, and of the epochs in which exponential stays
START = 25.0  # the peak over the first rate
END = 1e4  # the first rate over the last
FALL = 512.0  # the peak over the last rate of exponential


def learning_rate_at(schedule: Schedule, step: int, *, steps: int, peak: float, epochs: int = 1) -> float:
    """The learning rate of step `step` (from 0) of `steps`, which are `epochs` epochs.

        constant    peak
        cosine      peak (1 + cos(pi step / steps)) / 2                                (Loshchilov and Hutter, 2017)
        one-cycle   half a cosine from peak/25 up to peak over the first 30 % of the steps, then half a cosine
                    down to peak/250000 at the last step                               (Smith and Topin, 2019)
        exponential the peak in the first 30 % of the epochs, then less in each by one factor, down to
                    peak/512; of 13 epochs, four have the peak and each later one half (Zaremba et al., 2014)

    One-cycle equals torch's OneCycleLR, which doesn't move the momentum here. A single step has the peak.
    """
    if schedule == "constant" or steps == 1:
        return peak
    if schedule == "exponential":
        first = max(1, round(WARM_UP * epochs))
        late = step * epochs // steps - first + 1
        return peak * FALL ** (-late / (epochs - first)) if late > 0 else peak
    if schedule == "cosine":
        return peak * (1 + cos(pi * step / steps)) / 2
    top = WARM_UP * steps - 1
    first = peak / START
    if step <= top:
        return _half_cosine(first, peak, step / top if top else 1.0)
    return _half_cosine(peak, first / END, (step - top) / (steps - 1 - top))


def _half_cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + cos(pi * share)) / 2
