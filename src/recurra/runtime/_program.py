from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recurra.runtime._native import Constant, Linear, Program, Stack

Shape = tuple[int, ...]  # without the batch axis


@dataclass(frozen=True)
class Value:
    """Something that a program computes for each sequence; its shape is as torch would give it."""

    number: int
    shape: Shape


class Table:
    """Numbers that are the same for every sequence, kept once for all programs that are built with them."""

    def __init__(self, array: np.ndarray) -> None:
        self.shape: Shape = array.shape
        self.constant = Constant(np.ascontiguousarray(array, dtype=np.float32))


class Builder:
    """Collects the instructions of a program: see `csrc/core/program.hpp` for what each does."""

    def __init__(self) -> None:
        self._values: list[tuple[Any, ...]] = []
        self._instructions: list[tuple[Any, ...]] = []
        self._parts: dict[int, tuple[Value, ...]] = {}  # of what was concatenated
        self._inputs = 0

    def input(self, shape: Shape) -> Value:
        """The next input."""
        self._inputs += 1
        return self._value(shape, source=self._inputs - 1)

    def constant(self, numbers: np.ndarray | Table) -> Value:
        """Numbers that are the same for every sequence."""
        table = numbers if isinstance(numbers, Table) else Table(numbers)
        return self._value(table.shape, constant=table.constant)

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
        if kind == "concatenate":
            self._parts[out.number] = inputs
        self._instructions.append((kind, out.number, numbers, (axis, start, state), bounds, weights))
        return out

    def parts(self, value: Value) -> tuple[Value, ...]:
        """What was concatenated to `value`; or itself alone."""
        return self._parts.get(value.number, (value,))

    def columns(self, value: Value, count: int) -> list[Value]:
        """The `count` parts, all of one width, that stand side by side in `value` (T, W)."""
        time, width = value.shape[0], value.shape[1] // count
        parts = dict(enumerate(self._parts.get(value.number, ())))
        even = [part.shape[-1] for part in parts.values()] == [width] * count
        return [
            parts[i]  # as it was before they were joined
            if even and parts[i].shape == (time, width)
            else self.add("slice", (time, width), value, axis=1, start=i * width)
            for i in range(count)
        ]

    def first(self, value: Value, start: int, width: int) -> Value:
        """Columns from `start` on of the first step of `value` (T, W), (1, width)."""
        column = 0
        for part in self._parts.get(value.number, ()):
            if (column, part.shape) == (start, (1, width)):
                return part
            column += part.shape[-1]
        step = self.add("slice", (1, value.shape[1]), value)
        return self.add("slice", (1, width), step, axis=1, start=start)

    def program(self, outputs: Sequence[tuple[Value, Shape]]) -> Program:
        """All that these need, compiled; each output is given in a shape of so many numbers."""
        needed = {self._source(value.number) for value, _ in outputs}
        instructions = []
        for instruction in reversed(self._instructions):
            _, out, inputs, (_, _, state), *_ = instruction
            if out in needed or state >= 0:
                needed |= {self._source(number) for number in inputs}
                instructions.append(instruction)
        return Program(self._values, instructions[::-1], [(value.number, shape) for value, shape in outputs])

    def _source(self, number: int) -> int:
        """What a view, perhaps of a view, shows; other values are themselves."""
        while (same := self._values[number][3]) is not None:
            number = same
        return number

    def _value(
        self, shape: Shape, *, source: int | None = None, constant: Constant | None = None, same: int | None = None
    ) -> Value:
        self._values.append((_axes(shape), source, constant, same))
        return Value(len(self._values) - 1, shape)


def _axes(shape: Shape) -> tuple[int, int, int]:
    """Three axes of which the first is time: one is added before features alone, or after what has time."""
    if len(shape) == 1:
        return (1, shape[0], 1)
    return (shape[0], shape[1], shape[2] if len(shape) == 3 else 1)
