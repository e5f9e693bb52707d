from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pytest

from recurra.data import Columns, Panel, read_panel
from recurra.errors import DataError

DAYS = [dt.date(2015, 1, 20) + dt.timedelta(days=i) for i in range(30)]


def lines(times: list[str], head: str = "time,y", delimiter: str = ",") -> str:
    return "\n".join([head, *(f"{time}{delimiter}{i % 7}.5" for i, time in enumerate(times))]) + "\n"


def times_of(panel: Panel) -> list[str]:
    return panel.time.astype("datetime64[s]").astype(str).tolist()


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("%Y-%m-%d", None),
        ("%Y/%m/%d", None),
        ("%Y%m%d", None),
        ("%Y年%m月%d日", None),
        ("%d/%m/%Y", "time is written day first, as the values prove."),
        ("%m/%d/%Y", "time is written month first, as the values prove."),
        ("%d.%m.%y", "time is written day first, as the values prove."),
        ("%d %b %Y", None),
        ("%Y-%m-%dT%H:%M:%S", None),
        ("%m/%d/%Y %I:%M %p", "time is written month first, as the values prove."),
    ],
)
def test_a_month_of_days_however_written(read, form: str, said: str | None) -> None:
    panel = read(lines([day.strftime(form) for day in DAYS]))
    assert panel.time.astype("datetime64[D]").tolist() == DAYS
    assert panel.schema.frequency == "1d"
    assert said is None or said in panel.notes


@pytest.mark.parametrize(
    ("times", "form", "first", "frequency"),
    [
        ([str(1420070400 + 60 * i) for i in range(9)], "epoch_s", "2015-01-01T00:00:00", "1m"),
        ([f"{1420070400 + 60 * i}.0" for i in range(9)], "epoch_s", "2015-01-01T00:00:00", "1m"),
        ([str(1420070400000 + 60000 * i) for i in range(9)], "epoch_ms", "2015-01-01T00:00:00", "1m"),
        ([str(1420070400000000 + 10 * i) for i in range(9)], "epoch_us", "2015-01-01T00:00:00", "10us"),
        ([str(1420070400000000000 + 10**9 * i) for i in range(9)], "epoch_ns", "2015-01-01T00:00:00", "1s"),
        ([f"20150101{i:02d}" for i in range(9)], "%Y%m%d%H", "2015-01-01T00:00:00", "1h"),
        ([f"2015{i:02d}" for i in range(1, 10)], "%Y%m", "2015-01-01T00:00:00", "1mo"),
        ([str(i) for i in range(1990, 1999)], "%Y", "1990-01-01T00:00:00", "1y"),
        ([f"{y}Q{q}" for y in (2014, 2015) for q in (1, 2, 3, 4)], "%YQ%q", "2014-01-01T00:00:00", "1q"),
    ],
)
def test_numbers_and_periods(read, times: list[str], form: str, first: str, frequency: str) -> None:
    panel = read(lines(times))
    assert (panel.schema.time_format, times_of(panel)[0], panel.schema.frequency) == (form, first, frequency)


@pytest.mark.parametrize(
    ("times", "first", "zone"),
    [
        ([f"2015-01-01T{i:02d}:00:00Z" for i in range(9)], "2015-01-01T00:00:00", "UTC"),
        ([f"2015-01-01T{i:02d}:00:00+08:00" for i in range(9)], "2014-12-31T16:00:00", "Etc/GMT-8"),
        ([f"2015-01-01T{i:02d}:00:00+05:30" for i in range(9)], "2014-12-31T18:30:00", "Asia/Kolkata"),
        ([f"2015-01-01 {i:02d}:00:00 -0300" for i in range(9)], "2015-01-01T03:00:00", "Etc/GMT+3"),
        ([f"2015-01-01T0{i}:00:00+0{1 + i // 5}:00" for i in range(9) if i != 5], "2014-12-31T23:00:00", "UTC"),
    ],
)
def test_zones_are_kept(read, times: list[str], first: str, zone: str) -> None:
    panel = read(lines(times))
    assert times_of(panel)[0] == first
    assert panel.schema.time_zone == zone
    assert panel.schema.frequency == "1h"
    shown = {"Etc/GMT-8": "UTC+08:00", "Etc/GMT+3": "UTC-03:00"}.get(zone, zone)
    assert panel.notes[0].endswith(f" ({shown}).")


def test_days_of_a_zone_with_summer_time_stay_days() -> None:
    index = pd.date_range("2015-01-01", periods=200, tz="Europe/Berlin")
    frame = pd.DataFrame({"y": range(200)}, index=index)
    panel = read_panel(frame.drop(frame.index[[100, 101]]), Columns(target=("y",)))
    assert panel.schema.frequency == "1d"
    assert panel.schema.time_zone == "Europe/Berlin"
    np.testing.assert_array_equal(panel.time, index.tz_convert("UTC").tz_localize(None).to_numpy())
    assert np.flatnonzero(np.isnan(panel.target[:, 0])).tolist() == [100, 101]


def test_hours_of_a_zone_pass_summer_time_without_gap_or_repeat() -> None:
    index = pd.date_range("2015-03-28", "2015-03-31", freq="h", tz="Europe/Berlin")
    panel = read_panel(pd.DataFrame({"y": np.arange(len(index)) * 1.5}, index=index), Columns(target=("y",)))
    assert panel.schema.frequency == "1h"
    assert panel.num_rows == len(index)


@pytest.mark.parametrize(
    ("times", "form", "reason"),
    [
        ([f"{month:02d}/01/{year}" for year in (2014, 2015) for month in range(1, 13)], "%m/%d/%Y", "steps even"),
        ([f"01/{month:02d}/{year}" for year in (2014, 2015) for month in range(1, 13)], "%d/%m/%Y", "steps even"),
        (["01/02/2015"], "%d/%m/%Y", "most of the world"),
    ],
)
def test_ambiguous_dates_go_by_even_steps_and_are_said(read, times: list[str], form: str, reason: str) -> None:
    panel = read(lines(times))
    assert panel.schema.time_format == form
    assert any("--time-format" in note and reason in note for note in panel.notes)


def test_a_format_that_is_given_binds(read) -> None:
    panel = read(lines([f"0{day}/01/2015" for day in range(1, 4)]), time_format="%m/%d/%Y")
    assert times_of(panel) == [f"2015-0{month}-01T00:00:00" for month in (1, 2, 3)]


@pytest.mark.parametrize(
    ("head", "rows", "columns", "first"),
    [
        ("No,year,month,day,hour,y", "{i},2015,1,31,{i},{i}.5", ("year", "month", "day", "hour"), "2015-01-31T00"),
        ("y,Year,Month", "{i}.5,2015,{j}", ("Year", "Month"), "2015-01-01T00"),
        ("年,月,日,y", "2015,3,{j},{i}.5", ("年", "月", "日"), "2015-03-01T00"),
        ("year,quarter,y", "201{i},1,{i}.5", ("year", "quarter"), "2010-01-01T00"),
        ("Date;Time;y", "16/12/2006;17:2{i}:00;{i}.5", ("Date", "Time"), "2006-12-16T17"),
        ("date,hour,y", "2015-01-31,{i},{i}.5", ("date", "hour"), "2015-01-31T00"),
        ("Date;Time;y", "10/03/2004;0{i}.00.00;{i}.5", ("Date", "Time"), "2004-03-10T00"),
    ],
)
def test_times_in_several_columns_are_found(read, head: str, rows: str, columns: tuple[str, ...], first: str) -> None:
    panel = read("\n".join([head, *(rows.format(i=i, j=i + 1) for i in range(9))]), target="y")
    assert panel.schema.columns.time == columns
    assert times_of(panel)[0].startswith(first)
    assert any(", ".join(columns) in note and "--time" in note for note in panel.notes)


@pytest.mark.parametrize("head", ["date,hour,y", "year,month,day,hour,y"])
def test_hours_from_1_to_24(read, head: str) -> None:
    rows = [f"2015-01-{1 + i // 24:02d},{i % 24 + 1},{i}.5" for i in range(48)]
    content = "\n".join([head, *(row if head.startswith("date") else row.replace("-", ",") for row in rows)])
    panel = read(content, target="y")
    assert (times_of(panel)[0], panel.schema.frequency, panel.num_rows) == ("2015-01-01T00:00:00", "1h", 48)
    assert "hour runs from 1 to 24; hour 1 is read as 00:00." in panel.notes
    later = read("\n".join(content.splitlines()[:4]), schema=panel.schema)
    np.testing.assert_array_equal(later.time, panel.time[:3])


def test_several_columns_that_are_named(read) -> None:
    content = "b,a,c,y\n" + "".join(f"1,2015,{i},{i}.5\n" for i in range(1, 9))
    assert times_of(read(content, target="y", time="a,b,c"))[0] == "2015-01-01T00:00:00"


@pytest.mark.parametrize(
    "name", ["date", "Time", "timestamp", "ds", "日期", "时间", "trade_date", "DateTime", "dteday_date", "whatever"]
)
def test_a_time_is_found_by_name_or_content(read, name: str) -> None:
    assert read(lines([str(day) for day in DAYS], head=f"{name},y")).schema.columns.time == (name,)


def test_a_name_goes_before_an_earlier_column(read) -> None:
    content = "opened,date,y\n" + "".join(f"2010-01-0{i},2015-01-0{i},{i}.5\n" for i in range(1, 9))
    assert read(content, target="y").schema.columns.time == ("date",)


def test_no_time_is_the_order_of_rows(read) -> None:
    panel = read("y\n3\n1\n2\n")
    assert panel.time.tolist() == [0, 1, 2]
    assert panel.schema.columns.time == ("none",)
    assert panel.schema.time_format is None
    assert panel.target[:, 0].tolist() == [3, 1, 2]
    assert read("date,y\n2015-01-01,1\n", time="none").time.tolist() == [0]


def test_odd_dates_are_not_taken_but_said(read) -> None:
    panel = read("Month,Sales\n" + "".join(f"{1 + i // 12}-{1 + i % 12:02d},{i}.5\n" for i in range(36)))
    assert panel.schema.columns.time == ("none",)
    assert any("'1-01'" in note and "order they stand" in note for note in panel.notes)
    assert panel.schema.past_categories == {}


@pytest.mark.parametrize("column", ["month", "time", "week"])
def test_small_numbers_are_not_dates(read, column: str) -> None:
    panel = read(f"{column},y\n" + "".join(f"{1 + i % 12},{i}.5\n" for i in range(36)), target="y")
    assert panel.schema.columns.time == ("none",)


def test_repeated_years_are_no_time(read) -> None:
    panel = read("year,y\n" + "".join(f"{2000 + i // 12},{i}.5\n" for i in range(36)), target="y")
    assert panel.schema.columns.time == ("none",)


def test_whole_steps_are_counted_when_named(read) -> None:
    panel = read("k,y\n5,1\n6,2\n8,4\n", time="k", target="y")
    assert panel.time.tolist() == [5, 6, 7, 8]
    assert panel.schema.time_format == "step"
    assert np.isnan(panel.target[2, 0])


@pytest.mark.parametrize(
    ("content", "columns", "message"),
    [
        ("t,y\n2015-01-01,1\n2015-02-30,2\n", {"time": "t"}, r"row 3: t is '2015-02-30', which can't be read"),
        ("date,y\n2015-01-01,1\nx,2\n2015-01-03,2\n", {}, r"row 3: date is 'x'.*--time none"),
        ("Month,y\n1-01,1\n1-02,2\n", {"time": "Month"}, r"row 2: Month is '1-01'"),
        ("t,y\n2015-01-01T00:00Z,1\n2015-01-02T00:00,2\n", {"time": "t"}, r"row 3: t is '2015-01-02T00:00'"),
        ("t,y\n2015-01-01,1\n,2\n", {}, r"row 3: t is empty but other columns aren't"),
        ("t,y\n,1\n,2\n", {"time": "t"}, r"t is empty in every row"),
        ("t,y\n2015-01-01,1\n", {"time": "tt"}, r"no column 'tt' \(asked for as time\). Did you mean 't'"),
        ("t,y\n2015-01-01,1\n", {"time": "t", "target": "t"}, r"can't be the time and play another part"),
        ("year,month,y\n2015,1,1\n2015,13,2\n", {"time": "year,month"}, r"row 3: year, month is '2015-13-01 00:00:00'"),
        ("t,y\n31/01/2015,1\n01/31/2015,2\n", {"time": "t"}, r"row 3: t is '01/31/2015'"),
    ],
)
def test_times_that_can_not_be_read(read, content: str, columns: dict[str, str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(content, **columns)


def test_typed_columns() -> None:
    frame = pl.DataFrame({"when": DAYS, "y": range(30)})
    assert read_panel(frame, Columns(target=("y",))).time.astype("datetime64[D]").tolist() == DAYS
    for unit in ("ms", "us", "ns"):
        typed = frame.with_columns(pl.col("when").cast(pl.Datetime(unit)))
        assert read_panel(typed, Columns(target=("y",))).time.astype("datetime64[D]").tolist() == DAYS
    with pytest.raises(DataError, match="expected dates or times"):
        read_panel(pl.DataFrame({"t": [True, False], "y": [1, 2]}), Columns(time=("t",), target=("y",)))


def test_rows_far_down_may_be_written_more_precisely(read) -> None:
    start = dt.datetime(2015, 1, 1)
    moments = [(start + dt.timedelta(hours=i)).isoformat(sep=" ") for i in range(2500)]
    panel = read(lines([text[:16] if i < 2400 else text for i, text in enumerate(moments)]))
    assert panel.num_rows == 2500
    assert panel.schema.time_format == "%Y-%m-%d %H:%M|%Y-%m-%d %H:%M:%S"
