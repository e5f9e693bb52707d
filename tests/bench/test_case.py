from __future__ import annotations

import numpy as np
import pytest

from recurra.bench import Case
from recurra.bench._case import CELLS, expected_names, make_problem, row_lengths


def test_operations_are_counted_as_by_hand():
    # Three rows of two steps: 6 times the products of 4 gates of 5 units with 4 inputs and 5 states, 2 operations each.
    assert Case("lstm", 2, 3, 4, 5, "forward").flops == 6 * 2 * (4 * 5) * (4 + 5)
    assert Case("gru", 2, 3, 4, 5, "forward").flops == 6 * 2 * (3 * 5) * (4 + 5)
    assert Case("rnn", 2, 3, 4, 5, "training").flops == 3 * 6 * 2 * 5 * (4 + 5)


def test_steps_beyond_a_length_are_no_operations():
    case = Case("rnn", 10, 4, 2, 3, "forward", ragged=True)
    assert sorted(row_lengths(case)) == [1, 4, 7, 10]
    assert case.flops == (1 + 4 + 7 + 10) * 2 * 3 * (2 + 3)


@pytest.mark.parametrize("cell", CELLS)
def test_a_problem_is_the_same_in_every_process_and_random(cell):
    case = Case(cell, 3, 2, 4, 5, "training")
    first, second = make_problem(case), make_problem(case)
    np.testing.assert_equal(first, second)
    assert first.lengths is None
    assert all(array.dtype == np.float32 and array.std() > 0 for array in (first.x, *first.state, *first.weights))
    assert len(first.state) == len(first.cotangents) - 1 == (2 if cell == "lstm" else 1)
    assert not any(np.array_equal(a, b) for a, b in zip(first.state, first.cotangents[1:], strict=True))


def test_beyond_a_length_there_is_nothing():
    problem = make_problem(Case("gru", 6, 3, 2, 4, "training", ragged=True))
    assert problem.lengths is not None
    for row, length in enumerate(problem.lengths):
        assert problem.x[:length, row].all()
        assert not problem.x[length:, row].any()
        assert not problem.cotangents[0][length:, row].any()


def test_a_stream_begins_at_zero():
    assert not any(field.any() for field in make_problem(Case("lstm", 6, 1, 2, 4, "step")).state)


def test_what_is_compared():
    assert expected_names(Case("lstm", 1, 1, 1, 1, "forward")) == ("output", "h", "c")
    assert expected_names(Case("lstm", 1, 1, 1, 1, "step")) == ("output",)
    assert len(expected_names(Case("gru", 1, 1, 1, 1, "training"))) == 2 + 5
