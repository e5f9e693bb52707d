from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BINS = 15  # as Guo et al. (2017)


@dataclass(frozen=True, eq=False)
class Reliability:
    """Answers in bins of equal width by how sure the model was: how many, how sure on average, how often right."""

    count: np.ndarray  # (BINS,)
    confidence: np.ndarray  # NaN where a bin is empty
    accuracy: np.ndarray


def reliability(truth: np.ndarray, probabilities: np.ndarray) -> Reliability:
    """What became of answers (N, L) that were given with some confidence, the largest probability; truth is (N,)."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == truth
    # A bin holds its upper end: (0, 1/15], (1/15, 2/15], ...
    group = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    count = np.bincount(group, minlength=BINS)
    with np.errstate(invalid="ignore"):
        return Reliability(
            count,
            np.bincount(group, confidence, minlength=BINS) / count,
            np.bincount(group, right, minlength=BINS) / count,
        )


def calibration_error(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """The expected calibration error: by how much confidence misses accuracy, averaged over bins.

    Guo, Pleiss, Sun & Weinberger (2017), "On calibration of modern neural networks", with 15 bins.
    """
    bins = reliability(truth, probabilities)
    error = np.nansum(bins.count * np.abs(bins.accuracy - bins.confidence)) / bins.count.sum()
    return round(float(error), 12)  # what rounding leaves of nothing isn't an error


def fit_temperature(logits: np.ndarray, truth: np.ndarray) -> float:
    """The number to divide logits (N, L) by, so that probabilities suit the truth best (Guo et al., 2017).

    truth is (N,) classes, or (N, L) of 0 and 1 where each label is a decision of its own. To be fitted on the
    validation part; changes how sure a model is, never what it answers. Between 0.05 and 20. The next answer after N
    right ones is taken to be right with (N + 1) / (N + 2), as Platt (1999) does, lest a few that are all right give
    certainty.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import logsumexp

    logits = np.asarray(logits, dtype=np.float64)
    truth = np.asarray(truth)
    doubt = 1 / (len(truth) + 2)
    if truth.ndim == 2:
        wanted = np.where(truth, 1 - doubt, doubt)
    else:
        wanted = np.full(logits.shape, doubt / max(logits.shape[1] - 1, 1))
        wanted[np.arange(len(truth)), truth] = 1 - doubt

    def loss(log_temperature: float) -> float:
        scaled = logits * np.exp(-log_temperature)
        if truth.ndim == 2:
            return float(np.mean(np.logaddexp(0, scaled) - wanted * scaled))
        return float(np.mean(logsumexp(scaled, axis=1) - (wanted * scaled).sum(axis=1)))

    found = minimize_scalar(loss, bounds=(np.log(0.05), np.log(20.0)), method="bounded")
    return float(np.exp(found.x))
