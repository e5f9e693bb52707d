"""What all cells share: their weights, what their backward pass returns, and the record that a cell is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

Record = TypeVar("Record", bound=tuple)


class Weights(NamedTuple):
    """The weights of one cell, as torch names and stacks them.

    Two biases are kept apart, though most cells only need their sum, because the GRU that resets after the product
    needs both and because torch's checkpoints hold both.
    """

    weight_ih: Float[Tensor, "gates feature"]
    weight_hh: Float[Tensor, "gates hidden"]
    bias_ih: Float[Tensor, "gates"]
    bias_hh: Float[Tensor, "gates"]


class Gradients(NamedTuple):
    """What backpropagation through time gives.

    `states` holds dL/dh_t for t = 0..T (for an LSTM dL/dc_t too): the whole influence of the state after step t on
    the loss, along every path. Its first entry is the gradient of the initial state. `weights` has the type of the
    cell's weights.
    """

    x: Float[Tensor, "batch time feature"]
    states: Any
    weights: Any

    @property
    def state(self) -> Any:
        """The gradient of the initial state."""
        return at_time(self.states, 0)


@dataclass(frozen=True)
class Cell:
    """A cell: a step from one state to the next, its run over a sequence, and backpropagation through that run.

        step(x_t, state, weights)            -> (output, state)
        run(x, state, weights)               -> (output, state, tape)
        backward(tape, weights, grad_states) -> Gradients

    A tape is what a run remembers for its backward pass. Its field `states` holds the states h_0..h_T; the output is
    h_1..h_T and the final state is the last of them, so `grad_states`, the direct influence of each of these on the
    loss, says everything a loss can ask. `gates` counts the blocks of `hidden` rows in the stacked weights.
    """

    name: str
    gates: int
    state: type[Any]
    weights: type[Any]
    step: Callable[..., Any]
    run: Callable[..., Any]
    backward: Callable[..., Gradients]


def at_time(states: Record, t: int) -> Record:
    """The record (state, gates) of step t, out of a record of sequences (batch, time, ...)."""
    return type(states)(*(field[:, t] for field in states))


def in_time(kind: type[Record], records: Sequence[Record], like: Float[Tensor, "batch hidden"]) -> Record:
    """Records of single steps joined to one record of sequences (batch, time, ...); of time 0 if there are none."""
    if not records:
        return kind(*(like.unsqueeze(1)[:, :0] for _ in kind._fields))  # pyright: ignore[reportAttributeAccessIssue]
    return kind(*(torch.stack(steps, dim=1) for steps in zip(*records, strict=True)))


def reversed_in_time(steps: Iterable[Tensor], like: Float[Tensor, "batch gates"]) -> Float[Tensor, "batch time gates"]:
    """What a backward pass gathered from the last step to the first, in the order of time."""
    ordered = list(steps)[::-1]
    return torch.stack(ordered, dim=1) if ordered else like.unsqueeze(1)[:, :0]


def outer_sum(
    left: Float[Tensor, "batch time gates"], right: Float[Tensor, "batch time feature"]
) -> Float[Tensor, "gates feature"]:
    """The gradient of a matrix W used at every step as right @ W.T: the sum of outer products over steps and rows."""
    return torch.einsum("btg,btf->gf", left, right)
