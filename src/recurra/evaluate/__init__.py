"""Forecasts to an honest verdict."""

from recurra.evaluate._baselines import drift, forecast_baselines, persistence, seasonal_naive
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
from recurra.evaluate._split import Part, Split, split_in_time, windows

__all__ = [
    "Forecasts",
    "History",
    "Part",
    "Quotient",
    "Split",
    "absolute_error",
    "coverage",
    "drift",
    "forecast_baselines",
    "linear_autoregression",
    "persistence",
    "quantile_loss",
    "scaled_error",
    "scaled_squared_error",
    "seasonal_error",
    "seasonal_naive",
    "split_in_time",
    "squared_error",
    "symmetric_percentage_error",
    "windows",
]
