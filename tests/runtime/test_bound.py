from __future__ import annotations

import numpy as np
import pytest

from recurra.runtime._native import Linear, Program

ROWS, STEPS, WIDTH, LONG = 3, 4, 2, 9


@pytest.fixture
def program(seed: int = 0) -> Program:
    """Of a window (4, 2), another, and a number: the windows' sum, scaled, and what a map makes of it."""
    rng = np.random.default_rng(seed)
    linear = Linear(rng.normal(size=(5, STEPS * WIDTH)).astype(np.float32), None)
    shape = (STEPS, WIDTH, 1)
    values = [
        (shape, 0),
        (shape, 1),
        ((1, 1, 1), 2),
        (shape, None),
        (shape, None),
        ((1, 8, 1), None),
        ((1, 5, 1), None),
    ]
    same = {5: 4}
    instructions = [("add", 3, [0, 1]), ("multiply", 4, [3, 2]), ("linear", 6, [5])]
    return Program(
        [(axes, number, None, same.get(i)) for i, (axes, number) in enumerate(values)],
        [(*it, (0, 0, -1), (0.0, 0.0), linear if it[0] == "linear" else None) for it in instructions],
        [(4, (STEPS, WIDTH)), (6, (5,))],
    )


def arrays(rows: int, shared: bool) -> list[tuple[np.ndarray, bool]]:
    rng = np.random.default_rng(rows)
    shapes = (((rows, LONG, WIDTH), True), ((1 if shared else rows, LONG, WIDTH), True), ((rows, 1), False))
    return [(rng.normal(size=shape).astype(np.float32), moves) for shape, moves in shapes]


@pytest.mark.parametrize("rows", [1, ROWS])
@pytest.mark.parametrize("shared", [True, False])
def test_a_bound_network_sees_what_it_would_be_given(program: Program, rows: int, shared: bool) -> None:
    inputs = arrays(rows, shared)
    outputs = [np.full((rows, *shape), np.nan, np.float32) for shape in ((STEPS, WIDTH), (5,))]
    bound = program.bind(inputs, rows, outputs)
    for at in (0, 3, LONG - STEPS, 1):
        inputs[0][0][:, at] += 1  # what is written into the arrays is seen
        inputs[2][0][:] = at
        bound.run(at)
        windows = [np.repeat(array[:, at : at + STEPS], rows // len(array), axis=0) for array, _ in inputs[:2]]
        given = [np.ascontiguousarray(window) for window in windows] + [inputs[2][0]]
        for one, other in zip(outputs, program.run(given, rows), strict=True):
            assert np.array_equal(one, other)


def test_what_lies_outside_is_refused(program: Program) -> None:
    outputs = [np.empty((1, STEPS, WIDTH), np.float32), np.empty((1, 5), np.float32)]
    bound = program.bind(arrays(1, False), 1, outputs)
    for at in (-1, LONG - STEPS + 1, 2**62):
        with pytest.raises(ValueError, match="no such steps"):
            bound.run(at)


def test_arrays_that_do_not_fit_are_refused(program: Program) -> None:
    outputs = [np.empty((1, STEPS, WIDTH), np.float32), np.empty((1, 5), np.float32)]
    fitting = arrays(1, False)
    for place, odd in (
        (0, np.zeros((1, LONG, 3))),
        (0, np.zeros((2, LONG, 2))),
        (0, np.zeros((1, 8))),
        (0, np.zeros((1, 3, 2))),
        (2, [1, 2]),
    ):
        inputs = [*fitting]
        inputs[place] = (np.asarray(odd, np.float32), inputs[place][1])
        with pytest.raises(ValueError, match=r"moves|An input"):
            program.bind(inputs, 1, outputs)
    with pytest.raises(ValueError, match="An output holds 5 numbers"):
        program.bind(fitting, 1, outputs[::-1])
    for inputs, given in ((fitting[:2], outputs), (fitting, outputs[:1])):
        with pytest.raises(ValueError, match="an array for each input and output"):
            program.bind(inputs, 1, given)
