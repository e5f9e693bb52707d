"""What a forecaster uses where the user left it open, each with its reason."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from recurra.data import Panel
from recurra.errors import ConfigError, DataError
from recurra.tasks.forecast._config import ForecastConfig
from recurra.tasks.forecast._season import find_season

_USUAL_HORIZONS = {"1h": 24, "1d": 7, "1b": 5, "1w": 8, "1mo": 12, "1q": 8, "1y": 5}
_PARAMETERS = {"normal": 2, "student-t": 3, "negative-binomial": 2}
_LONGEST_CONTEXT = 720
_STEPS = 700

Reasons = dict[str, tuple[object, str]]


class Chosen(BaseModel):
    """All that shapes the network and its windows, decided."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    horizon: int
    context: int
    season: int
    segment: int
    horizon_padded: int  # the horizon rounded up to whole segments
    cell: Literal["rnn", "lstm", "gru"]
    hidden_size: int
    num_layers: int
    bidirectional: bool
    dropout: float
    decoder: Literal["direct", "recursive"]
    normalisation: Literal["series", "last", "last-scaled", "revin", "mean-scaled", "relative"]
    level_steps: int  # the level of "relative" is the mean of so many last steps
    joint: bool
    loss: Literal["quantile", "mse", "mae", "normal", "student-t", "negative-binomial"]
    levels: tuple[float, ...]
    outputs: int  # numbers per target and step: a mean and quantiles, a mean, or the parameters of a likelihood
    masks: bool  # whether observed flags and time since the last observation are shown
    linear_skip: bool
    floor: tuple[float, ...]  # (C,) 0 for a target that is never negative in training, else -inf
    shortest_history: int  # a training window needs this many rows of its series before its origin


def choose_horizon(panel: Panel, config: ForecastConfig, why: Reasons) -> int:
    """How far to forecast: what is usual for the frequency, in a fraction of the longest series."""
    longest = int(panel.lengths.max())
    usual = _USUAL_HORIZONS.get(panel.schema.frequency or "", 12)
    frequency = panel.schema.frequency
    reason = f"usual for rows every {frequency}" if frequency else "a dozen steps, for rows without a known frequency"
    return _decide(why, "horizon", config.horizon, max(1, min(usual, longest // 10)), reason)


def choose_epochs(whole: int, config: ForecastConfig, why: Reasons) -> tuple[int, int]:
    """Epochs and their steps, given the steps that show every window once.

    Windows of one series overlap so much that a sample of them says nearly all; long training overfits.
    """
    steps = max(1, min(whole, _STEPS // 10))
    reason = f"of the {whole:,} that would show every window; windows overlap" if steps < whole else "every window once"
    steps = _decide(why, "steps_per_epoch", config.steps_per_epoch, steps, reason)
    epochs = max(10, min(200, _STEPS // steps))
    return _decide(why, "epochs", config.epochs, epochs, f"{steps} steps each; early stopping may end sooner"), steps


def _decide(why: Reasons, name: str, given: Any, value: Any, reason: str) -> Any:
    why[name] = (given, "set by you") if given is not None else (value, reason)
    return why[name][0]


def choose(
    panel: Panel, training: np.ndarray, config: ForecastConfig, why: Reasons, *, horizon: int, has_gaps: bool
) -> Chosen:
    """Decide what `config` leaves open from the rows where `training` (N,) holds; reasons by name of the option."""
    rows_per_series = training_rows(panel, training)
    longest = int(rows_per_series.max())
    if config.season is None:
        season, reason = find_season(panel, training)
    else:
        season, reason = config.season, ""
    _decide(why, "season", config.season, season, reason)
    if horizon + 2 > longest:
        raise DataError(
            f"horizon {horizon} is longer than the data allow: the longest series has {longest} rows for training. "
            f"Pass --horizon {max(1, longest // 5)} or less, or bring more history."
        )

    wanted = max(2 * horizon, 2 * season if season <= 200 else season, 24)
    room = max(1, int(np.median(rows_per_series[rows_per_series > horizon])) - horizon)
    context = config.context or max(1, min(wanted, _LONGEST_CONTEXT, max(room // 2, min(room, horizon))))
    if context >= longest:
        raise ConfigError(
            f"context {context} does not fit: the longest series has {longest} rows for training. "
            f"Pass --context {max(1, longest - horizon - 1)} or less."
        )
    segment = 1 if config.decoder == "recursive" else config.segment or _segment(context, horizon)
    context = math.ceil(context / segment) * segment
    reason = f"{context / horizon:.1f} horizons" + (f", {context / season:.1f} seasons" if season > 1 else "")
    _decide(why, "context", config.context, context, reason)
    if config.decoder == "direct":
        joined = f"{context // segment} recurrent steps instead of {context}"
        _decide(why, "segment", config.segment, segment, joined if segment > 1 else "a window this short needs none")

    normalisation, reason = _normalisation(panel, training, config)
    _decide(why, "normalisation", config.normalisation, normalisation, reason)
    if config.decoder == "recursive":
        loss, reason = _likelihood(panel, training, config)
        _decide(why, "likelihood", config.likelihood, loss, reason)
        outputs = _PARAMETERS[loss]
        if config.bidirectional:
            raise ConfigError("A recursive decoder reads forward only. Drop --bidirectional, or pass --decoder direct.")
    else:
        loss = config.loss
        outputs = 1 + len(config.quantiles) if loss == "quantile" else 1

    # Where all series are long, windows begin within them, and nothing needs to be flagged as not observed.
    masks = has_gaps or bool((rows_per_series < 4 * (context + horizon)).any())
    shortest = min(context, max(segment, horizon)) if masks else context
    values = panel.target[training]
    return Chosen(
        horizon=horizon,
        context=context,
        season=season,
        segment=segment,
        horizon_padded=math.ceil(horizon / segment) * segment,
        cell=config.cell,
        hidden_size=config.hidden_size,
        num_layers=config.num_layers,
        bidirectional=config.bidirectional,
        dropout=config.dropout,
        decoder=config.decoder,
        normalisation=normalisation,  # pyright: ignore[reportArgumentType]
        level_steps=max(season, context // 2 // season * season) if season < context else context,
        joint=config.channels == "joint",
        loss=loss,  # pyright: ignore[reportArgumentType]
        levels=tuple(sorted(config.quantiles)),
        outputs=outputs,
        masks=masks,
        linear_skip=config.linear_skip and config.decoder == "direct",
        floor=tuple(0.0 if np.nanmin(column) >= 0 else -math.inf for column in values.T),
        shortest_history=shortest,
    )


def training_rows(panel: Panel, training: np.ndarray) -> np.ndarray:
    """How many rows of each series are for training, (S,)."""
    before = np.append(0, np.cumsum(training))
    return before[panel.offsets[1:]] - before[panel.offsets[:-1]]


def _segment(context: int, horizon: int) -> int:
    """The largest divisor of the horizon that leaves the encoder some two dozen steps."""
    return max(d for d in range(1, horizon + 1) if horizon % d == 0 and (d == 1 or d <= context // 24))


def _normalisation(panel: Panel, training: np.ndarray, config: ForecastConfig) -> tuple[str, str]:
    if config.normalisation is not None:
        return config.normalisation, ""
    if config.decoder == "recursive":
        counts = _likelihood(panel, training, config)[0] == "negative-binomial"
        return (
            ("mean-scaled", "counts keep their zero") if counts else ("revin", "the sampler needs a scale per window")
        )
    return "last-scaled", "windows start from their last value, in units of their own spread"


def _likelihood(panel: Panel, training: np.ndarray, config: ForecastConfig) -> tuple[str, str]:
    if config.likelihood is not None:
        return config.likelihood, ""
    values = panel.target[training]
    values = values[np.isfinite(values)]
    counts = bool(len(values)) and bool((values >= 0).all()) and bool((values == np.round(values)).all())
    if counts and float(np.median(values)) < 100:
        return "negative-binomial", "small whole numbers from 0 up"
    return "student-t", "real values; heavy tails allowed"
