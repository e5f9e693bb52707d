from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

from recurra.tasks._zeros import zeros_kept
from recurra.tasks.generate._batches import RunningBatches
from recurra.tasks.generate._job import Fitted, Measured, measure, validation_loss
from recurra.tasks.generate._model import CarriedLoss
from recurra.tasks.generate._text import PARTS, check_amount, cut
from recurra.train import Progress, TrainingConfig, train

_EPOCHS, _MOST_STEPS, _SLOWER = 5, 100, 4  # passes, steps in each, and by how much slower than when it was fitted


def fine_tune(
    fitted: Fitted, source: str | Path, *, keep_zeros: bool, progress: Progress | None
) -> tuple[Fitted, Measured]:
    """Train a fitted language model a little longer on a text that is cut as the one it was fitted on.

    It is measured on the last part. Its network changes in place, unless it was better on the validation part as it
    was.
    """
    config, chosen, network = fitted.config, fitted.chosen, fitted.network
    _, stretches, _ = cut(source, validation=config.validation, test=config.test)
    codes = {name: stretches[name].encode(fitted.encoder) for name in PARTS}
    check_amount(codes, source)
    held_out = codes["validation"].codes
    batches = RunningBatches(
        codes["training"].codes,
        batch_size=chosen.batch_size,
        bptt=chosen.bptt,
        seed=config.seed,
        steps=_MOST_STEPS,
    )
    options: dict[str, Any] = {name: getattr(config, name) for name in TrainingConfig.model_fields}
    rate = 1e-3 if config.learning_rate == "auto" else config.learning_rate
    options |= {"epochs": _EPOCHS, "steps_per_epoch": len(batches), "average": 0.0}
    # What the progress display counts: pieces.
    options |= {"learning_rate": rate / _SLOWER, "batch_size": chosen.batch_size * chosen.bptt}
    before, error = deepcopy(network.state_dict()), validation_loss(fitted, held_out)
    carried = CarriedLoss()
    with zeros_kept(network, keep=keep_zeros):
        result = train(
            network,
            carried,
            batches,
            lambda _: validation_loss(fitted, held_out),
            TrainingConfig(**options),
            carry=carried,
            progress=progress,
        )
    network.eval()
    if not validation_loss(fitted, held_out) <= error:
        network.load_state_dict(before)
    return fitted, measure(fitted, codes["test"], codes["training"].codes, result)
