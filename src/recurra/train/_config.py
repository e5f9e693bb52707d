from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt


class TrainingConfig(BaseModel):
    """How any network is trained; every task's config contains these fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def of(cls, config: TrainingConfig, **changes: Any) -> Self:
        """What a task's config says of training, with changes."""
        return cls(**{name: getattr(config, name) for name in cls.model_fields} | changes)

    epochs: PositiveInt | None = Field(
        default=None, description="Passes over the training part. Default: chosen from its size."
    )
    steps_per_epoch: PositiveInt | None = Field(
        default=None,
        description="Steps of an epoch, where it is not to show every sequence. Default: chosen from the data.",
    )
    batch_size: PositiveInt | None = Field(
        default=None, description="Sequences per step. Default: chosen from the data, within --memory."
    )
    learning_rate: PositiveFloat | Literal["auto"] = Field(
        default=1e-3, description="Peak learning rate; 'auto' runs the learning-rate finder first."
    )
    optimizer: Literal["adamw", "sgd"] = Field(default="adamw", description="Optimiser.")
    momentum: float = Field(default=0.9, ge=0, lt=1, description="Nesterov momentum of sgd; 0 is plain descent.")
    schedule: Literal["one-cycle", "cosine", "exponential", "constant"] = Field(
        default="one-cycle", description="Learning rate over time."
    )
    weight_decay: NonNegativeFloat = Field(
        default=1e-4, description="L2: decoupled for adamw, in the gradient for sgd."
    )
    clip: NonNegativeFloat = Field(default=1.0, description="Largest gradient norm; 0 leaves gradients alone.")
    average: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Decay of a running mean of the weights, which is then validated and kept; 0 keeps the weights.",
    )
    patience: NonNegativeInt | None = Field(
        default=None,
        description="Stop after this many epochs without a better validation loss; 0 never stops early. "
        "Default: half of the epochs.",
    )
    seed: NonNegativeInt = Field(default=0, description="Two runs with one seed are bit-identical.")
    memory: PositiveFloat = Field(
        default=2.0, description="Bound on training memory in GB, for the choice of --batch-size."
    )
    precision: Literal["32-true", "bf16-mixed"] = Field(
        default="32-true", description="Number format of the training maths."
    )
    threads: PositiveInt | None = Field(
        default=None, description="Threads to compute with. Default: one for a small network, else torch's."
    )
