"""Reports of made-up forecasts, small and large, for the tests of the page."""

from __future__ import annotations

import dataclasses

import numpy as np

from recurra.evaluate import (
    Forecasts,
    ReportInputs,
    forecast_baselines,
    score,
    seasonal_error,
)

LEVELS = np.array([0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975])
OFFSETS = np.array([-1.96, -1.28, -0.67, 0, 0.67, 1.28, 1.96])


def make_report(
    *,
    series: tuple[str, ...] = ("",),
    targets: tuple[str, ...] = ("y",),
    rows: int = 120,
    horizon: int = 6,
    season: int = 12,
    windows: int = 20,
    has_times: bool = True,
    **other,
) -> ReportInputs:
    """Waves with noise; the "model" knows the waves."""
    random = np.random.default_rng(6)
    count, width = len(series), len(targets)
    offsets = np.arange(count + 1) * rows
    wave = 10 + 5 * np.sin(np.arange(rows + horizon) * 2 * np.pi / season)
    waves = np.tile(wave[None, :, None], (count, 1, width)) * np.arange(1, width + 1)
    values = (waves[:, :rows] + random.normal(size=(count, rows, width))).reshape(-1, width).astype(np.float32)
    day = np.datetime64("2020-01-01", "us") + np.arange(rows + horizon) * np.timedelta64(1, "D")
    time = np.tile(day[:rows] if has_times else np.arange(rows), count)
    train_until = offsets[:-1] + rows - horizon - windows

    def forecast(origins: np.ndarray) -> Forecasts:
        step = (origins - 1) % rows + 1
        at = step[:, None] + np.arange(horizon)
        index = (origins - 1) // rows
        mean = waves[index[:, None], at]
        inside = at < rows
        truth = np.where(
            inside[..., None], values[np.minimum(origins[:, None] + np.arange(horizon), len(values) - 1)], np.nan
        )
        return Forecasts(
            truth=truth,
            mean=mean,
            quantiles=mean[..., None] + OFFSETS,
            levels=LEVELS,
            series=index,
            origin=origins,
            times=day[step] if has_times else None,
            series_labels=series,
            target_labels=targets,
        )

    origins = (offsets[1:, None] - horizon - np.arange(windows)[::-1]).ravel()
    test, ahead = forecast(origins), forecast(offsets[1:])
    baselines = forecast_baselines(values, offsets, origins, horizon=horizon, season=season, train_until=train_until)
    errors = seasonal_error(values, offsets, train_until, season=season)
    beyond = day[rows:] if has_times else np.arange(rows, rows + horizon)
    report = ReportInputs(
        title=f"Forecast of {', '.join(targets)}",
        subtitle="made-up.csv",
        scores=score(test, baselines, seasonal_errors=errors),
        forecasts=test,
        baselines=baselines,
        seasonal_errors=errors,
        values=values,
        offsets=offsets,
        time=time,
        season=season,
        notes=(f"{rows} rows a series.", "No gaps."),
        choices=(("context", "24", "two seasons of 12 steps"), ("learning rate", "0.003", "found by the finder")),
        ahead=ahead,
        ahead_times=np.tile(beyond, (count, 1)),
        training_loss=(3.0, 2.0, 1.5, 1.2),
        validation_loss=(3.2, 2.4, 2.1, 2.2),
        best_epoch=3,
        finder=((1e-5, 1e-4, 1e-3, 1e-2, 1e-1), (3.0, 2.9, 2.0, 2.1, 9.0)),
        learning_rate=3e-3,
    )
    return dataclasses.replace(report, **other)
