from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

import recurra
from recurra.evaluate import Forecasts, ReportInputs, seasonal_error
from recurra.tasks.forecast._job import Fitted, Measured, Plan, about, predict
from recurra.train import TrainingResult


def report_inputs(fitted: Fitted, plan: Plan, training: TrainingResult, measured: Measured) -> ReportInputs:
    """All that the report on a fitting shows."""
    panel, chosen = plan.panel, fitted.chosen
    longer, origins, mean, quantiles = predict(fitted, panel)
    described = about(longer, origins, chosen)
    # What comes after the end has no truth yet; rows of a longer panel stand elsewhere than those of the table.
    series = described["series"]
    described |= {
        "truth": np.full(mean.shape, np.nan),
        "origin": panel.offsets[series] + origins - longer.offsets[series],
    }
    curve = training.learning_rate_curve
    targets = ", ".join(panel.schema.target)
    return ReportInputs(
        title=f"Forecast of {targets}",
        subtitle=f"{chosen.horizon} steps ahead by a {chosen.cell.upper()} with {chosen.hidden_size} units",
        created=f"recurra {recurra.__version__}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        scores=measured.scores,
        forecasts=measured.forecasts,
        baselines=measured.baselines,
        seasonal_errors=seasonal_error(panel.target, panel.offsets, plan.split.test_start, season=chosen.season),
        values=panel.target,
        offsets=panel.offsets,
        time=panel.time,
        notes=(*panel.notes, *plan.split.notes),
        choices=[(name, str(value), why) for name, (value, why) in plan.reasons.items()],
        ahead=Forecasts(**described, mean=mean, quantiles=quantiles),
        ahead_times=longer.time[origins[:, None] + np.arange(chosen.horizon)],
        training_loss=training.curves["loss"],
        validation_loss=training.curves["validation"],
        best_epoch=training.best_epoch,
        finder=None if curve is None else (curve.learning_rates, curve.losses),
        learning_rate=training.learning_rate,
        season=chosen.season,
    )
