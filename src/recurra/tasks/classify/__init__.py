"""Classification: from labelled texts, or labelled series of numbers, to a calibrated, measured classifier."""

from typing import TYPE_CHECKING

from recurra._lazy import lazy

if TYPE_CHECKING:
    from recurra.tasks.classify._classifier import Classifier
    from recurra.tasks.classify._config import ClassifyConfig

__all__ = ["Classifier", "ClassifyConfig"]

# The config is read for its flags; that must not load torch.
__getattr__, __dir__ = lazy(
    __name__,
    {
        "Classifier": "recurra.tasks.classify._classifier",
        "ClassifyConfig": "recurra.tasks.classify._config",
    },
)
