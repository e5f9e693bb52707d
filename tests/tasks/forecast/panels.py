"""Small panels and configurations for the tests of the forecaster."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from recurra.data import Columns, Panel, read_panel
from recurra.tasks.forecast import Forecaster

TINY: dict[str, Any] = {"hidden_size": 8, "epochs": 2, "steps_per_epoch": 5, "batch_size": 16, "average": 0.5}


def tiny(**options: Any) -> Forecaster:
    """A forecaster that is fitted in a fraction of a second."""
    return Forecaster(**{**TINY, "target": "y", **options})


def season_and_noise(rows: int, period: int = 12, *, noise: float = 0.3, seed: int = 0) -> np.ndarray:
    """A sine of some period with noise, around 10."""
    draw = np.random.default_rng(seed)
    return 10 + 3 * np.sin(2 * np.pi * np.arange(rows) / period) + noise * draw.normal(size=rows)


def panel_of(*series: np.ndarray, every: str | None = "1h", **columns: Any) -> Panel:
    """Series of one target, with times that are `every` apart, or without times."""
    parts = [
        pl.DataFrame({"series": [f"s{i}"] * len(values), "y": np.asarray(values, dtype=np.float64)}).with_columns(
            *([_times(len(values), every)] if every else [])
        )
        for i, values in enumerate(series)
    ]
    given = {"target": "y", "series": "series", "time": "time" if every else "none", **columns}
    return read_panel(pl.concat(parts), Columns(**given))


def _times(count: int, every: str) -> pl.Series:
    number, unit = int(every.rstrip("hdwmoqy")), every.lstrip("0123456789")
    start = pl.datetime(2015, 1, 1)
    end = start.dt.offset_by(f"{(count - 1) * number}{unit}")
    return pl.select(pl.datetime_range(start, end, every)).to_series().alias("time")
