"""Forecasts to an honest verdict."""

from recurra.evaluate._baselines import drift, forecast_baselines, persistence, seasonal_naive
from recurra.evaluate._conformal import ENOUGH_SCORES, ConformalCorrection
from recurra.evaluate._forecasts import Forecasts
from recurra.evaluate._history import History
from recurra.evaluate._linear import linear_autoregression
from recurra.evaluate._metrics import (
    Quotient,
    absolute_error,
    coverage,
    quantile_loss,
    scaled_error,
    scaled_squared_error,
    seasonal_error,
    squared_error,
    symmetric_percentage_error,
)
from recurra.evaluate._pictures import ReportInputs
from recurra.evaluate._report import render_report, save_figures
from recurra.evaluate._scores import Coverage, PerHorizon, PerSeries, Scores, SeriesRow, score
from recurra.evaluate._split import Part, Split, split_in_time, windows
from recurra.evaluate._verdict import Outcome, Verdict, judge

__all__ = [
    "ENOUGH_SCORES",
    "ConformalCorrection",
    "Coverage",
    "Forecasts",
    "History",
    "Outcome",
    "Part",
    "PerHorizon",
    "PerSeries",
    "Quotient",
    "ReportInputs",
    "Scores",
    "SeriesRow",
    "Split",
    "Verdict",
    "absolute_error",
    "coverage",
    "drift",
    "forecast_baselines",
    "judge",
    "linear_autoregression",
    "persistence",
    "quantile_loss",
    "render_report",
    "save_figures",
    "scaled_error",
    "scaled_squared_error",
    "score",
    "seasonal_error",
    "seasonal_naive",
    "split_in_time",
    "squared_error",
    "symmetric_percentage_error",
    "windows",
]
