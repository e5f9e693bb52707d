from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
from torch import nn

from recurra.tasks._zeros import zeros_kept
from recurra.tasks.tag._choices import choose_threads
from recurra.tasks.tag._job import Fitted, Measured, computing, measure_test
from recurra.tasks.tag._model import encode, training_batches
from recurra.tasks.tag._parts import mark, read_parts
from recurra.train import Progress, TrainingConfig, train

_EPOCHS, _MOST_STEPS, _SLOWER = 4, 200, 4  # passes, steps in each, and by how much slower than when it was fitted
_BATCH = 32


def fine_tune(fitted: Fitted, data: Any, *, keep_zeros: bool, progress: Progress | None) -> tuple[Fitted, Measured]:
    """Train a fitted tagger a little longer on sentences that are split as those it was fitted on.

    It is measured on their test part. Its network changes in place, unless it tagged the validation part better as it
    was. Sentences with tags that the
    model doesn't know are left out.
    """
    config, network = fitted.config, fitted.model.network
    parts = read_parts(data, config.model_copy(update={"column": fitted.column or config.column}))
    known = [
        sentence for sentence in parts.training if (fitted.labels.codes(fitted.labels.read(sentence.tags)) >= 0).all()
    ]
    encoded, codes = encode(known, fitted.encoder, fitted.labels)
    held_out = encode(parts.validation, fitted.encoder, fitted.labels)
    model = fitted.model
    batches = training_batches(encoded, codes, batch_size=_BATCH, steps=_MOST_STEPS, seed=config.seed)
    options: dict[str, Any] = {name: getattr(config, name) for name in TrainingConfig.model_fields}
    rate = 1e-3 if config.learning_rate == "auto" else config.learning_rate
    threads = choose_threads(len(encoded.flat["words"]), config)
    options |= {"epochs": _EPOCHS, "steps_per_epoch": len(batches), "batch_size": _BATCH, "average": 0.0}
    options |= {"learning_rate": rate / _SLOWER, "threads": threads}

    def validate(network: nn.Module) -> float:
        network.eval()
        return model.validate(*held_out)

    with computing(threads):
        before, error = deepcopy(network.state_dict()), validate(network)
        with zeros_kept(network, keep=keep_zeros):
            result = train(network, model.loss, batches, validate, TrainingConfig(**options), progress=progress)
        if validate(network) > error:
            network.load_state_dict(before)
        tuned = replace(fitted, learnt=np.union1d(fitted.learnt, mark((*known, *parts.validation))))
        return tuned, measure_test(tuned, parts, result)
