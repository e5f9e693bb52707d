from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recurra.runtime._native import Linear, Program, Stack

Shape = tuple[int, ...]  # without the batch axis


@dataclass(frozen=True)
class Value:
    """Something that a program computes for each sequence; its shape is as torch would give it."""

    number: int
    shape: Shape


class Builder:
    """Collects the instructions of a program: see `csrc/core/program.hpp` for what each does."""

    def __init__(self) -> None:
        self._values: list[tuple[Any, ...]] = []
        self._instructions: list[tuple[Any, ...]] = []
        self._inputs = 0

    def input(self, shape: Shape) -> Value:
        """The next input."""
        self._inputs += 1
        return self._value(shape, source=self._inputs - 1)

    def constant(self, array: np.ndarray) -> Value:
        """Numbers that are the same for every sequence."""
        array = np.ascontiguousarray(array, dtype=np.float32)
        return self._value(array.shape, constant=array)

    def view(self, value: Value, shape: Shape) -> Value:
        """The same numbers with other axes."""
        return value if shape == value.shape else self._value(shape, same=value.number)

    def add(
        self,
        kind: str,
        shape: Shape,
        *inputs: Value,
        axis: int = 0,
        start: int = 0,
        state: int = -1,
        bounds: tuple[float, float] = (0.0, 0.0),
        weights: Linear | Stack | None = None,
    ) -> Value:
        """What one instruction gives."""
        out = self._value(shape)
        numbers = [value.number for value in inputs]
        self._instructions.append((kind, out.number, numbers, (axis, start, state), bounds, weights))
        return out

    def program(self, outputs: Sequence[tuple[Value, Shape]]) -> Program:
        """All of it, compiled; each output is given in a shape of so many numbers."""
        return Program(self._values, self._instructions, [(value.number, shape) for value, shape in outputs])

    def _value(
        self, shape: Shape, *, source: int | None = None, constant: np.ndarray | None = None, same: int | None = None
    ) -> Value:
        self._values.append((_axes(shape), source, constant, same))
        return Value(len(self._values) - 1, shape)


def _axes(shape: Shape) -> tuple[int, int, int]:
    """Three axes of which the first is time: one is added before features alone, or after what has time."""
    if len(shape) == 1:
        return (1, shape[0], 1)
    return (shape[0], shape[1], shape[2] if len(shape) == 3 else 1)
