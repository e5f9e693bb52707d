from __future__ import annotations

import numpy as np
import torch

from recurra.tasks.classify._batches import drop_and_swap


def batch(lengths: list[int]) -> dict[str, torch.Tensor]:
    steps = max(lengths)
    words = torch.arange(1, steps + 1).repeat(len(lengths), 1)
    words[torch.arange(steps) >= torch.tensor(lengths)[:, None]] = 0
    return {"words": words[..., None], "lengths": torch.tensor(lengths), "truth": torch.tensor(lengths)}


def test_words_are_dropped_or_swapped_and_nothing_else() -> None:
    given = batch([40, 7, 1])
    changed = drop_and_swap(given, 0.4, np.random.default_rng(0))
    assert changed["truth"] is given["truth"]
    assert changed["lengths"].tolist()[0] < 40
    for row, length in zip(changed["words"][..., 0].tolist(), changed["lengths"].tolist(), strict=True):
        assert 1 <= length
        kept = row[:length]
        assert 0 not in kept and set(row[length:]) <= {0}
        assert len(set(kept)) == length
        # A word moves by as many places as swaps meet at it, and no more.
        assert all(abs(place - np.argsort(np.argsort(kept))[at]) <= 4 for at, place in enumerate(range(length)))


def test_no_text_becomes_empty() -> None:
    changed = drop_and_swap(batch([2] * 50), 0.99, np.random.default_rng(1))
    assert changed["lengths"].min() == 1


def test_without_a_share_nothing_changes() -> None:
    given = batch([5, 3])
    changed = drop_and_swap(given, 0.0, np.random.default_rng(2))
    assert changed["words"].equal(given["words"]) and changed["lengths"].equal(given["lengths"])
