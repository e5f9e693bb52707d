"""What a cell is, and how any cell is run through time and back.

A step reads the input x_t, the state before it and, in its recurrent products, s_t, which is h_{t-1} unless something
is dropped from it. Three things may be done to the state on its way from step to step:

    before_t = ρ_t · state_{t-1}                        resets: ρ is 0 where a row begins anew, elsewhere 1
    s_t      = m · (the h of before_t)                  recurrent dropout: one m for all steps
    after_t  = the cell's step from x_t, s_t, before_t
    state_t  = (1 - ζ_t) · after_t + ζ_t · before_t     zoneout: where ζ is 1, the old number is kept

Dropout of s with one mask a sequence is of Gal & Ghahramani, "A theoretically grounded application of dropout in
recurrent neural networks", NeurIPS 2016 (here all gates share the mask); zoneout is of Krueger et al., "Zoneout:
regularizing RNNs by randomly preserving hidden activations", ICLR 2017, who use the mean of ζ after training.

Backpropagation through time, where δ is a derivative of the loss and γ_t what the loss asks of state_t directly; the
step back from δafter_t to δs_t and δbefore_t is the cell's own:

    δstate_T     = γ_T
    δafter_t     = (1 - ζ_t) · δstate_t
    δstate_{t-1} = γ_{t-1} + ρ_t · (ζ_t · δstate_t + δbefore_t + m · δs_t)      the last term in the field h alone
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import torch
from jaxtyping import Bool, Float
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


class Disturbance(NamedTuple):
    """What is done to the state between steps: nothing, unless given. `zoneout` has the type of the state."""

    resets: Bool[Tensor, "batch time"] | None = None
    mask: Float[Tensor, "batch hidden"] | None = None
    zoneout: Any = None  # fields (batch, time, hidden), between 0 and 1


class Steps(NamedTuple):
    """What a step read and what came of it; with a time axis, all steps of a run."""

    x: Float[Tensor, "batch *time feature"]
    seen: Float[Tensor, "batch *time hidden"]
    before: Any
    gates: Any
    after: Any


class Tape(NamedTuple):
    """What a run remembers for its way back. `states` are those of h_0..h_T, fields (batch, time + 1, hidden)."""

    states: Any
    steps: Steps
    disturbance: Disturbance


class StepBack(NamedTuple):
    """The derivatives that one step back finds.

    Of the state that the step made, with the paths from one of its fields to another; of what is inside the
    nonlinearities, as the cell lays it out; of what its recurrent products saw; of the state before, by other paths.
    """

    after: Any
    inside: Any
    seen: Float[Tensor, "batch hidden"]
    before: Any


class Inside(NamedTuple):
    """The derivatives of W x and of U h, each with its bias, gates stacked; with a time axis, of all steps."""

    of_x: Float[Tensor, "batch *time gates"]
    of_h: Float[Tensor, "batch *time gates"]


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
    """A cell: a step from one state to the next, and the same step back.

        forward(x, seen, before, weights)  -> (gates, after)
        back(delta_after, step, weights)   -> StepBack
        sums(steps, inside, weights)       -> (gradient of x, gradients of the weights), over all steps of a run

    `gates` counts the blocks of `hidden` rows in the stacked weights. The first field of a state is h, the output.
    """

    name: str
    gates: int
    state: type[Any]
    weights: type[Any]
    forward: Callable[..., tuple[Any, Any]]
    back: Callable[..., StepBack]
    sums: Callable[..., tuple[Tensor, Any]]

    def step(
        self, x: Float[Tensor, "batch feature"], state: Record, weights: Any
    ) -> tuple[Float[Tensor, "batch hidden"], Record]:
        """One step: the output and the next state."""
        _, after = self.forward(x, state[0], state, weights)
        return after[0], after

    def run(
        self,
        x: Float[Tensor, "batch time feature"],
        state: Record,
        weights: Any,
        disturbance: Disturbance | None = None,
    ) -> tuple[Float[Tensor, "batch time hidden"], Record, Tape]:
        """All steps of a sequence: the outputs h_1..h_T, the state after the last, and the tape for `backward`."""
        resets, mask, zoneout = disturbance = disturbance or Disturbance()
        states, all_gates, afters = [state], [], []
        for t in range(x.shape[1]):
            before = state if resets is None else zero_where(resets[:, t], state)
            seen = before[0] if mask is None else mask * before[0]
            gates, after = self.forward(x[:, t], seen, before, weights)
            state = after if zoneout is None else _kept(at_time(zoneout, t), before, after)
            states.append(state)
            all_gates.append(gates)
            afters.append(after)
        history = _in_time(states)
        # What wasn't disturbed is in the history already.
        before = _span(history, 0, -1) if resets is None else zero_where(resets, _span(history, 0, -1))
        steps = Steps(
            x=x,
            seen=before[0] if mask is None else mask[:, None] * before[0],
            before=before,
            gates=_in_time(all_gates),
            after=_span(history, 1, None) if zoneout is None or not afters else _in_time(afters),
        )
        return history[0][:, 1:], state, Tape(states=history, steps=steps, disturbance=disturbance)

    def backward(self, tape: Tape, weights: Any, grad_states: Any) -> Gradients:
        """Backpropagation through time, given the direct influence of each state h_0..h_T on the loss."""
        steps, (resets, mask, zoneout) = tape.steps, tape.disturbance
        delta = at_time(grad_states, -1)
        deltas, insides = [], []
        for t in reversed(range(steps.x.shape[1])):
            of_after = delta if zoneout is None else _weighted(at_time(zoneout, t), delta, kept=False)
            back = self.back(of_after, _step_at(steps, t), weights)
            deltas.append(back.after if zoneout is None else delta)
            insides.append(back.inside)
            of_h, *others = back.before
            before = type(delta)(of_h + (back.seen if mask is None else mask * back.seen), *others)
            if zoneout is not None:
                before = _sum(before, _weighted(at_time(zoneout, t), delta, kept=True))
            if resets is not None:
                before = zero_where(resets[:, t], before)
            delta = _sum(at_time(grad_states, t), before)
        deltas.append(delta)
        if not insides:
            nothing = type(weights)(*(torch.zeros_like(weight) for weight in weights))
            return Gradients(x=torch.zeros_like(steps.x), states=grad_states, weights=nothing)
        x, of_weights = self.sums(steps, _in_time(insides[::-1]), weights)
        return Gradients(x=x, states=_in_time(deltas[::-1]), weights=of_weights)


def linear(
    x: Float[Tensor, "batch feature"], seen: Float[Tensor, "batch hidden"], weights: Any
) -> tuple[Float[Tensor, "batch gates"], Float[Tensor, "batch gates"]]:
    """The two products of a step, each with its bias: W x + b_ih and U s + b_hh."""
    return x @ weights.weight_ih.mT + weights.bias_ih, seen @ weights.weight_hh.mT + weights.bias_hh


def linear_sums(steps: Steps, inside: Inside, weights: Any) -> tuple[Tensor, Weights]:
    """The way back through `linear`, for all steps of a run at once: the gradient of x and those of the weights."""
    of_weights = Weights(
        weight_ih=outer_sum(inside.of_x, steps.x),
        weight_hh=outer_sum(inside.of_h, steps.seen),
        bias_ih=inside.of_x.sum(dim=(0, 1)),
        bias_hh=inside.of_h.sum(dim=(0, 1)),
    )
    return inside.of_x @ weights.weight_ih, of_weights


def outer_sum(
    left: Float[Tensor, "batch time gates"], right: Float[Tensor, "batch time feature"]
) -> Float[Tensor, "gates feature"]:
    """The gradient of a matrix W used at every step as right @ W.T: the sum of outer products over steps and rows."""
    return torch.einsum("btg,btf->gf", left, right)


def at_time(states: Record, t: int) -> Record:
    """The record (state, gates) of step t, out of a record of sequences (batch, time, ...)."""
    return type(states)(*(field[:, t] for field in states))


def zero_where(rows: Bool[Tensor, "batch *time"], state: Record) -> Record:
    """The state, with zeros in such rows."""
    return type(state)(*(field.masked_fill(rows[..., None], 0) for field in state))


def _in_time(records: Sequence[Any]) -> Any:
    """Records of single steps joined to one record of sequences (batch, time, ...); () if there are none."""
    return type(records[0])(*(torch.stack(steps, dim=1) for steps in zip(*records, strict=True))) if records else ()


def _span(states: Record, start: int, stop: int | None) -> Record:
    return type(states)(*(field[:, start:stop] for field in states))


def _step_at(steps: Steps, t: int) -> Steps:
    records = (at_time(record, t) for record in (steps.before, steps.gates, steps.after))
    return Steps(steps.x[:, t], steps.seen[:, t], *records)


def _kept(zoneout: Record, before: Record, after: Record) -> Record:
    """The old numbers as far as zoneout keeps them, the new ones otherwise."""
    fields = zip(zoneout, before, after, strict=True)
    return type(after)(*((1 - share) * new + share * old for share, old, new in fields))


def _weighted(zoneout: Record, delta: Record, *, kept: bool) -> Record:
    """The part of a gradient that goes to the old numbers if `kept`, else to the new ones."""
    fields = zip(zoneout, delta, strict=True)
    return type(delta)(*((share if kept else 1 - share) * field for share, field in fields))


def _sum(one: Record, other: Record) -> Record:
    return type(one)(*(a + b for a, b in zip(one, other, strict=True)))
