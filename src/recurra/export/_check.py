"""Whether an exported network says what ours says, on random inputs of several shapes."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from recurra.errors import RecurraError, require
from recurra.export._layout import Layout
from recurra.export._samples import Arrays, sample
from recurra.runtime import Network

# Of the largest number in an output: float32 sums in another order, and other people's exponentials.
LIMIT = 1e-4
Run = Callable[[Arrays], Mapping[str, np.ndarray]]


def check(layout: Layout, weights: Mapping[str, np.ndarray], runs: Mapping[str, Run]) -> dict[str, float]:
    """The largest difference of each run from our output, relative to the largest number of that output.

    Batches of 1 and 3, two lengths wherever the length is free; where there is a state, also in two pieces, the second
    going on from the state after the first. RecurraError, if a difference is larger than rounding explains.
    """
    worst = dict.fromkeys(runs, 0.0)
    ours = Network(layout.composition, weights, outputs=layout.outputs)
    for seed, (batch, longer) in enumerate([(1, 0), (3, 0), (1, 3), (3, 3)]):
        inputs = sample(layout, batch=batch, longer=longer, seed=seed)
        expected = ours.run(inputs)
        for name, run in runs.items():
            for found in _runs(layout, run, inputs, batch):
                for output, value in expected.items():
                    worst[name] = max(worst[name], _difference(output, found[output], value, name))
    for name, difference in worst.items():
        if difference > LIMIT:
            raise RecurraError(
                f"{name} disagrees with recurra by {difference:.2g} of the largest output, more than {LIMIT:g}, so "
                "nothing was written. Please report this network as an issue."
            )
    return worst


def _runs(layout: Layout, run: Run, inputs: Arrays, batch: int) -> Iterator[Mapping[str, np.ndarray]]:
    """The outputs over all steps at once, and in two pieces where that is possible."""
    state = {f.name: np.zeros((f.layers, batch, f.hidden_size), np.float32) for f in layout.states}
    yield run({**inputs, **state})
    if not state:
        return
    moving = {given.name for given in layout.inputs if given.rank > 2 and given.steps is None}
    pieces = []
    for piece in (slice(0, 1), slice(1, None)):
        found = run({name: x[:, piece] if name in moving else x for name, x in inputs.items()} | state)
        state = {field.name: found[field.following] for field in layout.states}
        pieces.append(found)
    yield {
        name: np.concatenate([piece[name] for piece in pieces], axis=1) if name in layout.timed else pieces[-1][name]
        for name in layout.outputs
    }


def _difference(output: str, found: np.ndarray, expected: np.ndarray, name: str) -> float:
    if found.shape != expected.shape:
        raise RecurraError(f"{name} gives {output} the shape {found.shape}, recurra {expected.shape}. Nothing written.")
    if not np.array_equal(np.isfinite(found), np.isfinite(expected)):
        return float("inf")
    both = np.isfinite(expected)
    largest = float(np.abs(expected[both]).max(initial=1.0))
    return float(np.abs(found[both] - expected[both]).max(initial=0.0)) / largest


def onnx_runs(model: bytes) -> dict[str, Run]:
    """The runtimes of this machine that read ONNX files, each with the model loaded."""
    runs: dict[str, Run] = {"onnxruntime": _in_onnxruntime(model)}
    if importlib.util.find_spec("openvino") is not None:
        runs["openvino"] = _in_openvino(model)
    return runs


def _in_onnxruntime(model: bytes) -> Run:
    # Otherwise it reports to its makers, unasked. What the variable is called depends on the release.
    os.environ |= {"ORT_DISABLE_TELEMETRY": "1", "ORT_TELEMETRY_DISABLED": "1"}
    runtime: Any = require("onnxruntime", extra="export")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda feeds: dict(zip(names, session.run(names, feeds), strict=True))


def _in_openvino(model: bytes) -> Run:
    # Otherwise it reports every use to its makers, unasked, from processes that it forks: this module is optional.
    sys.modules["openvino_telemetry"] = None  # pyright: ignore[reportArgumentType]
    openvino: Any = require("openvino", extra="export")
    core = openvino.Core()
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1}
    request = core.compile_model(core.read_model(model), "CPU", settings).create_infer_request()

    def run(feeds: Arrays) -> dict[str, np.ndarray]:
        found = request.infer({name: np.ascontiguousarray(array) for name, array in feeds.items()})
        return {name: np.array(value) for output, value in found.items() for name in output.names}

    return run


def torch_run(source: str, state_dict: Arrays, layout: Layout) -> Run:
    """The exported source, executed in a namespace of its own, with the exported weights."""
    import torch

    namespace: dict[str, Any] = {"__name__": "network"}
    exec(compile(source, "network.py", "exec"), namespace)
    network = namespace["Network"]().eval()
    network.load_state_dict({name: torch.from_numpy(array) for name, array in state_dict.items()})
    states = {field.name: field.following for field in layout.states}

    @torch.no_grad()
    def run(feeds: Arrays) -> dict[str, np.ndarray]:
        tensors = {name: torch.from_numpy(array) for name, array in feeds.items()}
        inputs = {name: tensor for name, tensor in tensors.items() if name not in states}
        if not states:
            return {name: value.numpy() for name, value in network(inputs).items()}
        outputs, after = network(inputs, {name: tensors[name] for name in states})
        outputs |= {states[name]: value for name, value in after.items()}
        return {name: value.numpy() for name, value in outputs.items()}

    return run
