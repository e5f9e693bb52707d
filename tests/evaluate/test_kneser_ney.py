from __future__ import annotations

from collections import defaultdict
from time import process_time

import numpy as np
import pytest

from recurra.evaluate import KneserNey
from recurra.evaluate._kneser_ney import _discounts


def test_by_hand():
    model = KneserNey(2, 3).fit(np.array([0, 1, 0, 2, 0, 1]))
    # Pairs: 01 twice; 10, 02 and 20 once. 0 was seen after 1, after 2 and at the beginning; 1 and 2 after 0.
    # Discounts 0.5, 1 and 1.5: p(0) = (3 - 1.5) / 5 + 2.5 / 5 / 3; p(1) = p(2) = (1 - 0.5) / 5 + 2.5 / 5 / 3.
    zero, one = 0.3 + 1 / 6, 0.1 + 1 / 6
    expected = [zero, (2 - 1) / 3 + 0.5 * one, 0.5 + 0.5 * zero, 0.5 * zero]
    assert 2 ** model.log2_probabilities(np.array([0, 1, 0, 0])) == pytest.approx(expected)


def test_discounts_by_hand():
    # n1 = 8, n2 = 4, n3 = 2, n4 = 1: Y = 8 / 16.
    assert _discounts(np.repeat([1, 2, 3, 4, 9], [8, 4, 2, 1, 3])) == (0.5, 1.25, 2.0)
    assert _discounts(np.array([1, 1, 2, 3])) == (0.5, 1.0, 1.5)


def text_of(seed: int, size: int, length: int) -> np.ndarray:
    """Codes with habits: each leans on the one before."""
    random = np.random.default_rng(seed)
    codes = [0]
    for draw in random.geometric(0.4, size=length - 1):
        codes.append((codes[-1] * 2 + draw) % size)
    return np.array(codes)


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_probabilities_sum_to_one(order):
    size = 6
    model = KneserNey(order, size + 1).fit(text_of(1, size, 400))  # one code was never seen
    for before in ([], [3], [1, 2], [6, 1], [0, 1, 2, 3, 4, 5], [2, 6]):
        chances = [
            2 ** model.log2_probabilities(np.array([code]), before=np.array(before, dtype=int))[0]
            for code in range(size + 1)
        ]
        assert sum(chances) == pytest.approx(1.0)
        assert min(chances) > 0


def naive(text, order: int, size: int):
    """The same in dictionaries, straight from the paper."""
    seen, after = defaultdict(int), defaultdict(set)
    for length in range(1, order + 1):
        for start in range(len(text) - length + 1):
            gram = tuple(text[start : start + length])
            seen[gram] += 1
            after[gram].add(text[start - 1] if start else None)
    counts = {gram: seen[gram] if len(gram) == order else len(after[gram]) for gram in seen}
    discounts = {
        length: _discounts(np.array([count for gram, count in counts.items() if len(gram) == length]))
        for length in range(1, order + 1)
    }

    def chance(gram) -> float:
        if not gram:
            return 1 / size
        follow = {other: count for other, count in counts.items() if other[:-1] == gram[:-1]}
        if not follow:
            return chance(gram[1:])
        taken = {other: discounts[len(gram)][min(count, 3) - 1] for other, count in follow.items()}
        own = follow[gram] - taken[gram] if gram in follow else 0.0
        return (own + sum(taken.values()) * chance(gram[1:])) / sum(follow.values())

    return chance


@pytest.mark.parametrize("seed", range(3))
def test_equals_the_naive_one(seed):
    order, size = 3, 8
    text, asked = text_of(seed, size, 300).tolist(), text_of(seed + 9, size, 40).tolist()
    chance = naive(text, order, size)
    expected = [chance(tuple(asked[max(end - order, 0) : end])) for end in range(1, len(asked) + 1)]
    given = 2 ** KneserNey(order, size).fit(np.array(text)).log2_probabilities(np.array(asked))
    assert given == pytest.approx(expected)


def test_what_came_before_counts():
    text = text_of(2, 8, 300)
    model = KneserNey(4, 8).fit(text[:200])
    whole = model.log2_probabilities(text[150:])
    assert model.log2_probabilities(text[200:], before=text[150:200]) == pytest.approx(whole[50:])
    assert model.log2_probabilities(text[:0]).shape == (0,)


def test_shorter_than_the_order():
    assert KneserNey(5, 2).fit(np.array([1])).log2_probabilities(np.array([1, 1]))[0] > np.log2(0.5)


@pytest.mark.slow
def test_a_million_tokens_take_seconds():
    random = np.random.default_rng(0)
    codes = (random.pareto(1, size=1_000_000) * 3).astype(np.int64) % 10_000
    begin = process_time()
    KneserNey(5, 10_000).fit(codes)
    assert process_time() - begin < 30
