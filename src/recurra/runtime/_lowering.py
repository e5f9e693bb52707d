"""What each block is in instructions of the compiled core."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from recurra import blocks
from recurra.bundle import SCALE
from recurra.runtime._native import Linear, Stack
from recurra.runtime._program import Builder, Table, Value


@dataclass
class Weights:
    """The parameters of a network, by the names that torch gives them, laid out for the core when first needed.

    A matrix may be int8, with the scale of each row beside it (`Bundle.quantised`): the core computes with the bytes.
    """

    arrays: Mapping[str, np.ndarray]
    _packed: dict[tuple[Any, ...], Linear | Stack | Table] = field(default_factory=dict)

    def array(self, name: str) -> np.ndarray:
        """One parameter, as float32."""
        stored = self._matrix(name)
        if isinstance(stored, tuple):
            return stored[0] * stored[1][:, None]
        return stored

    def table(self, name: str, make: Callable[[], np.ndarray] | None = None) -> Table:
        """One parameter, or what is made of some, for all programs that read it."""
        return self._keep(("table", name), lambda: Table(self.array(name) if make is None else make()))

    def linear(self, name: str, *, weight: str = "", has_bias: bool = True) -> Linear:
        """The map of `name`.weight, or of another matrix, and `name`.bias."""
        weight = weight or f"{name}.weight"

        def make() -> Linear:
            return Linear(self._matrix(weight), self.array(f"{name}.bias") if has_bias else None)

        return self._keep(("linear", name, weight), make)

    def stack(self, cell: str, name: str, suffixes: tuple[str, ...]) -> Stack:
        """Layers of a cell, one for each suffix: "_l0", "_l1_reverse"; "" of torch's single cells."""

        def layer(suffix: str) -> tuple[Any, ...]:
            w_ih, w_hh = (self._matrix(f"{name}.{part}{suffix}") for part in ("weight_ih", "weight_hh"))
            if not isinstance(w_hh, tuple):  # bytes don't pay for the input alone
                w_ih = self.array(f"{name}.weight_ih{suffix}")
            biases = (self.array(f"{name}.{part}{suffix}") for part in ("bias_ih", "bias_hh"))
            return (CELLS[cell], w_ih, w_hh, *biases, None)

        return self._keep(("stack", name, suffixes), lambda: Stack([layer(suffix) for suffix in suffixes]))

    def _matrix(self, name: str) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        array = self.arrays[name]
        if array.dtype == np.int8:
            return np.ascontiguousarray(array), np.ascontiguousarray(self.arrays[f"{name}{SCALE}"], dtype=np.float32)
        return np.ascontiguousarray(array, dtype=np.float32)

    def _keep(self, key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        if key not in self._packed:
            self._packed[key] = make()
        return self._packed[key]


FORBIDDEN = -1e4  # the score of a transition that is not to be: as in `nn.Crf`
CELLS = {"rnn": "rnn-tanh", "lstm": "lstm", "gru": "gru"}


@dataclass
class Lowering:
    """Turns the blocks of a chain into instructions, one after the other."""

    build: Builder
    weights: Weights
    states: Mapping[str, range]  # the numbers of a block in the state that it goes on from; others begin at 0

    def block(self, block: blocks.Block, name: str, x: Value) -> Value:
        """The output of `block`, whose parameters begin with `name`, for `x`."""
        return _BLOCKS[type(block)](self, block, name, x)

    def state_of(self, name: str) -> int:
        """Where a block's numbers begin in the state of a sequence; -1 if it begins at 0."""
        return self.states[name].start if name in self.states else -1


def join(build: Builder, values: list[Value], how: str) -> Value:
    """Join the inputs of a branch; see `blocks.Branch`."""
    if len(values) == 1:
        return values[0]
    if how == "concatenate":
        width = sum(value.shape[-1] for value in values)
        times = [value.shape[0] for value in values if len(value.shape) == 2]
        return build.add("concatenate", (max(times), width) if times else (width,), *values)
    result = values[0]
    for other in values[1:]:
        padded = other.shape + (1,) * (len(result.shape) - len(other.shape))
        shape = tuple(max(a, b) if min(a, b) > 0 else 0 for a, b in zip(result.shape, padded, strict=True))
        result = build.add(how, shape, result, build.view(other, padded))
    return result


def _embedding(low: Lowering, block: blocks.Embedding, name: str, x: Value) -> Value:
    columns = []
    for i, size in enumerate(block.sizes):
        table = low.build.constant(low.weights.table(f"{name}.tables.{i}.weight"))
        columns.append(low.build.add("gather", (*x.shape[:-1], size), table, x, start=i))
    return join(low.build, columns, "concatenate")


def _linear(low: Lowering, block: blocks.Linear, name: str, x: Value) -> Value:
    shape = (*x.shape[:-1], block.size)
    if block.activation == "none":
        return low.build.add("linear", shape, x, weights=low.weights.linear(name))
    y = low.build.add("linear", shape, x, weights=low.weights.linear(f"{name}.0"))
    return low.build.add(block.activation, shape, y)


def _recurrent(low: Lowering, block: blocks.Recurrent, name: str, x: Value) -> Value:
    layers = [f"_l{layer}" for layer in range(block.num_layers)]
    shape = (x.shape[0], block.hidden_size)
    if not block.bidirectional:
        stack = low.weights.stack(block.cell, name, tuple(layers))
        return low.build.add("run", shape, x, state=low.state_of(name), weights=stack)
    for layer in layers:
        both = [
            low.build.add("run", shape, x, axis=axis, weights=low.weights.stack(block.cell, name, (layer + suffix,)))
            for axis, suffix in enumerate(("", "_reverse"))
        ]
        x = join(low.build, both, "concatenate")
    return x


def _last(low: Lowering, block: blocks.Last, name: str, x: Value) -> Value:
    time, width = x.shape
    if not block.bidirectional:
        last = low.build.add("slice", (1, width), x, start=time - 1)
        return low.build.view(last, (width,))
    half = width // 2
    ends = [
        low.build.add("slice", (1, half), low.build.add("slice", (1, width), x, start=row), axis=1, start=column)
        for row, column in ((time - 1, 0), (0, half))
    ]
    return low.build.view(join(low.build, ends, "concatenate"), (width,))


def _characters(low: Lowering, block: blocks.Characters, name: str, x: Value) -> Value:
    # What a character gives to each place of a window doesn't depend on the others: vectors and convolution are one
    # table of sums to be.
    def shares() -> np.ndarray:
        places = low.weights.array(f"{name}.linear.weight").reshape(block.channels, block.kernel, block.size)
        return np.einsum("vs,cks->kvc", low.weights.array(f"{name}.table.weight"), places)

    table = low.build.constant(low.weights.table(name, shares))
    bias = low.build.constant(low.weights.array(f"{name}.linear.bias"))
    return low.build.add("spell", (x.shape[0], block.channels), x, table, bias)


def _pool(low: Lowering, block: blocks.Pool, name: str, x: Value) -> Value:
    width = x.shape[1]
    given = [x]
    if block.method == "attention":
        key = low.build.add("linear", (x.shape[0], block.size), x, weights=low.weights.linear(f"{name}.key"))
        query = low.weights.linear(f"{name}.query", has_bias=False)
        given.append(low.build.add("linear", (x.shape[0], 1), low.build.add("tanh", key.shape, key), weights=query))
    axis = ("max", "mean", "attention", "root").index(block.method)
    pooled = low.build.add("pool", (1, width), *given, axis=axis, state=low.state_of(name))
    return low.build.view(pooled, (width,))


def _crf(low: Lowering, block: blocks.Crf, name: str, x: Value) -> Value:
    transitions, first = (np.array(low.weights.array(f"{name}.{part}")) for part in ("transitions", "first"))
    for before, after in block.forbidden:
        transitions[before, after] = FORBIDDEN
    first[list(block.forbidden_first)] = FORBIDDEN
    constants = low.build.constant(transitions), low.build.constant(first)
    return low.build.add("paths", x.shape, x, *constants, state=low.state_of(name))


def _tied_linear(low: Lowering, block: blocks.TiedLinear, name: str, x: Value) -> Value:
    tied = low.weights.linear(name, weight=f"chains.{block.branch}.0.tables.0.weight")
    return low.build.add("linear", (*x.shape[:-1], block.categories), x, weights=tied)


def _adaptive_softmax(low: Lowering, block: blocks.AdaptiveSoftmax, name: str, x: Value) -> Value:
    build, rows = low.build, math.prod(x.shape[:-1])

    def logarithms(given: Value, width: int, *maps: str) -> Value:
        for map_name in maps:
            linear = low.weights.linear(f"{name}.{map_name}", has_bias=False)
            given = build.add("linear", (rows, linear.outputs), given, weights=linear)
        return build.add("log_softmax", (rows, width), given)

    ends = (*block.cutoffs, block.categories)
    flat = build.view(x, (rows, x.shape[-1]))
    head = logarithms(flat, ends[0] + len(block.cutoffs), "head")
    parts = [build.add("slice", (rows, ends[0]), head, axis=1)]
    for place, (start, end) in enumerate(pairwise(ends)):
        within = logarithms(flat, end - start, f"tail.{place}.0", f"tail.{place}.1")
        cluster = build.add("slice", (rows, 1), head, axis=1, start=ends[0] + place)
        parts.append(build.add("add", within.shape, within, cluster))
    return build.view(join(build, parts, "concatenate"), (*x.shape[:-1], block.categories))


def _decode(low: Lowering, block: blocks.Decode, name: str, x: Value) -> Value:
    count, width = x.shape
    first, *others = low.build.parts(x)
    if others and first.shape == (block.hidden_size,):  # one state for all positions, as it was before they were joined
        h, own = low.build.view(first, (1, block.hidden_size)), join(low.build, others, "concatenate")
    else:
        h = low.build.add("slice", (count, block.hidden_size), x, axis=1)
        own = low.build.add("slice", (count, width - block.hidden_size), x, axis=1, start=block.hidden_size)
    stack = low.weights.stack(block.cell, f"{name}.cell", ("",))
    return low.build.add("cell", (count, block.hidden_size), own, h, weights=stack)


def _horizon(low: Lowering, block: blocks.Horizon, name: str, x: Value) -> Value:
    weights = low.weights.linear(f"{name}.linear")
    ahead = low.build.add("linear", (x.shape[1], block.horizon), _transposed(low.build, x), weights=weights)
    return _transposed(low.build, ahead)


def _transposed(build: Builder, x: Value) -> Value:
    shape = x.shape[::-1]
    return build.view(x, shape) if 1 in shape else build.add("transpose", shape, x)


def _gain(low: Lowering, block: blocks.Gain, name: str, x: Value) -> Value:
    return low.build.add("multiply", x.shape, x, low.build.constant(low.weights.array(f"{name}.weight")[:, None, None]))


def _level(low: Lowering, block: blocks.Level, name: str, x: Value) -> Value:
    build, targets = low.build, x.shape[1] // 2
    if block.method == "zero":
        return build.constant(np.zeros((1, targets), dtype=np.float32))
    values, observed = build.columns(x, 2)
    if block.method == "last":
        return build.add("last", (1, targets), values, observed)
    if block.steps is not None and block.steps < x.shape[0]:
        values, observed = (
            build.add("slice", (block.steps, targets), part, start=x.shape[0] - block.steps)
            for part in (values, observed)
        )
    return _mean(build, values, observed)


def _spread(low: Lowering, block: blocks.Spread, name: str, x: Value) -> Value:
    build, targets = low.build, x.shape[1] // 3
    values, observed = build.columns(x, 3)[:2]
    one = (1, targets)
    scale = build.first(x, 2 * targets, targets)
    floor = build.add("multiply", one, scale, build.constant(np.full((1, 1), 0.1)))
    if block.method == "mean-abs":
        return build.add("add", one, _mean(build, build.add("abs", values.shape, values), observed), floor)
    centred = build.add("subtract", values.shape, values, _mean(build, values, observed))
    variance = _mean(build, build.add("multiply", values.shape, centred, centred), observed)
    return build.add("sqrt", one, build.add("add", one, variance, build.add("multiply", one, floor, floor)))


def _mean(build: Builder, values: Value, observed: Value) -> Value:
    """The mean over time of the values that were observed."""
    one = (1, values.shape[1])
    total = build.add("sum", one, build.add("multiply", values.shape, values, observed))
    count = build.add("maximum", one, build.add("sum", one, observed), build.constant(np.ones((1, 1))))
    return build.add("divide", one, total, count)


_BLOCKS: dict[type[blocks.Block], Callable[[Lowering, Any, str, Value], Value]] = {
    blocks.Embedding: _embedding,
    blocks.Characters: _characters,
    blocks.Linear: _linear,
    blocks.Dropout: lambda low, block, name, x: x,
    blocks.Clip: lambda low, block, name, x: low.build.add("clip", x.shape, x, bounds=(-block.limit, block.limit)),
    blocks.Segments: lambda low, block, name, x: low.build.view(x, (x.shape[0] // block.size, x.shape[1] * block.size)),
    blocks.Steps: lambda low, block, name, x: low.build.view(x, (x.shape[0] * block.size, x.shape[1] // block.size)),
    blocks.Recurrent: _recurrent,
    blocks.Last: _last,
    blocks.Pool: _pool,
    blocks.Crf: _crf,
    blocks.TiedLinear: _tied_linear,
    blocks.AdaptiveSoftmax: _adaptive_softmax,
    blocks.Positions: lambda low, block, name, x: low.build.add(
        "add", x.shape, x, low.build.constant(low.weights.array(f"{name}.weight"))
    ),
    blocks.Decode: _decode,
    blocks.Horizon: _horizon,
    blocks.Gain: _gain,
    blocks.Unstack: lambda low, block, name, x: low.build.view(
        x, (*x.shape[:-1], x.shape[-1] // block.size, block.size)
    ),
    blocks.Level: _level,
    blocks.Spread: _spread,
}
