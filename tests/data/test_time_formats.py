from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from recurra.data._time_formats import has_clock, orders, parse

DAY = dt.datetime(2015, 1, 31)
NOON = dt.datetime(2015, 1, 31, 12, 30)


@pytest.mark.parametrize(
    ("text", "order", "moment"),
    [
        ("2015-01-31", "ymd", DAY),
        ("2015/1/31", "ymd", DAY),
        ("2015.01.31", "ymd", DAY),
        ("20150131", "ymd", DAY),
        ("31/01/2015", "dmy", DAY),
        ("01/31/2015", "mdy", DAY),
        ("31.1.15", "dmy", DAY),
        ("1-31-2015", "mdy", DAY),
        ("2015年1月31日", "ymd", DAY),
        ("2015年01月31号", "ymd", DAY),
        ("31 Jan 2015", "dmy", DAY),
        ("31-JAN-15", "dmy", DAY),
        ("Jan 31, 2015", "mdy", DAY),
        ("January 31 2015", "mdy", DAY),
        ("Sat, 31 Jan 2015", "dmy", DAY),
        ("1949-01", "ymd", dt.datetime(1949, 1, 1)),
        ("1/1949", "ymd", dt.datetime(1949, 1, 1)),
        ("194901", "ymd", dt.datetime(1949, 1, 1)),
        ("2015年3月", "ymd", dt.datetime(2015, 3, 1)),
        ("2015M03", "ymd", dt.datetime(2015, 3, 1)),
        ("Mar 2015", "ymd", dt.datetime(2015, 3, 1)),
        ("March-2015", "ymd", dt.datetime(2015, 3, 1)),
        ("2015", "ymd", dt.datetime(2015, 1, 1)),
        ("2015Q3", "ymd", dt.datetime(2015, 7, 1)),
        ("2015-Q3", "ymd", dt.datetime(2015, 7, 1)),
        ("Q3 2015", "ymd", dt.datetime(2015, 7, 1)),
        ("2015-W05", "ymd", dt.datetime(2015, 1, 26)),
        ("2015-01-31 12:30", "ymd", NOON),
        ("2015-01-31T12:30:00", "ymd", NOON),
        ("2015-01-31 12:30:00.250", "ymd", NOON.replace(microsecond=250_000)),
        ("31/01/2015 12:30", "dmy", NOON),
        ("01/31/2015 12:30 PM", "mdy", NOON),
        ("01/31/2015 1:00 pm", "mdy", DAY.replace(hour=13)),
        ("2015-01-31 12", "ymd", DAY.replace(hour=12)),
        ("2015013112", "ymd", DAY.replace(hour=12)),
        ("201501311230", "ymd", NOON),
        ("20150131123000", "ymd", NOON),
        ("20150131T123000", "ymd", NOON),
        ("2015年1月31日 12:30", "ymd", NOON),
        ("2015年1月31日12时30分", "ymd", NOON),
        ("2015-01-31T12:30:00Z", "ymd", NOON.replace(tzinfo=dt.UTC)),
        ("2015-01-31T20:30:00+08:00", "ymd", NOON.replace(tzinfo=dt.UTC)),
        ("2015-01-31 20:30:00 +0800", "ymd", NOON.replace(tzinfo=dt.UTC)),
        ("2015-01-31T20:30+08", "ymd", NOON.replace(tzinfo=dt.UTC)),
        ("Sat, 31 Jan 2015 12:30:00 GMT", "dmy", NOON.replace(tzinfo=dt.UTC)),
    ],
)
def test_one_way_of_writing(text: str, order: str, moment: dt.datetime) -> None:
    formats = orders([text])[order]
    assert parse(pl.Series([text]), formats).to_list() == [moment]


@pytest.mark.parametrize("text", ["1-01", "abc", "", "12", "2015-", "H1", "3.14", "2015-01-31x", "1-2-3-4"])
def test_what_is_not_a_time(text: str) -> None:
    assert orders([text]) == {}


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["01/02/2015", "03/04/2015"], {"dmy", "mdy"}),
        (["2015-01-01", "01/02/2015"], set()),
        (["2015-01-01", "abc"], set()),
    ],
)
def test_orders_are_those_that_all_values_share(texts: list[str], expected: set[str]) -> None:
    assert set(orders(texts)) == expected


def test_mixed_precision_needs_several_formats() -> None:
    texts = ["2015-01-31", "2015-01-31 12:30", "2015-01-31 12:30:00"]
    assert parse(pl.Series(texts), orders(texts)["ymd"]).to_list() == [DAY, NOON, NOON]


def test_impossible_dates_are_null() -> None:
    assert parse(pl.Series(["2015-02-30", None]), ["%Y-%m-%d"]).to_list() == [None, None]


@pytest.mark.parametrize(("text", "clock"), [("2015-01-31", False), ("2015-01-31 12:30", True), ("2015013112", True)])
def test_has_clock(text: str, clock: bool) -> None:
    assert has_clock(orders([text])["ymd"]) is clock
