from __future__ import annotations

import math

import numpy as np
import pytest

from recurra.data._calendar import calendar_features, choose_calendar


def moments(*text: str) -> np.ndarray:
    return np.array(text, dtype="datetime64[us]")


def turn(share: float) -> list[float]:
    """Sine and cosine of a share of a cycle."""
    return [math.sin(2 * math.pi * share), math.cos(2 * math.pi * share)]


@pytest.mark.parametrize(
    ("name", "time", "share"),
    [
        ("time of day", "2015-01-31T00:00", 0),
        ("time of day", "2015-01-31T06:00", 1 / 4),
        ("time of day", "2015-01-31T21:00:00", 7 / 8),
        ("time of day", "1969-12-31T18:00", 3 / 4),  # before the epoch
        ("day of week", "2024-01-01T23:59", 0),  # a Monday
        ("day of week", "2015-01-31T12:00", 5 / 7),  # a Saturday
        ("day of week", "1969-12-28T00:00", 6 / 7),  # a Sunday
        ("day of month", "2015-01-01T05:00", 0),
        ("day of month", "2015-01-31T05:00", 30 / 31),
        ("day of year", "2016-01-01T00:00", 0),
        ("day of year", "2016-12-31T00:00", 365 / 365.2425),  # a leap year
        ("day of year", "2015-03-01T00:00", 59 / 365.2425),
    ],
)
def test_known_dates(name: str, time: str, share: float) -> None:
    features = calendar_features(moments(time), (name,))
    assert features.dtype == np.float32
    np.testing.assert_allclose(features, [turn(share)], atol=1e-6)


def test_the_wall_clock_of_the_zone_counts() -> None:
    # 23:30 UTC on a Sunday is Monday in Shanghai, and in Berlin 00:30 in winter but 01:30 in summer.
    time = moments("2015-02-01T23:30", "2015-07-05T23:30")
    names = ("time of day", "day of week")
    shanghai = calendar_features(time, names, "Asia/Shanghai")
    np.testing.assert_allclose(shanghai, [turn(7.5 / 24) + turn(0)] * 2, atol=1e-6)
    berlin = calendar_features(time, names, "Europe/Berlin")
    np.testing.assert_allclose(berlin, [turn(0.5 / 24) + turn(0), turn(1.5 / 24) + turn(0)], atol=1e-6)
    utc = calendar_features(time, names, "UTC")
    np.testing.assert_allclose(utc, [turn(23.5 / 24) + turn(6 / 7)] * 2, atol=1e-6)
    np.testing.assert_array_equal(utc, calendar_features(time, names))


def test_columns_stand_in_the_order_of_the_names() -> None:
    time = moments("2015-01-31T06:00")
    both = calendar_features(time, ("day of week", "time of day"))
    np.testing.assert_allclose(both, [turn(5 / 7) + turn(1 / 4)], atol=1e-6)
    assert calendar_features(time, ()).shape == (1, 0)


@pytest.mark.parametrize(
    ("step", "count", "expected"),
    [
        (np.timedelta64(1, "h"), 40, ()),  # not yet two days
        (np.timedelta64(1, "h"), 50, ("time of day",)),
        (np.timedelta64(1, "h"), 24 * 15, ("time of day", "day of week")),
        (np.timedelta64(12, "h"), 2 * 731, ("time of day", "day of week", "day of year")),
        (np.timedelta64(1, "D"), 14, ()),
        (np.timedelta64(1, "D"), 15, ("day of week",)),
        (np.timedelta64(1, "D"), 731, ("day of week", "day of year")),
        (np.timedelta64(7, "D"), 200, ("day of year",)),
        (np.timedelta64(31, "D"), 30, ("day of year",)),
        (np.timedelta64(92, "D"), 100, ()),
    ],
)
def test_cycles_that_the_rows_resolve_and_cover_twice(step, count, expected) -> None:
    time = np.datetime64("2010-01-01", "us") + step * np.arange(count)
    assert choose_calendar(time, np.array([0, count])) == expected


def test_the_step_is_that_within_series() -> None:
    hour, day = np.timedelta64(1, "h"), np.timedelta64(1, "D")
    start = np.datetime64("2010-01-01", "us")
    hourly, daily = start + hour * np.arange(4), start + day * np.arange(4)
    two = np.concatenate([hourly, hourly + 100 * day])
    assert choose_calendar(two, np.array([0, 4, 8])) == ("time of day", "day of week")
    many = np.concatenate([daily, daily + 30 * day])
    assert choose_calendar(many, np.array([0, 4, 8])) == ("day of week",)


def test_rows_without_times_have_no_calendar() -> None:
    assert choose_calendar(np.arange(1000), np.array([0, 1000])) == ()
    assert choose_calendar(moments("2015-01-01", "2015-01-02"), np.array([0, 2])) == ()
    alone = moments("2015-01-01", "2016-01-02", "2018-01-02")
    assert choose_calendar(alone, np.array([0, 1, 2, 3])) == ()


def test_series_without_rows_do_not_matter() -> None:
    hourly = np.datetime64("2010-01-01", "us") + np.timedelta64(1, "h") * np.arange(50)
    assert choose_calendar(hourly, np.array([0, 0, 50, 50])) == ("time of day",)
