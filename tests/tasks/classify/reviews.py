"""Generated texts and series whose labels a tiny network learns in a second."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from recurra.tasks.classify import Classifier

GOOD, BAD = ("fine", "great", "lovely", "warm"), ("dull", "poor", "awful", "cold")
FILLING = ("the", "a", "film", "plot", "acting", "of", "and", "with", "Paris")
OPTIONS: dict[str, Any] = {
    "epochs": 6,
    "hidden_size": 8,
    "embedding_size": 8,
    "dropout": 0.1,
    "embedding_dropout": 0.0,
    "characters": 0,
    "learning_rate": 0.03,
    "batch_size": 16,
    "threads": 1,
}


def reviews(count: int, seed: int = 0) -> list[tuple[str, str]]:
    """Texts of some words, one of which says whether they are good or bad."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        label = str(random.choice(["good", "bad"]))
        words = [*random.choice(FILLING, random.integers(2, 6)), random.choice(GOOD if label == "good" else BAD)]
        found.append((" ".join(map(str, random.permutation(words))), label))
    return found


def topics(count: int, seed: int = 0) -> list[tuple[str, tuple[str, ...]]]:
    """Texts with several labels or none: a label holds where its word occurs."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        labels = tuple(label for label in ("sport", "art") if random.random() < 0.5)
        words = [*random.choice(FILLING, 3), *(f"{label}ful" for label in labels)]
        found.append((" ".join(map(str, random.permutation(words))), labels))
    return found


def waves(count: int, seed: int = 0, *, gaps: bool = False) -> pl.DataFrame:
    """Series of 8 to 12 steps that swing fast or slowly."""
    random = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for name in range(count):
        label = str(random.choice(["fast", "slow"]))
        for step in range(random.integers(8, 13)):
            value: float | None = float(np.sin(step * (2.5 if label == "fast" else 0.4)) + 0.1 * random.normal())
            if gaps and random.random() < 0.1:
                value = None
            rows.append({"id": f"s{name}", "label": label, "x": value, "y": float(random.normal())})
    return pl.DataFrame(rows)


def tiny(**options: Any) -> Classifier:
    """A classifier that is trained in a moment."""
    return Classifier(**OPTIONS | options)
