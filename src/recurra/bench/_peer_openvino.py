from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.bench._case import STATE, Case, Problem
from recurra.bench._onnx_model import onnx_inputs, onnx_model
from recurra.bench._peer import Variant
from recurra.errors import require


class OpenVino:
    """OpenVINO on the processor, from the ONNX model, in float32: where it can it would compute in bfloat16."""

    def __init__(self, threads: int) -> None:
        # Otherwise it reports every use to its makers, unasked, from processes that it forks: this module is optional.
        sys.modules["openvino_telemetry"] = None  # pyright: ignore[reportArgumentType]
        self._openvino = require("openvino", extra="bench")
        self._threads = threads

    def about(self) -> Mapping[str, str]:
        return {"version": self._openvino.__version__}

    def variants(self, case: Case, problem: Problem) -> Mapping[str, Variant]:
        core = self._openvino.Core()
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            "INFERENCE_NUM_THREADS": self._threads,
            "INFERENCE_PRECISION_HINT": "f32",
        }
        compiled = core.compile_model(core.read_model(onnx_model(case, problem)), "CPU", settings)
        request = compiled.create_infer_request()
        for name, array in onnx_inputs(case, problem).items():
            request.set_tensor(name, self._openvino.Tensor(array))  # copies; a shared array wouldn't be kept alive

        def results(_: Any) -> dict[str, NDArray[np.floating]]:
            output = {"output": np.array(request.get_tensor("output").data)[:, 0]}
            return output | {name: np.array(request.get_tensor(name).data)[0] for name in STATE[case.cell]}

        return {"latency": Variant(request.infer, results)}
