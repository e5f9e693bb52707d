from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from recurra.data import Preparation
from recurra.evaluate import ConformalCorrection, Scores
from recurra.tasks._keeping import fitting_together, open_network, save_network
from recurra.tasks.forecast._choices import Chosen
from recurra.tasks.forecast._config import ForecastConfig
from recurra.tasks.forecast._job import Fitted
from recurra.tasks.forecast._model import Model

_CALIBRATION = "calibration.safetensors"
TASK = "forecast"


def save_fitted(path: str | Path, fitted: Fitted, scores: Scores, report: str | None, *, overwrite: bool) -> None:
    """Write a bundle. Raises BundleError where that can't be done; then nothing is left behind."""
    chosen: dict[str, Any] = fitted.chosen.model_dump(mode="json")
    chosen["floor"] = [None if value == -np.inf else value for value in fitted.chosen.floor]
    save_network(
        path,
        task=TASK,
        config=fitted.config,
        composition=fitted.composition,
        inputs={
            "table": fitted.preparation.table.model_dump(mode="json"),
            "chosen": chosen,
            "test_from": fitted.test_from,
        },
        data_digest=fitted.data_digest,
        network=fitted.model.network,
        preprocessing=fitted.preparation,
        scores=scores,
        report=report,
        arrays={_CALIBRATION: fitted.calibration.arrays()},
        overwrite=overwrite,
    )


def load_fitted(path: str | Path) -> tuple[Fitted, Scores]:
    """Read a bundle. Raises BundleError for one that is missing, damaged, newer, or of another task."""
    kept = open_network(path, TASK, Scores)
    with fitting_together(path):
        chosen_data = dict(kept.inputs["chosen"])
        chosen_data["floor"] = [-np.inf if value is None else value for value in chosen_data["floor"]]
        chosen = Chosen.model_validate(chosen_data)
        fitted = Fitted(
            config=ForecastConfig.model_validate(kept.config),
            chosen=chosen,
            composition=kept.composition,
            preparation=Preparation.model_validate_json(kept.bundle.read("preprocessing.json")),
            model=Model(kept.composition, chosen, kept.network),
            calibration=ConformalCorrection.from_arrays(kept.bundle.arrays(_CALIBRATION)),
            test_from=kept.inputs["test_from"],
            data_digest=kept.data_digest,
        )
    return fitted, kept.scores
