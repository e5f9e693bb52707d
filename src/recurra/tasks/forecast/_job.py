"""Fitting a forecaster, from a panel to a calibrated network with scores; and measuring it on other panels."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from recurra import evaluate
from recurra.data import Panel, Preparation, Windows, extend, fit_preparation, last_observed
from recurra.errors import ConfigError, DataError
from recurra.nn import Composition
from recurra.tasks.forecast._choices import Chosen, Reasons, choose
from recurra.tasks.forecast._composition import compose
from recurra.tasks.forecast._config import ForecastConfig
from recurra.tasks.forecast._model import Model, gather, training_batches
from recurra.train import Progress, TrainingConfig, TrainingResult, choose_batch_size, train

_MOST_VALIDATION_WINDOWS, _MOST_TEST_WINDOWS = 4_000, 20_000


@dataclass(frozen=True, eq=False)
class Fitted:
    """A trained and calibrated forecaster, and how it came about."""

    config: ForecastConfig
    chosen: Chosen
    composition: Composition
    preparation: Preparation
    model: Model
    calibration: evaluate.Calibration
    test_from: str | None  # first time of the test part; None for series in the order of rows
    data_digest: str

    def windows(self, panel: Panel) -> Windows:
        """The panel as the network takes it."""
        return Windows(panel, self.preparation, joint=self.chosen.joint)


@dataclass(frozen=True, eq=False)
class Fitting:
    """What fitting leaves behind besides the model: all that a report tells."""

    panel: Panel
    split: evaluate.Split
    reasons: Reasons
    training: TrainingResult
    test: evaluate.Forecasts
    baselines: dict[str, np.ndarray]
    scores: evaluate.Scores


def fit(
    panel: Panel,
    config: ForecastConfig,
    *,
    checkpoint: Path | None,
    resume: bool,
    progress: Progress | None,
) -> tuple[Fitted, Fitting]:
    """Choose what was left open, train on the oldest rows, calibrate on the next, measure on the newest."""
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    horizon = config.horizon or default_horizon(panel)
    split = evaluate.split_in_time(panel, validation=config.validation, test=config.test, horizon=horizon)
    training = rows_of(split, "training")
    if not np.isfinite(panel.target[training]).any():
        raise DataError("The training part holds no target value at all. Choose another --test, or a longer file.")
    preparation = fit_preparation(panel, training)
    chosen, reasons = choose(panel, training, config, horizon=horizon, has_gaps=preparation.has_gaps)
    windows = Windows(panel, preparation, joint=chosen.joint)
    categories = {
        "past": tuple(len(c) + 1 for c in panel.schema.past_categories.values()),
        "known": tuple(len(c) + 1 for c in panel.schema.known_categories.values()),
        "static": static_categories(panel, chosen),
    }
    composition = compose(chosen, windows.widths(), categories)
    torch.manual_seed(config.seed)
    model = Model(composition, chosen)

    origins = trainable(panel, split, "training", chosen)
    held_out = thin(trainable(panel, split, "validation", chosen), _MOST_VALIDATION_WINDOWS, chosen.season)
    chosen, training_config = settle(model, windows, origins, chosen, config, reasons)
    model.chosen = chosen
    result = train(
        model.network,
        model.loss,
        training_batches(windows, origins, chosen, seed=config.seed),
        lambda network: model.validation_loss(network, windows, held_out),
        training_config,
        checkpoint=checkpoint,
        resume=resume,
        progress=progress,
    )

    calibration = evaluate.Calibration.none(len(chosen.levels), chosen.horizon, panel.target.shape[1])
    fitted = Fitted(
        config=config,
        chosen=chosen,
        composition=composition,
        preparation=preparation,
        model=model,
        calibration=calibration,
        test_from=test_from(panel, split),
        data_digest=digest(panel),
    )
    return fitted, Fitting  # pyright: ignore


def trainable(panel: Panel, split: evaluate.Split, part: evaluate.Part, chosen: Chosen) -> np.ndarray:
    """Origins of a part whose context and horizon both hold at least one target value."""
    origins = evaluate.windows(split, part, context_min=chosen.shortest_history, horizon=chosen.horizon)
    seen = np.concatenate([[0], np.cumsum(np.isfinite(panel.target).any(axis=1))])
    start = np.maximum(origins - chosen.context, panel.offsets[np.searchsorted(panel.offsets, origins, side="right") - 1])
    useful = (seen[origins] > seen[start]) & (seen[origins + chosen.horizon] > seen[origins])
    return origins[useful]


def thin(origins: np.ndarray, most: int, season: int) -> np.ndarray:
    """Every n-th origin, so that at most `most` are left; n shares no factor with the season, so no phase is left out."""
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
