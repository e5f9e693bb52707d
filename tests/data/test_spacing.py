from __future__ import annotations

import numpy as np
import pytest

from recurra.data._spacing import from_wall, to_wall
from recurra.errors import ConfigError, DataError

NAN = float("nan")


def hours(*numbers: int) -> str:
    return "time,y\n" + "".join(f"2015-01-01 {hour:02d}:00,{hour}.5\n" for hour in numbers)


def column(panel) -> list[float]:
    return panel.target[:, 0].tolist()


def test_gaps_become_missing_values_and_are_counted(read) -> None:
    panel = read(hours(0, 1, 2, 5, 6, 8))
    np.testing.assert_array_equal(
        panel.target[:, 0], np.array([0.5, 1.5, 2.5, NAN, NAN, 5.5, 6.5, NAN, 8.5], np.float32)
    )
    assert panel.time.astype("datetime64[h]").astype(int).tolist() == list(range(394464, 394473))
    assert (
        "3 rows missing from the time grid added without values, the longest gap 2 rows after 2015-01-01 02:00."
        in panel.notes
    )
    assert "y: 3 of 9 values are missing; they are masked, not filled." in panel.notes


def test_gaps_are_opened_in_covariates_too(read) -> None:
    content = "time,y,a,b,k\n" + "".join(
        f"2015-01-01 {i:02d}:00,{i}.5,{i * i},{'uv'[i % 2]},{i}.25\n" for i in (0, 1, 2, 4)
    )
    panel = read(content, target="y", known="k")
    np.testing.assert_array_equal(panel.past[:, 0], [0, 1, 4, NAN, 16])
    np.testing.assert_array_equal(panel.known[:, 0], [0.25, 1.25, 2.25, NAN, 4.25])
    assert panel.past_codes[:, 0].tolist() == [1, 2, 1, 0, 1]


def test_rows_are_sorted_and_that_is_said(read) -> None:
    panel = read(hours(3, 1, 0, 2))
    assert column(panel) == [0.5, 1.5, 2.5, 3.5]
    assert "Rows weren't in order of time (2 steps back); they were sorted." in panel.notes


def test_series_that_take_turns_are_not_out_of_order(read) -> None:
    content = "s,time,y\n" + "".join(
        f"{s},2015-01-01 {i:02d}:00,{i}{j}\n" for i in range(4) for j, s in enumerate("ba")
    )
    panel = read(content, series="s", target="y")
    assert panel.series == ("b", "a")
    assert column(panel) == [0, 10, 20, 30, 1, 11, 21, 31]
    assert not any("order of time" in note for note in panel.notes)


TWICE = "time,y,x\n2015-01-01,1,5\n2015-01-03,3,7\n2015-01-02,2,6\n2015-01-03,5,10\n2015-01-03,,30\n"


@pytest.mark.parametrize(
    ("how", "targets", "past"),
    [
        ("mean", [1, 2, 4], [5, 6, 47 / 3]),
        ("sum", [1, 2, 8], [5, 6, 47 / 3]),
        ("first", [1, 2, 3], [5, 6, 7]),
        ("last", [1, 2, NAN], [5, 6, 30]),
    ],
)
def test_rows_of_one_time_are_joined_as_asked(read, how: str, targets: list[float], past: list[float]) -> None:
    panel = read(TWICE, target="y", on_duplicate=how)
    np.testing.assert_array_equal(panel.target[:, 0], np.array(targets, np.float32))
    np.testing.assert_allclose(panel.past[:, 0], past, rtol=1e-6)
    assert any(note.startswith("2 rows at times that had one already") for note in panel.notes)


def test_repeated_times_are_an_error_with_row_and_remedy(read) -> None:
    with pytest.raises(DataError) as caught:
        read(TWICE, target="y")
    message = str(caught.value)
    assert "row 5: time 2015-01-03 repeats that of row 3 (2 repeated times)" in message
    assert "--on-duplicate mean (or sum, first, last)" in message


def test_repeated_times_of_a_series_name_it(read) -> None:
    content = "s,time,y\na,2015-01-01,1\na,2015-01-02,1\nb,2015-01-01,1\nb,2015-01-01,2\n"
    with pytest.raises(DataError, match="row 5: series 'b': time 2015-01-01 repeats that of row 4"):
        read(content, target="y", series="s")


def test_the_column_that_tells_series_apart_is_suggested(read) -> None:
    content = "time,noise,shop,y\n" + "".join(
        f"2015-01-0{i},{'pq'[i % 2]},{s},{i}.5\n" for i in range(1, 8) for s in "ab"
    )
    with pytest.raises(DataError, match="pass --series shop"):
        read(content, target="y")


@pytest.mark.parametrize(
    ("times", "frequency", "note"),
    [
        ([0, 1, 3, 6, 10, 15], None, "Rows are unevenly spaced, 1 hour to 5 hours apart"),
        ([0, 1, 2, 3, 20], "1h", "longest gap 16 rows"),
    ],
)
def test_uneven_rows_are_kept(read, times: list[int], frequency: str | None, note: str) -> None:
    panel = read(hours(*times))
    assert panel.schema.frequency == frequency
    assert any(note in line for line in panel.notes)
    assert panel.num_rows == (len(times) if frequency is None else 21)


def test_an_explosion_of_gaps_is_not_opened(read) -> None:
    panel = read("time,y\n2015-01-01 00:00:00,1\n2015-01-01 00:00:01,2\n2015-01-01 00:00:02,2\n2016-01-01 00:00:00,3\n")
    assert panel.num_rows == 4
    assert panel.schema.frequency is None
    assert any("4 rows into 31,536,001" in note and "--frequency 1s" in note for note in panel.notes)


def test_rows_beside_the_grid_are_kept_unless_a_frequency_is_asked_for(read) -> None:
    content = hours(*range(9)).replace("04:00", "04:07")
    panel = read(content)
    assert panel.schema.frequency is None
    assert any("1 row lies between (the first at 2015-01-01 04:07)" in note for note in panel.notes)
    asked = read(content, frequency="1h")
    assert asked.schema.frequency == "1h"
    assert asked.num_rows == 9
    assert "1 time moved back onto a grid, hourly." in asked.notes


def test_a_grid_that_starts_between_hours_stays_there(read) -> None:
    panel = read(hours(*range(5)).replace(":00,", ":30,"), frequency="1h")
    assert panel.time.astype("datetime64[m]").astype(int)[0] % 60 == 30


def test_a_coarser_frequency_joins_rows(read) -> None:
    content = "time,y\n" + "".join(
        f"2015-{month:02d}-{day:02d},{month}\n" for month in (1, 2, 3) for day in (1, 10, 20)
    )
    panel = read(content, frequency="1mo", on_duplicate="sum")
    assert column(panel) == [3, 6, 9]
    assert panel.time.astype("datetime64[D]").astype(str).tolist() == ["2015-01-01", "2015-02-01", "2015-03-01"]
    with pytest.raises(DataError, match="--on-duplicate mean"):
        read(content, frequency="1mo")


def test_business_days_have_no_gaps_at_weekends_and_holidays(read) -> None:
    days = np.arange("2015-01-01", "2015-03-01", dtype="datetime64[D]")
    days = days[np.is_busday(days, holidays=["2015-01-01", "2015-02-16"])]
    panel = read("date,close\n" + "".join(f"{day},{i}.5\n" for i, day in enumerate(days)))
    assert panel.schema.frequency == "1b"
    assert panel.num_rows == days.size
    assert any("No row lies on a weekend" in note for note in panel.notes)
    opened = read("date,close\n" + "".join(f"{day},{i}.5\n" for i, day in enumerate(days)), frequency="1d")
    assert opened.num_rows == 57


def test_month_ends_are_filled_with_month_ends(read) -> None:
    ends = ["2014-11-30", "2014-12-31", "2015-01-31", "2015-03-31", "2015-04-30"]
    panel = read("date,y\n" + "".join(f"{end},{i}\n" for i, end in enumerate(ends)), target="y")
    assert panel.schema.frequency == "1mo"
    assert panel.time.astype("datetime64[D]").astype(str).tolist() == [*ends[:3], "2015-02-28", *ends[3:]]


def test_rows_that_are_there_keep_their_times(read) -> None:
    # The last business days of months: the grid counts months, and only the row made for February is at its end.
    days = ["2014-11-28", "2014-12-31", "2015-01-30", "2015-03-31", "2015-04-30", "2015-05-29"]
    panel = read("date,y\n" + "".join(f"{day},{i}.5\n" for i, day in enumerate(days)))
    shown = panel.time.astype("datetime64[D]").astype(str).tolist()
    assert (shown[:3], shown[4:]) == (days[:3], days[3:])


def test_series_of_different_lengths_and_starts(read) -> None:
    content = (
        "s,time,y\n"
        + "".join(f"a,2015-01-0{i},{i}\n" for i in (1, 2, 3, 5))
        + "".join(f"b,2015-02-0{i},{i}\n" for i in (3, 4))
    )
    panel = read(content + "c,2015-06-01,9\n", series="s", target="y")
    assert panel.offsets.tolist() == [0, 5, 7, 8]
    np.testing.assert_array_equal(panel.target[:, 0], [1, 2, 3, NAN, 5, 3, 4, 9])
    assert any("in series 'a'" in note for note in panel.notes)


def test_uneven_can_be_asked_for(read) -> None:
    assert read(hours(0, 1, 3), frequency="none").num_rows == 3


def test_a_frequency_needs_times(read) -> None:
    assert "Frequency 1h has no effect without a time column." in read("y\n1\n2\n", frequency="1h").notes
    with pytest.raises(ConfigError, match="often"):
        read(hours(0, 1), frequency="often")


def test_a_frequency_far_too_fine_is_refused(read) -> None:
    with pytest.raises(DataError, match="coarser --frequency"):
        read(hours(0, 1, 2), frequency="1us")


def test_the_wall_clock_there_and_back() -> None:
    utc = np.arange("2015-03-28", "2015-03-31", dtype="datetime64[h]").astype("datetime64[us]").astype(np.int64)
    np.testing.assert_array_equal(from_wall(to_wall(utc, "Europe/Berlin"), "Europe/Berlin"), utc)
    np.testing.assert_array_equal(to_wall(utc, None), utc)


def test_a_moment_that_the_wall_clock_skips_comes_an_hour_later() -> None:
    wall = np.array(["2015-03-29T02:30"], "datetime64[us]").astype(np.int64)
    assert from_wall(wall, "Europe/Berlin").astype("datetime64[us]").astype(str).tolist() == [
        "2015-03-29T01:30:00.000000"
    ]


def test_a_moment_that_the_wall_clock_shows_twice_is_the_first() -> None:
    wall = np.array(["2015-10-25T02:30"], "datetime64[us]").astype(np.int64)
    assert from_wall(wall, "Europe/Berlin").astype("datetime64[us]").astype(str).tolist() == [
        "2015-10-25T00:30:00.000000"
    ]
