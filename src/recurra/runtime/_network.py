from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from recurra.blocks import Branch, Composition, Recurrent
from recurra.errors import ConfigError
from recurra.runtime._gates import Hold, check_hold, trace_stack
from recurra.runtime._lowering import Lowering, Weights, join
from recurra.runtime._native import Bound, Program, State
from recurra.runtime._places import state_places
from recurra.runtime._program import Builder, Value
from recurra.runtime._session import Trace

Inputs = Mapping[str, np.ndarray]

# What to train instead of a block that wants the whole sequence.
_INSTEAD = {
    "recurrent": "train it one way, without bidirectional",
    "last": "take the last output of layers that go one way",
    "join": "join what a last or a pool block gives with nothing that has steps",
    "segments": "train with segments of one step",
    "steps": "train with segments of one step",
}


@dataclass(frozen=True, eq=False)
class Compiled:
    """A network for inputs of certain shapes: what is called again and again, without looking names up."""

    program: Program
    names: tuple[str, ...]  # of inputs, in the order in which they were given
    outputs: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]  # of outputs, without the batch axis

    def __call__(self, inputs: list[np.ndarray], rows: int = 1, states: list[State] | None = None) -> list[np.ndarray]:
        """The outputs, each (rows, ...); inputs are contiguous float32 in the order of `names`.

        Large calls are shared by as many threads as the process has cores, or as OMP_NUM_THREADS says.
        """
        return self.program.run(inputs, rows, states, _threads())

    def bind(self, inputs: Mapping[str, tuple[np.ndarray, bool]], rows: int) -> tuple[Bound, list[np.ndarray]]:
        """The network bound to arrays, each of which moves or doesn't: see `Bound`; and the outputs that it writes."""
        outputs = [np.empty((rows, *shape), dtype=np.float32) for shape in self.shapes]
        return self.program.bind([inputs[name] for name in self.names], rows, outputs), outputs


class Network:
    """A composition with its weights, run by the compiled core, without torch: what `nn.Network` computes.

    Any number of threads may run it at once. Whatever is given by a branch's name isn't computed.
    """

    def __init__(
        self, composition: Composition, weights: Mapping[str, np.ndarray], *, outputs: tuple[str, ...] = ()
    ) -> None:
        self.composition = composition
        self.outputs = outputs or (composition.branches[-1].name,)
        self._branches = {branch.name: branch for branch in composition.branches}
        self._weights = Weights(weights)
        self._places = state_places(composition, self.outputs)
        self._compiled: dict[Any, Compiled] = {}

    def run(self, inputs: Inputs, *, outputs: tuple[str, ...] = ()) -> dict[str, np.ndarray]:
        """Whole windows from the zero state: the branches asked for, (B, ...) each, as `nn.Network` gives them.

        Inputs are (B, T, F), or (B, F) of what has no time; codes are whole numbers of any kind.
        """
        compiled = self.compiled({name: array.shape[1:] for name, array in inputs.items()}, outputs=outputs)
        return _run(compiled, inputs, len(next(iter(inputs.values()))), None)

    def begin(self) -> State:
        """The state of a sequence before its first step, all zeros. ConfigError where the network can't step."""
        return State(self.state_size)

    @property
    def state_size(self) -> int:
        """The numbers of a sequence's state."""
        self._check_streams()
        return max((place.stop for place in self._places.values()), default=0)

    def step(self, inputs: Inputs, states: Sequence[State]) -> dict[str, np.ndarray]:
        """One step of each of B sequences, whose states move on: inputs (B, F), outputs (B, ...).

        Equal to `run` over all steps so far, whatever other sequences there are.
        """
        compiled = self.compiled({name: array.shape[1:] for name, array in inputs.items()}, step=True)
        return _run(compiled, inputs, len(states), list(states))

    def inside(
        self,
        inputs: Inputs,
        state: State | None = None,
        *,
        hold: Hold | None = None,
        outputs: tuple[str, ...] = (),
    ) -> tuple[dict[str, np.ndarray], tuple[Trace, ...]]:
        """The outputs for one sequence and all gates, as by `run`; with a state, which doesn't move, as by `step`.

        `hold` fixes gates: see `Session.inside`. Slow: for looking.
        """
        given = dict(inputs)
        traces: list[Trace] = []
        numbers = None
        if state is not None:
            numbers = np.empty(state.size, dtype=np.float32)
            state.read(numbers)

        def run(wanted: tuple[str, ...]) -> dict[str, np.ndarray]:
            if state is None:
                return self.run(given, outputs=wanted)
            compiled = self.compiled({name: x.shape[1:] for name, x in given.items()}, outputs=wanted, step=True)
            return _run(compiled, given, 1, [state.copy()])

        branches, held = self.composition.needed(self.outputs), {} if hold is None else hold
        check_hold(held, branches)
        for branch in branches:
            layers = 0
            for position, block in enumerate(branch.blocks):
                if not isinstance(block, Recurrent):
                    continue
                (x,) = run((f"{branch.name}@{position}",)).values()  # (1, T, F), or (1, F) of a step
                name = f"chains.{branch.name}.{position}"
                own = self._places[name] if numbers is not None else None
                before = None if numbers is None or own is None else numbers[own.start : own.stop]
                steps = x[0] if state is None else x
                hidden, found = trace_stack(block, self._weights, name, branch.name, steps, before, held, first=layers)
                layers += block.num_layers
                traces += found
                given[f"{branch.name}@{position + 1}"] = hidden[None] if state is None else hidden
        return run(outputs), tuple(traces)

    def _check_streams(self) -> None:
        obstacles = self.composition.obstacles(self.outputs)
        if obstacles:
            kind = obstacles[0].partition(": ")[2]
            instead = _INSTEAD.get(kind, "train a network whose blocks need no later step")
            raise ConfigError(
                f"This network can't run step by step: {', '.join(obstacles)} wants the whole sequence. "
                f"To stream, {instead}; or use it on whole files with recurra predict."
            )

    def compiled(
        self, shapes: Mapping[str, tuple[int, ...]], *, outputs: tuple[str, ...] = (), step: bool = False
    ) -> Compiled:
        """What `run`, or `step`, calls for inputs of these shapes (without the batch axis)."""
        outputs = outputs or self.outputs
        key = (step, outputs, *shapes.items())
        if key not in self._compiled:
            if step:
                self._check_streams()
            self._compiled[key] = self._compile(shapes, outputs, step=step)
        return self._compiled[key]

    def _compile(self, shapes: Mapping[str, tuple[int, ...]], outputs: tuple[str, ...], *, step: bool) -> Compiled:
        build = Builder()
        low = Lowering(build, self._weights, self._places if step else {})
        values = {name: build.input((1, *shape) if step else shape) for name, shape in shapes.items()}

        def value(name: str) -> Value:
            """The value of an input or a branch; of "branch@2": what goes into its block 2."""
            if name not in values:
                values[name] = computed(name)
            return values[name]

        def computed(name: str) -> Value:
            branch, _, end = name.partition("@")
            if branch not in self._branches:
                raise ConfigError(f"The network wants {name!r}, which wasn't given; given: {', '.join(shapes)}.")
            return chain(self._branches[branch], int(end) if end else None)

        def chain(branch: Branch, end: int | None) -> Value:
            stop = len(branch.blocks) if end is None else end
            start = max((i for i in range(1, stop + 1) if f"{branch.name}@{i}" in shapes), default=0)
            if start:
                x = values[f"{branch.name}@{start}"]
            else:
                x = join(build, [value(name) for name in branch.takes], branch.join)
            for position in range(start, stop):
                x = low.block(branch.blocks[position], f"chains.{branch.name}.{position}", x)
            return x

        results = [value(name) for name in outputs]
        given = tuple(
            result.shape[1:] if step and self._has_time(name) else result.shape
            for name, result in zip(outputs, results, strict=True)
        )
        return Compiled(build.program(list(zip(results, given, strict=True))), tuple(shapes), outputs, given)

    def _has_time(self, name: str) -> bool:
        """Whether an input or a branch, or what goes into a block of it, has a value for each step."""
        branch, _, end = name.partition("@")
        return self.composition.has_time(branch, int(end) if end else None) is not False


@cache
def _threads() -> int:
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    if wanted.isdigit() and int(wanted) > 0:
        return int(wanted)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _run(compiled: Compiled, inputs: Inputs, rows: int, states: list[State] | None) -> dict[str, np.ndarray]:
    arrays = [_float32(inputs[name]) for name in compiled.names]
    return dict(zip(compiled.outputs, compiled(arrays, rows, states), strict=True))


def _float32(array: np.ndarray) -> np.ndarray:
    return array if array.dtype == np.float32 and array.flags.c_contiguous else np.ascontiguousarray(array, np.float32)
