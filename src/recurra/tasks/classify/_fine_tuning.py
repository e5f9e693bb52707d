from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from recurra.errors import DataError
from recurra.tasks._training import tune
from recurra.tasks.classify._inputs import MOST_LEARNT, encode
from recurra.tasks.classify._job import MOST_VALIDATED, Fitted, Measured, calibrated, measure_part
from recurra.tasks.classify._model import Model
from recurra.tasks.classify._parts import split, truth_of, with_known_labels
from recurra.tasks.classify._preparing import label_weights, training_batches, usual_batch_size
from recurra.tasks.classify._samples import Samples
from recurra.train import Progress

_EPOCHS, _MOST_STEPS = 5, 200  # passes, and steps in each


def fine_tune(
    fitted: Fitted, samples: Samples, *, keep_zeros: bool, progress: Progress | None
) -> tuple[Fitted, Measured]:
    """Train a fitted classifier a little longer on samples, split as those it was fitted on, and calibrate it anew.

    It is measured on their test part. Its network changes in place, unless it was better on the validation part as it
    was.
    """
    config, network, answers = fitted.config, fitted.network, fitted.answers
    samples, parts = split(samples, config)
    samples, parts, notes = with_known_labels(samples, parts, answers.labels)
    if not len(parts.training) or not len(parts.validation):
        raise DataError(f"{samples.source} leaves nothing to fine-tune on. Give the file that it was fitted on.")
    assert samples.labels is not None
    truth = truth_of(samples.labels, answers.labels, multi=answers.multi)
    weights = label_weights(truth[parts.training]) if config.balance else None
    model = Model(network, multi=answers.multi, weights=weights, label_smoothing=config.label_smoothing)
    held_out = parts.validation[:MOST_VALIDATED]
    validation = encode(fitted.inputs, samples, held_out)

    def validate(_: Any) -> float:
        return calibrated(model.logits(validation), truth[held_out], answers)[1]

    size = config.batch_size or usual_batch_size(len(parts.training))
    steps = min(_MOST_STEPS, math.ceil(len(parts.training) / size))
    encoded = encode(fitted.inputs, samples, parts.training, config.most_words or MOST_LEARNT)
    result = tune(
        network,
        model.loss,
        training_batches(encoded, truth[parts.training], config, size, steps),
        validate,
        config,
        epochs=_EPOCHS,
        steps=steps,
        batch_size=size,
        keep_zeros=keep_zeros,
        progress=progress,
    )
    temperature = calibrated(model.logits(validation), truth[held_out], answers)[0]
    tuned = replace(fitted, answers=answers.model_copy(update={"temperature": temperature}))
    return tuned, measure_part(tuned, samples, parts, truth, result, notes)
