from __future__ import annotations

import numpy as np
import pytest

from recurra.evaluate._randomised import chance_by_swapping


def total(counts: np.ndarray) -> np.ndarray:
    return counts[:, 0].astype(float)


def test_by_hand():
    # Only two of the 2^5 ways of swapping give a gap as large: none swapped, all swapped.
    chance = chance_by_swapping(np.ones((5, 1), dtype=int), np.zeros((5, 1), dtype=int), total)
    assert chance == pytest.approx(2 / 32, abs=0.02)


def test_texts_answered_alike_dont_count():
    model, other = np.ones((5, 1), dtype=int), np.zeros((5, 1), dtype=int)
    alike = np.ones((500, 1), dtype=int)
    assert chance_by_swapping(model, other, total) == chance_by_swapping(
        np.concatenate([model, alike]), np.concatenate([other, alike]), total
    )
    assert chance_by_swapping(alike, alike, total) == 1.0


def test_a_clear_difference_is_no_chance():
    model, other = np.ones((60, 1), dtype=int), np.zeros((60, 1), dtype=int)
    other[:10] = 1
    assert chance_by_swapping(model, other, total) < 0.001
    assert chance_by_swapping(other, model, total) < 0.001


def test_noise_is_rarely_taken_for_skill():
    random = np.random.default_rng(4)
    chances = []
    for seed in range(200):
        one, two = random.integers(0, 2, (2, 80, 1))  # two systems, each right in half of the texts
        chances.append(chance_by_swapping(one, two, total, seed=seed))
    assert 0.01 <= np.mean(np.array(chances) <= 0.05) <= 0.09
    assert 0.35 <= np.mean(np.array(chances) <= 0.5) <= 0.6
