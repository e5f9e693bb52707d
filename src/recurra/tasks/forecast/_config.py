from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PositiveFloat, PositiveInt

from recurra.data import Columns
from recurra.train import TrainingConfig


def _split_numbers(value: Any) -> Any:
    """`"0.1,0.9"`, `["0.1", "0.9"]` and `["0.1,0.9"]` all mean two numbers."""
    if isinstance(value, str):
        value = [value]
    if isinstance(value, (list, tuple)):
        parts = [part for item in value for part in (item.split(",") if isinstance(item, str) else [item])]
        return tuple(float(part) for part in parts if not isinstance(part, str) or part.strip())
    return value


def _check_levels(levels: tuple[float, ...]) -> tuple[float, ...]:
    if not levels or not all(0 < level < 1 for level in levels) or len(set(levels)) < len(levels):
        raise ValueError("different numbers between 0 and 1 are expected, such as 0.1,0.5,0.9")
    return levels


class ForecastConfig(Columns, TrainingConfig):
    """Everything that can be chosen about a forecaster: the one source of the signature, the flags and the manifest."""

    horizon: PositiveInt | None = Field(None, description="Steps to forecast. Default: one season.")
    context: PositiveInt | None = Field(
        None, description="Steps the network looks back. Default: from horizon, season, length."
    )
    season: PositiveInt | None = Field(
        None, description="Steps of one season. Default: found in the data; 1 means none."
    )
    cell: Literal["rnn", "lstm", "gru"] = Field("gru", description="Recurrent cell.")
    hidden_size: PositiveInt = Field(64, description="Units of each recurrent layer.")
    num_layers: PositiveInt = Field(1, description="Stacked recurrent layers.")
    bidirectional: bool = Field(False, description="Read the window both ways (direct decoder only).")
    learning_rate: PositiveFloat | Literal["auto"] = Field(
        2e-3, description="Peak learning rate; 'auto' runs the learning-rate finder first."
    )
    dropout: float = Field(0.2, ge=0, lt=1, description="Dropout between layers and before the output.")
    calendar: bool = Field(True, description="Show the network the time of day, day of week and day of year.")
    decoder: Literal["direct", "recursive"] = Field(
        "direct", description="direct: all horizons at once from segments; recursive: one step at a time, by sampling."
    )
    segment: PositiveInt | None = Field(None, description="Steps joined into one recurrent step (direct decoder).")
    normalisation: Literal["series", "last", "last-scaled", "revin", "mean-scaled", "relative"] | None = Field(
        None, description="What is taken off each window: its last value, or mean and spread. Default: from the data."
    )
    channels: Literal["independent", "joint"] = Field(
        "independent", description="Several targets: one network applied to each, or all read and forecast together."
    )
    likelihood: Literal["normal", "student-t", "negative-binomial"] | None = Field(
        None,
        description="Distribution of a step (recursive decoder). Default: by whether they are counts.",
    )
    average: float = Field(
        0.995, ge=0, lt=1, description="Decay of a running mean of the weights, which is then validated and kept."
    )
    linear_skip: bool = Field(
        True, description="Start from a ridge regression on the window; the network learns the rest (direct decoder)."
    )
    loss: Literal["quantile", "mse", "mae"] = Field("quantile", description="What training minimises (direct decoder).")
    quantiles: Annotated[tuple[float, ...], BeforeValidator(_split_numbers), AfterValidator(_check_levels)] = Field(
        (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975), description="Levels of the predictive distribution."
    )
    samples: PositiveInt = Field(200, description="Sampled paths per forecast (recursive decoder).")
    validation: float = Field(
        0.1, gt=0, lt=1, description="Share of the rows, just before the test part, for early stopping and calibration."
    )
    test: Annotated[str, BeforeValidator(str)] = Field(
        "0.2", description="Last share of the rows, last number of rows, or date from which on, is for the test."
    )
