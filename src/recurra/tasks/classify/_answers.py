from __future__ import annotations

from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, PositiveFloat


class Answers(BaseModel):
    """What a network's logits mean: labels, whether several may hold at once, and how sure to be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["text", "numbers"]
    labels: tuple[str, ...]
    multi: bool
    temperature: PositiveFloat = 1.0  # logits are divided by it
    shares: tuple[float, ...] = ()  # of each label in the training part
    separator: str = ";"  # between several labels in one cell
    column: str = "text"  # of the texts, or of the names of series, in the table it was fitted on

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Probabilities (N, L) float64 of logits (N, L)."""
        scaled = logits.astype(np.float64) / self.temperature
        if self.multi:
            return 0.5 * (1 + np.tanh(0.5 * scaled))
        powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    def label(self, probabilities: np.ndarray) -> str:
        """The answer to probabilities (L,): the likeliest label, or of several those more likely than not."""
        if not self.multi:
            return self.labels[int(probabilities.argmax())]
        return self.separator.join(
            label for label, share in zip(self.labels, probabilities, strict=True) if share >= 0.5
        )

    def document(self, probabilities: np.ndarray) -> dict[str, Any]:
        """The answer as JSON data, the likeliest label first."""
        order = np.argsort(-probabilities, kind="stable")
        return {
            "label": self.label(probabilities),
            "probabilities": {self.labels[at]: float(probabilities[at]) for at in order},
        }

    def columns(self, probabilities: np.ndarray) -> dict[str, list[Any]]:
        """The answers (N, L) as columns of a table: the label, its probability, and that of every label."""
        return {
            "label": [self.label(each) for each in probabilities],
            "probability": probabilities.max(axis=1, initial=0.0).tolist(),
            **{f"p_{label}": probabilities[:, at].tolist() for at, label in enumerate(self.labels)},
        }
