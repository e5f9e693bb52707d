"""What training leaves behind."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EpochRecord:
    """One epoch, seen afterwards; no times, so that two runs of one seed have equal records."""

    epoch: int  # from 1
    loss: float  # mean over the epoch's steps, while the weights moved
    validation: float | None  # None without validation
    learning_rate: float  # of the last step
    gradient_norm: float  # mean over the epoch's steps, before clipping


@dataclass(frozen=True)
class LearningRateCurve:
    """What the learning-rate finder saw: the loss while the rate rises by a constant factor each step."""

    learning_rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    suggestion: float
    reason: str


@dataclass(frozen=True)
class TrainingResult:
    """How training went. The network itself holds the weights of `best_epoch`."""

    history: tuple[EpochRecord, ...]
    best_epoch: int  # from 1; the last epoch when there was no validation
    best_loss: float  # validation loss of that epoch, or its training loss without validation
    steps: int  # optimiser steps of all epochs, those before a resume included
    seconds: float  # wall-clock, those before a resume included
    stopped_early: bool
    learning_rate: float  # the peak, whether it was given or found
    learning_rate_curve: LearningRateCurve | None  # with learning_rate="auto"
    resumed: bool

    @property
    def curves(self) -> dict[str, list[float]]:
        """Losses epoch by epoch, of training and of validation where there was one."""
        return {
            "loss": [record.loss for record in self.history],
            "validation": [record.validation for record in self.history if record.validation is not None],
        }
