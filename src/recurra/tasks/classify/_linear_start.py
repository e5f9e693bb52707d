"""Logistic regressions on words and runs of words: what a classifier's linear branch starts from."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from recurra import evaluate
from recurra.data.text import Encoded
from recurra.nn import Network
from recurra.tasks.classify._composition import LINEAR, RECURRENT

_STRENGTHS = (1.0, 4.0, 16.0, 64.0)  # scikit-learn's C; strong to weak
_FOLDS, _BLOCKS = 5, 50
_ABSENT = -5.0  # logit of a class that a fold's texts don't have


@dataclass(frozen=True, eq=False)
class LinearFit:
    """The mean of two logistic regressions on how often words and runs occur, over the root of a text's length."""

    tables: tuple[np.ndarray, ...]  # of words, of runs of two, ...: (codes, L), the first row zeros
    bias: np.ndarray  # (L,)
    strength: float
    held_out: np.ndarray  # (N, L) float32: the logits of each text, of a regression that didn't see it


def fit_linear(
    encoded: Encoded, sizes: tuple[int, ...], truth: np.ndarray, groups: list[str], classes: int, *, balance: bool
) -> LinearFit:
    """Regress classes (N,), or booleans (N, L), on texts; `sizes` are numbers of codes, unknown ones included.

    Texts whose `groups` are equal are never on both sides of a fold, nor, mostly, neighbours: phrases of one sentence
    stand side by side in some files.
    """
    features = _features(encoded, sizes)
    folds = _folds(groups)
    count = int(folds.max()) + 1

    def regress(known: np.ndarray, strength: float) -> tuple[np.ndarray, np.ndarray]:
        return _regress(features[known], truth[known], classes, strength, balance=balance)

    def asked(fold: int, strength: float) -> np.ndarray:
        weight, bias = regress(folds != fold, strength)
        return features[folds == fold] @ weight + bias

    if count == 1:
        weight, bias = regress(folds == 0, _STRENGTHS[0])
        held_out, strength = np.zeros((len(truth), classes)), _STRENGTHS[0]
    else:
        trials = []
        for strength in _STRENGTHS:
            trials.append(_log_loss(asked(0, strength), truth[folds == 0]))
            if trials[-1] > min(trials):
                break
        strength = _STRENGTHS[int(np.argmin(trials))]
        held_out = np.zeros((len(truth), classes))
        for fold in range(count):
            held_out[folds == fold] = asked(fold, strength)
        weight, bias = regress(folds >= 0, strength)
    ends = np.cumsum([size - 1 for size in sizes])[:-1]
    tables = tuple(np.pad(part, ((1, 0), (0, 0))) for part in np.split(weight, ends))
    return LinearFit(tables, bias, strength, held_out.astype(np.float32))


@torch.no_grad()
def start_from_linear(network: Network, fit: LinearFit) -> None:
    """Start a network's linear branch at the regression."""
    parameters = dict(network.named_parameters())
    classes = len(fit.bias)
    for column, table in enumerate(fit.tables):
        parameters[f"chains.{LINEAR}.0.tables.{column}.weight"].copy_(torch.from_numpy(table))
    parameters[f"chains.{LINEAR}.2.weight"].copy_(torch.eye(classes).repeat(1, len(fit.tables)))
    parameters[f"chains.{LINEAR}.2.bias"].copy_(torch.from_numpy(fit.bias))


@torch.no_grad()
def share_out(network: Network, share: float) -> None:
    """Let the linear branch's logits count `share`, of 0 to 1, and the recurrent ones the rest; 0.5 leaves both."""
    for name, factor in ((f"{LINEAR}.2", share), (f"{RECURRENT}.1", 1 - share)):
        for part in ("weight", "bias"):
            network.get_parameter(f"chains.{name}.{part}").mul_(2 * factor)


def _features(encoded: Encoded, sizes: tuple[int, ...]) -> Any:
    """Counts of known words and runs over the root of each text's length, (N, sum of sizes less 1 each)."""
    from scipy.sparse import csr_matrix

    texts = np.repeat(np.arange(len(encoded)), encoded.lengths)
    codes = np.concatenate([encoded.flat["words"], encoded.flat["runs"]], axis=1)
    starts = np.cumsum([0, *(size - 1 for size in sizes)])
    known = codes > 0
    places = (codes - 1 + starts[:-1])[known]
    rows = np.broadcast_to(texts[:, None], codes.shape)[known]
    values = 1 / np.sqrt(encoded.lengths[rows])
    return csr_matrix((values, (rows, places)), shape=(len(encoded), int(starts[-1])))


def _folds(groups: list[str]) -> np.ndarray:
    """Each text's fold."""
    count = len(groups)
    first: dict[str, int] = {}
    leaders = np.array([first.setdefault(group, at) for at, group in enumerate(groups)])
    folds = leaders * min(_BLOCKS, count) // max(count, 1) % _FOLDS
    return np.unique(folds, return_inverse=True)[1]


def _regress(
    features: Any, truth: np.ndarray, classes: int, strength: float, *, balance: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Weights (F, L) and bias (L,)."""
    if truth.ndim == 2:
        both = [
            _regress(features, truth[:, at].astype(np.int64), 2, strength, balance=balance) for at in range(classes)
        ]
        return np.stack([w[:, 1] - w[:, 0] for w, _ in both], axis=1), np.array([b[1] - b[0] for _, b in both])
    from sklearn.exceptions import ConvergenceWarning

    weight, bias = np.zeros((features.shape[1], classes)), np.full(classes, _ABSENT)
    seen = np.unique(truth)
    if len(seen) == 1:
        bias[seen] = 0
        return weight, bias

    def regress(importance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        scaled = features.multiply(importance).tocsr()
        scale = max(np.sqrt(scaled.multiply(scaled).sum(axis=1).mean()), 1e-9)
        weights = "balanced" if balance else None
        options = {"C": strength, "max_iter": 200, "tol": 1e-3, "class_weight": weights}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a start need not be the last digit
            regression = evaluate.fit_logistic(scaled / scale, truth, **options)
        slope, offset = regression.coef_ * importance / scale, np.asarray(regression.intercept_)
        if len(seen) > 2:
            return slope, offset
        return np.concatenate([-slope, slope]) / 2, np.concatenate([-offset, offset]) / 2

    bias[seen] = 0
    # Two that differ in what they take to be important err differently: their mean is better than either.
    for importance in (_importance(features, truth, seen), _rarity(features)):
        slope, offset = regress(importance)
        weight[:, seen] += slope.T / 2
        bias[seen] += offset / 2
    return weight, bias


def _rarity(features: Any) -> np.ndarray:
    """The inverse document frequency of each feature (F,)."""
    return np.log((1 + features.shape[0]) / (1 + features.getnnz(axis=0))) + 1


def _importance(features: Any, truth: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """How unevenly each feature is spread over classes, (F,), after Wang & Manning (2012).

    It's the root mean square, over classes by their share, of the logarithm of the ratio of a feature's share among all
    of a class to that among all of the others.
    """
    present = features > 0
    total = np.asarray(present.sum(axis=0)).ravel() + 2.0
    squares = np.zeros(features.shape[1])
    for label in seen:
        within = np.asarray(present[truth == label].sum(axis=0)).ravel() + 1.0
        others = total - within
        squares += np.mean(truth == label) * np.log(within / within.sum() / (others / others.sum())) ** 2
    return np.sqrt(squares)


def _log_loss(logits: np.ndarray, truth: np.ndarray) -> float:
    if truth.ndim == 2:
        return float(np.mean(np.logaddexp(0, np.where(truth, -logits, logits))))
    normed = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    return -float(np.mean(normed[np.arange(len(truth)), truth]))
