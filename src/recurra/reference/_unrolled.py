"""Any cell unrolled over layers, directions and rows of different lengths, forwards and backwards.

A layer reads the whole output of the layer below it. A bidirectional layer (Schuster & Paliwal, "Bidirectional
recurrent neural networks", 1997) runs a second cell over the mirrored sequence and lays both outputs side by side.
Layers and directions are counted as torch counts them: entry `layer * directions + direction` of the weights and of
the state, direction 1 being the mirrored one.

Rows shorter than the batch are mirrored within their length; their final state is the one after their last step;
beyond it the output is 0, and what stands there in the input changes nothing, not even if it is NaN.

A reset at step t says that something new begins there: nothing passes between steps t - 1 and t, in either direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from recurra.reference._cell import Cell, Disturbance, Steps, Tape

Record = TypeVar("Record", bound=tuple)


class UnrolledTape(NamedTuple):
    """What the backward pass of a stack needs: the tapes of its cells, and how they were joined."""

    cells: tuple[Tape, ...]
    bidirectional: bool
    lengths: Int[Tensor, "batch"] | None
    masks: tuple[Tensor, ...]


class UnrolledGradients(NamedTuple):
    """The gradients of a stack: of its input, of its initial state, and of the weights of each cell."""

    x: Float[Tensor, "batch time feature"]
    state: Any
    weights: tuple[Any, ...]


def unrolled_run(
    cell: Cell,
    x: Float[Tensor, "batch time feature"],
    state: Record,
    weights: Sequence[Any],
    *,
    bidirectional: bool = False,
    lengths: Int[Tensor, "batch"] | None = None,
    masks: Sequence[Tensor] = (),
    resets: Bool[Tensor, "batch time"] | None = None,
    disturbances: Sequence[Disturbance] = (),
) -> tuple[Float[Tensor, "batch time outputs"], Record, UnrolledTape]:
    """A stack over whole sequences: the outputs of its last layer, its final state, and the tape for the way back.

    Fields of `state` are (layer, batch, hidden). `masks`, if given, multiply what each layer but the last gives to the
    next, one (batch, time, outputs) tensor for each gap: dropout, with the dice thrown by the caller.
    `disturbances`, if given, one for each layer and direction, hold what else is done to the states: no resets, and
    steps counted as the direction runs.
    """
    directions = 2 if bidirectional else 1
    turned = None if resets is None else mirrored(resets_in_reverse(resets, lengths)[:, :, None], lengths)[:, :, 0]
    ends, tapes = [], []
    for layer in range(len(weights) // directions):
        if layer > 0 and masks:
            x = x * masks[layer - 1]
        outputs = []
        for direction in range(directions):
            index = layer * directions + direction
            start = type(state)(*(field[index] for field in state))
            disturbance = disturbances[index] if disturbances else Disturbance()
            disturbance = disturbance._replace(resets=resets if direction == 0 else turned)
            sequence = x if direction == 0 else mirrored(x, lengths)
            _, end, tape = cell.run(sequence, start, weights[index], disturbance)
            if lengths is not None:
                tape = _blanked_tape(tape, lengths)
                end = type(end)(*(_at(field, lengths) for field in tape.states))
            output = tape.states[0][:, 1:]
            outputs.append(output if direction == 0 else mirrored(output, lengths))
            ends.append(end)
            tapes.append(tape)
        x = torch.cat(outputs, dim=-1)
    final = type(state)(*(torch.stack(fields) for fields in zip(*ends, strict=True)))
    return x, final, UnrolledTape(cells=tuple(tapes), bidirectional=bidirectional, lengths=lengths, masks=tuple(masks))


def unrolled_backward(
    cell: Cell,
    tape: UnrolledTape,
    weights: Sequence[Any],
    *,
    grad_output: Float[Tensor, "batch time outputs"],
    grad_state: Any,
) -> UnrolledGradients:
    """Backpropagation through a stack, from its last layer down, given dL/d(outputs) and dL/d(final state)."""
    directions = 2 if tape.bidirectional else 1
    grad_states: list[Any] = [None] * len(weights)
    grad_weights: list[Any] = [None] * len(weights)
    grad_x = grad_output
    for layer in reversed(range(len(weights) // directions)):
        grad_outputs, grad_inputs = grad_x.chunk(directions, dim=-1), []
        for direction in range(directions):
            index = layer * directions + direction
            asked = grad_outputs[direction] if direction == 0 else mirrored(grad_outputs[direction], tape.lengths)
            end = type(grad_state)(*(field[index] for field in grad_state))
            gradients = cell.backward(tape.cells[index], weights[index], asked_of_states(asked, end, tape.lengths))
            grad_inputs.append(gradients.x if direction == 0 else mirrored(gradients.x, tape.lengths))
            grad_states[index] = gradients.state
            grad_weights[index] = gradients.weights
        grad_x = sum(grad_inputs[1:], start=grad_inputs[0])
        if layer > 0 and tape.masks:
            grad_x = grad_x * tape.masks[layer - 1]
    state = type(grad_state)(*(torch.stack(fields) for fields in zip(*grad_states, strict=True)))
    return UnrolledGradients(x=grad_x, state=state, weights=tuple(grad_weights))


def asked_of_states(
    grad_output: Float[Tensor, "batch time hidden"], grad_state: Record, lengths: Int[Tensor, "batch"] | None = None
) -> Record:
    """What a loss asks of each state h_0..h_T, when it asks this of the outputs and that of the final state."""
    batch, time, hidden = grad_output.shape
    last = torch.full((batch,), time, device=grad_output.device) if lengths is None else lengths
    rows = torch.arange(batch, device=grad_output.device)
    asked = []
    for field in grad_state:
        sequence = grad_output.new_zeros(batch, time + 1, hidden)
        sequence[rows, last] = field
        asked.append(sequence)
    # The output is the first field of the state, h.
    asked[0][:, 1:] += blanked(grad_output, lengths)
    return type(grad_state)(*asked)


def resets_in_reverse(
    resets: Bool[Tensor, "batch time"], lengths: Int[Tensor, "batch"] | None
) -> Bool[Tensor, "batch time"]:
    """Before which steps the state is 0 when the steps are run from the last to the first.

    What begins at step t is cut off from step t - 1, which in reverse comes after it.
    """
    before = torch.zeros_like(resets)
    before[:, :-1] = resets[:, 1:]
    if lengths is None:
        return before
    # A row may be reset where it is over: that separates it from nothing.
    return before & (torch.arange(1, resets.shape[1] + 1, device=resets.device) < lengths[:, None])


def mirrored(
    sequence: Shaped[Tensor, "batch time feature"], lengths: Int[Tensor, "batch"] | None
) -> Shaped[Tensor, "batch time feature"]:
    """The sequence from its last step to its first; padding stays where it is. Twice mirrored is the sequence again."""
    if lengths is None:
        return sequence.flip(1)
    steps = torch.arange(sequence.shape[1], device=sequence.device)
    source = torch.where(steps < lengths[:, None], lengths[:, None] - 1 - steps, steps)  # (B, T)
    return sequence.gather(1, source[:, :, None].expand_as(sequence))


def blanked(
    sequence: Float[Tensor, "batch time feature"], lengths: Int[Tensor, "batch"] | None
) -> Float[Tensor, "batch time feature"]:
    """The sequence with zeros from each row's length on."""
    if lengths is None:
        return sequence
    steps = torch.arange(sequence.shape[1], device=sequence.device)
    return sequence.masked_fill((steps >= lengths[:, None])[:, :, None], 0)


def _blanked_tape(tape: Tape, lengths: Int[Tensor, "batch"]) -> Tape:
    """The tape without what happened in the padding: a state that overflowed there would turn 0 · inf into NaN."""

    def blank(field: Any, end: Tensor) -> Any:
        return type(field)(*(blanked(f, end) for f in field)) if isinstance(field, tuple) else blanked(field, end)

    # There is one state more than there are steps: that before the first.
    states, steps = blank(tape.states, lengths + 1), Steps(*(blank(field, lengths) for field in tape.steps))
    return tape._replace(states=states, steps=steps)


def _at(states: Float[Tensor, "batch times hidden"], lengths: Int[Tensor, "batch"]) -> Float[Tensor, "batch hidden"]:
    """Each row's state after its own last step."""
    return states[torch.arange(states.shape[0], device=states.device), lengths]
