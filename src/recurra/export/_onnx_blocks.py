"""The ONNX operators of each block."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from recurra import blocks
from recurra.blocks import Branch
from recurra.export._layout import Layout, Place
from recurra.export._onnx_graph import Graph
from recurra.export._onnx_recurrent import decode


def join(graph: Graph, branch: Branch, layout: Layout) -> str:
    """The joined inputs of a branch; see `Branch`."""
    names, ranks = list(branch.takes), layout.ranks
    if len(names) == 1:
        return names[0]
    if branch.join == "concatenate":
        if any(ranks[name] == 3 for name in names):
            values = [n if ranks[n] == 3 else graph.add("Unsqueeze", n, graph.ints(1)) for n in names]
            times = [_length(graph, value) for value, name in zip(values, names, strict=True) if ranks[name] == 3]
            time = times[0] if len(times) == 1 else graph.add("Max", *times)
            shape = graph.add("Concat", graph.ints(1), time, graph.ints(1), axis=0)
            names = [graph.add("Expand", value, shape) for value in values]
        return graph.add("Concat", *names, axis=-1)
    operator = {"add": "Add", "subtract": "Sub", "multiply": "Mul", "divide": "Div"}[branch.join]
    result, rank = names[0], ranks[names[0]]
    for name in names[1:]:
        other = name
        if ranks[name] < rank:
            other = graph.add("Unsqueeze", name, graph.ints(*range(ranks[name], rank)))
        result, rank = graph.add(operator, result, other), max(rank, ranks[name])
    return result


def convert(graph: Graph, block: blocks.AnyBlock, x: str, place: Place) -> str:
    """The value behind `block`, for one that keeps no state."""
    return BLOCKS[type(block)](graph, block, x, place)


def _parameter(graph: Graph, place: Place, name: str) -> tuple[str, np.ndarray]:
    full = f"chains.{place.branch}.{place.position}.{name}"
    return full, graph.weight(full)


def _length(graph: Graph, x: str) -> str:
    return graph.add("Slice", graph.add("Shape", x), graph.ints(1), graph.ints(2))


def _affine(graph: Graph, x: str, place: Place, prefix: str) -> str:
    name, weight = _parameter(graph, place, f"{prefix}weight")
    x = graph.add("MatMul", x, graph.constant(f"{name}.T", weight.T))
    return graph.add("Add", x, graph.constant(*_parameter(graph, place, f"{prefix}bias")))


def _embedding(graph: Graph, block: blocks.Embedding, x: str, place: Place) -> str:
    vectors = []
    for column in range(len(block.categories)):
        at = graph.constant(f"column:{column}", np.array(column, dtype=np.int64))
        codes = graph.add("Gather", x, at, axis=place.rank - 1)
        table = graph.constant(*_parameter(graph, place, f"tables.{column}.weight"))
        vectors.append(graph.add("Gather", table, codes, axis=0))
    return vectors[0] if len(vectors) == 1 else graph.add("Concat", *vectors, axis=-1)


def _linear(graph: Graph, block: blocks.Linear, x: str, place: Place) -> str:
    if block.activation == "none":
        return _affine(graph, x, place, "")
    x = _affine(graph, x, place, "0.")
    if block.activation != "gelu":
        return graph.add({"relu": "Relu", "tanh": "Tanh"}[block.activation], x)
    # 0.5 x (1 + erf(x / sqrt 2)); ONNX has GELU as one operator only since version 20.
    error = graph.add("Erf", graph.add("Mul", x, graph.number(float(np.sqrt(0.5)))))
    return graph.add("Mul", graph.add("Mul", x, graph.number(0.5)), graph.add("Add", error, graph.number(1.0)))


def _characters(graph: Graph, block: blocks.Characters, x: str, place: Place) -> str:
    name, table = _parameter(graph, place, "table.weight")
    vectors = np.array(table)
    vectors[0] = 0  # stands for no character
    reach, axis = block.kernel // 2, place.rank - 1
    pads = [0] * axis + [reach] + [0] * axis + [reach]
    padded = graph.add("Pad", x, graph.ints(*pads), graph.constant("code:0", np.array(0, dtype=np.int64)))
    looked_up = graph.add("Gather", graph.constant(name, vectors), padded, axis=0)
    places = [
        graph.add("Slice", looked_up, graph.ints(start), graph.ints(start + place.width), graph.ints(axis))
        for start in range(block.kernel)
    ]
    features = _affine(graph, graph.add("Concat", *places, axis=-1), place, "linear.")
    is_there = graph.add("Greater", x, graph.constant("code:0", np.array(0, dtype=np.int64)))
    mask = graph.add("Unsqueeze", is_there, graph.ints(axis + 1))
    lowest = graph.number(float(np.finfo(np.float32).min))
    largest = graph.add("ReduceMax", graph.add("Where", mask, features, lowest), axes=[axis], keepdims=0)
    anything = graph.add("ReduceMax", graph.add("Cast", is_there, to=1), axes=[axis], keepdims=1)
    return graph.add("Where", graph.add("Greater", anything, graph.number(0.0)), largest, graph.number(0.0))


def _tied_linear(graph: Graph, block: blocks.TiedLinear, x: str, place: Place) -> str:
    name = f"chains.{block.branch}.0.tables.0.weight"
    table = graph.add("Transpose", graph.constant(name, graph.weight(name)), perm=[1, 0])
    return graph.add("Add", graph.add("MatMul", x, table), graph.constant(*_parameter(graph, place, "bias")))


def _adaptive_softmax(graph: Graph, block: blocks.AdaptiveSoftmax, x: str, place: Place) -> str:
    def logarithms(*maps: str) -> str:
        value = x
        for part in maps:
            name, weight = _parameter(graph, place, f"{part}.weight")
            value = graph.add("MatMul", value, graph.constant(f"{name}.T", weight.T))
        return graph.add("LogSoftmax", value, axis=-1)

    clusters = len(block.cutoffs)
    sizes = graph.ints(block.cutoffs[0], *[1] * clusters)
    frequent, *shares = graph.add("Split", logarithms("head"), sizes, outputs=1 + clusters, axis=-1)
    rare = [graph.add("Add", logarithms(f"tail.{i}.0", f"tail.{i}.1"), share) for i, share in enumerate(shares)]
    return graph.add("Concat", frequent, *rare, axis=-1)


def _clip(graph: Graph, block: blocks.Clip, x: str, place: Place) -> str:
    return graph.add("Clip", x, graph.number(-block.limit), graph.number(block.limit))


def _segments(graph: Graph, block: blocks.Segments, x: str, place: Place) -> str:
    return x if block.size == 1 else graph.add("Reshape", x, graph.ints(0, -1, place.width * block.size))


def _steps(graph: Graph, block: blocks.Steps, x: str, place: Place) -> str:
    return x if block.size == 1 else graph.add("Reshape", x, graph.ints(0, -1, place.width // block.size))


def _last(graph: Graph, block: blocks.Last, x: str, place: Place) -> str:
    def at(step: int, value: str) -> str:
        return graph.add("Gather", value, graph.constant(f"step:{step}", np.array(step, dtype=np.int64)), axis=1)

    if not block.bidirectional:
        return at(-1, x)
    half = place.width // 2
    forward, backward = graph.add("Split", x, graph.ints(half, half), outputs=2, axis=2)
    return graph.add("Concat", at(-1, forward), at(0, backward), axis=-1)


def _positions(graph: Graph, block: blocks.Positions, x: str, place: Place) -> str:
    return graph.add("Add", x, graph.constant(*_parameter(graph, place, "weight")))


def _horizon(graph: Graph, block: blocks.Horizon, x: str, place: Place) -> str:
    x = graph.add("Transpose", x, perm=[0, 2, 1])
    return graph.add("Transpose", _affine(graph, x, place, "linear."), perm=[0, 2, 1])


def _gain(graph: Graph, block: blocks.Gain, x: str, place: Place) -> str:
    name, weight = _parameter(graph, place, "weight")
    return graph.add("Mul", x, graph.constant(name, weight[:, None, None]))


def _unstack(graph: Graph, block: blocks.Unstack, x: str, place: Place) -> str:
    kept = [0] * (place.rank - 1)
    return graph.add("Reshape", x, graph.ints(*kept, place.width // block.size, block.size))


def _parts(graph: Graph, x: str, count: int, width: int) -> list[str]:
    return graph.add("Split", x, graph.ints(*[width // count] * count), outputs=count, axis=2)


def _sum(graph: Graph, x: str) -> str:
    return graph.add("ReduceSum", x, graph.ints(1), keepdims=1)


def _mean(graph: Graph, values: str, observed: str) -> str:
    """Over the observed steps; 0 where there is none."""
    count = graph.add("Max", _sum(graph, observed), graph.number(1.0))
    return graph.add("Div", _sum(graph, graph.add("Mul", values, observed)), count)


def _level(graph: Graph, block: blocks.Level, x: str, place: Place) -> str:
    if block.method == "mean" and block.steps is not None:
        x = graph.add("Slice", x, graph.ints(-block.steps), graph.ints(np.iinfo(np.int64).max), graph.ints(1))
    values, observed = _parts(graph, x, 2, place.width)
    if block.method == "mean":
        return _mean(graph, values, observed)
    if block.method == "zero":
        first = graph.add("Slice", values, graph.ints(0), graph.ints(1), graph.ints(1))
        return graph.add("ConstantOfShape", graph.add("Shape", first))
    seen = graph.add("Cast", graph.add("Greater", observed, graph.number(0.0)), to=1)
    place_of_last = graph.add("ArgMax", seen, axis=1, keepdims=1, select_last_index=1)
    value = graph.add("GatherElements", values, place_of_last, axis=1)
    anything = graph.add("Greater", graph.add("ReduceMax", seen, axes=[1], keepdims=1), graph.number(0.0))
    return graph.add("Where", anything, value, graph.number(0.0))


def _spread(graph: Graph, block: blocks.Spread, x: str, place: Place) -> str:
    values, observed, scale = _parts(graph, x, 3, place.width)
    scale = graph.add("Slice", scale, graph.ints(0), graph.ints(1), graph.ints(1))
    floor = graph.add("Mul", scale, graph.number(0.1))
    if block.method == "mean-abs":
        return graph.add("Add", _mean(graph, graph.add("Abs", values), observed), floor)
    centred = graph.add("Sub", values, _mean(graph, values, observed))
    variance = _mean(graph, graph.add("Mul", centred, centred), observed)
    return graph.add("Sqrt", graph.add("Add", variance, graph.add("Mul", floor, floor)))


BLOCKS: dict[type[blocks.Block], Callable[[Graph, Any, str, Place], str]] = {
    blocks.Embedding: _embedding,
    blocks.Characters: _characters,
    blocks.Linear: _linear,
    blocks.Dropout: lambda graph, block, x, place: x,
    blocks.Clip: _clip,
    blocks.Segments: _segments,
    blocks.Steps: _steps,
    blocks.Last: _last,
    blocks.TiedLinear: _tied_linear,
    blocks.AdaptiveSoftmax: _adaptive_softmax,
    blocks.Positions: _positions,
    blocks.Decode: decode,
    blocks.Horizon: _horizon,
    blocks.Gain: _gain,
    blocks.Unstack: _unstack,
    blocks.Level: _level,
    blocks.Spread: _spread,
}
