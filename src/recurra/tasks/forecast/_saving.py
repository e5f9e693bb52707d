from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError

from recurra.blocks import Composition
from recurra.bundle import open_bundle, write_bundle
from recurra.data import Preparation
from recurra.errors import BundleError
from recurra.evaluate import ConformalCorrection, Scores
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
    documents = {
        "preprocessing.json": fitted.preparation.model_dump_json(indent=1),
        "scores.json": scores.model_dump_json(indent=1),
    }
    if report is not None:
        documents["report.html"] = report
    write_bundle(
        path,
        task=TASK,
        config=fitted.config.model_dump(mode="json"),
        network=fitted.composition.model_dump(mode="json"),
        inputs={
            "table": fitted.preparation.table.model_dump(mode="json"),
            "chosen": chosen,
            "test_from": fitted.test_from,
        },
        data_digest=fitted.data_digest,
        weights={name: tensor.detach().numpy() for name, tensor in fitted.model.network.state_dict().items()},
        documents=documents,
        arrays={_CALIBRATION: fitted.calibration.arrays()},
        overwrite=overwrite,
    )


def load_fitted(path: str | Path) -> tuple[Fitted, Scores]:
    """Read a bundle. Raises BundleError for one that is missing, damaged, newer, or of another task."""
    bundle = open_bundle(path)
    manifest = bundle.manifest
    if manifest.task != TASK:
        raise BundleError(f"{path} holds a model for {manifest.task}, not for {TASK}. Load it with recurra.load.")
    try:
        inputs: dict[str, Any] = dict(manifest.inputs)
        chosen_data = dict(inputs["chosen"])
        chosen_data["floor"] = [-np.inf if value is None else value for value in chosen_data["floor"]]
        chosen = Chosen.model_validate(chosen_data)
        composition = Composition.model_validate(manifest.network)
        model = Model(composition, chosen)
        weights = {name: torch.from_numpy(np.array(array)) for name, array in bundle.weights().items()}
        model.network.load_state_dict(weights)
        fitted = Fitted(
            config=ForecastConfig.model_validate(manifest.config),
            chosen=chosen,
            composition=composition,
            preparation=Preparation.model_validate_json(bundle.read("preprocessing.json")),
            model=model,
            calibration=ConformalCorrection.from_arrays(bundle.arrays(_CALIBRATION)),
            test_from=inputs["test_from"],
            data_digest=manifest.data_digest,
        )
        scores = Scores.model_validate_json(bundle.read("scores.json"))
    except (ValidationError, KeyError, RuntimeError, TypeError) as error:
        raise BundleError(
            f"{path} is whole, but its content does not fit together ({type(error).__name__}). It may come from "
            "another version of recurra; fit the model again."
        ) from error
    model.network.eval()
    return fitted, scores
