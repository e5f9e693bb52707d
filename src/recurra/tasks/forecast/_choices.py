"""What a forecaster uses where the user left it open, each with its reason."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from recurra.data import Panel
from recurra.errors import ConfigError, DataError
from recurra.tasks.forecast._config import ForecastConfig
from recurra.tasks.forecast._season import find_season

_USUAL_HORIZONS = {"1h": 24, "1d": 7, "1b": 5, "1w": 8, "1mo": 12, "1q": 8, "1y": 5}
_PARAMETERS = {"normal": 2, "student-t": 3, "negative-binomial": 2}
_LONGEST_CONTEXT = 720
_STEPS, _STEPS_PER_EPOCH = 3000, 300

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
    normalisation: Literal["last", "last-scaled", "revin", "mean-scaled"]
    joint: bool
    loss: Literal["quantile", "mse", "mae", "normal", "student-t", "negative-binomial"]
    levels: tuple[float, ...]
    outputs: int  # numbers per target and step: a mean and quantiles, a mean, or the parameters of a likelihood
    masks: bool  # whether observed flags and time since the last observation are shown
    linear_skip: bool
    batch_size: int  # at most, before memory is looked at
    epochs: int
    steps_per_epoch: int
    shortest_history: int  # a training window needs this many rows of its series before its origin


def choose(panel: Panel, training: np.ndarray, config: ForecastConfig, *, has_gaps: bool) -> tuple[Chosen, Reasons]:
    """Decide what `config` leaves open from the rows where `training` (N,) holds; reasons by name of the option."""
    why: Reasons = {}

    def decide(name: str, given: object, value: object, reason: str) -> None:
        why[name] = (given, "set by you") if given is not None else (value, reason)

    rows_per_series = np.add.reduceat(training.astype(np.int64), panel.offsets[:-1]) if panel.num_rows else np.zeros(1)
    longest = int(rows_per_series.max())
    if config.season is None:
        season, reason = find_season(panel, training)
    else:
        season, reason = config.season, ""
    decide("season", config.season, season, reason)

    usual = _USUAL_HORIZONS.get(panel.schema.frequency or "", 12)
    horizon = config.horizon or max(1, min(usual, longest // 5))
    decide("horizon", config.horizon, horizon, f"usual for {panel.schema.frequency or 'unevenly spaced'} rows")
    if horizon + 2 > longest:
        raise DataError(
            f"horizon {horizon} is longer than the data allow: the longest series has {longest} rows for training. "
            f"Pass --horizon {max(1, longest // 5)} or less, or bring more history."
        )

    wanted = max(3 * horizon, 2 * season if season <= 200 else season, 24)
    room = max(1, int(np.median(rows_per_series[rows_per_series > horizon])) - horizon)
    context = config.context or max(1, min(wanted, _LONGEST_CONTEXT, max(room // 2, min(room, horizon))))
    if context >= longest:
        raise ConfigError(
            f"context {context} with horizon {horizon} does not fit: the longest series has {longest} rows for training. "
            f"Pass --context {max(1, longest - horizon - 1)} or less."
        )
    segment = 1 if config.decoder == "recursive" else config.segment or _segment(context, horizon)
    context = math.ceil(context / segment) * segment
    reason = f"room for {context // horizon} horizons" + (f" and {context / season:.1f} seasons" if season > 1 else "")
    decide("context", config.context, context, reason)
    if config.decoder == "direct":
        decide("segment", config.segment, segment, f"{context // segment} recurrent steps instead of {context}")

    normalisation, reason = _normalisation(panel, training, config)
    decide("normalisation", config.normalisation, normalisation, reason)
    if config.decoder == "recursive":
        loss, reason = _likelihood(panel, training, config)
        decide("likelihood", config.likelihood, loss, reason)
        outputs = _PARAMETERS[loss]
        if config.bidirectional:
            raise ConfigError("A recursive decoder reads forward only. Drop --bidirectional, or pass --decoder direct.")
    else:
        loss = config.loss
        outputs = 1 + len(config.quantiles) if loss == "quantile" else 1

    shortest = min(context, max(segment, horizon))
    channels = 1 if config.channels == "joint" else panel.target.shape[1]
    count = int(np.maximum(rows_per_series - shortest - horizon + 1, 0).sum()) * channels
    batch = config.batch_size or 1 << max(4, min(8, round(math.log2(max(count, 1) / 100))))
    decide("batch_size", config.batch_size, batch, f"{count:,} training windows")
    steps = max(1, min(math.ceil(count / batch), _STEPS_PER_EPOCH))
    epochs = config.epochs or max(8, min(40, _STEPS // steps))
    decide("epochs", config.epochs, epochs, f"{steps} steps each; early stopping may end sooner")
    return (
        Chosen(
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
            joint=config.channels == "joint",
            loss=loss,  # pyright: ignore[reportArgumentType]
            levels=tuple(sorted(config.quantiles)),
            outputs=outputs,
            masks=has_gaps or bool((rows_per_series < context + horizon).any()),
            linear_skip=config.linear_skip and config.decoder == "direct",
            batch_size=batch,
            epochs=epochs,
            steps_per_epoch=steps,
            shortest_history=shortest,
        ),
        why,
    )


def _segment(context: int, horizon: int) -> int:
    """The largest divisor of the horizon that leaves the encoder at least twelve steps, as in SegRNN."""
    return max(d for d in range(1, horizon + 1) if horizon % d == 0 and (d == 1 or d <= context // 12))


def _normalisation(panel: Panel, training: np.ndarray, config: ForecastConfig) -> tuple[str, str]:
    if config.normalisation is not None:
        return config.normalisation, ""
    if config.decoder == "recursive":
        counts = _likelihood(panel, training, config)[0] == "negative-binomial"
        return ("mean-scaled", "counts keep their zero") if counts else ("revin", "the sampler needs a scale per window")
    return "last", "windows start from their last value, in units of their series' spread"


def _likelihood(panel: Panel, training: np.ndarray, config: ForecastConfig) -> tuple[str, str]:
    if config.likelihood is not None:
        return config.likelihood, ""
    values = panel.target[training]
    values = values[np.isfinite(values)]
    counts = bool(len(values)) and bool((values >= 0).all()) and bool((values == np.round(values)).all())
    if counts and float(np.median(values)) < 100:
        return "negative-binomial", "small whole numbers from 0 up"
    return "student-t", "real values; heavy tails allowed"
