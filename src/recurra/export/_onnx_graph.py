from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from recurra.errors import BundleError, require

OPSET = 17
IR_VERSION = 8


class Graph:
    """An ONNX graph while it grows. Values are names; what is made lately is named after `scope`."""

    def __init__(self, weights: Mapping[str, np.ndarray]) -> None:
        self._onnx: Any = require("onnx", extra="export")
        self._weights = weights
        self._constants: dict[str, np.ndarray] = {}
        self._nodes: list[Any] = []
        self.scope = ""
        self._count = 0

    def add(self, operator: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        """A node of the standard operator; the name of its output, or a list of names where it has several."""
        self._count += 1
        name = f"{self.scope}/{operator}_{self._count}"
        names = [name] if outputs == 1 else [f"{name}_{place}" for place in range(outputs)]
        self._nodes.append(self._onnx.helper.make_node(operator, list(inputs), names, name=name, **attributes))
        return name if outputs == 1 else names

    def inner(self) -> Graph:
        """A graph within this one: it shares its constants, and sees its values."""
        graph = Graph(self._weights)
        graph._constants = self._constants
        graph.scope = f"{self.scope}/step"
        return graph

    def loop_body(self, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> Any:
        """This graph as the body of a loop over values (batch, width), by name."""
        helper, kinds = self._onnx.helper, self._onnx.TensorProto
        given, made = (
            [helper.make_tensor_value_info(name, kinds.FLOAT, ["batch", width]) for name, width in values.items()]
            for values in (inputs, outputs)
        )
        return helper.make_graph(self._nodes, self.scope, given, made)

    def rename(self, value: str, name: str) -> None:
        """Give a value a name of its own."""
        self._nodes.append(self._onnx.helper.make_node("Identity", [value], [name], name=f"{name}/Identity"))

    def weight(self, name: str) -> np.ndarray:
        """One of the network's parameters."""
        if name not in self._weights:
            raise BundleError(
                f"The weights hold no {name}, which the network needs. It may come from another version of recurra; "
                "fit the model again."
            )
        return self._weights[name]

    def constant(self, name: str, array: np.ndarray) -> str:
        """An array that the graph carries with it."""
        self._constants[name] = np.asarray(array, order="C")
        return name

    def ints(self, *values: int) -> str:
        """A vector of integers."""
        return self.constant(f"ints:{','.join(map(str, values))}", np.array(values, dtype=np.int64))

    def number(self, value: float) -> str:
        """A scalar."""
        return self.constant(f"number:{value!r}", np.array(value, dtype=np.float32))

    def model(
        self,
        name: str,
        inputs: Mapping[str, tuple[bool, list[str | int]]],
        outputs: Mapping[str, list[str | int]],
        metadata: Mapping[str, str],
    ) -> bytes:
        """The graph as a checked ONNX file. Inputs: whether they are integers, and their shape, by name."""
        helper, kinds = self._onnx.helper, self._onnx.TensorProto
        graph = helper.make_graph(
            self._nodes,
            name,
            [
                helper.make_tensor_value_info(name, kinds.INT64 if integers else kinds.FLOAT, shape)
                for name, (integers, shape) in inputs.items()
            ],
            [helper.make_tensor_value_info(name, kinds.FLOAT, shape) for name, shape in outputs.items()],
            [self._onnx.numpy_helper.from_array(array, name) for name, array in self._constants.items()],
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="recurra",
        )
        helper.set_model_props(model, dict(metadata))
        self._onnx.checker.check_model(model, full_check=True)
        return model.SerializeToString()
