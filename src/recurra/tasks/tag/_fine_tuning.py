from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from recurra.tasks._training import computing, tune
from recurra.tasks.tag._choices import choose_threads
from recurra.tasks.tag._job import Fitted, Measured, measure_test
from recurra.tasks.tag._model import encode, training_batches
from recurra.tasks.tag._parts import mark, read_parts
from recurra.train import Progress

_EPOCHS, _MOST_STEPS = 4, 200  # passes, and steps in each
_BATCH = 32


def fine_tune(fitted: Fitted, data: Any, *, keep_zeros: bool, progress: Progress | None) -> tuple[Fitted, Measured]:
    """Train a fitted tagger a little longer on sentences that are split as those it was fitted on.

    It is measured on their test part. Its network changes in place, unless it tagged the validation part better as it
    was. Sentences with tags that the model doesn't know are left out.
    """
    config, model = fitted.config, fitted.model
    parts = read_parts(data, config.model_copy(update={"column": fitted.column or config.column}))
    known = [
        sentence for sentence in parts.training if (fitted.labels.codes(fitted.labels.read(sentence.tags)) >= 0).all()
    ]
    encoded, codes = encode(known, fitted.encoder, fitted.labels)
    held_out = encode(parts.validation, fitted.encoder, fitted.labels)
    batches = training_batches(encoded, codes, batch_size=_BATCH, steps=_MOST_STEPS, seed=config.seed)
    with computing(choose_threads(len(encoded.flat["words"]), config), small=False):
        result = tune(
            model.network,
            model.loss,
            batches,
            lambda _: model.validate(*held_out),
            config,
            epochs=_EPOCHS,
            steps=len(batches),
            batch_size=_BATCH,
            keep_zeros=keep_zeros,
            progress=progress,
        )
        tuned = replace(fitted, learnt=np.union1d(fitted.learnt, mark((*known, *parts.validation))))
        return tuned, measure_test(tuned, parts, result)
