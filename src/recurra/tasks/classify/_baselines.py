from __future__ import annotations

from itertools import pairwise

import numpy as np

from recurra import evaluate
from recurra.data.text import Encoder
from recurra.tasks.classify._samples import Samples
from recurra.tasks.classify._scaling import Scaling

MAJORITY, TFIDF, SUMMARY = "majority", "tfidf + logistic regression", "summaries + logistic regression"


def baselines(
    samples: Samples,
    training: np.ndarray,
    asked: np.ndarray,
    truth: np.ndarray,
    inputs: Encoder | Scaling,
    classes: int,
) -> dict[str, np.ndarray]:
    """Probabilities (N, L) for the samples `asked`, of what anybody could have learnt from the training part."""
    known = truth[training]
    found = {MAJORITY: evaluate.majority(known, len(asked), classes=classes)}
    if isinstance(inputs, Encoder):
        found[TFIDF] = evaluate.tfidf_logistic(
            [samples.names[index] for index in training],
            known,
            [samples.names[index] for index in asked],
            classes=classes,
            characters=inputs.tokeniser.kind in ("character", "chinese"),
        )
    else:
        features = summaries(samples)
        found[SUMMARY] = _logistic(features[training], known, features[asked], classes)
    return found


def summaries(samples: Samples) -> np.ndarray:
    """What a few numbers say of each series (S, 6C + 1): mean, spread, least, largest, first, last, and its length."""
    assert samples.rows is not None and samples.lengths is not None
    ends = samples.offsets
    rows = []
    for start, end in pairwise(ends):
        part = samples.rows[start:end]
        known = np.isfinite(part)
        count = np.maximum(known.sum(axis=0), 1)
        mean = np.where(known, part, 0).sum(axis=0) / count
        spread = np.sqrt(np.where(known, (part - mean) ** 2, 0).sum(axis=0) / count)
        least = np.where(known, part, np.inf).min(axis=0, initial=np.inf)
        largest = np.where(known, part, -np.inf).max(axis=0, initial=-np.inf)
        first, last = (part[at] if len(part) else mean for at in (0, -1))
        numbers = np.concatenate([mean, spread, least, largest, first, last, [len(part)]])
        rows.append(np.where(np.isfinite(numbers), numbers, 0.0))
    return np.array(rows)


def _logistic(features: np.ndarray, truth: np.ndarray, asked: np.ndarray, classes: int) -> np.ndarray:
    mean, spread = features.mean(axis=0), features.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    regression = evaluate.fit_logistic((features - mean) / spread, truth, max_iter=1000)
    result = np.zeros((len(asked), classes))
    result[:, regression.classes_] = regression.predict_proba((asked - mean) / spread)
    return result
