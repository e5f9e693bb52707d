from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.data import Columns, Panel, Schema
from recurra.errors import ConfigError, DataError
from recurra.evaluate import Split, split_in_time, windows


def panel_of(*series: tuple[str, int] | int, zone: str | None = None, step: str = "D") -> Panel:
    """Series of so many rows, each with a first day, or without times."""
    lengths = [item if isinstance(item, int) else item[1] for item in series]
    times = [
        np.arange(item)
        if isinstance(item, int)
        else np.datetime64(item[0], "us") + np.arange(item[1]) * np.timedelta64(1, step)
        for item in series
    ]
    rows, count = sum(lengths), len(lengths)
    empty = np.empty((rows, 0))
    return Panel(
        series=tuple(f"s{index}" for index in range(count)),
        offsets=np.append(0, np.cumsum(lengths)),
        time=np.concatenate(times),
        target=np.zeros((rows, 1), np.float32),
        known=empty,
        known_codes=empty,
        past=empty,
        past_codes=empty,
        static=np.empty((count, 0)),
        static_codes=np.empty((count, 0)),
        schema=Schema(columns=Columns.model_validate({"target": "y"}), time_zone=zone),
    )


def test_share_of_one_series():
    split = split_in_time(panel_of(("2020-01-01", 100)), validation=0.1, test="0.2", horizon=5)
    assert (split.validation_start[0], split.test_start[0]) == (70, 80)
    assert split.notes == ("Validation begins at 2020-03-11, the test part at 2020-03-21.",)


def test_one_cut_in_the_calendar_for_all_series():
    panel = panel_of(("2020-01-01", 60), ("2020-02-01", 60), ("2019-01-01", 40))
    split = split_in_time(panel, validation=0.1, test="2020-03-10", horizon=3)
    assert panel.time[split.test_start[1]] == np.datetime64("2020-03-10")
    # The first series ends on 29 February, the third a year before: neither has test rows.
    assert (split.test_start[0], split.test_start[2]) == (60, 160)
    assert "2 of 3 series are too short for a window in the test part." in split.notes


def test_nothing_for_the_test_is_older_than_anything_learnt_from():
    panel = panel_of(("2020-01-01", 90), ("2020-02-11", 80), ("2020-03-01", 30))
    split = split_in_time(panel, validation=0.15, test="0.25", horizon=4)
    parts = []
    for part in ("training", "validation", "test"):
        start, end = split.bounds(part)
        parts.append(np.concatenate([panel.time[a:b] for a, b in zip(start, end, strict=True)]))
    assert parts[0].max() < parts[1].min() and parts[1].max() < parts[2].min()
    assert sum(map(len, parts)) == panel.num_rows
    assert 0.25 <= len(parts[2]) / panel.num_rows < 0.27
    assert 0.15 <= len(parts[1]) / panel.num_rows < 0.17


def test_rows_without_times_are_cut_series_by_series():
    split = split_in_time(panel_of(100, 40, 9), validation=0.1, test="0.2", horizon=5)
    assert split.test_start.tolist() == [80, 132, 149]
    assert split.validation_start.tolist() == [70, 127, 149]
    assert "1 of 3 series are too short for a window in the test part." in split.notes
    assert "Parts that were shorter than the horizon grew to 5 rows." in split.notes


@pytest.mark.parametrize("first", [(100, 40, 9), (("2020-01-01", 100), ("2019-01-01", 40), ("2018-01-01", 9))])
def test_so_many_rows_of_each_series(first):
    split = split_in_time(panel_of(*first), validation=0.1, test="12", horizon=5)
    assert split.test_start.tolist() == [88, 128, 149]
    assert split.validation_start.tolist() == [78, 123, 149]
    assert split.notes[0] == "Each series is cut by its rows: the last 12 rows for the test, 10% before for validation."
    has_times = isinstance(first[0], tuple)
    assert (
        "One series' test rows may be older than rows of another that were learnt from." in split.notes
    ) == has_times


def test_short_parts_grow_to_the_horizon():
    panel = panel_of(("2020-01-01", 40))
    split = split_in_time(panel, validation=0.1, test="0.2", horizon=12)
    assert (split.validation_start[0], split.test_start[0]) == (16, 28)
    assert "The test part grew to 12 rows, the horizon; 20% of the rows was less." in split.notes


@pytest.mark.parametrize(
    ("test", "cut"),
    [
        ("2020-03-01", "2020-03-01"),
        ("2020/03/01", "2020-03-01"),
        ("2020-03-01 12:00", "2020-03-02"),
        ("2020-03", "2020-03-01"),
    ],
)
def test_dates_are_read(test, cut):
    panel = panel_of(("2020-01-01", 100))
    split = split_in_time(panel, validation=0.1, test=test, horizon=5)
    assert panel.time[split.test_start[0]] == np.datetime64(cut)


def test_a_year_is_a_date():
    panel = panel_of(("2013-01-01", 600))
    split = split_in_time(panel, validation=0.1, test="2014", horizon=5)
    assert panel.time[split.test_start[0]] == np.datetime64("2014-01-01")


def test_dates_are_in_the_time_zone_of_the_table():
    panel = panel_of(("2020-01-01", 600), zone="Asia/Shanghai", step="h")
    split = split_in_time(panel, validation=0.1, test="2020-01-20", horizon=5)
    assert panel.time[split.test_start[0]].item() == datetime(2020, 1, 19, 16)


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"test": "soon"}, ConfigError, "'soon'; the last share"),
        ({"test": "1.5"}, ConfigError, "'1.5'"),
        ({"test": "0"}, ConfigError, "'0'"),
        ({"test": "1000"}, DataError, "run from 2020-01-01"),
        ({"test": "4"}, ConfigError, "test 4 holds no forecast of 5 rows. Use --test 5 or more"),
        ({"test": "95"}, DataError, "test part has at most 0 rows"),
        ({"validation": 1.0}, ConfigError, "validation is 1.0"),
        ({"validation": 0.5, "test": "0.5"}, ConfigError, "no rows for training"),
        ({"test": "2031-01-01"}, DataError, r"test part has at most 0 rows.*run from 2020-01-01 to 2020-04-09"),
        ({"test": "2019-01-01"}, DataError, r"validation part has at most 0 rows"),
        ({"horizon": 34}, DataError, r"has 100 rows; horizon 34 needs 103.*--horizon 33 or less"),
        ({"horizon": 101}, DataError, r"has 100 rows; horizon 101"),
        ({"horizon": 30, "test": "0.7"}, DataError, r"validation part has at most 10 rows.*needs 30"),
    ],
)
def test_what_cannot_be_cut_is_said(options, error, said):
    options = {"validation": 0.1, "test": "0.2", "horizon": 5} | options
    with pytest.raises(error, match=said):
        split_in_time(panel_of(("2020-01-01", 100)), **options)


@pytest.mark.parametrize("panel", [panel_of(100, 60), panel_of(("2020-01-01", 100), ("2021-01-01", 60))])
def test_a_number_of_rows_is_cut_from_each_series(panel):
    split = split_in_time(panel, validation=0.1, test="20", horizon=5)
    assert (split.offsets[1:] - split.test_start).tolist() == [20, 20]
    assert (split.test_start - split.validation_start).tolist() == [10, 6]


def test_a_date_needs_times():
    with pytest.raises(ConfigError, match="no time column"):
        split_in_time(panel_of(100), validation=0.1, test="2020-01-01", horizon=5)


def test_windows_by_hand():
    split = Split(np.array([0, 10, 14]), np.array([5, 12]), np.array([7, 14]))
    assert windows(split, "training", context_min=2, horizon=2).tolist() == [2, 3]
    assert windows(split, "validation", context_min=2, horizon=2).tolist() == [5, 12]
    assert windows(split, "test", context_min=2, horizon=2).tolist() == [7, 8]
    assert windows(split, "test", context_min=2, horizon=1, stride=2).tolist() == [7, 9]
    assert windows(split, "test", context_min=2, horizon=4).tolist() == []


@given(
    lengths=st.lists(st.integers(0, 12), min_size=1, max_size=4),
    cuts=st.tuples(st.integers(0, 12), st.integers(0, 12)),
    context=st.integers(0, 4),
    horizon=st.integers(1, 4),
    stride=st.integers(1, 3),
)
def test_windows_equal_a_loop(lengths, cuts, context, horizon, stride):
    offsets = np.append(0, np.cumsum(lengths))
    validation = np.minimum(offsets[:-1] + min(cuts), offsets[1:])
    split = Split(offsets, validation, np.minimum(offsets[:-1] + max(cuts), offsets[1:]))
    for part in ("training", "validation", "test"):
        start, end = split.bounds(part)
        expected = []
        for s in range(len(lengths)):
            possible = [t for t in range(start[s], end[s]) if t - context >= offsets[s] and t + horizon <= end[s]]
            expected += possible[::stride]
        assert windows(split, part, context_min=context, horizon=horizon, stride=stride).tolist() == expected
