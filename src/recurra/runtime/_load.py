from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from recurra.bundle import Bundle, open_bundle
from recurra.runtime._plain import PlainModel
from recurra.runtime._session import Model

# What reads the rows of a task and makes its answers; without one, a network takes its inputs and gives its output.
# Only names written here are ever imported, whatever a file says.
_TASKS = {
    "classify": "recurra.tasks.classify._live:open_classifier",
    "forecast": "recurra.tasks.forecast._live:open_forecaster",
    "generate": "recurra.tasks.generate._live:open_generator",
    "tag": "recurra.tasks.tag._live:open_tagger",
}


def load(path: str | Path | Bundle) -> Model:
    """Load a bundle to run it, without torch: step by step, in constant memory.

    Every byte is checked first. BundleError says what is missing, damaged or too new; ConfigError, which block keeps a
    network from running step by step, and what to train instead.
    """
    bundle = path if isinstance(path, Bundle) else open_bundle(path)
    if bundle.manifest.task not in _TASKS:
        return PlainModel(bundle)
    module, _, name = _TASKS[bundle.manifest.task].partition(":")
    open_model: Any = getattr(importlib.import_module(module), name)
    return open_model(bundle)
