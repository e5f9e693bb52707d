"""Training."""

from recurra.train._config import TrainingConfig

__all__ = ["TrainingConfig"]
