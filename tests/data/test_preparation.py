from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from data.windows_case import make_panel
from recurra.data import Preparation, fit_preparation
from recurra.data._preparation import Scaling, fit_scaling

NAN = float("nan")


def column(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)[:, None]


def rows(count: int, training: int) -> np.ndarray:
    return np.arange(count) < training


def test_an_ordinary_column() -> None:
    scaling = fit_scaling(column(1, 3, 5, 1000), rows(4, 3))
    assert scaling.unit == (0,)
    assert scaling.mean == (3,)
    assert scaling.std == (pytest.approx(math.sqrt(8 / 3)),)
    assert (scaling.missing, scaling.width) == ((False,), 1)
    scaled = scaling.apply(column(3, 1, NAN, 1000, -1000))
    assert scaled.dtype == np.float32
    assert scaled.ravel().tolist() == pytest.approx([0, -2 / math.sqrt(8 / 3), 0, 10, -10])


def test_a_very_skewed_column_is_taken_to_its_logarithm() -> None:
    rain = [0.0] * 9 + [10.0]  # mean 1
    scaling = fit_scaling(column(*rain), rows(10, 10))
    assert scaling.unit == (1,)
    mean = math.log(11) / 10
    std = math.sqrt(math.log(11) ** 2 / 10 - mean**2)
    assert scaling.mean == (pytest.approx(mean),)
    assert scaling.std == (pytest.approx(std),)
    assert scaling.apply(column(10, 0, 4)).ravel().tolist() == pytest.approx(
        [(math.log(11) - mean) / std, -mean / std, (math.log(5) - mean) / std], rel=1e-5
    )
    # What was never negative may become so later; then it counts as 0.
    assert scaling.apply(column(-5)) == scaling.apply(column(0))


def test_a_skewed_column_that_was_negative_stays_as_it_is() -> None:
    assert fit_scaling(column(*[0.0] * 9, 10.0, -0.5), rows(11, 11)).unit == (0,)
    assert fit_scaling(column(*[0.0] * 9, 10.0, -0.5), rows(11, 10)).unit == (1,)


def test_gaps_in_training_get_a_flag_beside_the_columns() -> None:
    values = np.concatenate([column(1, NAN, 3, 4), column(1, 2, 3, NAN)], axis=1)
    scaling = fit_scaling(values, rows(4, 3))
    assert (scaling.missing, scaling.width) == ((True, False), 3)
    assert (scaling.mean[0], scaling.std[0]) == (2, 1)
    scaled = scaling.apply(values)
    assert scaled[:, 0].tolist() == [-1, 0, 1, 2]
    assert scaled[3, 1] == 0
    assert scaled[:, 2].tolist() == [1, 0, 1, 1]


@pytest.mark.parametrize("value", [0.0, 5.0, -1e7, 1e-20])
def test_a_constant_column_is_only_moved(value) -> None:
    scaling = fit_scaling(column(value, value, value), rows(3, 3))
    assert scaling.std == (1,)
    assert scaling.apply(column(value)).ravel().tolist() == [0]


def test_a_column_without_values_in_training() -> None:
    scaling = fit_scaling(column(NAN, NAN, 7), rows(3, 2))
    assert scaling == Scaling(unit=(0,), mean=(0,), std=(1,), missing=(True,))
    assert scaling.apply(column(NAN, 7)).tolist() == [[0, 0], [7, 1]]


def test_no_columns() -> None:
    scaling = fit_scaling(np.zeros((3, 0), dtype=np.float32), rows(3, 2))
    assert scaling.width == 0
    assert scaling.apply(np.zeros((5, 0), dtype=np.float32)).shape == (5, 0)


def test_units_of_series_by_hand() -> None:
    panel = make_panel(0, [4, 4, 3, 2])
    panel.target[:, 0] = [1, NAN, 3, 99, 5, 5, 5, 99, 7, 99, 99, 99, 99]
    training = np.array([1, 1, 1, 0, 1, 1, 1, 0, 1, 0, 0, 0, 0], dtype=bool)
    preparation = fit_preparation(panel, training, calendar=False)
    assert preparation.series == ("s0", "s1", "s2")  # s3 has no rows in training
    assert preparation.centre == ((2,), (5,), (7,))
    assert preparation.typical_scale == (1,)
    assert preparation.scale == ((1,), (1,), (1,))  # of a constant series, and of a single row, it can't be told
    assert preparation.has_gaps
    assert not fit_preparation(panel, training & np.isfinite(panel.target[:, 0]), calendar=False).has_gaps


def test_the_typical_scale_is_the_median_of_those_that_can_be_told() -> None:
    panel = make_panel(0, [2, 2, 2, 2])
    panel.target[:, 0] = [0, 2, 0, 20, 0, 200, 4, 4]
    preparation = fit_preparation(panel, np.ones(8, dtype=bool), calendar=False)
    assert preparation.scale == ((1,), (10,), (100,), (10,))


def test_one_series_of_huge_numbers_leaves_the_others_their_digits() -> None:
    panel = make_panel(0, [50, 50])
    panel.target[:50] *= 1e12
    preparation = fit_preparation(panel, np.ones(100, dtype=bool), calendar=False)
    small = panel.target[50:].astype(np.float64)
    assert preparation.centre[1][0] == pytest.approx(small.mean())
    assert preparation.scale[1][0] == pytest.approx(small.std())


def test_nothing_after_the_training_rows_counts() -> None:
    panel = make_panel(3, [80, 10, 70], targets=2, gaps=0.2)
    training = np.concatenate([rows(80, 50), rows(10, 0), rows(70, 40)])

    def changed(values: np.ndarray) -> np.ndarray:
        values = values.copy()
        after = np.flatnonzero(~training)
        values[after[::2]], values[after[1::2]] = np.nan, 1e9
        return values

    later = replace(
        panel,
        target=changed(panel.target),
        known=changed(panel.known),
        past=changed(panel.past),
        static=np.where([[False], [True], [False]], np.float32(1e9), panel.static),
        time=np.where(training, panel.time, panel.time + np.timedelta64(4000, "D")),
    )
    before, after = (fit_preparation(p, training, calendar=True) for p in (panel, later))
    assert before == after
    assert before.calendar == ("time of day",)


def test_gaps_after_the_training_rows_get_no_flag() -> None:
    assert fit_scaling(column(1, 2, NAN), rows(3, 2)).missing == (False,)


def test_calendar_can_be_left_out() -> None:
    panel = make_panel(3, [80])
    assert fit_preparation(panel, rows(80, 80), calendar=False).calendar == ()


def test_survives_json() -> None:
    panel = make_panel(4, [40, 30], targets=2, gaps=0.3)
    preparation = fit_preparation(panel, rows(70, 65), calendar=True)
    assert Preparation.model_validate_json(preparation.model_dump_json()) == preparation
