from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from recurra.data._frequency import Frequency, describe_frequency, infer_frequency, parse_frequency
from recurra.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("15min", "15m"),
        ("15m", "15m"),
        ("15T", "15m"),
        ("60min", "1h"),
        ("1h", "1h"),
        ("H", "1h"),
        ("hourly", "1h"),
        ("24h", "1d"),
        ("d", "1d"),
        ("D", "1d"),
        ("2 days", "2d"),
        ("7d", "1w"),
        ("W", "1w"),
        ("W-SUN", "1w"),
        ("M", "1mo"),
        ("MS", "1mo"),
        ("ME", "1mo"),
        ("1mo", "1mo"),
        ("monthly", "1mo"),
        ("3mo", "1q"),
        ("Q", "1q"),
        ("12 months", "1y"),
        ("Y", "1y"),
        ("annual", "1y"),
        ("b", "1b"),
        ("B", "1b"),
        ("business day", "1b"),
        ("30s", "30s"),
        ("100ms", "100ms"),
    ],
)
def test_what_people_write(text: str, expected: str) -> None:
    assert str(parse_frequency(text)) == expected


@pytest.mark.parametrize("text", ["", "often", "0h", "1", "-1h", "1.5h"])
def test_what_can_not_be_read(text: str) -> None:
    with pytest.raises(ConfigError, match="expected for instance 15min"):
        parse_frequency(text)


@pytest.mark.parametrize(
    ("frequency", "words"),
    [
        (None, "unevenly spaced"),
        ("1h", "hourly"),
        ("15m", "every 15 minutes"),
        ("1b", "every business day"),
        ("2mo", "every 2 months"),
    ],
)
def test_frequencies_in_words(frequency: str | None, words: str) -> None:
    assert describe_frequency(frequency) == words


def infer(times: pd.DatetimeIndex) -> str | None:
    micro = times.to_numpy().astype("datetime64[us]").astype(np.int64)
    same = np.ones(len(micro), bool)
    same[0] = False
    found = infer_frequency(micro, micro, same).frequency
    return None if found is None else str(found)


@pytest.mark.parametrize(
    ("alias", "expected"),
    [
        ("100ms", "100ms"),
        ("s", "1s"),
        ("15min", "15m"),
        ("h", "1h"),
        ("6h", "6h"),
        ("D", "1d"),
        ("B", "1b"),
        ("2D", "2d"),
        ("W", "1w"),
        ("4W", "4w"),
        ("5W", "5w"),
        ("MS", "1mo"),
        ("ME", "1mo"),
        ("BME", "1mo"),
        ("BMS", "1mo"),
        ("2MS", "2mo"),
        ("QS", "1q"),
        ("QE", "1q"),
        ("YS", "1y"),
        ("YE", "1y"),
        ("5YS", "5y"),
    ],
)
def test_inferred_from_regular_times(alias: str, expected: str) -> None:
    assert infer(pd.date_range("2011-01-01", periods=40, freq=alias)) == expected


@pytest.mark.parametrize(("alias", "expected"), [("h", "1h"), ("D", "1d"), ("MS", "1mo"), ("B", "1b")])
def test_a_few_gaps_do_not_matter(alias: str, expected: str) -> None:
    times = pd.date_range("2011-01-03", periods=60, freq=alias)
    assert infer(times.delete([5, 17, 18, 40])) == expected


def test_no_commonest_step_is_no_frequency() -> None:
    assert infer(pd.DatetimeIndex(np.datetime64("2015-01-01") + np.cumsum(np.arange(1, 20)).astype("m8[h]"))) is None
    assert infer(pd.DatetimeIndex(["2015-01-01"])) is None


def test_days_of_one_week_are_days_not_business_days() -> None:
    assert infer(pd.date_range("2015-01-05", "2015-01-09")) == "1d"


@pytest.mark.parametrize(
    ("alias", "frequency"),
    [
        ("h", Frequency(1, "h")),
        ("D", Frequency(1, "d")),
        ("3D", Frequency(3, "d")),
        ("MS", Frequency(1, "mo")),
        ("QS", Frequency(1, "q")),
        ("B", Frequency(1, "b")),
    ],
)
def test_positions_and_times_agree_with_pandas(alias: str, frequency: Frequency) -> None:
    micro = pd.date_range("2011-01-03", periods=50, freq=alias).to_numpy().astype("datetime64[us]").astype(np.int64)
    steps = np.arange(50)
    first = np.full(50, micro[0])
    np.testing.assert_array_equal(frequency.later(first, steps), micro)
    np.testing.assert_array_equal(frequency.positions(first, micro), steps)


@pytest.mark.parametrize(
    ("month_end", "expected"),
    [(False, ["2015-01-30", "2015-02-28", "2015-03-30"]), (True, ["2015-01-31", "2015-02-28", "2015-03-31"])],
)
def test_short_months(month_end: bool, expected: list[str]) -> None:
    first = np.full(3, np.datetime64("2015-01-30", "us").astype(np.int64))
    later = Frequency(1, "mo").later(first, np.arange(3), month_end=month_end)
    assert later.astype("datetime64[us]").astype("datetime64[D]").astype(str).tolist() == expected
