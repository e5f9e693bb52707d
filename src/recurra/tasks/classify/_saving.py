from __future__ import annotations

from pathlib import Path

from recurra.data.text import Encoder
from recurra.evaluate import TaskScores
from recurra.tasks._keeping import fitting_together, open_network, save_network
from recurra.tasks.classify._answers import Answers
from recurra.tasks.classify._config import ClassifyConfig
from recurra.tasks.classify._job import TASK, Fitted
from recurra.tasks.classify._scaling import Scaling


def save_fitted(path: str | Path, fitted: Fitted, scores: TaskScores, report: str | None, *, overwrite: bool) -> None:
    """Write a bundle. Raises BundleError where that can't be done; then nothing is left behind."""
    save_network(
        path,
        task=TASK,
        config=fitted.config,
        composition=fitted.composition,
        inputs=fitted.answers.model_dump(mode="json"),
        data_digest=fitted.data_digest,
        network=fitted.network,
        preprocessing=fitted.inputs,
        scores=scores,
        report=report,
        overwrite=overwrite,
    )


def load_fitted(path: str | Path) -> tuple[Fitted, TaskScores]:
    """Read a bundle. Raises BundleError for one that is missing, damaged, newer, or of another task."""
    kept = open_network(path, TASK, TaskScores)
    with fitting_together(path):
        answers = Answers.model_validate(kept.inputs)
        read = Encoder if answers.kind == "text" else Scaling
        fitted = Fitted(
            config=ClassifyConfig.model_validate(kept.config),
            answers=answers,
            inputs=read.model_validate_json(kept.bundle.read("preprocessing.json")),
            composition=kept.composition,
            network=kept.network,
            data_digest=kept.data_digest,
        )
    return fitted, kept.scores
