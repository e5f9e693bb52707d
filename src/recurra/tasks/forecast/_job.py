"""Fitting a forecaster, from a panel to a calibrated network with scores; and measuring it on other panels."""

from __future__ import annotations

import hashlib
import math
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recurra import evaluate
from recurra.blocks import Composition
from recurra.data import Panel, Preparation, Windows, extend, fit_preparation, last_observed
from recurra.errors import DataError
from recurra.tasks._training import computing as threads
from recurra.tasks.forecast._choices import (
    Chosen,
    Reasons,
    choose,
    choose_epochs,
    choose_horizon,
)
from recurra.tasks.forecast._composition import compose
from recurra.tasks.forecast._config import ForecastConfig
from recurra.tasks.forecast._model import Model, count_samples, gather_samples, training_batches
from recurra.tasks.forecast._warm_start import fit_linear, start_from_linear
from recurra.train import Progress, TrainingConfig, TrainingResult, choose_batch_size, train

MOST_VALIDATION_WINDOWS, _MOST_TEST_WINDOWS, _FEWEST_FOR_A_TRIAL = 4_000, 20_000, 500
_SMALL = 128  # hidden units


@dataclass(frozen=True, eq=False)
class Fitted:
    """A trained and calibrated forecaster."""

    config: ForecastConfig
    chosen: Chosen
    composition: Composition
    preparation: Preparation
    model: Model
    calibration: evaluate.ConformalCorrection
    test_from: str | None  # first time after all that was learnt from, UTC; None for series in the order of rows
    data_digest: str

    def forecast(self, panel: Panel, origins: np.ndarray, *, seed: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Mean (W, K, C) and calibrated quantiles (W, K, C, Q) of the rows from `origins` (W,) on."""
        windows = Windows(panel, self.preparation, joint=self.chosen.joint)
        seed = self.config.seed if seed is None else seed
        raw = self.model.forecast(windows, origins, seed=seed, samples=self.config.samples)
        quantiles = self.calibration.apply(raw.quantiles, raw.spread)
        floor = np.asarray(self.chosen.floor, dtype=raw.mean.dtype)
        # Calibration moves the quantiles alone; a mean beyond the outermost of them would be absurd.
        mean = raw.mean if quantiles.shape[-1] == 1 else np.clip(raw.mean, quantiles[..., 0], quantiles[..., -1])
        return np.maximum(mean, floor), np.maximum(quantiles, floor[:, None])


@dataclass(frozen=True, eq=False)
class Measured:
    """How forecasts fared on rows that were not trained on."""

    panel: Panel
    forecasts: evaluate.Forecasts
    baselines: dict[str, np.ndarray]
    scores: evaluate.Scores


@dataclass(frozen=True, eq=False)
class Plan:
    """All that is settled before training."""

    panel: Panel
    config: ForecastConfig
    split: evaluate.Split
    chosen: Chosen
    reasons: Reasons
    preparation: Preparation
    windows: Windows
    composition: Composition
    model: Model
    origins: np.ndarray  # first target rows of the training windows
    held_out: np.ndarray  # those for early stopping and calibration
    training: TrainingConfig


def computing(config: ForecastConfig) -> AbstractContextManager[None]:
    """As many threads as were asked for, or as suit the network."""
    return threads(config.threads, small=config.hidden_size <= _SMALL)


def prepare(panel: Panel, config: ForecastConfig) -> Plan:
    """Split, choose what was left open, and build the network."""
    reasons: Reasons = {}
    horizon = choose_horizon(panel, config, reasons)
    split = evaluate.split_in_time(panel, validation=config.validation, test=config.test, horizon=horizon)
    training = rows_of(split, "training")
    check_targets(panel, training)
    preparation = fit_preparation(panel, training, calendar=config.calendar)
    windows = Windows(panel, preparation, joint=config.channels == "joint")
    chosen = choose(panel, training, config, reasons, horizon=horizon, has_gaps=preparation.has_gaps)
    if chosen.decoder == "direct":
        chosen = try_normalisations(panel, split, windows, config, reasons, chosen)
    composition = compose(chosen, windows.widths(), categories(panel, chosen))
    torch.manual_seed(config.seed)
    model = Model(composition, chosen)
    origins = trainable(panel, split, "training", chosen)
    count = count_samples(windows, origins, chosen)
    batch_size = choose_batch(model, windows, origins, count, config, reasons)
    epochs, steps = choose_epochs(math.ceil(count / batch_size), config, reasons)
    held_out = thin(trainable(panel, split, "validation", chosen), MOST_VALIDATION_WINDOWS, chosen.season)
    if chosen.linear_skip:
        start_from_linear(model, fit_linear(model, windows, origins, held_out))
    training = {"epochs": epochs, "steps_per_epoch": steps, "batch_size": batch_size}
    return Plan(
        panel=panel,
        config=config,
        split=split,
        chosen=chosen,
        reasons=reasons,
        preparation=preparation,
        windows=windows,
        composition=composition,
        model=model,
        origins=origins,
        held_out=held_out,
        training=TrainingConfig.of(config, threads=torch.get_num_threads(), **training),
    )


def fit(
    plan: Plan, *, checkpoint: Path | None, resume: bool, progress: Progress | None
) -> tuple[Fitted, TrainingResult]:
    """Train on the oldest rows; stop early and calibrate on the next."""
    panel, config, chosen, model, windows = plan.panel, plan.config, plan.chosen, plan.model, plan.windows
    size = plan.training.batch_size
    assert size is not None
    result = train(
        model.network,
        model.loss,
        training_batches(
            windows, plan.origins, chosen, batch_size=size, steps=plan.training.steps_per_epoch, seed=config.seed
        ),
        (lambda network: model.validation_loss(network, windows, plan.held_out)) if len(plan.held_out) else None,
        plan.training,
        checkpoint=checkpoint,
        resume=resume,
        progress=progress,
    )
    calibration = calibrate(model, panel, windows, plan.held_out, config)
    fitted = Fitted(
        config=config,
        chosen=chosen,
        composition=plan.composition,
        preparation=plan.preparation,
        model=model,
        calibration=calibration,
        test_from=test_from(panel, plan.split),
        data_digest=digest(panel),
    )
    return fitted, result


def calibrate(
    model: Model, panel: Panel, windows: Windows, held_out: np.ndarray, config: ForecastConfig
) -> evaluate.ConformalCorrection:
    """By how much the quantiles must move, judging by the forecasts at `held_out` (W,).

    A few windows can't tell a skew from an accident: there both bounds of an interval move alike.
    """
    raw = model.forecast(windows, held_out, seed=config.seed, samples=config.samples)
    quantiles = np.sort(raw.quantiles, axis=-1)
    validation = evaluate.Forecasts(**about(panel, held_out, model.chosen), mean=raw.mean, quantiles=quantiles)
    few = validation.num_windows < evaluate.ENOUGH_SCORES
    return evaluate.ConformalCorrection.fit(validation, raw.spread, symmetric=few)


def usual_batch_size(count: int) -> int:
    """A thirtieth of so many windows or so, 16 to 256."""
    return 1 << max(4, min(8, round(math.log2(count / 30))))


def measure(fitted: Fitted, panel: Panel, test_start: np.ndarray, training: TrainingResult | None) -> Measured:
    """Forecast from every origin (or a fair sample) of the rows from `test_start` (S,) on, beside the baselines."""
    chosen, origins = fitted.chosen, judging_origins(fitted, panel, test_start)
    mean, quantiles = fitted.forecast(panel, origins)
    forecasts = evaluate.Forecasts(**about(panel, origins, chosen), mean=mean, quantiles=quantiles)
    baselines = evaluate.forecast_baselines(
        panel.target, panel.offsets, origins, horizon=chosen.horizon, season=chosen.season, train_until=test_start
    )
    scale = evaluate.seasonal_error(panel.target, panel.offsets, test_start, season=chosen.season)
    return Measured(
        panel,
        forecasts,
        baselines,
        evaluate.score(forecasts, baselines, seasonal_errors=scale, history=training and training.curves),
    )


def judging_origins(fitted: Fitted, panel: Panel, test_start: np.ndarray) -> np.ndarray:
    """The origins, or a fair sample of them, of the rows from `test_start` (S,) on. DataError where there are none."""
    chosen = fitted.chosen
    split = evaluate.Split(panel.offsets, test_start, test_start)
    origins = thin(trainable(panel, split, "test", chosen), _MOST_TEST_WINDOWS, chosen.season)
    if not len(origins):
        raise DataError(
            f"There is nothing to measure on: no series has {chosen.shortest_history} rows of history and then "
            f"{chosen.horizon} rows with target values after the rows that the model was fitted on. Bring newer rows."
        )
    return origins


def test_rows(fitted: Fitted, panel: Panel) -> np.ndarray:
    """Where each series of a panel passes beyond what the model has seen, (S,) rows.

    The test part again when these are the rows of the fitting; otherwise by the calendar. Without one all rows count,
    since they come from somewhere else.
    """
    if digest(panel) == fitted.data_digest:
        config = fitted.config
        horizon = fitted.chosen.horizon
        return evaluate.split_in_time(panel, validation=config.validation, test=config.test, horizon=horizon).test_start
    if fitted.test_from is not None and panel.time.dtype.kind == "M":
        earlier = np.append(0, np.cumsum(panel.time < np.datetime64(fitted.test_from)))
        return panel.offsets[:-1] + earlier[panel.offsets[1:]] - earlier[panel.offsets[:-1]]
    return panel.offsets[:-1]


def test_from(panel: Panel, split: evaluate.Split) -> str | None:
    """The first time after all that was learnt from, in any series, UTC; None for series in the order of rows."""
    if panel.time.dtype.kind != "M":
        return None
    test = rows_of(split, "test")
    latest = panel.time[~test].max()
    later = panel.time[panel.time > latest]
    return str(later.min() if len(later) else latest + np.timedelta64(1, "us"))


def predict(
    fitted: Fitted, panel: Panel, *, seed: int | None = None
) -> tuple[Panel, np.ndarray, np.ndarray, np.ndarray]:
    """Forecast what comes after the last known target of each series: (extended panel, origins, mean, quantiles)."""
    known = last_observed(panel) >= panel.offsets[:-1]
    if not known.any():
        raise DataError(
            f"No row holds a value of {', '.join(panel.schema.target)} to forecast from. "
            "Pass the rows up to now, that column included."
        )
    longer = extend(panel, fitted.chosen.horizon)
    origins = longer.offsets[1:][known] - fitted.chosen.horizon
    mean, quantiles = fitted.forecast(longer, origins, seed=seed)
    return longer, origins, mean, quantiles


def unknown_future(fitted: Fitted, longer: Panel) -> str | None:
    """A sentence on `known` columns without values for the last rows of `longer`, those forecast; None if all have."""
    schema = fitted.preparation.table
    names = (*schema.known, *schema.known_categories)
    if not names:
        return None
    rows = (longer.offsets[1:, None] - 1 - np.arange(fitted.chosen.horizon)).ravel()
    empty = [name for name, column in zip(schema.known, longer.known[rows].T, strict=True) if np.isnan(column).any()]
    empty += [
        name
        for name, column in zip(schema.known_categories, longer.known_codes[rows].T, strict=True)
        if (column == 0).any()
    ]
    if not empty:
        return None
    return (
        f"{', '.join(empty)}: known ahead when the model was fitted, but without values for some rows to forecast. "
        "Append rows with their values and an empty target; the forecast goes without them."
    )


def about(panel: Panel, origins: np.ndarray, chosen: Chosen) -> dict[str, Any]:
    """What `Forecasts` says of windows besides the forecasts themselves."""
    rows = origins[:, None] + np.arange(chosen.horizon)
    return {
        "truth": panel.target[rows].astype(np.float64),
        "levels": np.asarray(chosen.levels),
        "series": np.searchsorted(panel.offsets, origins, side="right") - 1,
        "origin": origins,
        "times": panel.time[origins] if panel.time.dtype.kind == "M" else None,
        "series_labels": panel.series,
        "target_labels": panel.schema.target,
    }


def check_targets(panel: Panel, training: np.ndarray) -> None:
    """Refuse a target without a single value in the training part."""
    empty = np.atleast_1d(~np.isfinite(panel.target[training]).any(axis=0))
    if empty.any():
        names = [name for name, bad in zip(panel.schema.target, empty, strict=True) if bad]
        raise DataError(
            f"{', '.join(names)}: no value at all in the training part, the oldest {training.mean():.0%} of the rows. "
            "Choose another --target or --test, or bring a longer file."
        )


def categories(panel: Panel, chosen: Chosen) -> dict[str, tuple[int, ...]]:
    """The number of codes of each categorical input, code 0 included."""
    schema = panel.schema
    return {
        "past": tuple(len(values) + 1 for values in schema.past_categories.values()),
        "known": tuple(len(values) + 1 for values in schema.known_categories.values()),
        "static": tuple(len(values) + 1 for values in schema.static_categories.values()),
        "channel": () if chosen.joint or panel.target.shape[1] == 1 else (panel.target.shape[1],),
    }


def choose_batch(
    model: Model, windows: Windows, origins: np.ndarray, count: int, config: ForecastConfig, reasons: Reasons
) -> int:
    """A thirtieth of the windows or so, 256 at most, within memory."""
    if not len(origins):
        raise DataError(
            f"No window of {model.chosen.shortest_history} rows of history and {model.chosen.horizon} of horizon in "
            "the training part holds target values. Bring a longer file, or pass a shorter --horizon and --context."
        )
    if config.batch_size is not None:
        reasons["batch_size"] = (config.batch_size, "set by you")
        return config.batch_size
    upper = usual_batch_size(count)

    def probe(size: int) -> dict[str, torch.Tensor]:
        return gather_samples(windows, torch.from_numpy(origins), torch.arange(size) % count, model.chosen)

    choice = choose_batch_size(model.network, model.loss, probe, config, lower=min(16, upper), upper=upper)
    reasons["batch_size"] = (choice.batch_size, f"{count:,} training windows; {choice.reason}")
    return choice.batch_size


def try_normalisations(
    panel: Panel, split: evaluate.Split, windows: Windows, config: ForecastConfig, reasons: Reasons, chosen: Chosen
) -> Chosen:
    """Choose between normalisations by what a linear map makes of them on the validation part, where that is long.

    A ridge regression takes a moment, and suits the windows that suit a network. Within 2 % of the best the first
    wins.
    """
    if config.normalisation is not None:
        return chosen
    held_out = trainable(panel, split, "validation", chosen)
    origins = trainable(panel, split, "training", chosen)
    if len(held_out) < _FEWEST_FOR_A_TRIAL or not len(origins):
        return chosen
    errors: dict[str, float] = {}
    for name in ("last-scaled", "last", "relative"):
        if name == "relative" and not all(floor == 0 for floor in chosen.floor):
            continue
        small = chosen.model_copy(update={"normalisation": name, "hidden_size": 1, "linear_skip": True})
        model = Model(compose(small, windows.widths(), categories(panel, small)), small)
        errors[name] = fit_linear(model, windows, origins, held_out).error
    best = next(name for name, error in errors.items() if error <= 1.02 * min(errors.values()))
    said = ", ".join(f"{name} {error:.3g}" for name, error in errors.items())
    reasons["normalisation"] = (best, f"error of a linear trial on the validation part: {said}")
    return chosen.model_copy(update={"normalisation": best})


def trainable(panel: Panel, split: evaluate.Split, part: evaluate.Part, chosen: Chosen) -> np.ndarray:
    """Origins of a part whose context and horizon both hold at least one target value."""
    origins = evaluate.windows(split, part, context_min=chosen.shortest_history, horizon=chosen.horizon)
    seen = np.concatenate([[0], np.cumsum(np.isfinite(panel.target).any(axis=1))])
    start = np.maximum(
        origins - chosen.context, panel.offsets[np.searchsorted(panel.offsets, origins, side="right") - 1]
    )
    useful = (seen[origins] > seen[start]) & (seen[origins + chosen.horizon] > seen[origins])
    return origins[useful]


def thin(origins: np.ndarray, most: int, season: int) -> np.ndarray:
    """Every n-th origin, `most` at most; n shares no factor with the season, so that no phase is left out."""
    stride = max(1, math.ceil(len(origins) / most))
    while math.gcd(stride, max(season, 1)) > 1:
        stride += 1
    return origins[::stride]


def rows_of(split: evaluate.Split, part: evaluate.Part) -> np.ndarray:
    """Which rows lie in a part, (N,) bool."""
    start, end = split.bounds(part)
    edges = np.zeros(int(split.offsets[-1]) + 1, dtype=np.int64)
    np.add.at(edges, start, 1)
    np.add.at(edges, end, -1)
    return np.cumsum(edges[:-1]) > 0


def digest(panel: Panel) -> str:
    """SHA-256 of what a panel says: its times, series and targets."""
    state = hashlib.sha256()
    for array in (panel.offsets, panel.time, panel.target):
        state.update(np.ascontiguousarray(array).tobytes())
    state.update("\0".join(panel.series).encode())
    return state.hexdigest()
