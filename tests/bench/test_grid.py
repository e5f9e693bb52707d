from __future__ import annotations

import pytest

from recurra.bench import CELLS, SECTIONS, grid
from recurra.errors import ConfigError


@pytest.fixture(autouse=True)
def with_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recurra.bench._grid.has_bfloat16", lambda: True)


def test_no_bf16_without_instructions(monkeypatch: pytest.MonkeyPatch):
    assert {case.section for case in grid(sections=["bf16"])} == {"bf16"}
    monkeypatch.setattr("recurra.bench._grid.has_bfloat16", lambda: False)
    assert grid(sections=["bf16"]) == []


def test_every_cell_and_section_is_there_once():
    cases = grid()
    assert len(set(cases)) == len(cases)
    assert {(case.cell, case.section) for case in cases} == {(cell, section) for cell in CELLS for section in SECTIONS}
    assert {case.size for case in cases if case.section == "forward"} >= {"T128-B64-I256-H256", "T50-B33-I100-H130"}


def test_quick_is_a_part_of_the_whole():
    assert set(grid(quick=True)) < set(grid())
    assert {case.section for case in grid(quick=True)} == set(SECTIONS)


def test_cells_sections_and_sizes_select():
    (case,) = grid(cells=["gru"], sections=["training"], only=["T37-B7-I13-H17"])
    assert str(case) == "gru T37-B7-I13-H17 training"


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"cells": ["mlp"]}, "There is no cell 'mlp' to measure. Choose among rnn, gru, lstm."),
        ({"sections": ["backward"]}, "no section 'backward'"),
        ({"only": ["T1-B1"]}, "no size 'T1-B1' to measure. Choose among T100-B32-I64-H64"),
    ],
)
def test_what_is_not_there_is_refused(options, complaint):
    with pytest.raises(ConfigError, match=complaint):
        grid(**options)
