from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import polars as pl
import pytest

from recurra.data import Panel, Schema, extend, read_panel
from recurra.data._calendar import CALENDAR, calendar_features
from recurra.data._clock import Calendar, Clock
from recurra.data._columns import Columns
from recurra.data._numbers import numbers
from recurra.data._time_formats import parse
from recurra.data._value import is_missing, number, word
from recurra.data._written_time import INTERNATIONAL, reader_of
from recurra.errors import ConfigError, DataError

HOUR = 3_600_000_000


def clock(frequency: str | None = "1h", *, form: str | None = "iso", zone: str | None = None, **columns: Any) -> Clock:
    given = {"time": "time", **columns}
    return Clock(Schema(columns=Columns.model_validate(given), time_format=form, time_zone=zone, frequency=frequency))


def micro(text: str) -> int:
    return int(np.datetime64(text, "us").astype(np.int64))


FORMATS = {
    "%Y-%m-%d": "2024-02-29",
    "%d.%m.%Y %H:%M": "1.3.2021 7:05",
    "%m/%d/%y": "12/31/99",
    "%d/%m/%y": "31/12/68",
    "%Y%m%d%H": "2024022913",
    "%Y%m%d": "20240229",
    "%Y%m": "202402",
    "%YQ%q": "2024Q3",
    "%Y-W%V": None,
    "%G-W%V": "2024-W09",
    "%YM%m": "2024M11",
    "%d %b %Y": "5 Feb 2024",
    "%B %d, %Y %I:%M %p": "February 5, 2024 12:30 AM",
    "%d-%b-%y %I:%M:%S %p": "05-Feb-24 01:02:03 pm",
    "%Y年%m月%d日": "2024年2月29日",
    "%Y-%m-%d %H:%M:%S%.f": "2024-02-29 01:02:03.045",
    "%Y": "2024",
    "%a, %d %b %Y": "Thu, 29 Feb 2024",
}


@pytest.mark.parametrize("form", [form for form, text in FORMATS.items() if text])
def test_written_times_are_read_as_in_columns(form: str) -> None:
    text = FORMATS[form]
    assert text is not None
    expected = parse(pl.Series([text]), [form]).dt.epoch("us").item()
    assert reader_of((form,))(text) == (expected, None)


@pytest.mark.parametrize("text", ["2024-02-29T13:00:00+02:00", "2024-02-29 11:00Z", "2024-02-29 16:30+0530"])
def test_distances_from_utc(text: str) -> None:
    read = reader_of(("%Y-%m-%d %H:%M%z",))(text)
    assert read is not None and read[1] is not None
    assert read[0] - read[1] == micro("2024-02-29T11:00")


@pytest.mark.parametrize("text", ["", "soon", "2024-02-30", "30.2.2024", "2024-13-01", "24:00", "0001-01-01 25:00"])
def test_what_is_not_a_time(text: str) -> None:
    assert reader_of(("%d.%m.%Y",))(text) is None
    assert reader_of(("%Y-%m-%d",))(text) is None


def test_international_times_can_always_be_read() -> None:
    read = reader_of(("%d.%m.%Y",))
    assert read("1.2.2024") == read("2024-02-01") == read("2024/2/1") == read("2024-02-01 00:00")
    assert len(INTERNATIONAL) == 12


def test_unknown_formats_are_refused_at_once() -> None:
    with pytest.raises(ConfigError, match="holds %Z"):
        reader_of(("%Y %Z",))


PARTS = "year,month,day,hour"
ROWS = [
    (clock(form="%Y-%m-%d %H:%M"), {"time": "2024-01-05 07:00"}, "2024-01-05T07:00"),
    (clock(), {"time": datetime(2024, 1, 5, 7)}, "2024-01-05T07:00"),
    (clock(), {"time": datetime(2024, 1, 5, 7, tzinfo=UTC)}, "2024-01-05T07:00"),
    (clock(), {"time": date(2024, 1, 5)}, "2024-01-05"),
    (clock(), {"time": np.datetime64("2024-01-05T07")}, "2024-01-05T07:00"),
    (clock(zone="Europe/Berlin"), {"time": "2024-07-05 07:00"}, "2024-07-05T05:00"),
    (clock(zone="Europe/Berlin"), {"time": "2024-10-27 02:30"}, "2024-10-27T00:30"),
    (clock(zone="Europe/Berlin"), {"time": "2024-07-05T07:00Z"}, "2024-07-05T07:00"),
    (clock(form="epoch_s"), {"time": 1706706000}, "2024-01-31T13:00"),
    (clock(form="epoch_s"), {"time": "1706706000.5"}, "2024-01-31T13:00:00.500"),
    (clock(form="epoch_ns"), {"time": "1706706000000000123"}, "2024-01-31T13:00"),
    (clock(form="%Y%m%d"), {"time": 20240105.0}, "2024-01-05"),
    (clock(form="parts", time=PARTS), dict(year=2024, month="2", day=3.0, hour=4), "2024-02-03T04:00"),
    (clock(form="parts, hours 1 to 24", time=PARTS), dict(year=2024, month=2, day=3, hour=24), "2024-02-03T23:00"),
    (clock(form="parts", time="year,quarter"), dict(year=2024, quarter="Q2"), "2024-04-01"),
    (clock(form="parts", time="a,b"), dict(a=2024, b=5), "2024-05-01"),
    (clock(form="%Y-%m-%d %H", time="date,hour"), {"date": "2024-02-03", "hour": 7}, "2024-02-03T07:00"),
    (clock(form="%Y-%m-%d %H, hours 1 to 24", time="date,hour"), {"date": "2024-02-03", "hour": 7}, "2024-02-03T06:00"),
]  # fmt: skip


@pytest.mark.parametrize(("watch", "row", "expected"), ROWS, ids=[str(row) for _, row, _ in ROWS])
def test_the_time_of_a_row(watch: Clock, row: dict[str, Any], expected: str) -> None:
    assert watch.read(row) == micro(expected)


def test_steps_and_rows_without_a_time() -> None:
    assert clock(None, form="step").read({"time": "17"}) == 17
    assert clock(None, form=None, time="none").read({}) is None
    assert clock().read({"time": " NA "}) is None


@pytest.mark.parametrize(
    ("watch", "row"),
    [
        (clock(), {"time": "soon"}),
        (clock(form="epoch_s"), {"time": "soon"}),
        (clock(None, form="step"), {"time": 1.5}),
        (clock(form="parts", time="year,month"), {"year": 2024, "month": 13}),
        (clock(form="parts", time="year,month"), {"year": 2024, "month": None}),
    ],
)
def test_what_is_not_a_time_is_named(watch: Clock, row: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="expected"):
        watch.read(row)


@pytest.mark.parametrize(
    ("watch", "row"),
    [
        (clock(), {"time": "9999-12-31"}),
        (clock(form="epoch_s"), {"time": "1" * 30}),
        (clock(form="epoch_s"), {"time": 1e300}),
        (clock(None, form="step"), {"time": 10**20}),
    ],
)
def test_times_out_of_bounds(watch: Clock, row: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="out of bounds"):
        watch.read(row)


def test_futures_end_with_the_calendar() -> None:
    late = micro("9000-01-01")
    far = clock(None, zone="Europe/Berlin").after(late, 3, first=0, month_end=False, step=10**18)
    assert [str(clock().text(moment))[:4] for moment in far] == ["9999"] * 3
    assert Calendar(CALENDAR, clock(zone="Europe/Berlin")).at(far[0])


def test_unknown_zones_say_what_to_install() -> None:
    with pytest.raises(ConfigError, match="pip install tzdata"):
        clock(zone="Mars/Olympus")


def test_moments_are_shown_as_tables_show_them() -> None:
    assert clock().text(micro("2024-01-05T07:00")) == "2024-01-05T07:00:00"
    assert clock().text(micro("2024-01-05T07:00:00.25")) == "2024-01-05T07:00:00.250"
    assert clock(zone="UTC").text(micro("2024-01-05T07:00")) == "2024-01-05T07:00:00+00:00"
    assert clock(zone="Asia/Kolkata").text(micro("2024-01-05T07:00")) == "2024-01-05T12:30:00+05:30"
    assert clock(None, form="step").text(7) == 7


TABLES = {
    "1h": ("2015-01-01 00:07", "1h", None),
    "7h": ("2015-01-01", "7h", None),
    "15m": ("2015-01-01", "15m", None),
    "1d": ("2015-01-01", "1d", None),
    "1d in New York": ("2015-03-01", "1d", "America/New_York"),
    "1w": ("2015-01-02", "1w", None),
    "1mo": ("2015-01-15", "1mo", None),
    "month ends": ("2015-01-31", "1mo", None),
    "30th": ("2015-04-30 12:00", "1mo", None),
    "1q": ("2015-02-01", "1q", None),
    "1y": ("2012-02-29", "1y", None),
    "hours in Berlin": ("2015-03-28", "1h", "Europe/Berlin"),
}


def series_of(name: str, rows: int = 40) -> tuple[Panel, Clock]:
    """A panel with gaps, and its clock."""
    start, step, zone = TABLES[name]
    begin = pl.Series([start]).str.to_datetime(time_unit="us")
    if zone:
        begin = begin.dt.replace_time_zone(zone)
    month_end = name == "month ends"
    times = pl.concat(
        [begin.dt.offset_by(f"{at * int(step.rstrip('hmdwoqy'))}{step.lstrip('0123456789')}") for at in range(rows)]
    )
    times = times.dt.month_end() if month_end else times
    kept = [at for at in range(rows) if at not in (5, 6, 20)]
    frame = pl.DataFrame({"time": times[kept], "y": np.arange(len(kept), dtype=float)})
    panel = read_panel(frame, Columns(target=("y",), time=("time",), frequency=step))
    return panel, Clock(panel.schema)


@pytest.mark.parametrize("name", list(TABLES))
def test_gaps_and_futures_are_those_of_tables(name: str) -> None:
    panel, watch = series_of(name)
    time = panel.time.astype(np.int64)
    first = int(time[0])
    given = time[~np.isnan(panel.target[:, 0])].tolist()
    places = [watch.place(moment, first) for moment in given]
    assert [steps for steps, _ in places] == [int(np.flatnonzero(time == moment)[0]) for moment in given]
    assert [moment for _, moment in places] == given
    month_end = all(watch.is_month_end(moment) for moment in given)
    assert month_end == (name in ("month ends", "1y"))
    future = extend(panel, 9).time[-9:].astype(np.int64).tolist()
    assert watch.after(int(time[-1]), 9, first=first, month_end=month_end, step=0) == future
    assert watch.after(int(time[-1]), 4, first=first, month_end=month_end, step=0, skip=5) == future[5:]


def test_moments_off_the_grid_move_back() -> None:
    watch = clock()
    first = micro("2015-01-01T00:07")
    assert watch.place(first + 3 * HOUR, first) == (3, first + 3 * HOUR)
    assert watch.place(first + 3 * HOUR + 60_000_000, first) == (3, micro("2015-01-01T03:00"))
    assert clock("1b").place(first, first) == (None, first) == clock(None).place(first, first)


def test_business_days_and_uneven_times_go_on() -> None:
    friday = micro("2024-01-05")
    assert clock("1b").after(friday, 2, first=0, month_end=False, step=0) == [micro("2024-01-08"), micro("2024-01-09")]
    assert clock(None).after(100, 2, first=0, month_end=False, step=7) == [107, 114]
    assert clock(None, form=None, time="none").after(5, 2, first=0, month_end=False, step=1) == [6, 7]


@pytest.mark.parametrize("zone", [None, "Asia/Kolkata", "America/New_York"])
def test_calendar_of_one_moment(zone: str | None) -> None:
    times = np.datetime64("1969-12-30", "us") + np.arange(500) * np.timedelta64(5 * 3600 + 7, "s")
    watch = clock(zone=zone)
    calendar = Calendar(CALENDAR, watch)
    expected = calendar_features(times, CALENDAR, zone)
    found = np.array([calendar.at(int(moment)) for moment in times.astype(np.int64)], dtype=np.float32)
    assert np.allclose(found, expected, atol=1e-6) and calendar.width == expected.shape[1]
    assert Calendar((), watch).at(0) == []


NUMBERS = [
    "3",
    " 3.5 ",
    "-1e3",
    "1,234.5",
    "1.234,5",
    "3,5",
    "$5",
    "5%",
    "(7)",
    "1_000",
    "+2",
    "−4",
    "NA",
    "",
    "-",
    "?",
    "inf",
]


@pytest.mark.parametrize("text", [*NUMBERS, "many", "1.2.3", "0x10", "1e", "1,2,3", "infinite"])
def test_one_number_is_read_as_a_column_of_one(text: str) -> None:
    column = numbers(pl.Series([text]))
    found = number(text)
    assert (found is None) == bool(column.bad.size)
    if found is not None:
        assert np.array_equal(found, column.values[0], equal_nan=True)


def test_values_of_any_kind() -> None:
    assert [number(value) for value in (3, True, np.float32(1.5), 10**400)] == [3.0, 1.0, 1.5, float("inf")]
    assert number([1]) is None and number(object()) is None
    assert is_missing(float("nan")) and is_missing(None) and is_missing(" n/a ") and not is_missing(0)
    assert [word(value) for value in (3.0, True, " a ", 2.5)] == ["3", "true", "a", "2.5"]
