from __future__ import annotations

from pathlib import Path

from recurra.data.text import Encoder
from recurra.evaluate import TaskScores
from recurra.tasks._keeping import fitting_together, open_network, save_network
from recurra.tasks.tag._config import TagConfig
from recurra.tasks.tag._job import TASK, Fitted
from recurra.tasks.tag._labels import Labels
from recurra.tasks.tag._model import Model
from recurra.tasks.tag._usual import UsualTags

_USUAL, _LEARNT = "usual.json", "learnt.safetensors"


def save_fitted(path: str | Path, fitted: Fitted, scores: TaskScores, report: str | None, *, overwrite: bool) -> None:
    """Write a bundle. Raises BundleError where that can't be done; then nothing is left behind."""
    save_network(
        path,
        task=TASK,
        config=fitted.config,
        composition=fitted.composition,
        inputs={
            "labels": fitted.labels.model_dump(mode="json"),
            "column": fitted.column,
            "layout": fitted.layout,
        },
        data_digest=fitted.data_digest,
        network=fitted.model.network,
        preprocessing=fitted.encoder,
        scores=scores,
        report=report,
        documents={_USUAL: fitted.usual.model_dump_json()},
        arrays={_LEARNT: {"marks": fitted.learnt}},
        overwrite=overwrite,
    )


def load_fitted(path: str | Path) -> tuple[Fitted, TaskScores]:
    """Read a bundle. Raises BundleError for one that is missing, damaged, newer, or of another task."""
    kept = open_network(path, TASK, TaskScores)
    with fitting_together(path):
        encoder = Encoder.model_validate_json(kept.bundle.read("preprocessing.json"))
        labels = Labels.model_validate(kept.inputs["labels"])
        fitted = Fitted(
            config=TagConfig.model_validate(kept.config),
            composition=kept.composition,
            encoder=encoder,
            labels=labels,
            model=Model(kept.network, encoder, labels),
            usual=UsualTags.model_validate_json(kept.bundle.read(_USUAL)),
            column=str(kept.inputs["column"]),
            layout=str(kept.inputs["layout"]),
            learnt=kept.bundle.arrays(_LEARNT)["marks"],
            data_digest=kept.data_digest,
        )
    return fitted, kept.scores
