"""Small fitted bundles, each with the rows that are pushed to it, for the tests of forecasters at work."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import polars.selectors as cs

from recurra import runtime
from recurra.tasks.forecast import Forecaster
from recurra.tasks.forecast._live import LiveForecaster
from recurra.tasks.forecast._saving import save_fitted
from tasks.forecast.conftest import OPTIONS, hourly
from tasks.forecast.panels import season_and_noise, tiny

# Without the ridge regression, which a network starts from saying next to nothing of its own.
SMALL: dict[str, Any] = {
    "horizon": 5,
    "context": 24,
    "hidden_size": 4,
    "epochs": 1,
    "steps_per_epoch": 3,
    "linear_skip": False,
}
COVARIATES = {**OPTIONS, **SMALL}


def single(rows: int = 160) -> pl.DataFrame:
    """One hourly series."""
    return hourly(rows).filter(pl.col("shop") == "b").select("time", "y")


def with_gaps() -> pl.DataFrame:
    """Missing values, and rows that are missing altogether."""
    rows = pl.int_range(pl.len())
    thinned = single().with_columns(pl.when(rows % 17 == 3).then(None).otherwise(pl.col("y")).alias("y"))
    return thinned.filter(~rows.is_in([50, 51, 52, 120, 148, 149, 150]))


def few_rows() -> pl.DataFrame:
    """Fewer than a window, the first ones without a value."""
    start = pl.int_range(pl.len()) < 2
    return with_gaps().head(14).with_columns(pl.when(start).then(None).otherwise(pl.col("y")).alias("y"))


def uneven() -> pl.DataFrame:
    """Hours that are off by up to fifty minutes."""
    seconds = pl.Series(np.random.default_rng(0).integers(0, 3000, 160)).cast(pl.Int64)
    return single().with_columns(pl.col("time") + seconds * pl.duration(seconds=1))


def two_targets() -> pl.DataFrame:
    """A second target of another size, which is missing in places where the first isn't."""
    second = pl.when(pl.int_range(pl.len()) % 13 == 5).then(None).otherwise(pl.col("y") * 100 + 3)
    return hourly(160).filter(pl.col("shop") == "b").drop("shop", "kind").with_columns(second.alias("z"))


def skewed() -> pl.DataFrame:
    """Covariates like sales, with gaps."""
    steep = [(pl.col(name).exp() ** 2).alias(name) for name in ("price", "seen")]
    gap = pl.when(pl.int_range(pl.len()) % 11 == 0).then(None).otherwise(pl.col("seen")).alias("seen")
    return hourly(160).with_columns(steep).with_columns(gap)


def every(step: str, start: tuple[int, int, int] = (2015, 1, 1), rows: int = 120) -> pl.DataFrame:
    """A series by the calendar."""
    if step == "1b":
        days = pl.datetime_range(pl.datetime(*start), pl.datetime(2016, 12, 31), "1d", eager=True)
        time = days.filter(days.dt.weekday() < 6).head(rows)
    else:
        time = pl.datetime_range(pl.datetime(*start), pl.datetime(2060, 1, 1), step, eager=True).head(rows)
    return pl.DataFrame({"time": time, "y": season_and_noise(rows, 12)})


def in_zone(frame: pl.DataFrame, zone: str) -> pl.DataFrame:
    return frame.with_columns(pl.col("time").dt.replace_time_zone("UTC").dt.convert_time_zone(zone))


def with_future() -> pl.DataFrame:
    """Rows whose prices and plans are known and whose targets are not."""
    ahead = pl.int_range(pl.len()).over("shop") >= 157
    return hourly(160).with_columns(pl.when(ahead).then(None).otherwise(pl.col("y")).alias("y"))


def of_a_new_shop() -> pl.DataFrame:
    return hourly(100, seed=5).filter(pl.col("shop") == "b").with_columns(pl.lit("new").alias("shop"))


@dataclass(frozen=True)
class LiveCase:
    """A table to fit, options, and the table that is then pushed row by row; default: the same."""

    name: str
    table: Callable[[], pl.DataFrame]
    options: dict[str, Any] = field(default_factory=dict)
    pushed: Callable[[], pl.DataFrame] | None = None

    def __str__(self) -> str:
        return self.name


CASES = (
    LiveCase("order of rows", lambda: single().select("y"), {"time": "none"}),
    LiveCase("hourly", single),
    LiveCase("missing", with_gaps),
    LiveCase("with a ridge regression", with_gaps, {"linear_skip": True}),
    LiveCase("few rows", with_gaps, pushed=few_rows),
    LiveCase("uneven", uneven),
    LiveCase("all covariates", lambda: hourly(160), COVARIATES),
    LiveCase("known ahead", lambda: hourly(160), COVARIATES, with_future),
    LiveCase("new series", lambda: hourly(160), COVARIATES, of_a_new_shop),
    LiveCase("skewed covariates", skewed, COVARIATES),
    LiveCase("segments past the horizon", with_gaps, {"segment": 2}),
    LiveCase("two targets", two_targets, {"target": "y,z", "known": "price,plan", "past": "seen"}),
    LiveCase("two targets, joint", two_targets, {"target": "y,z", "past": "seen", "channels": "joint"}),
    LiveCase("point forecasts", single, {"loss": "mae"}),
    LiveCase("both ways, lstm", single, {"bidirectional": True, "cell": "lstm"}),
    LiveCase("a zone with summer time", lambda: in_zone(every("1h", (2015, 10, 20)), "Europe/Berlin")),
    LiveCase(
        "days of a zone", lambda: every("1d").with_columns(pl.col("time").dt.replace_time_zone("America/New_York"))
    ),
    LiveCase("business days", lambda: every("1b")),
    LiveCase("weeks", lambda: every("1w")),
    LiveCase("month ends", lambda: every("1mo", (2015, 1, 31))),
    LiveCase("quarters", lambda: every("1q")),
    LiveCase("years", lambda: every("1y", (1700, 7, 1)), {"horizon": 3}),
)


def fit(case: LiveCase, folder: Path) -> tuple[LiveForecaster, Forecaster]:
    """The bundle of a case, loaded without torch and with it."""
    save(tiny(**{**SMALL, **case.options}).fit(case.table(), progress="none"), folder)
    return load_live(folder), Forecaster.load(folder)


def save(model: Forecaster, folder: Path) -> None:
    """A bundle without a report, which takes long to draw."""
    save_fitted(folder, model.fitted_, model.scores_, None, overwrite=False)


def load_live(folder: Path) -> LiveForecaster:
    live = runtime.load(folder)
    assert isinstance(live, LiveForecaster)
    return live


def rows_of(table: pl.DataFrame, live: LiveForecaster) -> dict[tuple[str, ...], list[dict[str, Any]]]:
    """The rows of each series, as they are pushed."""
    columns = [name for name in live.spec().columns if name in table.columns]
    ids = live.spec().id_columns
    if not ids:
        return {(): table.select(columns).to_dicts()}
    parts = table.partition_by(list(ids), maintain_order=True, as_dict=True)
    return {tuple(map(str, key)): part.select(columns).to_dicts() for key, part in parts.items()}


def forecast_all(live: LiveForecaster, table: pl.DataFrame, **options: Any) -> pl.DataFrame:
    """What `Forecaster.predict` gives, by sessions: rows observed one by one, the last one pushed."""
    found = []
    for name, rows in rows_of(table, live).items():
        session = live.stream(id=name, adapt=False, plan=True, **options)
        for row in rows[:-1]:
            session.observe(row)
        found += live.rows(session, session.push(rows[-1]))
    return pl.DataFrame(found)


def predict(model: Forecaster, table: pl.DataFrame, *, seed: int | None = None) -> pl.DataFrame:
    """What torch forecasts for the file, whether or not the future is known; times as text."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        said = model.predict(table, seed=seed)
    return said.with_columns(
        cs.datetime(time_zone=None).dt.to_string("%Y-%m-%dT%H:%M:%S%.f"),
        cs.datetime(time_zone="*").dt.to_string("%Y-%m-%dT%H:%M:%S%.f%:z"),
    )
