"""Training."""

from typing import TYPE_CHECKING

from recurra._lazy import lazy

if TYPE_CHECKING:
    from recurra.train._config import TrainingConfig

__all__ = ["TrainingConfig"]

# The names are imported when they are asked for: a flag's help must not load torch.
__getattr__, __dir__ = lazy(__name__, {"TrainingConfig": "recurra.train._config"})
