from __future__ import annotations

from pathlib import Path

from recurra.data.text import Encoder
from recurra.evaluate import TaskScores
from recurra.tasks._keeping import fitting_together, open_network, save_network
from recurra.tasks.generate._choices import Chosen
from recurra.tasks.generate._config import GenerateConfig
from recurra.tasks.generate._job import TASK, Fitted

_UNIGRAM = "unigram.safetensors"


def save_fitted(path: str | Path, fitted: Fitted, scores: TaskScores, report: str | None, *, overwrite: bool) -> None:
    """Write a bundle. Raises BundleError where that can't be done; then nothing is left behind."""
    save_network(
        path,
        task=TASK,
        config=fitted.config,
        composition=fitted.composition,
        inputs={"chosen": fitted.chosen.model_dump(mode="json"), "begin": fitted.begin},
        data_digest=fitted.data_digest,
        network=fitted.network,
        preprocessing=fitted.encoder,
        scores=scores,
        report=report,
        arrays={_UNIGRAM: {"share": fitted.unigram}},
        overwrite=overwrite,
    )


def load_fitted(path: str | Path) -> tuple[Fitted, TaskScores]:
    """Read a bundle. Raises BundleError for one that is missing, damaged, newer, or of another task."""
    kept = open_network(path, TASK, TaskScores)
    with fitting_together(path):
        fitted = Fitted(
            config=GenerateConfig.model_validate(kept.config),
            chosen=Chosen.model_validate(kept.inputs["chosen"]),
            composition=kept.composition,
            encoder=Encoder.model_validate_json(kept.bundle.read("preprocessing.json")),
            network=kept.network,
            begin=int(kept.inputs["begin"]),
            unigram=kept.bundle.arrays(_UNIGRAM)["share"],
            data_digest=kept.data_digest,
        )
    return fitted, kept.scores
