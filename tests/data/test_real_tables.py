from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from recurra.data import Columns, extend, read_panel
from recurra.errors import DataError

pytestmark = pytest.mark.data


@pytest.mark.parametrize(
    ("file", "columns", "first_note", "frequency", "next_time"),
    [
        (
            "air/beijing_pm25.csv",
            {"target": "pm2.5", "time": "year,month,day,hour"},
            "43,824 rows, one series, hourly from 2010-01-01 00:00 to 2014-12-31 23:00.",
            "1h",
            "2015-01-01T00:00",
        ),
        (
            "stocks/bokeh_aapl_fb_goog_ibm_msft_ohlcv.csv.gz",
            {"target": "Close", "series": "Ticker"},
            "12,154 rows, 5 series of 196 to 3,270 rows, every business day from 2000-03-01 to 2013-03-01.",
            "1b",
            "2013-03-04T00:00",
        ),
        (
            "panel/stallion.parquet",
            {
                "target": "volume",
                "series": "agency,sku",
                "known": "price_regular,discount",
                "static": "avg_population_2017",
            },
            "21,000 rows, 350 series of 60 rows each, monthly from 2013-01-01 to 2017-12-01.",
            "1mo",
            "2018-01-01T00:00",
        ),
        (
            "classic/airline-passengers.csv",
            {},
            "144 rows, one series, monthly from 1949-01-01 to 1960-12-01.",
            "1mo",
            "1961-01-01T00:00",
        ),
        (
            "classic/daily-min-temperatures.csv",
            {},
            "3,652 rows, one series, daily from 1981-01-01 to 1990-12-31.",
            "1d",
            "1991-01-01T00:00",
        ),
        (
            "classic/daily-total-female-births.csv",
            {},
            "365 rows, one series, daily from 1959-01-01 to 1959-12-31.",
            "1d",
            "1960-01-01T00:00",
        ),
        (
            "classic/monthly-car-sales.csv",
            {},
            "108 rows, one series, monthly from 1960-01-01 to 1968-12-01.",
            "1mo",
            "1969-01-01T00:00",
        ),
        (
            "classic/monthly-sunspots.csv",
            {},
            "2,820 rows, one series, monthly from 1749-01-01 to 1983-12-01.",
            "1mo",
            "1984-01-01T00:00",
        ),
        (
            "weather/seattle-weather.csv",
            {"target": "temp_max"},
            "1,461 rows, one series, daily from 2012-01-01 to 2015-12-31.",
            "1d",
            "2016-01-01T00:00",
        ),
        (
            "ett/ETTh1.csv",
            {"target": "OT"},
            "17,420 rows, one series, hourly from 2016-07-01 00:00 to 2018-06-26 19:00.",
            "1h",
            "2018-06-26T20:00",
        ),
        (
            "ett/ETTm1.csv.gz",
            {"target": "OT"},
            "69,680 rows, one series, every 15 minutes from 2016-07-01 00:00 to 2018-06-26 19:45.",
            "15m",
            "2018-06-26T20:00",
        ),
    ],
)
def test_real_tables(
    data_dir: Path, file: str, columns: dict[str, str], first_note: str, frequency: str, next_time: str
) -> None:
    panel = read_panel(data_dir / "forecast" / file, Columns.model_validate(columns))
    assert panel.notes[0] == first_note
    assert panel.schema.frequency == frequency
    assert extend(panel, 1).time[-1] == np.datetime64(next_time)


def test_covariates_of_the_air_table(data_dir: Path) -> None:
    panel = read_panel(data_dir / "forecast/air/beijing_pm25.csv", Columns(target=("pm2.5",)))
    assert panel.schema.columns.time == ("year", "month", "day", "hour")
    assert panel.schema.past == ("DEWP", "TEMP", "PRES", "Iws", "Is", "Ir")
    assert panel.schema.past_categories == {"cbwd": ("NE", "NW", "SE", "cv")}
    assert "Left out: No (a row counter or id)." in panel.notes
    assert "pm2.5: 2,067 of 43,824 values are missing; they are masked, not filled." in panel.notes


def test_shampoo_falls_back_to_the_order_of_rows(data_dir: Path) -> None:
    panel = read_panel(data_dir / "forecast/classic/shampoo.csv", Columns())
    assert panel.notes[0] == "36 rows, one series, in the order of rows."
    assert any("'1-01'" in note for note in panel.notes)


def test_stocks_without_series_are_told_what_to_do(data_dir: Path) -> None:
    with pytest.raises(DataError, match="pass --series Ticker"):
        read_panel(data_dir / "forecast/stocks/bokeh_aapl_fb_goog_ibm_msft_ohlcv.csv.gz", Columns(target=("Close",)))
