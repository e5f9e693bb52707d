from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from recurra.bundle import open_bundle
from recurra.errors import BundleError

# The class of each task; only names written here are ever imported, whatever a file says.
ESTIMATORS = {
    "classify": "recurra.tasks.classify:Classifier",
    "forecast": "recurra.tasks.forecast:Forecaster",
    "generate": "recurra.tasks.generate:Generator",
    "tag": "recurra.tasks.tag:Tagger",
}


def load(path: str | Path) -> Any:
    """What `save(path)` or `recurra fit ... --out path` wrote, ready to predict: a Forecaster, Classifier, ...

    Every byte is checked first; BundleError says what is missing, damaged or too new.
    """
    bundle = open_bundle(path)
    if bundle.manifest.task not in ESTIMATORS:
        raise BundleError(
            f"{path} is a model for {bundle.manifest.task!r}, which this recurra doesn't know, only "
            f"{', '.join(ESTIMATORS)}. Upgrade with pip install -U recurra."
        )
    module, _, name = ESTIMATORS[bundle.manifest.task].partition(":")
    estimator: Any = getattr(importlib.import_module(module), name)
    return estimator.load(path)
