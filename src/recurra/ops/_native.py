"""The compiled module, which nothing else touches. Works without torch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recurra import _core
from recurra._core import (
    Stream,
    backward,
    forward,
    kept_floats,
    linear_cross_entropy_backward,
    linear_cross_entropy_forward,
    tape_size,
)
from recurra.errors import ConfigError

__all__ = [
    "Stream",
    "backward",
    "cpu_features",
    "forward",
    "has_bfloat16",
    "instruction_set",
    "instruction_sets",
    "kept_floats",
    "linear_cross_entropy_backward",
    "linear_cross_entropy_forward",
    "peak_gflops",
    "steps_since_observed",
    "tape_size",
    "use_instruction_set",
]


def cpu_features() -> dict[str, bool]:
    """Which instruction sets this processor has and its operating system lets programs use, by name."""
    return _core.cpu_features()


def instruction_sets() -> tuple[str, ...]:
    """The instruction sets that the kernels are compiled for and this machine has, the best first."""
    return _core.instruction_sets()


def instruction_set() -> str:
    """The instruction set that the kernels use: the best, or what the environment variable RECURRA_ISA names."""
    return _core.instruction_set()


def has_bfloat16() -> bool:
    """Whether the instruction set in use multiplies bfloat16, which `precision="bf16"` asks for."""
    return _core.has_bfloat16()


@contextmanager
def use_instruction_set(name: str) -> Iterator[None]:
    """Let the kernels use this instruction set for a while, in all threads: to compare, or to test.

    What was computed forwards under one set must go backwards under the same.
    """
    before = _core.instruction_set()
    if not _core.use_instruction_set(name):
        raise ConfigError(
            f"Instruction set {name!r} isn't compiled in, or this machine lacks it. "
            f"Choose one of {', '.join(instruction_sets())}."
        )
    try:
        yield
    finally:
        _core.use_instruction_set(before)


def peak_gflops(threads: int, seconds: float = 0.2) -> float:
    """How many 10^9 multiplications and additions a second this machine does from registers, on so many threads."""
    return _core.peak_gflops(threads, seconds)


def steps_since_observed(values: ArrayLike, offsets: ArrayLike) -> NDArray[np.float32]:
    """How many rows ago each column was last observed; NaN is a value that wasn't observed.

    `values` is (N, C): the rows of several series one after the other, those of series s in
    `offsets[s]:offsets[s + 1]`. The result has the same shape: 0 where a value stands, otherwise one more than in the
    row before. Before a series' first value it counts the rows since the series began, plus one. Series don't touch
    each other. Raises ValueError where `offsets` doesn't cut the N rows into series.

    >>> steps_since_observed([[1.0], [np.nan], [np.nan], [np.nan]], [0, 3, 4]).ravel()
    array([0., 1., 2., 1.], dtype=float32)
    """
    return _core.steps_since_observed(
        np.ascontiguousarray(values, dtype=np.float32), np.ascontiguousarray(offsets, dtype=np.int64)
    )
