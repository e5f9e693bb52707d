from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from recurra.data import Panel


def forecast_table(
    panel: Panel, origins: np.ndarray, mean: np.ndarray, quantiles: np.ndarray, levels: tuple[float, ...]
) -> pl.DataFrame:
    """Forecasts as rows: series, target, time (or step), mean, and a column for each quantile such as `q0.1`.

    `origins` (W,) are rows of `panel`, which holds the forecast rows too; `mean` (W, K, C), `quantiles` (W, K, C, Q).
    """
    windows, horizon, targets = mean.shape
    rows = (origins[:, None] + np.arange(horizon)).ravel()
    series = np.searchsorted(panel.offsets, rows, side="right") - 1
    columns: dict[str, Any] = {
        "series": np.repeat(np.asarray(panel.series, dtype=object)[series], targets),
        "target": np.tile(np.asarray(panel.schema.target, dtype=object), windows * horizon),
    }
    table = pl.DataFrame({name: pl.Series(values.tolist(), dtype=pl.String) for name, values in columns.items()})
    if panel.time.dtype.kind == "M":
        time = pl.Series("time", np.repeat(panel.time[rows], targets)).cast(pl.Datetime("us"))
        if panel.schema.time_zone is not None:
            time = time.dt.replace_time_zone("UTC").dt.convert_time_zone(panel.schema.time_zone)
    else:
        time = pl.Series("time", np.repeat(panel.time[rows], targets))
    numbers = {"mean": mean.reshape(-1).astype(np.float64)}
    flat = quantiles.reshape(-1, len(levels)).astype(np.float64)
    numbers |= {f"q{level:g}": flat[:, i] for i, level in enumerate(levels)}
    return table.with_columns(time, *(pl.Series(name, values) for name, values in numbers.items()))


def like(table: pl.DataFrame, source: object) -> Any:
    """The table as the kind of frame that `source` is: pandas for pandas, else polars."""
    if type(source).__module__.split(".")[0] != "pandas":
        return table
    import pandas as pd

    frame = pd.DataFrame({name: table[name].to_numpy() for name in table.columns})
    zone = getattr(table.schema["time"], "time_zone", None)
    return frame if zone is None else frame.assign(time=frame["time"].dt.tz_localize("UTC").dt.tz_convert(zone))
