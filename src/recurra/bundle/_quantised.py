"""Weights in a quarter of the room: matrices as int8 with one scale for each row, all else as float16."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

SCALE = ".scale"  # behind the name of a matrix: the scales of its rows
_MOST = 127
_HALF = np.finfo(np.float16)
_ENTRY = 100  # bytes that one more array costs in a file


def quantise(weights: Mapping[str, np.ndarray], matrices: Collection[str]) -> dict[str, np.ndarray]:
    """The weights as they are stored when the named (rows, columns) become int8: symmetric, so that 0 stays 0.

    A matrix so small or narrow that its scales would take more room than they save is float16 as well.
    """
    stored: dict[str, np.ndarray] = {}
    for name, array in weights.items():
        if name in matrices and array.size > array.shape[0] * 2 + _ENTRY:
            stored[name], stored[f"{name}{SCALE}"] = _rows(array)
        else:
            stored[name] = _half(array)
    return stored


def widen(stored: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Stored weights as a kernel takes them: int8 matrices, and all else, scales included, as float32."""
    return {name: array if array.dtype == np.int8 else array.astype(np.float32) for name, array in stored.items()}


def dequantise(stored: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Stored weights as float32, by the names that they had before."""
    wide = widen(stored)
    scales = {f"{name}{SCALE}" for name, array in wide.items() if array.dtype == np.int8}
    return {
        name: array * wide[f"{name}{SCALE}"][:, None] if array.dtype == np.int8 else array
        for name, array in wide.items()
        if name not in scales
    }


def _rows(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    largest = np.abs(matrix).max(axis=1, initial=0.0)
    scale = _half(largest / _MOST)
    # Rounded up, and before it is divided by, a scale cuts nothing off; a row of zeros has one too.
    small = (scale.astype(np.float32) * _MOST < largest) | (scale == 0)
    scale = np.where(small, np.nextafter(scale, np.inf, dtype=scale.dtype), scale)
    steps = np.rint(matrix / scale.astype(np.float32)[:, None])
    return np.clip(steps, -_MOST, _MOST).astype(np.int8), scale


def _half(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float16 if np.abs(array).max(initial=0.0) < _HALF.max else np.float32)
