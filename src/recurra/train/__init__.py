"""Training: the loop, its optimisers and schedules, checkpoints that resume exactly, and what a person sees of it."""

from typing import TYPE_CHECKING

from recurra._lazy import lazy

if TYPE_CHECKING:
    from recurra.train._batch_size import BatchSizeChoice, choose_batch_size
    from recurra.train._batches import Batches, ShuffledBatches
    from recurra.train._config import TrainingConfig
    from recurra.train._finder import find_learning_rate
    from recurra.train._loop import Carry, train
    from recurra.train._progress import Progress, show_progress
    from recurra.train._randomness import seed_randomness
    from recurra.train._result import EpochRecord, LearningRateCurve, TrainingResult
    from recurra.train._schedule import learning_rate_at
    from recurra.train._weights import evaluating

__all__ = [
    "BatchSizeChoice",
    "Batches",
    "Carry",
    "EpochRecord",
    "LearningRateCurve",
    "Progress",
    "ShuffledBatches",
    "TrainingConfig",
    "TrainingResult",
    "choose_batch_size",
    "evaluating",
    "find_learning_rate",
    "learning_rate_at",
    "seed_randomness",
    "show_progress",
    "train",
]

# The names are imported when they are asked for: a flag's help must not load torch.
__getattr__, __dir__ = lazy(
    __name__,
    {
        "BatchSizeChoice": "recurra.train._batch_size",
        "Batches": "recurra.train._batches",
        "Carry": "recurra.train._loop",
        "EpochRecord": "recurra.train._result",
        "LearningRateCurve": "recurra.train._result",
        "Progress": "recurra.train._progress",
        "ShuffledBatches": "recurra.train._batches",
        "TrainingConfig": "recurra.train._config",
        "TrainingResult": "recurra.train._result",
        "choose_batch_size": "recurra.train._batch_size",
        "evaluating": "recurra.train._weights",
        "find_learning_rate": "recurra.train._finder",
        "learning_rate_at": "recurra.train._schedule",
        "seed_randomness": "recurra.train._randomness",
        "show_progress": "recurra.train._progress",
        "train": "recurra.train._loop",
    },
)
