from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
from pydantic import BaseModel, ConfigDict

VALUES, OBSERVED = "values", "observed"
_LARGEST = 10.0


class Scaling(BaseModel):
    """Rows of numbers to what a network takes; it is what a bundle keeps as preprocessing.

    A number is standardised by its column's mean and spread in training, and cut off at ten spreads; one that is
    missing counts as the mean, and where training had any such, the network is told.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: tuple[str, ...]
    mean: tuple[float, ...]
    spread: tuple[float, ...]
    gaps: bool

    @classmethod
    def fit(cls, columns: tuple[str, ...], values: np.ndarray) -> Self:
        """Learn from training rows (N, C); NaN is missing."""
        known = np.isfinite(values)
        count = np.maximum(known.sum(axis=0), 1)
        mean = np.where(known, values, 0).sum(axis=0, dtype=np.float64) / count
        variance = (np.where(known, values - mean, 0) ** 2).sum(axis=0, dtype=np.float64) / count
        spread = np.where(variance > 0, np.sqrt(variance), 1.0)
        return cls(columns=columns, mean=tuple(mean), spread=tuple(spread), gaps=bool((~known).any()))

    @property
    def widths(self) -> dict[str, int]:
        """Numbers a row gives to each input of the network."""
        size = len(self.columns)
        return {VALUES: size, OBSERVED: size} if self.gaps else {VALUES: size}

    def encode(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """The inputs (T, width) float32 of rows (T, C)."""
        known = np.isfinite(rows)
        standard = (np.where(known, rows, self.mean) - np.array(self.mean)) / np.array(self.spread)
        inputs = {VALUES: standard.clip(-_LARGEST, _LARGEST).astype(np.float32)}
        return inputs | {OBSERVED: known.astype(np.float32)} if self.gaps else inputs


class Sequences:
    """Many series as numbers: one flat array an input, series after series; the counterpart of `data.text.Encoded`."""

    def __init__(self, flat: Mapping[str, np.ndarray], lengths: np.ndarray) -> None:
        self.flat = dict(flat)  # name -> (N, width) float32
        self.lengths = lengths.astype(np.int64)
        self.offsets = np.concatenate([[0], np.cumsum(self.lengths)])

    def __len__(self) -> int:
        return self.lengths.size

    def gather(self, indices: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """The inputs (B, T, width) of chosen series, zeros after each, and their lengths (B,); T is at least 1."""
        lengths = self.lengths[indices]
        steps = np.arange(max(int(lengths.max(initial=0)), 1))
        inside = steps < lengths[:, None]  # (B, T)
        places = (self.offsets[:-1][indices][:, None] + steps)[inside]
        inputs = {}
        for name, flat in self.flat.items():
            padded = np.zeros((*inside.shape, flat.shape[1]), np.float32)
            padded[inside] = flat[places]
            inputs[name] = padded
        return inputs, lengths
