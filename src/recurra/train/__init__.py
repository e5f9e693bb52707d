"""Training: the loop, its optimisers and schedules, checkpoints that resume exactly, and what a person sees of it."""

from recurra.train._batch_size import BatchSizeChoice, choose_batch_size
from recurra.train._batches import Batches, ShuffledBatches, choose_epochs
from recurra.train._config import TrainingConfig
from recurra.train._finder import find_learning_rate
from recurra.train._loop import train
from recurra.train._progress import Progress, show_progress
from recurra.train._randomness import seed_randomness
from recurra.train._result import EpochRecord, LearningRateCurve, TrainingResult
from recurra.train._schedule import learning_rate_at
from recurra.train._weights import evaluating

__all__ = [
    "BatchSizeChoice",
    "Batches",
    "EpochRecord",
    "LearningRateCurve",
    "Progress",
    "ShuffledBatches",
    "TrainingConfig",
    "TrainingResult",
    "choose_batch_size",
    "choose_epochs",
    "evaluating",
    "find_learning_rate",
    "learning_rate_at",
    "seed_randomness",
    "show_progress",
    "train",
]
