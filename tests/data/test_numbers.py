from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from recurra.data._numbers import numbers

NAN = float("nan")


@pytest.mark.parametrize(
    ("words", "comma", "values"),
    [
        (["1", "-2.5", "+3", "1e3", ".5", "4."], False, [1, -2.5, 3, 1000, 0.5, 4]),
        ([" 1", "2 ", "\t3"], False, [1, 2, 3]),
        (["1", "", "NA", "n/a", "null", "-", "nan", "?", "None", "#N/A", "缺失", None, "."], False, [1] + [NAN] * 12),
        (["1,234", "1,234,567.5", "12"], False, [1234, 1234567.5, 12]),
        (["1,5", "2,25", "-,5"], False, [1.5, 2.25, -0.5]),
        (["0,125", "1,500"], False, [0.125, 1.5]),
        (["1,250", "1,500"], False, [1250, 1500]),
        (["1,250", "1,500"], True, [1.25, 1.5]),
        (["1.234,5", "12,5"], True, [1234.5, 12.5]),
        (["1.234", "12.345.678"], True, [1234, 12345678]),
        (["1.23", "1.5"], True, [1.23, 1.5]),
        (["$1,234.50", "€3", "¥4", "(5)"], False, [1234.5, 3, 4, -5]),
        (["5%", "12.5 %"], False, [5, 12.5]),
        (["1 234", "1\u202f234", "1'234", "1_234"], False, [1234] * 4),
        (["inf", "1"], False, [np.inf, 1]),
    ],
)
def test_what_people_write_for_numbers(words: list[str | None], comma: bool, values: list[float]) -> None:
    read = numbers(pl.Series("x", words), decimal_comma=comma)
    np.testing.assert_array_equal(read.values, np.array(values, float))
    assert not read.bad.size


def test_words_are_told_from_missing_values() -> None:
    read = numbers(pl.Series("x", ["1", "abc", "NA", "12-13", None, "1.2.3"]))
    assert read.bad.tolist() == [1, 3, 5]
    assert np.isnan(read.values[[1, 2, 3, 4, 5]]).all()
    assert read.share == 0.25


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (pl.Series("x", [1, None, 3]), [1, NAN, 3]),
        (pl.Series("x", [True, False, None]), [1, 0, NAN]),
        (pl.Series("x", [1.5, NAN, None]), [1.5, NAN, NAN]),
        (pl.Series("x", [None, None]), [NAN, NAN]),
        (pl.Series("x", ["1", "NA", "2"], dtype=pl.Categorical), [1, NAN, 2]),
    ],
)
def test_columns_with_a_kind(column: pl.Series, values: list[float]) -> None:
    np.testing.assert_array_equal(numbers(column).values, np.array(values, float))


@pytest.mark.parametrize(
    ("words", "note"),
    [
        (["1,5"], "x is written with decimal commas."),
        (["1,234"], "x is written with commas between thousands."),
        (["5%"], "x is given in percent; 5% is read as 5."),
    ],
)
def test_how_numbers_were_written_is_said(words: list[str], note: str) -> None:
    assert numbers(pl.Series("x", words)).notes == (note,)
