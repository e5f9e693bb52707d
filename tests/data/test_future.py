from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest

from recurra.data import Columns, Panel, extend, last_observed, read_panel

NAN = float("nan")


def panel(alias: str, count: int = 10, **columns: object) -> Panel:
    frame = pd.DataFrame(
        {"y": np.arange(count) + 0.5, **columns}, index=pd.date_range("2015-01-30", periods=count, freq=alias, name="t")
    )
    return read_panel(frame, Columns(target=("y",), known=tuple(columns), past=("none",)))


@pytest.mark.parametrize("alias", ["s", "15min", "h", "D", "B", "W", "MS", "ME", "QS", "QE", "YS", "YE"])
def test_times_go_on_along_the_grid(alias: str) -> None:
    longer = extend(panel(alias), 5)
    np.testing.assert_array_equal(longer.time, pd.date_range("2015-01-30", periods=15, freq=alias).to_numpy())
    assert longer.offsets.tolist() == [0, 15]
    assert longer.target[:10, 0].tolist() == [i + 0.5 for i in range(10)]
    assert np.isnan(longer.target[10:]).all()


def test_days_go_on_over_summer_time() -> None:
    index = pd.date_range("2015-03-20", periods=20, freq="D", tz="Europe/Berlin")
    frame = pd.DataFrame({"y": np.arange(20.0)}, index=index)
    longer = extend(read_panel(frame.iloc[:8], Columns(target=("y",))), 12)
    np.testing.assert_array_equal(longer.time, index.tz_convert("UTC").tz_localize(None).to_numpy())


def test_a_day_late_in_the_month_comes_back_after_february() -> None:
    dates = ["2014-11-30", "2014-12-30", "2015-01-30"]
    source = read_panel(pl.DataFrame({"date": dates, "y": [1.5, 2, 4]}), Columns(target=("y",)))
    assert extend(source, 3).time.astype("datetime64[D]").astype(str).tolist()[3:] == [
        "2015-02-28",
        "2015-03-30",
        "2015-04-30",
    ]


def test_rows_go_on_without_time() -> None:
    source = read_panel(pl.DataFrame({"y": [1.5, 2, 4]}), Columns())
    assert extend(source, 2).time.tolist() == [0, 1, 2, 3, 4]


def test_uneven_rows_go_on_by_their_median_step() -> None:
    hours = np.array([0, 1, 3, 6, 10, 15], "m8[h]") + np.datetime64("2015-01-01")
    source = read_panel(
        pl.DataFrame({"t": hours.astype("datetime64[us]"), "y": np.arange(6.5)[:6]}), Columns(target=("y",))
    )
    assert source.schema.frequency is None
    assert (np.diff(extend(source, 3).time.astype("datetime64[h]"))[-3:].astype(int)).tolist() == [3, 3, 3]


SEVERAL = pl.DataFrame(
    {
        "s": list("aaaaabbbc"),
        "t": [*range(5), *range(3), 0],
        "y": [1.5, 2, 3, None, None, 5, None, 7, None],
        "k": [1.0, 2, 3, 4, 5, 6, 7, 8, 9],
        "w": list("uvuvuvuvu"),
        "p": [9.0, 8, 7, 6, 5, 4, 3, 2, 1],
    }
).with_columns(date=pl.date(2015, 1, 1) + pl.duration(days=pl.col("t")))
PARTS = Columns(target=("y",), series=("s",), time=("date",), known=("k", "w"), past=("p",))


def test_the_last_observed_row_of_each_series() -> None:
    assert last_observed(read_panel(SEVERAL, PARTS)).tolist() == [2, 7, 7]


def test_one_target_of_several_is_enough_to_be_observed() -> None:
    frame = pl.DataFrame({"a": [1.5, None, None], "b": [1.5, 2.5, None]})
    assert last_observed(read_panel(frame, Columns(target=("a", "b")))).tolist() == [1]


def test_future_rows_of_the_table_are_kept_and_others_appended_or_cut() -> None:
    source = read_panel(SEVERAL, PARTS)
    longer = extend(source, 3)
    assert longer.offsets.tolist() == [0, 6, 12, 15]
    np.testing.assert_array_equal(
        longer.known[:, 0], np.array([1, 2, 3, 4, 5, NAN, 6, 7, 8, NAN, NAN, NAN, 9, NAN, NAN], np.float32)
    )
    assert longer.known_codes[:, 0].tolist() == [1, 2, 1, 2, 1, 0, 2, 1, 2, 0, 0, 0, 1, 0, 0]
    np.testing.assert_array_equal(
        longer.target[:, 0], np.array([1.5, 2, 3, NAN, NAN, NAN, 5, NAN, 7, *[NAN] * 6], np.float32)
    )
    days = longer.time.astype("datetime64[D]").astype(int) - 16436
    assert days.tolist() == [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5, 0, 1, 2]
    assert any("doesn't give k, w for 6 future rows" in note for note in longer.notes)
    shorter = extend(source, 1)
    assert shorter.offsets.tolist() == [0, 4, 8, 9]
    assert shorter.known[:, 0].tolist()[:4] == [1, 2, 3, 4]
    assert extend(source, 0).offsets.tolist() == [0, 3, 6, 6]


def test_nothing_of_the_source_changes() -> None:
    source = read_panel(SEVERAL, PARTS)
    before = source.target.copy()
    extend(source, 4).target[:] = 0
    np.testing.assert_array_equal(source.target, before)


def test_wrong_steps_are_our_own_mistake() -> None:
    with pytest.raises(ValueError, match="negative"):
        extend(panel("D"), -1)


def test_many_series_are_extended_at_once() -> None:
    count = 2000
    frame = pl.DataFrame(
        {"s": np.repeat(np.arange(count), 5), "t": np.tile(np.arange(5), count), "y": np.arange(count * 5.0)}
    )
    frame = frame.with_columns(date=pl.date(2015, 1, 1) + pl.duration(days=pl.col("t")))
    longer = extend(read_panel(frame, Columns(target=("y",), series=("s",), time=("date",), past=("none",))), 7)
    assert longer.num_rows == count * 12
    assert (np.diff(longer.time.reshape(count, 12), axis=1) == np.timedelta64(1, "D")).all()
