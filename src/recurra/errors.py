"""Every error that recurra raises on purpose.

    RecurraError                what a user can mend; the command line prints one line and exits with 2
    ├── ConfigError             options that are unknown, out of range or contradict each other
    ├── DataError               a file or frame that can't be read as asked
    │   └── PastError           a row that is no newer than what a session has seen
    ├── BundleError             a saved model that is missing, damaged or newer than this program
    ├── StateError              the state of a session that is damaged, or another model's
    ├── TrainingError           training that can't go on, for instance after a NaN loss
    ├── TrainingStopped         Ctrl-C during training; a checkpoint is kept
    └── MissingExtraError       an optional dependency that isn't installed

A message says what was given, what was expected, and the next thing to do. Anything else that is raised is a bug of
ours and keeps its traceback.
"""

from __future__ import annotations

import importlib
from types import ModuleType

__all__ = [
    "BundleError",
    "ConfigError",
    "DataError",
    "MissingExtraError",
    "PastError",
    "RecurraError",
    "StateError",
    "TrainingError",
    "TrainingStopped",
    "require",
]


class RecurraError(Exception):
    """The root of all errors that a user can mend."""


class ConfigError(RecurraError, ValueError):
    """An option that is unknown, out of range, or contradicts another."""


class DataError(RecurraError, ValueError):
    """A file or frame that can't be read as asked."""


class PastError(DataError):
    """A row that is no newer than what a session has seen."""


class BundleError(RecurraError):
    """A saved model that is missing, damaged, or newer than this program."""


class StateError(RecurraError, ValueError):
    """The saved state of a session that is damaged, or another model's."""


class TrainingError(RecurraError):
    """Training that can't go on."""


class TrainingStopped(RecurraError):
    """Training that was interrupted; the checkpoint it left can be resumed."""


class MissingExtraError(RecurraError, ImportError):
    """A dependency of an optional part that isn't installed."""


def require(module: str, *, extra: str) -> ModuleType:
    """Import `module`, or say which extra of recurra brings it."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or module.split(".")[0] != error.name.split(".")[0]:
            raise
        raise MissingExtraError(
            f"This needs {error.name}, which isn't installed. Run: pip install 'recurra[{extra}]'"
        ) from error
