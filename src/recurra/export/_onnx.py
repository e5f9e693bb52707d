from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from recurra.blocks import Block, Crf, Pool, Recurrent
from recurra.export._layout import Layout
from recurra.export._onnx_blocks import convert, join
from recurra.export._onnx_graph import Graph
from recurra.export._onnx_over_time import paths, pool
from recurra.export._onnx_recurrent import recurrent

# The blocks that carry something on from step to step.
STATEFUL: dict[type[Block], Callable[..., tuple[str, dict[str, Any]]]] = {Recurrent: recurrent, Pool: pool, Crf: paths}


def onnx_model(layout: Layout, weights: Mapping[str, np.ndarray], *, metadata: Mapping[str, str]) -> bytes:
    """The network as an ONNX file of standard operators; batch and time are dynamic.

    Beside the inputs and outputs there are, of a network that can go on step by step, its states: `h_<branch>_<place>`
    goes in and `next_h_<branch>_<place>` comes out, (layer, batch, hidden); zeros begin a sequence. So it is with
    `pool_<branch>_<place>` and `paths_<branch>_<place>`, (1, batch, numbers).
    """
    graph = Graph(weights)
    states: dict[str, str] = {}
    for branch in layout.composition.branches:
        graph.scope = branch.name
        x = join(graph, branch, layout)
        for position, block in enumerate(branch.blocks):
            place = layout.places[branch.name, position]
            graph.scope = f"{branch.name}/{position}.{block.kind}"
            if type(block) in STATEFUL:
                x, after = STATEFUL[type(block)](graph, block, x, place, layout.states_of(branch.name, position))
                states |= after
            else:
                x = convert(graph, block, x, place)
        graph.rename(x, branch.name)
    for field in layout.states:
        graph.rename(states[field.name], field.following)
    inputs: dict[str, tuple[bool, list[str | int]]] = {
        given.name: (given.codes is not None, input_shape(given.name, given.rank, given.width))
        for given in layout.inputs
    }
    outputs = {name: input_shape(name, layout.ranks[name], layout.widths[name]) for name in layout.outputs}
    for field in layout.states:
        shape: list[str | int] = [field.layers, "batch", field.hidden_size]
        inputs[field.name] = (False, shape)
        outputs[field.following] = shape
    return graph.model("recurra", inputs, outputs, metadata)


def input_shape(name: str, rank: int, width: int) -> list[str | int]:
    """Axes by name, or by number where it is fixed."""
    between: list[str | int] = [f"{name}_steps", *(f"{name}_axis_{axis}" for axis in range(2, rank - 1))]
    return ["batch", *between[: rank - 2], width]
