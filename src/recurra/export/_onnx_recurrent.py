"""Recurrent blocks as ONNX's own operators RNN, LSTM and GRU."""

from __future__ import annotations

import numpy as np

from recurra import blocks
from recurra.export._layout import Place, StateField
from recurra.export._onnx_graph import Graph

# ONNX stacks the gates of an LSTM as i o f c, and of a GRU as z r h; torch as i f g o, and as r z n.
_GATES = {"rnn": (0,), "gru": (1, 0, 2), "lstm": (0, 3, 1, 2)}


def recurrent(
    graph: Graph, block: blocks.Recurrent, x: str, place: Place, states: tuple[StateField, ...]
) -> tuple[str, dict[str, str]]:
    """A stack of layers over x (batch, time, feature); its output, and the values of `states` after the last step."""
    directions = ("", "_reverse") if block.bidirectional else ("",)
    before = [_layers(graph, field.name, block.num_layers) for field in states]
    after: list[list[str]] = [[] for _ in states]
    x = graph.add("Transpose", x, perm=[1, 0, 2])
    for layer in range(block.num_layers):
        prefix = f"chains.{place.branch}.{place.position}."
        names = [f"l{layer}{direction}" for direction in directions]
        parameters = _parameters(graph, block.cell, prefix, f"_l{layer}", [f"_{name}" for name in names])
        start = [slices[layer] for slices in before]
        outputs = _operator(graph, block.cell, x, parameters, start, block.hidden_size, len(directions))
        for collected, value in zip(after, outputs[1:], strict=False):
            collected.append(value)
        x = outputs[0]  # (T, directions, B, H)
        if block.bidirectional:
            x = graph.add("Transpose", x, perm=[0, 2, 1, 3])
            x = graph.add("Reshape", x, graph.ints(0, 0, 2 * block.hidden_size))
        else:
            x = graph.add("Squeeze", x, graph.ints(1))
    ends = {
        field.name: values[0] if len(values) == 1 else graph.add("Concat", *values, axis=0)
        for field, values in zip(states, after, strict=True)
    }
    return graph.add("Transpose", x, perm=[1, 0, 2]), ends


def decode(graph: Graph, block: blocks.Decode, x: str, place: Place) -> str:
    """One step of a cell for each position of x (batch, segment, state and input), each from its own state."""
    hidden, own = block.hidden_size, place.width - block.hidden_size
    flat = graph.add("Reshape", x, graph.ints(1, -1, place.width))
    state, given = graph.add("Split", flat, graph.ints(hidden, own), outputs=2, axis=2)
    start = [state] * (2 if block.cell == "lstm" else 1)
    prefix = f"chains.{place.branch}.{place.position}.cell."
    parameters = _parameters(graph, block.cell, prefix, "", [""])
    after = _operator(graph, block.cell, given, parameters, start, hidden, 1)[1]  # (1, B * S, H)
    shape = graph.add("Slice", graph.add("Shape", x), graph.ints(0), graph.ints(2))
    return graph.add("Reshape", after, graph.add("Concat", shape, graph.ints(hidden), axis=0))


def _layers(graph: Graph, state: str, count: int) -> list[str]:
    if count == 1:
        return [state]
    return graph.add("Split", state, graph.ints(*[1] * count), outputs=count, axis=0)


def _parameters(graph: Graph, cell: str, prefix: str, label: str, directions: list[str]) -> list[str]:
    """ONNX's W, R and B of one layer, from torch's parameters with one suffix for each direction."""

    def stacked(kind: str) -> np.ndarray:
        return np.stack([reordered(cell, graph.weight(f"{prefix}{kind}{suffix}")) for suffix in directions])

    bias = np.concatenate([stacked("bias_ih"), stacked("bias_hh")], axis=1)
    arrays = {"W": stacked("weight_ih"), "R": stacked("weight_hh"), "B": bias}
    return [graph.constant(f"{prefix}{name}{label}", array) for name, array in arrays.items()]


def _operator(
    graph: Graph, cell: str, x: str, parameters: list[str], start: list[str], hidden_size: int, directions: int
) -> list[str]:
    """Outputs at all steps (T, directions, B, H) and the last state."""
    return graph.add(
        cell.upper(),
        x,
        *parameters,
        *(["", *start] if start else []),
        outputs=3 if cell == "lstm" else 2,
        hidden_size=hidden_size,
        direction="bidirectional" if directions == 2 else "forward",
        **({"linear_before_reset": 1} if cell == "gru" else {}),
    )


def reordered(cell: str, stacked: np.ndarray) -> np.ndarray:
    """Gates stacked on the first axis, from torch's order to ONNX's."""
    parts = np.split(stacked, len(_GATES[cell]))
    return np.concatenate([parts[place] for place in _GATES[cell]])
