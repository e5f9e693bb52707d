"""What is measured: one layer of one size, doing one thing, on inputs that every runtime gets alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

Cell = Literal["rnn", "gru", "lstm"]
Mode = Literal["forward", "training", "step"]
Section = Literal["forward", "training", "step", "lengths", "bf16"]
Precision = Literal["float32", "bf16"]
CELLS: tuple[Cell, ...] = get_args(Cell)
SECTIONS: tuple[Section, ...] = get_args(Section)
GATES: dict[Cell, int] = {"rnn": 1, "gru": 3, "lstm": 4}
Array = NDArray[np.float32]


@dataclass(frozen=True)
class Case:
    """One layer of one size in one mode.

    `forward` runs a whole sequence, keeping nothing; `training` also goes back, to the gradients of the input and of
    every weight; `step` runs the same sequence one step at a time, as a stream does. If `ragged`, each row has a length
    of its own. `precision` is that of the numbers that are multiplied.
    """

    cell: Cell
    time: int
    batch: int
    input_size: int
    hidden_size: int
    mode: Mode
    ragged: bool = False
    precision: Precision = "float32"

    @property
    def size(self) -> str:
        """The name of the configuration, which `--only` takes."""
        return f"T{self.time}-B{self.batch}-I{self.input_size}-H{self.hidden_size}"

    @property
    def section(self) -> Section:
        """The table that this case belongs to."""
        if self.precision == "bf16":
            return "bf16"
        return "lengths" if self.ragged else self.mode

    def __str__(self) -> str:
        how = (" ragged" if self.ragged else "") + ("" if self.precision == "float32" else f" {self.precision}")
        return f"{self.cell} {self.size} {self.mode}{how}"

    @property
    def flops(self) -> int:
        """Floating point operations of the matrix products: 2 G H (I + H) for each row of each step, G gates.

        Training does three times as many: beside the forward products those for the gradients of what goes in and of
        the weights. What gates compute pointwise isn't counted. Rows that are shorter count for the steps they have.
        """
        per_row = 2 * GATES[self.cell] * self.hidden_size * (self.input_size + self.hidden_size)
        return per_row * int(row_lengths(self).sum()) * (3 if self.mode == "training" else 1)


class Problem(NamedTuple):
    """The numbers of a case. Time comes first: (T, B, F). Weights are torch's, in torch's order of gates."""

    x: Array  # (T, B, I)
    state: tuple[Array, ...]  # h, and c of an LSTM: (B, H)
    weights: tuple[Array, Array, Array, Array]  # weight_ih, weight_hh, bias_ih, bias_hh
    cotangents: tuple[Array, ...]  # of the output (T, B, H) and, where every row is whole, of each field of the state
    lengths: NDArray[np.int64] | None


WEIGHTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
# The names that results go by: what is computed forwards, and in training the gradients.
STATE: dict[Cell, tuple[str, ...]] = {"rnn": ("h",), "gru": ("h",), "lstm": ("h", "c")}
GRADIENTS = tuple(f"gradient of {name}" for name in ("x", *WEIGHTS))


def row_lengths(case: Case) -> NDArray[np.int64]:
    """The number of steps of each row: all, or, if ragged, evenly spread over 1 to T and shuffled."""
    if not case.ragged:
        return np.full(case.batch, case.time)
    lengths = np.linspace(1, case.time, case.batch).round().astype(np.int64)
    return np.random.default_rng(0).permutation(lengths)


def make_problem(case: Case) -> Problem:
    """Random inputs, weights as torch draws them, and a state that isn't zero but where a stream begins.

    Equal in every process.
    """
    random = np.random.default_rng(20)
    gates, hidden, batch = GATES[case.cell], case.hidden_size, case.batch

    def normal(*shape: int) -> Array:
        return random.standard_normal(shape, dtype=np.float32)

    def uniform(*shape: int) -> Array:
        return ((2 * random.random(shape, dtype=np.float32) - 1) * hidden**-0.5).astype(np.float32)

    x = normal(case.time, batch, case.input_size)
    start = 0 if case.mode == "step" else 0.5
    state = tuple(start * normal(batch, hidden) for _ in STATE[case.cell])
    weights = (
        uniform(gates * hidden, case.input_size),
        uniform(gates * hidden, hidden),
        uniform(gates * hidden),
        uniform(gates * hidden),
    )
    cotangents = (normal(case.time, batch, hidden), *(normal(batch, hidden) for _ in state))
    if not case.ragged:
        return Problem(x, state, weights, cotangents, None)
    lengths = row_lengths(case)
    beyond = np.arange(case.time)[:, None] >= lengths
    x[beyond] = 0
    cotangents[0][beyond] = 0
    return Problem(x, state, weights, cotangents[:1], lengths)


def expected_names(case: Case) -> tuple[str, ...]:
    """What a result must hold. The state at the end is inside of a stream, and of a padded run it is another."""
    state = () if case.ragged or case.mode == "step" else STATE[case.cell]
    return ("output", *state, *(GRADIENTS if case.mode == "training" else ()))
