from __future__ import annotations

from fractions import Fraction

import pytest

from recurra.blocks import Branch, Composition, Horizon, Last, Linear, Positions, Recurrent, Segments
from recurra.errors import ConfigError
from recurra.export._layout import lay_out
from recurra.export._steps import SINGLE, StepRelations, fixed
from tasks.forecast.networks import Case


def test_what_is_equated_with_a_number_is_known() -> None:
    relations = StepRelations()
    assert relations.equate(("a", Fraction(1, 4)), ("b", Fraction(1)))
    assert relations.known(("a", Fraction(1))) is None
    assert relations.unit(("a", Fraction(1))) == 4
    assert relations.equate(("b", Fraction(1)), fixed(3))
    assert relations.known(("a", Fraction(1))) == 12
    assert not relations.equate(("a", Fraction(1)), fixed(8))
    assert relations.equate(SINGLE, ("c", Fraction(1)))
    assert relations.known(("c", Fraction(2))) == 2


def test_segments_ask_for_multiples() -> None:
    composition = Composition(
        inputs={"x": 1},
        branches=(Branch(name="a", takes=("x",), blocks=(Segments(size=2), Segments(size=3), Last())),),
    )
    (x,) = lay_out(composition).inputs
    assert (x.steps, x.multiple_of) == (None, 6)


def test_steps_are_fixed_by_what_stands_behind_them() -> None:
    composition = Composition(
        inputs={"x": 1, "later": 2},
        branches=(
            Branch(name="skip", takes=("x",), blocks=(Horizon(time=24, horizon=6),)),
            Branch(name="ahead", takes=("later",), blocks=(Segments(size=2), Positions(count=3))),
            Branch(name="told", takes=("ahead",), blocks=(Linear(size=2),)),
        ),
    )
    assert [(given.name, given.steps) for given in lay_out(composition).inputs] == [("later", 6)]
    assert {g.name: g.steps for g in lay_out(composition, ("skip", "told")).inputs} == {"x": 24, "later": 6}


def test_an_input_that_is_joined_at_two_lengths_has_one_step() -> None:
    steps = {given.name: given.steps for given in lay_out(Case(normalisation="series").composition).inputs}
    assert steps["scale"] == 1
    assert steps["target"] == 8


def test_lengths_that_contradict_each_other_are_refused() -> None:
    twice = Composition(
        inputs={"x": 1},
        branches=(Branch(name="a", takes=("x",), blocks=(Horizon(time=4, horizon=3), Horizon(time=4, horizon=3))),),
    )
    with pytest.raises(ConfigError, match=r"'a' can't be exported: horizon gets too many or too few"):
        lay_out(twice)
    joined = Composition(
        inputs={"x": 1, "y": 1},
        branches=(
            Branch(name="a", takes=("x",), blocks=(Horizon(time=4, horizon=3),)),
            Branch(name="b", takes=("y",), blocks=(Horizon(time=4, horizon=5),)),
            Branch(name="c", takes=("a", "b")),
        ),
    )
    with pytest.raises(ConfigError, match="different lengths"):
        lay_out(joined)


def test_only_a_network_without_obstacles_has_a_state() -> None:
    recurrent = Recurrent(cell="lstm", hidden_size=3)
    both = Recurrent(cell="lstm", hidden_size=3, bidirectional=True)
    steps = Composition(inputs={"x": 2}, branches=(Branch(name="a", takes=("x",), blocks=(recurrent,)),))
    assert [field.name for field in lay_out(steps).states] == ["h_a_0", "c_a_0"]
    whole = Composition(
        inputs={"x": 2}, branches=(Branch(name="a", takes=("x",), blocks=(both, Last(bidirectional=True))),)
    )
    assert lay_out(whole).states == ()
    assert [field.name for field in lay_out(Case(decoder="recursive").composition).states] == ["h_outcome_0"]


def test_an_unknown_output_is_refused() -> None:
    composition = Composition(inputs={"x": 2}, branches=(Branch(name="a", takes=("x",)),))
    with pytest.raises(ConfigError, match="no branch 'b' to give as an output, only a"):
        lay_out(composition, ("b",))
