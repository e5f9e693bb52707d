from __future__ import annotations

import csv
import datetime as dt
from itertools import pairwise

import pytest

from recurra import data
from recurra.errors import DataError

NAMES = [series.name for series in data.carried()]


def rows_of(name: str) -> list[dict[str, str]]:
    with data.carried_path(name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_series_are_named():
    assert NAMES == ["sunspots", "temperature"]


@pytest.mark.parametrize("series", data.carried(), ids=NAMES)
def test_what_is_said_of_a_series_holds(series: data.CarriedSeries):
    assert series.path == data.carried_path(series.name)
    assert series.path.stat().st_size < 200_000
    rows = rows_of(series.name)
    assert list(rows[0]) == [series.time, *series.target]
    times = [dt.date.fromisoformat(row[series.time]) for row in rows]
    assert all(earlier < later for earlier, later in pairwise(times))
    assert all(float(row[name]) == round(float(row[name]), 1) for row in rows for name in series.target if row[name])
    assert series.source and series.description.endswith(".")


def test_sources_are_stated_for_each_file():
    folder = data.carried()[0].path.parent
    sources = (folder / "SOURCES.md").read_text(encoding="utf-8")
    files = sorted(path.name for path in folder.iterdir() if path.suffix == ".csv")
    assert files == sorted(f"{name}.csv" for name in NAMES)
    assert all(f"\n## {file}\n" in sources for file in files)


def test_sunspots_have_every_month_and_the_published_figures():
    rows = rows_of("sunspots")
    months = [(int(row["month"][:4]), int(row["month"][5:7])) for row in rows]
    assert months == [(year, month) for year in range(1749, 1984) for month in range(1, 13)]
    figures = {row["month"]: float(row["sunspots"]) for row in rows}
    assert figures["1749-01-01"] == 58.0
    assert figures["1957-10-01"] == max(figures.values()) == 253.8


def test_temperature_has_the_gaps_that_sources_names():
    rows = rows_of("temperature")
    assert [row["date"] for row in rows if not row["temperature_max"]] == ["2003-07-31"]
    assert all(row["temperature_min"] for row in rows)
    days = [dt.date.fromisoformat(row["date"]) for row in rows]
    gaps = [(later - earlier).days - 1 for earlier, later in pairwise(days)]
    assert (days[0], days[-1], len(days)) == (dt.date(2001, 1, 1), dt.date(2020, 12, 31), 7262)
    assert sum(gaps) == 43
    assert all(-20 < float(row["temperature_min"]) <= float(row["temperature_max"] or "99") for row in rows)


def test_an_unknown_name_lists_those_there_are():
    with pytest.raises(DataError, match=r"'sunspot'; it carries sunspots, temperature\. Did you mean 'sunspots'\?"):
        data.carried_path("sunspot")
    with pytest.raises(DataError, match=r"'qqq'; it carries .* or the path of your own file"):
        data.carried_path("qqq")
