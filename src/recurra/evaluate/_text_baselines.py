from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recurra.evaluate._logistic import fit_logistic

_HELD_OUT = 0.15  # of the training texts, to choose how strongly to regularise
_MOST_HELD_OUT = 4000
_STRENGTHS = (1.0, 4.0, 16.0)  # scikit-learn's C; strong to weak
_MOST_FEATURES = 200_000
_SEED = 0


def majority(train_truth: np.ndarray, texts: int, *, classes: int) -> np.ndarray:
    """The shares of classes in the training part as probabilities (texts, L), the same for every text.

    train_truth is (N,) classes or (N, L) booleans; with booleans each label has its own share.
    """
    if train_truth.ndim == 2:
        share = train_truth.mean(axis=0)
    else:
        share = np.bincount(train_truth, minlength=classes) / len(train_truth)
    return np.tile(share, (texts, 1))


def tfidf_logistic(
    train_texts: Sequence[str],
    train_truth: np.ndarray,
    texts: Sequence[str],
    *,
    classes: int,
    characters: bool = False,
) -> np.ndarray:
    """Probabilities (N, L) of a logistic regression on words and pairs of words, weighted by TF-IDF.

    With `characters`, for text that isn't spaced into words, on runs of 1 to 3 characters. The strength of
    regularisation is chosen by log loss on a part of the training texts. train_truth is (N,) classes or (N, L)
    booleans, then with one regression a label. Texts count as words however they are spelled: in lower case, with
    punctuation as words of its own.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    if characters:
        vectoriser = TfidfVectorizer(
            analyzer="char", ngram_range=(1, 3), sublinear_tf=True, max_features=_MOST_FEATURES
        )
    else:
        vectoriser = TfidfVectorizer(
            token_pattern=r"\w+|[^\w\s]", ngram_range=(1, 2), sublinear_tf=True, max_features=_MOST_FEATURES
        )
    # A text of nothing but blanks has no feature; one that all share keeps even such data usable.
    features = vectoriser.fit_transform([f"{text} ." for text in train_texts])
    asked = vectoriser.transform([f"{text} ." for text in texts])
    truth = np.asarray(train_truth)
    strength = _choose_strength(features, truth, classes)
    return _probabilities(features, truth, asked, classes, strength)


def _choose_strength(features, truth: np.ndarray, classes: int) -> float:
    order = np.random.default_rng(_SEED).permutation(len(truth))
    held_out = min(int(len(truth) * _HELD_OUT), _MOST_HELD_OUT)
    if held_out < 10:
        return _STRENGTHS[1]
    out, rest = order[:held_out], order[held_out:]
    losses = []
    for strength in _STRENGTHS:
        share = np.clip(_probabilities(features[rest], truth[rest], features[out], classes, strength), 1e-9, 1 - 1e-9)
        if truth.ndim == 2:
            losses.append(-np.mean(np.where(truth[out], np.log(share), np.log1p(-share))))
        else:
            losses.append(-np.mean(np.log(share[np.arange(held_out), truth[out]])))
    return _STRENGTHS[int(np.argmin(losses))]


def _probabilities(features, truth: np.ndarray, asked, classes: int, strength: float) -> np.ndarray:
    """Of a regression fitted to sparse features; classes that it never saw get nothing."""
    if truth.ndim == 2:
        one_by_one = [
            _probabilities(features, truth[:, label].astype(np.int64), asked, 2, strength)[:, 1]
            for label in range(classes)
        ]
        return np.stack(one_by_one, axis=1)
    seen = np.unique(truth)
    result = np.zeros((asked.shape[0], classes))
    if len(seen) == 1:
        result[:, seen] = 1.0
        return result
    # Tens of steps are enough to compare by; the last digits of the weights cost most of the time.
    regression = fit_logistic(features, truth, C=strength, max_iter=200, tol=1e-3, solver="lbfgs")
    result[:, regression.classes_] = regression.predict_proba(asked)
    return result
