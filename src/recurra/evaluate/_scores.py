from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from recurra.evaluate._forecasts import Forecasts
from recurra.evaluate._metrics import (
    Quotient,
    absolute_error,
    coverage,
    quantile_loss,
    scaled_error,
    scaled_squared_error,
    squared_error,
    symmetric_percentage_error,
)
from recurra.evaluate._verdict import Verdict, judge, skill

MOST_STEPS = 200
MOST_SERIES = 40
_FAIR = 0.1  # by which the share that an interval holds may differ from its promise


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Coverage(_Table):
    """How many outcomes a central interval should hold, and how many it did."""

    nominal: float
    actual: float | None


class PerHorizon(_Table):
    """Errors by step ahead: `errors[name][measure]` has one number for each of `steps`; thinned where long."""

    steps: tuple[int, ...]
    errors: dict[str, dict[str, tuple[float | None, ...]]]
    coverage: dict[str, tuple[float | None, ...]]


class SeriesRow(_Table):
    """One series' errors; skill is against the baseline of the table."""

    series: str
    windows: int
    mae: float | None
    rmse: float | None
    baseline_mae: float | None
    skill: float | None


class PerSeries(_Table):
    """Errors by series, least skill first; where there are many, the two ends only."""

    num_series: int
    baseline: str
    rows: tuple[SeriesRow, ...]
    num_better: int  # series in which the model's MAE is below the baseline's


class Scores(BaseModel):
    """How good forecasts were, beside what anybody could have forecast; the content of a bundle's scores.json.

    Measures: mae, smape and mase of the median, rmse and rmsse of the mean, wql (weighted quantile loss; baselines
    forecast the same number at every level), coverage_80 and the like. A measure that nothing defines is None.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    metrics: dict[str, float | None]
    baselines: dict[str, dict[str, float | None]]
    skill: dict[str, dict[str, float | None]]  # 1 - model / baseline
    verdict: Verdict
    windows: int
    coverage: tuple[Coverage, ...]
    per_horizon: PerHorizon
    per_series: PerSeries
    per_target: dict[str, dict[str, dict[str, float | None]]]  # target, model or baseline, measure
    history: dict[str, Any]  # what training recorded

    @property
    def larger_is_better(self) -> tuple[str, ...]:
        """The metrics that aren't errors: none that baselines have."""
        return ()

    @property
    def warning(self) -> str | None:
        """A sentence on intervals that held far less, or far more, than they promise; None where they are fair."""
        known = [row for row in self.coverage if row.actual is not None]
        worst = max(known, key=lambda row: abs((row.actual or 0.0) - row.nominal), default=None)
        if worst is None or worst.actual is None or abs(worst.actual - worst.nominal) <= _FAIR:
            return None
        much = "too narrow" if worst.actual < worst.nominal else "too wide"
        held = f"the {worst.nominal:.0%} interval held {worst.actual:.0%} of what happened"
        return f"Don't trust the intervals, they are {much}: {held}."


def score(
    forecasts: Forecasts,
    baselines: Mapping[str, np.ndarray],
    *,
    seasonal_errors: np.ndarray,
    history: Mapping[str, Any] | None = None,
    task: str = "forecast",
) -> Scores:
    """Measure forecasts and baselines (W, K, C) by name; seasonal_errors (S, C) comes from `seasonal_error`."""
    assert baselines, "an honest score needs a baseline"
    scale = seasonal_errors[forecasts.series]
    model = _measure(forecasts, forecasts.median, forecasts.mean, forecasts.quantiles, scale)
    others = {name: _measure(forecasts, point, point, point[..., None], scale) for name, point in baselines.items()}
    held = {
        f"coverage_{100 * share:.3g}": (
            share,
            coverage(forecasts.truth, forecasts.quantiles[..., lower], forecasts.quantiles[..., upper]),
        )
        for lower, upper, share in forecasts.intervals
    }
    everything = {"model": model, **others}
    overall = {
        name: {measure: _number(value.overall()) for measure, value in row.items()} for name, row in everything.items()
    }
    shares = {name: _number(quotient.overall()) for name, (_, quotient) in held.items()}
    return Scores(
        task=task,
        metrics=overall["model"] | shares,
        baselines={name: overall[name] for name in baselines},
        skill={
            name: {key: _skill(overall["model"][key], value) for key, value in overall[name].items()}
            for name in baselines
        },
        verdict=judge(forecasts, baselines, scale),
        windows=forecasts.num_windows,
        coverage=tuple(Coverage(nominal=round(share, 6), actual=shares[name]) for name, (share, _) in held.items()),
        per_horizon=_per_horizon(
            everything, {name: quotient for name, (_, quotient) in held.items()}, forecasts.horizon
        ),
        per_series=_per_series(forecasts, everything),
        per_target=_per_target(forecasts, everything),
        history=dict(history or {}),
    )


def _measure(
    forecasts: Forecasts, median: np.ndarray, mean: np.ndarray, quantiles: np.ndarray, scale: np.ndarray
) -> dict[str, Quotient]:
    truth = forecasts.truth
    return {
        "mae": absolute_error(truth, median),
        "rmse": squared_error(truth, mean),
        "smape": symmetric_percentage_error(truth, median),
        "mase": scaled_error(truth, median, scale),
        "rmsse": scaled_squared_error(truth, mean, scale),
        "wql": quantile_loss(truth, quantiles, forecasts.levels),
    }


def _per_horizon(
    everything: Mapping[str, Mapping[str, Quotient]], held: Mapping[str, Quotient], horizon: int
) -> PerHorizon:
    at = np.unique(np.linspace(0, horizon - 1, min(horizon, MOST_STEPS)).round().astype(int))
    return PerHorizon(
        steps=tuple(int(step) + 1 for step in at),
        errors={
            name: {measure: _numbers(row[measure].per_horizon()[at]) for measure in ("mae", "rmse")}
            for name, row in everything.items()
        },
        coverage={name: _numbers(quotient.per_horizon()[at]) for name, quotient in held.items()},
    )


def _per_series(forecasts: Forecasts, everything: Mapping[str, Mapping[str, Quotient]]) -> PerSeries:
    """Beside the baseline that is best over all; in MASE where several targets have different units."""
    measure = "mase" if len(forecasts.target_labels) > 1 else "mae"
    names = [name for name in everything if name != "model"]
    errors = np.nan_to_num([everything[name][measure].overall() for name in names], nan=np.inf)
    baseline = names[int(np.argmin(errors))]
    count = len(forecasts.series_labels)
    group = forecasts.series
    windows = np.bincount(group, minlength=count)
    mae = everything["model"]["mae"].per_group(group, count)
    rmse = everything["model"]["rmse"].per_group(group, count)
    baseline_mae = everything[baseline]["mae"].per_group(group, count)
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = np.where(mae == baseline_mae, 0.0, 1 - mae / baseline_mae)
    order = np.argsort(gain, kind="stable")
    order = order[(windows[order] > 0) & ~np.isnan(mae[order])]
    num_series = len(order)
    if num_series > MOST_SERIES:
        order = np.concatenate([order[: MOST_SERIES // 2], order[-MOST_SERIES // 2 :]])
    return PerSeries(
        num_series=num_series,
        baseline=baseline,
        num_better=int(np.sum(mae < baseline_mae)),
        rows=tuple(
            SeriesRow(
                series=forecasts.series_labels[index],
                windows=int(windows[index]),
                mae=_number(mae[index]),
                rmse=_number(rmse[index]),
                baseline_mae=_number(baseline_mae[index]),
                skill=_number(gain[index]),
            )
            for index in order
        ),
    )


def _per_target(
    forecasts: Forecasts, everything: Mapping[str, Mapping[str, Quotient]]
) -> dict[str, dict[str, dict[str, float | None]]]:
    if len(forecasts.target_labels) == 1:
        return {}
    table = {
        name: {measure: _numbers(row[measure].per_target()) for measure in ("mae", "rmse", "mase")}
        for name, row in everything.items()
    }
    return {
        target: {name: {measure: value[index] for measure, value in row.items()} for name, row in table.items()}
        for index, target in enumerate(forecasts.target_labels)
    }


def _number(value: float | np.ndarray) -> float | None:
    """JSON has no NaN and no infinity."""
    return float(value) if np.isfinite(value) else None


def _numbers(values: np.ndarray) -> tuple[float | None, ...]:
    return tuple(_number(value) for value in values)


def _skill(model: float | None, other: float | None) -> float | None:
    return None if model is None or other is None else _number(skill(model, other))
