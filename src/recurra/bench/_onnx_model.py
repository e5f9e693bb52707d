"""A case as an ONNX model of one node, for the runtimes that read those."""

from __future__ import annotations

from typing import Any

import numpy as np

from recurra.bench._case import STATE, Case, Problem
from recurra.errors import require
from recurra.export._onnx_recurrent import reordered

OPSET = 17


def onnx_model(case: Case, problem: Problem) -> bytes:
    """The layer with its weights. Inputs: x (T, B, I), the state's fields with 0 behind their name.

    Outputs: the output (T, 1, B, H) under that name, unless the model takes single steps, and the state's fields. Sizes
    are fixed, which runtimes like. Fields are (1, B, H) on both sides.
    """
    onnx = require("onnx", extra="bench")
    helper, numpy_helper, floats = onnx.helper, onnx.numpy_helper, onnx.TensorProto.FLOAT
    weight_ih, weight_hh, bias_ih, bias_hh = (reordered(case.cell, array) for array in problem.weights)
    constants = {"W": weight_ih[None], "R": weight_hh[None], "B": np.concatenate([bias_ih, bias_hh])[None]}
    fields = STATE[case.cell]
    time = 1 if case.mode == "step" else case.time
    row = [1, case.batch, case.hidden_size]
    outputs = {} if case.mode == "step" else {"output": [time, *row]}
    outputs |= {field: row for field in fields}
    node = helper.make_node(
        case.cell.upper(),
        ["x", "W", "R", "B", "", *(f"{field}0" for field in fields)],
        ["output" if "output" in outputs else "", *fields],
        hidden_size=case.hidden_size,
        **({"linear_before_reset": 1} if case.cell == "gru" else {}),
    )
    inputs = {"x": [time, case.batch, case.input_size]} | {f"{field}0": row for field in fields}
    graph = helper.make_graph(
        [node],
        case.cell,
        [helper.make_tensor_value_info(name, floats, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, floats, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in constants.items()],
    )
    model: Any = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def onnx_inputs(case: Case, problem: Problem) -> dict[str, np.ndarray]:
    """What the model is fed, by name, from the problem's numbers."""
    state = zip(STATE[case.cell], problem.state, strict=True)
    return {"x": problem.x} | {f"{field}0": array[None] for field, array in state}
