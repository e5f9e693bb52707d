from __future__ import annotations

from pathlib import Path

from recurra.tasks._training import tune
from recurra.tasks.generate._batches import RunningBatches
from recurra.tasks.generate._job import Fitted, Measured, measure, validation_loss
from recurra.tasks.generate._model import CarriedLoss
from recurra.tasks.generate._text import PARTS, check_amount, cut
from recurra.train import Progress

_EPOCHS, _MOST_STEPS = 5, 100  # passes, and steps in each


def fine_tune(
    fitted: Fitted, source: str | Path, *, keep_zeros: bool, progress: Progress | None
) -> tuple[Fitted, Measured]:
    """Train a fitted language model a little longer on a text that is cut as the one it was fitted on.

    It is measured on the last part. Its network changes in place, unless it was better on the validation part as it
    was.
    """
    config, chosen = fitted.config, fitted.chosen
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
    carried = CarriedLoss()
    result = tune(
        fitted.network,
        carried,
        batches,
        lambda _: validation_loss(fitted, held_out),
        config,
        epochs=_EPOCHS,
        steps=len(batches),
        batch_size=chosen.batch_size * chosen.bptt,  # what the progress display counts: pieces
        keep_zeros=keep_zeros,
        progress=progress,
        carry=carried,
    )
    return fitted, measure(fitted, codes["test"], codes["training"].codes, result)
