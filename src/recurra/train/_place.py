"""Where a training run stands, apart from weights, optimiser and random numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from math import inf
from typing import Any

from torch import Tensor

from recurra.train._result import EpochRecord, LearningRateCurve

_REMEMBERED = 32


@dataclass
class Place:
    """Epoch and step (both from 0) that come next, the sums of the epoch under way, and what the epochs before gave."""

    learning_rate: float
    learning_rate_curve: LearningRateCurve | None = None
    epoch: int = 0
    index: int = 0
    loss_sum: float = 0.0
    norm_sum: float = 0.0
    norms: list[float] = field(default_factory=list)  # of the last steps, for the diagnosis of a NaN
    history: list[EpochRecord] = field(default_factory=list)
    best_epoch: int = 0
    best_loss: float = inf
    best_weights: dict[str, Tensor] = field(default_factory=dict)  # empty without validation
    finished: bool = False
    stopped_early: bool = False
    seconds: float = 0.0

    def finish_step(self, loss: float, norm: float) -> None:
        """One more step of this epoch is done."""
        self.index += 1
        self.loss_sum += loss
        self.norm_sum += norm
        self.norms.append(norm)
        if len(self.norms) > 2 * _REMEMBERED:
            del self.norms[:-_REMEMBERED]

    def finish_epoch(self, validation: float | None, learning_rate: float) -> EpochRecord:
        """This epoch's steps and validation are done; the next epoch comes."""
        record = EpochRecord(
            epoch=self.epoch + 1,
            loss=self.loss_sum / self.index,
            validation=validation,
            learning_rate=learning_rate,
            gradient_norm=self.norm_sum / self.index,
        )
        self.history.append(record)
        self.epoch += 1
        self.index = 0
        self.loss_sum = self.norm_sum = 0.0
        return record

    def state(self) -> dict[str, Any]:
        """The place as plain numbers, lists, dicts and tensors."""
        curve = self.learning_rate_curve
        return {
            **self.__dict__,
            "learning_rate_curve": None if curve is None else asdict(curve),
            "history": [asdict(record) for record in self.history],
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Place:
        """The place that `state` describes."""
        curve = state["learning_rate_curve"]
        return cls(
            **{
                **state,
                "learning_rate_curve": None if curve is None else LearningRateCurve(**curve),
                "history": [EpochRecord(**record) for record in state["history"]],
            }
        )
