from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.bench._case import STATE, Case, Problem
from recurra.bench._onnx_model import onnx_inputs, onnx_model
from recurra.bench._peer import Variant
from recurra.errors import require

Results = dict[str, NDArray[np.floating]]


class OnnxRuntime:
    """ONNX Runtime, called with arrays or with inputs and outputs bound beforehand."""

    def __init__(self, threads: int) -> None:
        # Otherwise it reports to its makers, unasked. What the variable is called depends on the release.
        os.environ |= {"ORT_DISABLE_TELEMETRY": "1", "ORT_TELEMETRY_DISABLED": "1"}
        self._runtime = require("onnxruntime", extra="bench")
        self._threads = threads

    def about(self) -> Mapping[str, str]:
        return {"version": self._runtime.__version__}

    def variants(self, case: Case, problem: Problem) -> Mapping[str, Variant]:
        model = onnx_model(case, problem)
        sessions = {self._threads: self._session(model, self._threads)}
        if case.batch == 1:
            # Waking another thread can cost more than it saves.
            sessions[1] = self._session(model, 1)
        makers = (self._fed_steps, self._bound_steps) if case.mode == "step" else (self._fed, self._bound)
        return {
            f"{name}, threads: {threads}": make(session, case, problem)
            for threads, session in sessions.items()
            for name, make in zip(("run", "bound"), makers, strict=True)
        }

    def _session(self, model: bytes, threads: int) -> Any:
        options = self._runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        return self._runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def _fed(self, session: Any, case: Case, problem: Problem) -> Variant:
        inputs = onnx_inputs(case, problem)
        return Variant(lambda: session.run(None, inputs), lambda given: _by_name(case, given))

    def _bound(self, session: Any, case: Case, problem: Problem) -> Variant:
        inputs = {name: self._value(array) for name, array in onnx_inputs(case, problem).items()}
        outputs = {output.name: self._value(np.empty(output.shape, np.float32)) for output in session.get_outputs()}
        binding = _bind(session, inputs, outputs)

        def run() -> Sequence[Any]:
            session.run_with_iobinding(binding)
            return list(outputs.values())

        return Variant(run, lambda given: _by_name(case, [value.numpy() for value in given]))

    def _fed_steps(self, session: Any, case: Case, problem: Problem) -> Variant:
        names = [f"{field}0" for field in STATE[case.cell]]
        start, steps = onnx_inputs(case, problem), [x[None] for x in problem.x]

        def run() -> list[NDArray[np.float32]]:
            outputs, state = [], [start[name] for name in names]
            for x in steps:
                state = session.run(None, {"x": x, **dict(zip(names, state, strict=True))})
                outputs.append(state[0])
            return outputs

        return Variant(run, _stacked)

    def _bound_steps(self, session: Any, case: Case, problem: Problem) -> Variant:
        """Two states in turn: what one step writes, the next reads."""
        fields, shape = STATE[case.cell], (1, case.batch, case.hidden_size)
        steps = [x[None] for x in problem.x]
        x = self._value(steps[0].copy())  # a value shares the array's memory, and is written to
        states = [{field: self._value(np.zeros(shape, np.float32)) for field in fields} for _ in range(2)]
        bindings = [
            _bind(session, {"x": x, **{f"{field}0": value for field, value in before.items()}}, after)
            for before, after in (states, states[::-1])
        ]
        start = onnx_inputs(case, problem)

        def run() -> list[NDArray[np.float32]]:
            outputs = []
            for field in fields:
                states[0][field].update_inplace(start[f"{field}0"])
            for place, step in enumerate(steps):
                x.update_inplace(step)
                session.run_with_iobinding(bindings[place % 2])
                outputs.append(states[1 - place % 2]["h"].numpy().copy())  # numpy() shares memory
            return outputs

        return Variant(run, _stacked)

    def _value(self, array: NDArray[np.float32]) -> Any:
        return self._runtime.OrtValue.ortvalue_from_numpy(array)


def _bind(session: Any, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> Any:
    binding = session.io_binding()
    for name, value in inputs.items():
        binding.bind_ortvalue_input(name, value)
    for name, value in outputs.items():
        binding.bind_ortvalue_output(name, value)
    return binding


def _by_name(case: Case, given: Sequence[NDArray[np.floating]]) -> Results:
    """Outputs of the model, without its axes of directions."""
    output, *state = given
    return {"output": output[:, 0]} | {name: array[0] for name, array in zip(STATE[case.cell], state, strict=True)}


def _stacked(outputs: Sequence[NDArray[np.floating]]) -> Results:
    return {"output": np.concatenate(outputs)}
