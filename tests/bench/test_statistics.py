from __future__ import annotations

import pytest

from recurra.bench._statistics import geometric_mean, quartiles, ratio


def test_quartiles_by_hand():
    found = quartiles([5, 1, 3, 2, 4])
    assert found == (2, 3, 4)
    assert found.spread == pytest.approx(1 / 3)
    assert quartiles([7.0]).spread == 0


def test_a_ratio_is_taken_round_by_round():
    # The machine was twice as slow in the second round, for both.
    found = ratio([3.0, 6.0, 3.0], [1.0, 2.0, 1.0])
    assert found == (3, 3, 3)


def test_rounds_must_match():
    with pytest.raises(ValueError, match="shorter"):
        ratio([1.0, 2.0, 3.0], [1.0, 2.0])


def test_the_mean_of_ratios_is_geometric():
    assert geometric_mean([2, 0.5]) == pytest.approx(1)
    assert geometric_mean(iter([2.0, 4.0, 8.0])) == pytest.approx(4)
