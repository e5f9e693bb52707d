"""Best paths of labels, read back from what a random field gives, in numpy."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

FORBIDDEN = -1e4  # as in `nn.Crf`


def moves(transitions: np.ndarray, forbidden: Iterable[tuple[int, int]]) -> np.ndarray:
    """The scores of transitions (L, L), from and to, with those that aren't allowed."""
    scores = np.array(transitions, np.float32)
    for before, after in forbidden:
        scores[before, after] = FORBIDDEN
    return scores


def best_paths(paths: np.ndarray, moves: np.ndarray, forbidden_last: tuple[int, ...] = ()) -> np.ndarray:
    """The labels (B, T) of best paths, from what `Crf.forward` gives (B, T, L) for sequences of one length."""
    batch, time, _ = paths.shape
    labels = np.zeros((batch, time), np.int64)
    if not time:
        return labels
    end = paths[:, -1].copy()
    end[:, list(forbidden_last)] += FORBIDDEN
    label = labels[:, -1] = end.argmax(1)
    arriving = np.ascontiguousarray(moves.T)
    for t in range(time - 2, -1, -1):
        label = labels[:, t] = (paths[:, t] + arriving[label]).argmax(1)
    return labels
