"""ONNX's own tests of its operators RNN, GRU and LSTM, put to our layers.

ONNX's cases have weights that are all equal, so they can't tell one gate from another. Its equations, which are
somebody else's code in numpy, are therefore asked once more with random numbers and every option.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx.backend.test.case import node as onnx_cases
from onnx.backend.test.case.node import gru, lstm, rnn  # their tests are made when they are imported
from torch import Tensor

from cases.tolerances import assert_close
from recurra import nn
from recurra.ops._recurrent import _by_reference

Floats = NDArray[np.float32]
OPERATORS = ("RNN", "GRU", "LSTM")
# The blocks of ONNX's weights in our order: z r h as r z n, i o f c as i f g o, and of peepholes i o f as i f o.
GATES = {"RNN": (0,), "GRU": (1, 0, 2), "LSTM": (0, 2, 3, 1)}
PEEPHOLES = (0, 2, 1)
INPUTS = {
    "RNN": ("X", "W", "R", "B", "sequence_lens", "initial_h"),
    "GRU": ("X", "W", "R", "B", "sequence_lens", "initial_h"),
    "LSTM": ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P"),
}
OUTPUTS = ("Y", "Y_h", "Y_c")
# ONNX's tests that no layer of ours computes, with the reason that `beyond_us` gives.
NOT_OURS: dict[str, str] = {}


class Case(NamedTuple):
    """One node of ONNX: its attributes, its inputs by name without those left out, and what it must give, likewise."""

    name: str
    operator: str
    attributes: dict[str, Any]
    inputs: dict[str, np.ndarray]
    outputs: dict[str, np.ndarray]

    def __str__(self) -> str:
        return self.name

    @property
    def direction(self) -> str:
        return self.attributes.get("direction", "forward")

    @property
    def batch_first(self) -> bool:
        return self.attributes.get("layout", 0) == 1

    @property
    def activations(self) -> list[str]:
        """In lower case, as ONNX compares them; those of the second direction behind those of the first."""
        usual = {"RNN": ["Tanh"], "GRU": ["Sigmoid", "Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"]}[self.operator]
        directions = 2 if self.direction == "bidirectional" else 1
        return [name.lower() for name in self.attributes.get("activations", usual * directions)]


def of_onnx() -> list[Case]:
    """What onnx.backend.test has about our operators."""
    found = []
    for case in onnx_cases._NodeTestCases:
        if case.model.graph.node[0].op_type not in OPERATORS:
            continue
        ((node,), ((inputs, outputs),)) = case.model.graph.node, case.data_sets
        attributes = {attribute.name: _value(attribute) for attribute in node.attribute}
        given = [name for name, edge in zip(INPUTS[node.op_type], node.input, strict=False) if edge]
        asked = [name for name, edge in zip(OUTPUTS, node.output, strict=False) if edge]
        named = dict(zip(given, inputs, strict=True)), dict(zip(asked, outputs, strict=True))
        found.append(Case(case.name, node.op_type, attributes, *named))
    return found


def _value(attribute: onnx.AttributeProto) -> Any:
    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, list):
        return [item.decode() if isinstance(item, bytes) else item for item in value]
    return value.decode() if isinstance(value, bytes) else value


def beyond_us(case: Case) -> str | None:
    """Why no layer of ours computes this node; None where one does."""
    if "clip" in case.attributes:
        return "clip: our layers bound no sums"
    if case.attributes.get("input_forget"):
        return "input_forget: our LSTM has a forget gate of its own"
    first, *others = case.activations
    if case.operator == "RNN" and first in ("tanh", "relu", "sigmoid") and set(others) <= {first}:
        return None
    usual = {"GRU": ["sigmoid", "tanh"], "LSTM": ["sigmoid", "tanh", "tanh"]}.get(case.operator, [])
    if case.activations in (usual, usual * 2):
        return None
    return f"activations {', '.join(case.activations)}: our {case.operator} has others"


def layer_of(case: Case) -> nn.RNN | nn.GRU | nn.LSTM:
    """Our layer with the node's weights. A node in reverse is half of a layer, whose other half is NaN all over."""
    options: dict[str, Any] = {
        "bias": "B" in case.inputs,
        "batch_first": case.batch_first,
        "bidirectional": case.direction != "forward",
    }
    kind: dict[str, Any] = {
        "RNN": {"nonlinearity": case.activations[0]},
        "GRU": {"reset_after": case.attributes.get("linear_before_reset", 0) == 1},
        "LSTM": {"peephole": "P" in case.inputs},
    }
    size = case.inputs["W"].shape[2], case.attributes["hidden_size"]
    layer = getattr(nn, case.operator)(*size, **options, **kind[case.operator])
    parameters = {name: torch.full_like(value, torch.nan) for name, value in layer.state_dict().items()}
    suffixes = {"forward": [""], "reverse": ["_reverse"], "bidirectional": ["", "_reverse"]}[case.direction]
    order = GATES[case.operator]
    for index, suffix in enumerate(suffixes):
        own = {name: case.inputs[name][index] for name in ("W", "R", "B", "P") if name in case.inputs}
        weights = {"weight_ih": _in_order(own["W"], order), "weight_hh": _in_order(own["R"], order)}
        if "B" in own:
            of_input, of_state = np.split(own["B"], 2)
            weights |= {"bias_ih": _in_order(of_input, order), "bias_hh": _in_order(of_state, order)}
        if "P" in own:
            weights["weight_peephole"] = _in_order(own["P"], PEEPHOLES)
        parameters |= {f"{name}_l0{suffix}": weight for name, weight in weights.items()}
    layer.load_state_dict(parameters)
    return layer


def _in_order(stacked: Floats, order: tuple[int, ...]) -> Tensor:
    blocks = np.split(stacked, len(order))
    return torch.from_numpy(np.concatenate([blocks[place] for place in order]))


def run(case: Case, *, by_equations: bool) -> dict[str, Floats]:
    """What our layer gives, by ONNX's names and in its layout: in float32 as planned, or by equations in float64."""
    layer = layer_of(case)
    directions, hidden = (2 if layer.bidirectional else 1), layer.hidden_size
    x = torch.from_numpy(case.inputs["X"])
    rows = x.shape[0 if case.batch_first else 1]
    state = []
    for name in ("initial_h", "initial_c") if case.operator == "LSTM" else ("initial_h",):
        field = torch.zeros(directions, rows, hidden)
        if name in case.inputs:
            given = torch.from_numpy(case.inputs[name])
            field[-case.inputs["W"].shape[0] :] = given.transpose(0, 1) if case.batch_first else given
        state.append(field)
    lengths = case.inputs.get("sequence_lens")
    lengths = None if lengths is None else torch.from_numpy(lengths).long()
    with torch.no_grad():
        if by_equations:
            weights = [getattr(layer, name).double() for name in layer._flat_weights_names]
            fields = tuple(field.double() for field in state)
            found = _by_reference(x.double(), fields, weights, layer.recurrence(), False, None, lengths)
        else:
            output, end = layer(x, tuple(state) if case.operator == "LSTM" else state[0], lengths=lengths)
            found = output, end if case.operator == "LSTM" else (end,)
    output, end = found
    output = output.unflatten(-1, (directions, hidden))
    if case.direction == "reverse":
        output, end = output[..., 1:, :], tuple(field[1:] for field in end)
    if case.batch_first:
        end = tuple(field.transpose(0, 1) for field in end)
    else:
        output = output.transpose(1, 2)
    return {name: field.float().numpy() for name, field in zip(OUTPUTS, (output, *end), strict=False)}


class _ReluRNN(rnn.RNNHelper):
    def f(self, x: np.ndarray) -> np.ndarray:
        return np.maximum(x, 0)


class _SigmoidRNN(rnn.RNNHelper):
    def f(self, x: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-x))


EQUATIONS: list[tuple[str, type[Any], str, dict[str, Any]]] = [
    ("rnn-tanh", rnn.RNNHelper, "RNN", {}),
    ("rnn-relu", _ReluRNN, "RNN", {"activations": ["Relu"]}),
    ("rnn-sigmoid", _SigmoidRNN, "RNN", {"activations": ["Sigmoid"]}),
    ("gru-before", gru.GRUHelper, "GRU", {}),
    ("gru-after", gru.GRUHelper, "GRU", {"linear_before_reset": 1}),
    ("lstm", lstm.LSTMHelper, "LSTM", {}),
    ("lstm-peephole", lstm.LSTMHelper, "LSTM", {}),
]


def of_equations() -> list[Case]:
    """Random numbers in every input, and what ONNX's equations make of them, for each direction and layout."""
    return [
        _random_case(name, equations, operator, {**options, "direction": direction, "layout": layout})
        for name, equations, operator, options in EQUATIONS
        for direction in ("forward", "reverse", "bidirectional")
        for layout in (0, 1)
    ]


def _random_case(name: str, equations: type[Any], operator: str, attributes: dict[str, Any]) -> Case:
    random, gates, hidden = np.random.default_rng(7), len(GATES[operator]), 5
    directions, layout = (2 if attributes["direction"] == "bidirectional" else 1), attributes["layout"]
    if "activations" in attributes:
        attributes = {**attributes, "activations": attributes["activations"] * directions}
    shapes = {
        "X": (4, 3, 2),
        "W": (directions, gates * hidden, 2),
        "R": (directions, gates * hidden, hidden),
        "B": (directions, 2 * gates * hidden),
        "initial_h": (directions, 3, hidden),
        **({"initial_c": (directions, 3, hidden)} if operator == "LSTM" else {}),
        **({"P": (directions, 3 * hidden)} if name.endswith("peephole") else {}),
    }
    inputs = {key: random.normal(size=shape).astype(np.float32) * 0.7 for key, shape in shapes.items()}
    lengths = np.array([4, 1, 3], np.int32)
    # ONNX's equations know no lengths: each row runs alone, on its own steps.
    outputs: dict[str, Floats] = {}
    weights = {key: inputs[key] for key in ("W", "R", "B", "P") if key in inputs}
    options = {key: value for key, value in attributes.items() if key not in ("activations", "layout")}
    for row, length in enumerate(lengths):
        state = {key: inputs[key][:, [row]] for key in ("initial_h", "initial_c") if key in inputs}
        results = equations(X=inputs["X"][:length, [row]], **weights, **state, **options).step()
        for key, result in zip(OUTPUTS, results, strict=False):
            shape = (4, directions, 3, hidden) if key == "Y" else (directions, 3, hidden)
            whole = outputs.setdefault(key, np.zeros(shape, np.float32))
            if key == "Y":
                whole[:length, :, [row]] = result
            else:
                whole[:, [row]] = result
    if layout:
        inputs |= {key: inputs[key].swapaxes(0, 1) for key in ("X", "initial_h", "initial_c") if key in inputs}
        outputs = {key: result.transpose(2, 0, 1, 3) if key == "Y" else result.swapaxes(0, 1)
                   for key, result in outputs.items()}  # fmt: skip
    title = f"{name}-{attributes['direction']}-{layout}"
    inputs["sequence_lens"] = lengths
    return Case(title, operator, {**attributes, "hidden_size": hidden}, inputs, outputs)


OURS = [case for case in of_onnx() if case.name not in NOT_OURS]


@pytest.mark.parametrize("by_equations", [False, True], ids=["planned", "equations"])
@pytest.mark.parametrize("case", [*OURS, *of_equations()], ids=str)
def test_a_node_of_onnx_is_a_layer_of_ours(case: Case, by_equations: bool):
    found = run(case, by_equations=by_equations)
    assert case.outputs
    for name, expected in case.outputs.items():
        assert_close(torch.from_numpy(found[name]), torch.from_numpy(expected))


def test_no_case_of_onnx_is_left_out_in_silence():
    cases = of_onnx()
    reasons = {case.name: reason for case in cases if (reason := beyond_us(case))}
    assert reasons == NOT_OURS
    assert {operator: sum(case.operator == operator for case in cases) for operator in OPERATORS} == {
        "RNN": 6,
        "GRU": 6,
        "LSTM": 6,
    }


@pytest.mark.parametrize(
    ("operator", "attributes", "reason"),
    [
        ("RNN", {"clip": 3.0}, "clip"),
        ("LSTM", {"input_forget": 1}, "input_forget"),
        ("RNN", {"activations": ["Elu"]}, "activations elu"),
        ("RNN", {"activations": ["Tanh", "Relu"], "direction": "bidirectional"}, "activations tanh, relu"),
        ("GRU", {"activations": ["Sigmoid", "Relu"]}, "activations sigmoid, relu"),
    ],
)
def test_what_is_beyond_us_has_a_reason(operator: str, attributes: dict[str, Any], reason: str):
    assert str(beyond_us(Case("", operator, attributes, {}, {}))).startswith(reason)


@pytest.mark.slow  # makes the cases of all other operators too
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_onnx_has_no_further_cases():
    names = {case.name for case in of_onnx()}
    onnx_cases.collect_testcases()
    assert {case.name for case in of_onnx()} == names
