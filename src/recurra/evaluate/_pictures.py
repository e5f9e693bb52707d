from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recurra.evaluate._excerpts import Excerpt, excerpt, recent_and_typical, worst
from recurra.evaluate._figures import (
    WIDE,
    calibration_figure,
    coverage_figure,
    finder_figure,
    forecast_figure,
    horizon_figure,
    learning_figure,
)
from recurra.evaluate._forecasts import Forecasts
from recurra.evaluate._picture import Picture
from recurra.evaluate._saying import say_number
from recurra.evaluate._scores import Scores

MOST_AHEAD = 4
MOST_WORST = 4


@dataclass(frozen=True, eq=False)
class ReportInputs:
    """All that a report shows, as plain things; what is left out is left out of the report.

    values, offsets and time are the panel's own: (N, C), (S + 1,) and (N,). `ahead` holds the forecasts beyond the end
    of each series, `ahead_times` (W, K) their times, or row numbers within the series for tables without times.
    """

    title: str
    scores: Scores
    forecasts: Forecasts  # of the test part
    baselines: Mapping[str, np.ndarray]  # name: (W, K, C)
    seasonal_errors: np.ndarray  # (S, C)
    values: np.ndarray
    offsets: np.ndarray
    time: np.ndarray
    subtitle: str = ""
    created: str = ""
    notes: Sequence[str] = ()  # about the data: what was found, inferred, mended, how it was split
    choices: Sequence[tuple[str, str, str]] = ()  # name, value, reason
    ahead: Forecasts | None = None
    ahead_times: np.ndarray | None = None
    training_loss: Sequence[float] = ()  # one number for each epoch
    validation_loss: Sequence[float] = ()
    best_epoch: int | None = None  # counted from 1
    finder: tuple[Sequence[float], Sequence[float]] | None = None  # learning rates and losses
    learning_rate: float | None = None  # the one that the finder chose
    season: int | None = None  # of the seasonal errors, for the explanation of MASE


def pictures(report: ReportInputs) -> Iterator[Picture]:
    """Every picture of the report, in its order."""
    yield from _pictures_ahead(report)
    yield from _pictures_of_training(report)
    scale = report.seasonal_errors[report.forecasts.series]
    yield from _pictures_of_windows(report, "past", "window", recent_and_typical(report.forecasts, scale))
    yield from _pictures_of_errors(report)
    yield from _pictures_of_coverage(report)
    yield from _pictures_of_windows(report, "worst", "worst", worst(report.forecasts, scale, count=MOST_WORST))


def ranked_baselines(scores: Scores) -> list[str]:
    """Names of baselines, the best first: the one that tables and pictures hold the model against."""
    best = scores.per_series.baseline
    return [best, *(name for name in scores.baselines if name != best)]


def _pictures_ahead(report: ReportInputs) -> Iterator[Picture]:
    if report.ahead is None:
        return
    targets = report.forecasts.truth.shape[2]
    pairs = [(window, target) for window in range(report.ahead.num_windows) for target in range(targets)]
    chosen = np.unique(np.linspace(0, len(pairs) - 1, min(len(pairs), MOST_AHEAD)).round().astype(int))
    for index, pair in enumerate(chosen, start=1):
        window, target = pairs[pair]
        cut = excerpt(
            report.ahead,
            window,
            target,
            values=report.values,
            offsets=report.offsets,
            time=report.time,
            ahead_times=report.ahead_times,
        )
        yield Picture(
            name=f"ahead-{index}",
            section="ahead",
            caption=_name(cut),
            detail=f"{report.ahead.horizon} steps from {cut.begins}",
            description=f"{_name(cut)}: the last known values and the forecast from {cut.begins} with its intervals.",
            figure=forecast_figure(cut),
            wide=forecast_figure(cut, size=WIDE) if len(chosen) == 1 else None,
        )


def _pictures_of_training(report: ReportInputs) -> Iterator[Picture]:
    if len(report.training_loss) or len(report.validation_loss):
        epochs = max(len(report.training_loss), len(report.validation_loss))
        kept = f"the weights of epoch {report.best_epoch} were kept" if report.best_epoch else ""
        yield Picture(
            name="learning",
            section="training",
            caption="Loss by epoch",
            detail=kept,
            description=f"Training and validation loss over {epochs} epochs. {kept}".rstrip(),
            figure=learning_figure(report.training_loss, report.validation_loss, report.best_epoch),
        )
    if report.finder is not None:
        chosen = f"{report.learning_rate:.2g} was chosen" if report.learning_rate else ""
        yield Picture(
            name="finder",
            section="training",
            caption="Learning-rate finder",
            detail=chosen,
            description=f"Loss while the learning rate was raised step by step. {chosen}".rstrip(),
            figure=finder_figure(*report.finder, report.learning_rate),
        )


def _pictures_of_windows(report: ReportInputs, section: str, name: str, windows: Sequence[int]) -> Iterator[Picture]:
    forecasts = report.forecasts
    for index, window in enumerate(windows, start=1):
        # With several targets the one that went worst in its own unit is the one to look at.
        target = 0
        if forecasts.truth.shape[2] > 1:
            error = (
                np.abs(forecasts.truth[window] - forecasts.median[window])
                / report.seasonal_errors[forecasts.series[window]]
            )
            target = int(np.argmax(np.nan_to_num(error).mean(axis=0)))
        cut = excerpt(
            forecasts,
            window,
            target,
            values=report.values,
            offsets=report.offsets,
            time=report.time,
            baselines=report.baselines,
            baseline=ranked_baselines(report.scores)[0],
        )
        yield Picture(
            name=f"{name}-{index}",
            section=section,
            caption=_name(cut),
            detail=f"from {cut.begins}, MAE {say_number(cut.error)}",
            description=f"{_name(cut)}: forecast from {cut.begins} and what happened, "
            f"mean absolute error {say_number(cut.error)}.",
            figure=forecast_figure(cut),
        )


def _pictures_of_errors(report: ReportInputs) -> Iterator[Picture]:
    for measure, words in (("mae", "Mean absolute error"), ("rmse", "Root mean squared error")):
        model = report.scores.per_horizon.errors["model"][measure]
        yield Picture(
            name=f"error-by-step-{measure}",
            section="horizon",
            caption=words,
            detail="by steps ahead",
            description=f"{words} by steps ahead, from {say_number(model[0])} to {say_number(model[-1])}, "
            f"beside {', '.join(report.baselines)}.",
            figure=horizon_figure(report.scores.per_horizon, measure, ranked_baselines(report.scores)),
        )


def _pictures_of_coverage(report: ReportInputs) -> Iterator[Picture]:
    forecasts = report.forecasts
    known = np.isfinite(forecasts.truth)
    if not known.any() or len(forecasts.levels) < 2:
        return
    below = np.array(
        [(forecasts.truth <= forecasts.quantiles[..., index])[known].mean() for index in range(len(forecasts.levels))]
    )
    yield Picture(
        name="calibration",
        section="coverage",
        caption="Quantiles",
        detail="on the dashed line each is where it says it is",
        description="Share of outcomes below each quantile: "
        + ", ".join(f"{share:.0%} below level {level:g}" for level, share in zip(forecasts.levels, below, strict=True)),
        figure=calibration_figure(forecasts.levels, below),
    )
    nominal = {
        name: row.nominal for name, row in zip(report.scores.per_horizon.coverage, report.scores.coverage, strict=True)
    }
    if nominal and forecasts.horizon > 1:
        yield Picture(
            name="coverage-by-step",
            section="coverage",
            caption="Intervals by steps ahead",
            detail="dotted is what each promises",
            description="Share of outcomes within each central interval by steps ahead.",
            figure=coverage_figure(report.scores.per_horizon, nominal),
        )


def _name(cut: Excerpt) -> str:
    return f"{cut.series} · {cut.target}" if cut.series else cut.target
