from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from recurra import evaluate
from recurra.data import Panel, Windows
from recurra.errors import DataError
from recurra.tasks._training import tune
from recurra.tasks.forecast._job import (
    MOST_VALIDATION_WINDOWS,
    Fitted,
    Measured,
    calibrate,
    judging_origins,
    measure,
    test_rows,
    thin,
    trainable,
    usual_batch_size,
)
from recurra.tasks.forecast._model import count_samples, training_batches
from recurra.train import Progress

_EPOCHS, _MOST_STEPS = 5, 100  # passes, and steps in each


def fine_tune(fitted: Fitted, panel: Panel, *, keep_zeros: bool, progress: Progress | None) -> tuple[Fitted, Measured]:
    """Train a fitted forecaster a little longer on the rows that it was fitted on, and calibrate it anew.

    It is measured on newer rows. Its network changes in place, unless it was better on the validation part as it was.
    With `keep_zeros`, weights of matrices that are exactly 0 stay so.
    """
    config, chosen = fitted.config, fitted.chosen
    split = _seen(fitted, panel)
    windows = Windows(panel, fitted.preparation, joint=chosen.joint)
    origins = trainable(panel, split, "training", chosen)
    held_out = thin(trainable(panel, split, "validation", chosen), MOST_VALIDATION_WINDOWS, chosen.season)
    if not len(origins) or not len(held_out):
        raise DataError(
            "None of these rows is old enough to fine-tune on: the model was fitted on older ones. "
            "Give the table that it was fitted on, with newer rows if there are any."
        )
    judging_origins(fitted, panel, split.test_start)  # refuses what couldn't be measured before it is learnt
    count = count_samples(windows, origins, chosen)
    batch_size = config.batch_size or usual_batch_size(count)
    steps = min(_MOST_STEPS, math.ceil(count / batch_size))
    result = tune(
        fitted.model.network,
        fitted.model.loss,
        training_batches(windows, origins, chosen, batch_size=batch_size, steps=steps, seed=config.seed),
        lambda trained: fitted.model.validation_loss(trained, windows, held_out),
        config,
        epochs=_EPOCHS,
        steps=steps,
        batch_size=batch_size,
        keep_zeros=keep_zeros,
        progress=progress,
    )
    tuned = replace(fitted, calibration=calibrate(fitted.model, panel, windows, held_out, config))
    return tuned, measure(tuned, panel, split.test_start, result)


def _seen(fitted: Fitted, panel: Panel) -> evaluate.Split:
    """The rows up to the test part, the last share of them for validation."""
    start, end = panel.offsets[:-1], test_rows(fitted, panel)
    share = np.ceil((end - start) * fitted.config.validation).astype(np.int64)
    return evaluate.Split(panel.offsets, np.maximum(start, end - np.maximum(share, fitted.chosen.horizon)), end)
