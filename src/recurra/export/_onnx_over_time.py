"""Blocks that gather a sequence, in ONNX operators: pooling, and paths of labels."""

from __future__ import annotations

import numpy as np

from recurra import blocks
from recurra.export._layout import Place, StateField
from recurra.export._onnx_graph import Graph

_FORBIDDEN = np.float32(-1e4)  # as in `nn.Crf`


def pool(
    graph: Graph, block: blocks.Pool, x: str, place: Place, states: tuple[StateField, ...]
) -> tuple[str, dict[str, str]]:
    """The pool of all steps of x (batch, time, feature), and of those before it where there is a state."""
    count = graph.add("Cast", graph.add("Slice", graph.add("Shape", x), graph.ints(1), graph.ints(2)), to=1)
    one = graph.add("Slice", graph.add("ReduceMax", x, axes=[1], keepdims=0), *map(graph.ints, (0, 1, 1)))  # (B, 1)
    zero = graph.add("ConstantOfShape", graph.add("Shape", one))
    peak, weight = zero, graph.add("Add", zero, count)
    if block.method == "max":
        value = graph.add("ReduceMax", x, axes=[1], keepdims=0)
    elif block.method in ("mean", "root"):
        value = graph.add("ReduceSum", x, graph.ints(1), keepdims=0)
    else:
        scores = _scores(graph, x, place)  # (B, T, 1)
        highest = graph.add("ReduceMax", scores, axes=[1], keepdims=1)
        weights = graph.add("Exp", graph.add("Sub", scores, highest))
        peak = graph.add("Squeeze", highest, graph.ints(1))
        value = graph.add("ReduceSum", graph.add("Mul", weights, x), graph.ints(1), keepdims=0)
        weight = graph.add("ReduceSum", weights, graph.ints(1), keepdims=0)
    if states:
        numbers = graph.add("Squeeze", states[0].name, graph.ints(0))
        before = graph.add("Split", numbers, graph.ints(place.width, 1, 1), outputs=3, axis=1)
        value, weight, peak = _merged(graph, block.method, before, [value, weight, peak])
    divisor = graph.add("Sqrt", weight) if block.method == "root" else weight
    pooled = value if block.method == "max" else graph.add("Div", value, divisor)
    if not states:
        return pooled, {}
    after = graph.add("Concat", value, weight, peak, axis=1)
    return pooled, {states[0].name: graph.add("Unsqueeze", after, graph.ints(0))}


def _merged(graph: Graph, method: str, before: list[str], now: list[str]) -> list[str]:
    """Value, weight and peak of some steps and those after them."""
    has_begun = graph.add("Greater", before[1], graph.number(0.0))
    if method == "max":
        largest = graph.add("Where", has_begun, graph.add("Max", before[0], now[0]), now[0])
        return [largest, graph.add("Add", before[1], now[1]), now[2]]
    if method == "root":
        return [graph.add("Add", before[0], now[0]), graph.add("Add", before[1], now[1]), now[2]]
    peak = graph.add("Max", graph.add("Where", has_begun, before[2], now[2]), now[2])
    kept = graph.add("Where", has_begun, graph.add("Exp", graph.add("Sub", before[2], peak)), graph.number(0.0))
    added = graph.add("Exp", graph.add("Sub", now[2], peak))
    sums = [
        graph.add("Add", graph.add("Mul", old, kept), graph.add("Mul", new, added))
        for old, new in zip(before[:2], now[:2], strict=True)
    ]
    return [*sums, peak]


def _scores(graph: Graph, x: str, place: Place) -> str:
    prefix = f"chains.{place.branch}.{place.position}"
    key, query = (graph.weight(f"{prefix}.{part}.weight") for part in ("key", "query"))
    bias = graph.constant(f"{prefix}.key.bias", graph.weight(f"{prefix}.key.bias"))
    keys = graph.add("Add", graph.add("MatMul", x, graph.constant(f"{prefix}.key.weight.T", key.T)), bias)
    return graph.add("MatMul", graph.add("Tanh", keys), graph.constant(f"{prefix}.query.weight.T", query.T))


def paths(
    graph: Graph, block: blocks.Crf, x: str, place: Place, states: tuple[StateField, ...]
) -> tuple[str, dict[str, str]]:
    """Scores of the best paths up to each step, by Viterbi's algorithm as a Scan over time."""
    prefix = f"chains.{place.branch}.{place.position}"
    allowed, begins = (np.array(graph.weight(f"{prefix}.{part}")) for part in ("transitions", "first"))
    for before, after in block.forbidden:
        allowed[before, after] = _FORBIDDEN
    begins[list(block.forbidden_first)] = _FORBIDDEN
    transitions, first = graph.constant(f"{prefix}.transitions", allowed), graph.constant(f"{prefix}.first", begins)
    if states:
        numbers = graph.add("Squeeze", states[0].name, graph.ints(0))
        last, begun = graph.add("Split", numbers, graph.ints(place.width, 1), outputs=2, axis=1)
    else:
        step = graph.add("ReduceMax", x, axes=[1], keepdims=0)
        last = graph.add("ConstantOfShape", graph.add("Shape", step))
        begun = graph.add("Slice", last, *map(graph.ints, (0, 1, 1)))
    body = graph.inner()
    names = [f"{graph.scope}/{name}" for name in ("paths", "begun", "scores")]
    moves = body.add("Add", body.add("Unsqueeze", names[0], body.ints(2)), transitions)
    has_begun = body.add("Greater", names[1], body.number(0.0))
    arrived = body.add("Where", has_begun, body.add("ReduceMax", moves, axes=[1], keepdims=0), first)
    reached = body.add("Add", arrived, names[2])
    now = body.add("Sub", reached, body.add("ReduceMax", reached, axes=[1], keepdims=1))
    given = body.add("Identity", now)
    always = body.add("Max", names[1], body.number(1.0))
    widths = [place.width, 1, place.width]
    loop = body.loop_body(dict(zip(names, widths, strict=True)), {now: widths[0], always: 1, given: widths[2]})
    after, has, all_paths = graph.add(
        "Scan", last, begun, x, outputs=3, body=loop, num_scan_inputs=1, scan_input_axes=[1], scan_output_axes=[1]
    )
    if not states:
        return all_paths, {}
    both = graph.add("Concat", after, has, axis=1)
    return all_paths, {states[0].name: graph.add("Unsqueeze", both, graph.ints(0))}
