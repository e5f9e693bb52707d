"""Recurrent sequence models that are exact, fast on the machine you have, and live."""

from typing import TYPE_CHECKING

from recurra._lazy import lazy

if TYPE_CHECKING:
    from recurra import (
        blocks,
        bundle,
        data,
        errors,
        evaluate,
        export,
        nn,
        ops,
        recipes,
        reference,
        runtime,
        shapes,
        tasks,
        train,
    )
    from recurra._version import __version__
    from recurra.errors import RecurraError
    from recurra.nn import accelerate, decelerate
    from recurra.tasks import load
    from recurra.tasks.classify import Classifier
    from recurra.tasks.forecast import Forecaster
    from recurra.tasks.generate import Generator
    from recurra.tasks.tag import Tagger

__all__ = [
    "Classifier",
    "Forecaster",
    "Generator",
    "RecurraError",
    "Tagger",
    "__version__",
    "accelerate",
    "blocks",
    "bundle",
    "data",
    "decelerate",
    "errors",
    "evaluate",
    "export",
    "load",
    "nn",
    "ops",
    "recipes",
    "reference",
    "runtime",
    "shapes",
    "tasks",
    "train",
]

# `import recurra` is immediate: names, and the rooms behind them, are imported when they are asked for.
__getattr__, __dir__ = lazy(
    __name__,
    {
        "Classifier": "recurra.tasks.classify",
        "Forecaster": "recurra.tasks.forecast",
        "Generator": "recurra.tasks.generate",
        "RecurraError": "recurra.errors",
        "Tagger": "recurra.tasks.tag",
        "__version__": "recurra._version",
        "accelerate": "recurra.nn",
        "decelerate": "recurra.nn",
        "load": "recurra.tasks",
        **{
            room: f"recurra.{room}"
            for room in (
                "blocks",
                "bundle",
                "data",
                "errors",
                "evaluate",
                "export",
                "nn",
                "ops",
                "recipes",
                "reference",
                "runtime",
                "shapes",
                "tasks",
                "train",
            )
        },
    },
)
