"""The compiled part of recurra. Only recurra.ops talks to it."""

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

# Addresses of memory, 0 where there is none; sizes and strides count floats.
Layer = tuple[str, int, int, bool]  # cell, features, hidden, bfloat16
Steps = tuple[int, int, int, int, int, int]  # time, rows, rows of the data; lengths, batch_sizes, resets
Weights = tuple[int, int, int, int, int]  # w_ih, w_hh, b_ih, b_hh, peephole
Array = tuple[int, int, int]  # data, time stride, row stride
Addresses = tuple[int, int]  # of h, c

Floats = TypeVar("Floats")  # a numpy array or a torch tensor, float32

def cpu_features() -> dict[str, bool]: ...
def instruction_sets() -> tuple[str, ...]: ...
def instruction_set() -> str: ...
def has_bfloat16() -> bool: ...
def use_instruction_set(name: str) -> bool: ...
def peak_gflops(threads: int, seconds: float) -> float: ...
def steps_since_observed(values: NDArray[np.float32], offsets: NDArray[np.int64]) -> NDArray[np.float32]: ...
def kept_floats(count: int) -> NDArray[np.float32]: ...
def tape_size(layer: Layer, steps: Steps, recompute: bool) -> int: ...
def forward(
    layer: Layer,
    steps: Steps,
    reverse: bool,
    weights: Weights,
    x: Array,
    start: Addresses,
    out: Array,
    end: Addresses,
    tape: int,
    recompute: bool,
    threads: int,
) -> None: ...
def backward(
    layer: Layer,
    steps: Steps,
    reverse: bool,
    weights: Weights,
    x: Array,
    start: Addresses,
    out: Array,
    tape: int,
    recompute: bool,
    grad_out: Array,
    grad_end: Addresses,
    grad_x: Array,
    grad_start: Addresses,
    grad_weights: Weights,
    threads: int,
) -> None: ...
def linear_cross_entropy_forward(
    sizes: tuple[int, int, int],  # rows, features, classes
    operands: tuple[int, int, int, int, int],  # x, its row stride; weight, bias, target
    ignored: int,
    smoothing: float,
    losses: int,
    softmax: int,
    logits: int,
    threads: int,
) -> None: ...
def linear_cross_entropy_backward(
    sizes: tuple[int, int, int],
    operands: tuple[int, int, int, int, int],
    ignored: int,
    smoothing: float,
    softmax: int,
    logits: int,
    grad_losses: int,
    grads: tuple[int, int, int],  # of x, weight and bias; 0 where one isn't wanted
    threads: int,
) -> None: ...

class Stream:
    """A stack of layers that runs one step at a time; its weights are packed once, its state is in here.

    Each of `layers` is (cell, weight_ih, weight_hh, bias_ih, bias_hh, weight_peephole), the last three None where a
    layer has none; cells are named as in recurra.reference. A matrix may be int8 with the float32 scale of each row:
    (matrix, scale). Not for two threads at once.
    """

    def __init__(self, layers: Sequence[tuple[str, Any, Any, Any, Any, Any]], rows: int = 1) -> None: ...
    def step(self, x: Floats, out: Floats | None = None) -> Floats: ...
    def state(self) -> NDArray[np.float32]: ...
    def restore(self, state: Any) -> None: ...
    def reset(self) -> None: ...
    def fork(self) -> Stream: ...
    def anew(self, rows: int = 1) -> Stream: ...
    @property
    def rows(self) -> int: ...
    @property
    def input_size(self) -> int: ...
    @property
    def output_size(self) -> int: ...

class Stack:
    """Layers with their weights packed once, as `Stream` takes them, to be named in a program."""

    def __init__(self, layers: Sequence[tuple[str, Any, Any, Any, Any, Any]]) -> None: ...
    @property
    def state_size(self) -> int: ...

class Linear:
    """An affine map, weight (outputs, inputs), or (weight, scale) of int8, and bias (outputs) or None."""

    def __init__(self, weight: Any, bias: Any | None) -> None: ...
    @property
    def outputs(self) -> int: ...

class Constant:
    """Float32 numbers that programs share."""

    def __init__(self, numbers: NDArray[np.float32]) -> None: ...

class State:
    """The numbers of one sequence, zeros at first. What steps with it in one thread can't be used in another."""

    def __init__(self, size: int) -> None: ...
    def copy(self) -> State: ...
    def read(self, into: NDArray[np.float32]) -> None: ...
    def write(self, numbers: NDArray[np.float32]) -> None: ...
    @property
    def size(self) -> int: ...

class Program:
    """A network as instructions, run for any number of sequences at once: see csrc/core/program.hpp.

    A value is (axes, input, constant, same), at most one of the last three given; an instruction is (kind, out, in,
    (axis, from, state), (a, b), stack or linear map). ValueError where they don't fit each other.
    """

    def __init__(
        self,
        values: Sequence[tuple[Any, ...]],
        instructions: Sequence[tuple[Any, ...]],
        outputs: Sequence[tuple[int, Sequence[int]]],  # value, shape in which each row of it is given
    ) -> None: ...
    def run(
        self, inputs: list[NDArray[np.float32]], rows: int, states: list[State] | None = None, threads: int = 1
    ) -> list[NDArray[np.float32]]: ...
    def generate(
        self,
        answer: NDArray[np.float32],  # (V,), updated
        state: State,
        uniforms: NDArray[np.float64],
        *,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        barred: Sequence[int] = (),
    ) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Draw a code from the answer, by one of `uniforms`, step with it, and so on: codes, and bits of each.

        See csrc/core/drawing.hpp.
        """
    def step(self, input: NDArray[np.float32], state: State) -> NDArray[np.float32]: ...
    def bind(
        self,
        inputs: list[tuple[NDArray[np.float32], bool]],  # an array, and whether it moves
        rows: int,
        outputs: list[NDArray[np.float32]],
    ) -> Bound: ...
    @property
    def state_size(self) -> int: ...

class Bound:
    """A network without a state that looks at the same arrays again and again, from another place on each time.

    What moves is (rows or 1, length, width), looked at for as many steps as the network wants; other inputs and all
    outputs are (rows, ...).
    """

    def run(self, at: int) -> None: ...

class Followed:
    """Which forecasts are held against the truth, and how far a truth moves them: see csrc/core/tracker.hpp.

    ValueError where the parts don't fit each other.
    """

    def __init__(
        self,
        *,
        leads: NDArray[np.int64],
        strides: NDArray[np.int64],
        nearest: NDArray[np.int64],
        up: NDArray[np.float32],
        down: NDArray[np.float32],
        base: NDArray[np.float32],
        floor: NDArray[np.float32],
        trained: Sequence[float],
        clip: float,
        middle: int,
        median: int,
    ) -> None: ...

class Tracker:
    """What one session learns from its own forecasts as the truth arrives; `moved`, `waiting` and `numbers` are views.

    Not for two threads at once.
    """

    until: int
    next: int

    def __init__(self, followed: Followed, adapts: bool) -> None: ...
    def judge(self, row: int, truth: tuple[float, ...], scales: list[float]) -> None: ...
    def finish(self, row: int, raw: NDArray[np.float32], spread: NDArray[np.float32]) -> NDArray[np.float32]: ...
    def calibrate(self, raw: NDArray[np.float32], spread: NDArray[np.float32]) -> NDArray[np.float32]: ...
    def forget(self, row: int) -> None: ...
    def drift(self) -> float | None: ...
    @property
    def moved(self) -> NDArray[np.float32]: ...
    @property
    def waiting(self) -> NDArray[np.float32]: ...
    @property
    def numbers(self) -> NDArray[np.float64]: ...
