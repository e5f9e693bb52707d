from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from recurra.data._clock import Clock


class Learning(NamedTuple):
    """How a session that learns is doing."""

    gain: float | None  # rolling loss with what was learned, over that without; None while it can't be told
    rollbacks: int  # times that what was learned was taken back


class About(NamedTuple):
    """What all forecasts of a model have in common."""

    levels: tuple[float, ...]
    targets: tuple[str, ...]
    clock: Clock


# Not frozen: that would double what an answer takes to make.
@dataclass(eq=False, slots=True)
class Forecast:
    """What comes next: the mean and quantiles of the K rows after the last one that isn't a plan.

    While `ready` is false, too few rows have come and the arrays are empty.
    """

    numbers: np.ndarray  # (K, C, 1 + Q): the mean and quantiles
    when: bytes  # (K,) int64, as the clock counts
    about: About
    needs: int  # rows that are still to come before there is a forecast
    drift: float | None  # rolling error of one step ahead, over that of the test part; None while it can't be told
    learning: Learning | None  # of a session that learns

    @property
    def mean(self) -> np.ndarray:
        """The mean of each row and target, (K, C)."""
        return self.numbers[..., 0]

    @property
    def quantiles(self) -> np.ndarray:
        """The quantiles of each, (K, C, Q), at `levels`."""
        return self.numbers[..., 1:]

    @property
    def levels(self) -> tuple[float, ...]:
        """Which quantiles there are."""
        return self.about.levels

    @property
    def targets(self) -> tuple[str, ...]:
        """What is forecast."""
        return self.about.targets

    @property
    def ready(self) -> bool:
        """Whether there is a forecast."""
        return not self.needs

    @property
    def times(self) -> tuple[str | int, ...]:
        """When the rows are: ISO 8601, or the number of the step."""
        return tuple(map(self.about.clock.text, self.moments.tolist()))

    @property
    def moments(self) -> np.ndarray:
        """When the rows are, (K,) int64: microseconds since 1970 in UTC, or the number of the step."""
        return np.frombuffer(self.when, dtype=np.int64)


def document(forecast: Forecast) -> dict[str, Any]:
    """A forecast as JSON data; a number that isn't finite is null."""
    about: dict[str, Any] = {"ready": forecast.ready}
    if not forecast.ready:
        about["needs"] = forecast.needs
    if forecast.learning is not None:
        about["learning"] = forecast.learning._asdict()
    quantiles = np.moveaxis(forecast.quantiles, -1, 0)
    return about | {
        "times": list(forecast.times),
        "targets": list(forecast.targets),
        "mean": _numbers(forecast.mean),
        "quantiles": {f"{level:g}": _numbers(each) for level, each in zip(forecast.levels, quantiles, strict=True)},
        "drift": forecast.drift,
    }


def table_rows(series: str, forecast: Forecast) -> list[dict[str, Any]]:
    """A forecast as `Forecaster.predict` gives it: a row for each step and target."""
    rows = []
    for step, time in enumerate(forecast.times):
        for place, target in enumerate(forecast.targets):
            row: dict[str, Any] = {"series": series, "target": target, "time": time}
            row["mean"] = _number(float(forecast.mean[step, place]))
            for level, value in zip(forecast.levels, forecast.quantiles[step, place].tolist(), strict=True):
                row[f"q{level:g}"] = _number(value)
            rows.append(row)
    return rows


def answer_schema(levels: tuple[float, ...], targets: tuple[str, ...]) -> dict[str, Any]:
    """The JSON Schema of `document`."""
    number = {"type": ["number", "null"]}
    table = {"type": "array", "items": {"type": "array", "items": number}}
    names = [f"{level:g}" for level in levels]
    return {
        "type": "object",
        "properties": {
            "ready": {"type": "boolean"},
            "needs": {"type": "integer", "minimum": 1, "description": "rows still to come, while not ready"},
            "times": {"type": "array", "items": {"type": ["string", "integer"]}},
            "targets": {"type": "array", "items": {"type": "string"}, "const": list(targets)},
            "mean": table | {"description": "one list for each time, of one number for each target"},
            "quantiles": {"type": "object", "properties": {name: table for name in names}, "required": names},
            "drift": number | {"description": "rolling error of one step ahead over that of the test part"},
            "learning": {
                "type": "object",
                "properties": {
                    "gain": number | {"description": "rolling loss with what was learned, over that without"},
                    "rollbacks": {"type": "integer", "minimum": 0},
                },
                "required": ["gain", "rollbacks"],
            },
        },
        "required": ["ready", "times", "targets", "mean", "quantiles", "drift"],
    }


def _numbers(values: np.ndarray) -> list[Any]:
    return values.tolist() if np.isfinite(values).all() else [[_number(v) for v in row] for row in values.tolist()]


def _number(value: float) -> float | None:
    return value if np.isfinite(value) else None
