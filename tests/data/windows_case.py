"""Panels made by hand, and windows cut out of them one number at a time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from recurra.data import Columns, Panel, Preparation, Schema
from recurra.data._calendar import calendar_features


def make_panel(seed: int, lengths: list[int], *, targets: int = 1, gaps: float = 0.0) -> Panel:
    """Hourly series with a known, a past and a static column each of numbers and of categories."""
    draw = np.random.default_rng(seed)
    rows = sum(lengths)

    def numbers(count: int, width: int) -> np.ndarray:
        values = draw.normal(3, 2, (count, width)).astype(np.float32)
        values[draw.random(values.shape) < gaps] = np.nan
        return values

    hours = np.concatenate([np.arange(length) for length in lengths]).astype("timedelta64[h]")
    abc = ("a", "b")
    schema = Schema(
        columns=Columns(),
        frequency="1h",
        target=tuple(f"y{i}" for i in range(targets)),
        known=("k",),
        past=("p",),
        static=("s",),
        known_categories={"kc": abc},
        past_categories={"pc": abc},
        static_categories={"sc": abc},
    )
    return Panel(
        series=tuple(f"s{i}" for i in range(len(lengths))),
        offsets=np.append(0, np.cumsum(lengths)).astype(np.int64),
        time=np.datetime64("2015-01-31", "us") + hours,
        target=numbers(rows, targets),
        known=numbers(rows, 1),
        known_codes=draw.integers(0, 3, (rows, 1)),
        past=numbers(rows, 1),
        past_codes=draw.integers(0, 3, (rows, 1)),
        static=numbers(len(lengths), 1),
        static_codes=draw.integers(0, 3, (len(lengths), 1)),
        schema=schema,
    )


def naive_window(
    panel: Panel, preparation: Preparation, origin: int, channels: list[int], *, context: int, horizon: int, padded: int
) -> dict[str, Any]:
    """The window at `origin`, as nested lists."""
    series = next(i for i in range(panel.num_series) if panel.offsets[i] <= origin < panel.offsets[i + 1])
    start, end = int(panel.offsets[series]), int(panel.offsets[series + 1])
    calendar = calendar_features(panel.time, preparation.calendar, None)
    known, past = preparation.known.apply(panel.known), preparation.past.apply(panel.past)

    def value(row: int, channel: int) -> float:
        return float(panel.target[row, channel])

    def since(row: int, channel: int) -> float:
        count = 0
        while row - count >= start and math.isnan(value(row - count, channel)):
            count += 1
        return math.log1p(count) / 3

    def centre_and_scale(channel: int) -> tuple[float, float]:
        label = panel.series[series]
        if label in preparation.series:
            place = preparation.series.index(label)
            return preparation.centre[place][channel], preparation.scale[place][channel]
        seen = [value(row, channel) for row in range(start, origin) if not math.isnan(value(row, channel))]
        mean = sum(seen) / max(len(seen), 1)
        std = math.sqrt(sum((v - mean) ** 2 for v in seen) / max(len(seen), 1))
        told = len(seen) >= 2 and std > 1e-6 * abs(mean)
        return mean, std if told else preparation.typical_scale[channel]

    before = range(origin - context, origin)
    ahead = [min(row, end - 1) for row in range(origin, origin + padded)]
    shown = [[row >= start and not math.isnan(value(row, c)) for c in channels] for row in before]
    truth = [[value(row, c) for c in channels] for row in ahead[:horizon]]
    rows = [max(row, start) for row in before]
    units = [centre_and_scale(c) for c in channels]
    return {
        "target": [
            [value(r, c) if s else 0.0 for c, s in zip(channels, shown[i], strict=True)] for i, r in enumerate(rows)
        ],
        "observed": [[float(s) for s in flags] for flags in shown],
        "since": [[since(row, c) for c in channels] for row in rows],
        "centre": [[centre for centre, _ in units]],
        "scale": [[scale for _, scale in units]],
        "past": [past[row].tolist() for row in rows],
        "past_codes": [panel.past_codes[row].tolist() for row in rows],
        "known": [[*calendar[row], *known[row]] for row in rows],
        "known_codes": [panel.known_codes[row].tolist() for row in rows],
        "future": [[(i + 1) / horizon, *calendar[row], *known[row]] for i, row in enumerate(ahead)],
        "future_codes": [panel.known_codes[row].tolist() for row in ahead],
        "static": preparation.static.apply(panel.static)[series].tolist(),
        "static_codes": panel.static_codes[series].tolist(),
        "truth": [[0.0 if math.isnan(v) else v for v in values] for values in truth],
        "truth_observed": [[float(not math.isnan(v)) for v in values] for values in truth],
    }
