from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from recurra.tasks.forecast import Forecaster
from tasks.forecast.panels import season_and_noise, tiny


def hourly(rows: int, seed: int = 0) -> pl.DataFrame:
    """Two series of one target with a price known ahead, an observed one, and a kind of shop."""
    parts = []
    for index, name in enumerate(("甲", "b")):
        draw = np.random.default_rng((seed, index))
        parts.append(
            pl.DataFrame(
                {
                    "shop": [name] * rows,
                    "time": pl.datetime_range(pl.datetime(2015, 1, 1), pl.datetime(2030, 1, 1), "1h", eager=True).head(
                        rows
                    ),
                    "y": season_and_noise(rows, 24, seed=seed + index) * (1 + 4 * index),
                    "price": draw.normal(size=rows),
                    "plan": draw.choice(["a", "b"], rows),
                    "seen": draw.normal(size=rows),
                    "kind": ["big" if index else "small"] * rows,
                }
            )
        )
    return pl.concat(parts)


OPTIONS: dict[str, Any] = {
    "time": "time",
    "series": "shop",
    "known": "price,plan",
    "past": "seen",
    "static": "kind",
    "horizon": 5,
    "context": 24,
}


@pytest.fixture(scope="session")
def table() -> pl.DataFrame:
    return hourly(240)


@pytest.fixture(scope="session")
def direct(table) -> Forecaster:
    """A fitted forecaster with every kind of covariate."""
    return tiny(**OPTIONS).fit(table, progress="none")


@pytest.fixture(scope="session")
def recursive(table) -> Forecaster:
    """The same with a recursive decoder, for counts."""
    counts = table.with_columns(pl.col("y").round())
    return tiny(**OPTIONS, decoder="recursive", samples=20).fit(counts, progress="none")


@pytest.fixture(scope="session")
def fitted(direct, recursive) -> dict[str, Forecaster]:
    return {"direct": direct, "recursive": recursive}


@pytest.fixture(scope="session")
def frame() -> pd.DataFrame:
    """A plain pandas frame: a date and two targets."""
    return pd.DataFrame(
        {
            "date": pd.date_range("2015-01-01", periods=200, freq="D"),
            "y": season_and_noise(200, 7),
            "z": season_and_noise(200, 7, seed=1) * 100,
        }
    )
