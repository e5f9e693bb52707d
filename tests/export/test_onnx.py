from __future__ import annotations

import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from export.networks import CHARACTERS, random_network, torch_says, weights_of, write_network
from recurra.blocks import Branch, Composition, Decode, Recurrent
from recurra.errors import BundleError, RecurraError
from recurra.export import export
from recurra.export._layout import lay_out
from recurra.export._onnx import onnx_model
from recurra.nn import Network
from tasks.forecast.networks import HORIZON, Case
from tasks.forecast.test_composition import gather


@pytest.fixture
def network() -> Network:
    return random_network(CHARACTERS)


@pytest.fixture
def written(network, tmp_path):
    """An exported character model: its network, and its file in onnxruntime."""
    exported = export(write_network(tmp_path / "letters", network), tmp_path / "letters.onnx", to="onnx")
    return exported, onnxruntime.InferenceSession(exported.files[0], providers=["CPUExecutionProvider"])


def test_batch_and_time_are_dynamic_and_state_is_explicit(written) -> None:
    _, session = written
    assert {i.name: (i.type, i.shape) for i in session.get_inputs()} == {
        "code": ("tensor(int64)", ["batch", "code_steps", 1]),
        "h_logits_1": ("tensor(float)", [2, "batch", 16]),
    }
    assert {o.name: o.shape for o in session.get_outputs()} == {
        "logits": ["batch", "logits_steps", 9],
        "next_h_logits_1": [2, "batch", 16],
    }


def test_stepping_on_equals_running_whole(written, network) -> None:
    _, session = written
    codes = np.random.default_rng(0).integers(0, 9, (2, 11, 1))
    expected = network({"code": torch.from_numpy(codes)})["logits"].detach().numpy()
    state = np.zeros((2, 2, 16), np.float32)
    pieces = []
    for start, stop in [(0, 1), (1, 4), (4, 5), (5, 11)]:
        logits, state = session.run(None, {"code": codes[:, start:stop], "h_logits_1": state})
        pieces.append(logits)
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), expected, atol=1e-6)


def test_only_standard_operators_and_native_recurrence(written) -> None:
    exported, _ = written
    model = onnx.load(exported.files[0])
    assert [(o.domain, o.version) for o in model.opset_import] == [("", 17)]
    assert [node.op_type for node in model.graph.node].count("GRU") == 2
    assert not {"Loop", "Scan", "If"} & {node.op_type for node in model.graph.node}


def test_the_file_describes_itself(written) -> None:
    exported, _ = written
    said = {entry.key: json.loads(entry.value) for entry in onnx.load(exported.files[0]).metadata_props}
    assert said["recurra.inputs"] == exported.card["inputs"]
    assert said["recurra.bundle"]["task"] == "characters"
    assert said["recurra.state"][0]["following"] == "next_h_logits_1"


@pytest.mark.parametrize("options", [{}, {"normalisation": "series", "channels": "joint"}, {"cell": "lstm"}])
def test_windows_of_real_columns_forecast_the_same(options) -> None:
    """Inputs as the task makes them, with one step of what is constant."""
    case = Case(targets=2, **options)
    case.give_random_weights()
    batch = gather(case.windows, torch.tensor([8, 20, 50]), torch.tensor([0, 1, 1]), case.chosen)
    with torch.no_grad():
        expected = case.model.network(batch)["forecast"][:, :HORIZON].numpy()
    model = onnx_model(lay_out(case.composition), weights_of(case.model.network), metadata={})
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    arrays = {given.name: batch[given.name].numpy() for given in session.get_inputs()}
    feeds = {name: array if array.ndim == 3 else array[:, None] for name, array in arrays.items()}
    assert feeds["static"].shape[1] == 1
    found = np.asarray(session.run(["forecast"], feeds)[0])
    np.testing.assert_allclose(found[:, :HORIZON], expected, rtol=1e-5, atol=1e-5)


def test_a_network_that_comes_out_wrong_is_not_kept(network, tmp_path, monkeypatch) -> None:
    bundle = write_network(tmp_path / "letters", network)
    monkeypatch.setitem(__import__("recurra.export._onnx_recurrent", fromlist=["x"])._GATES, "gru", (0, 1, 2))
    with pytest.raises(RecurraError, match=r"onnxruntime disagrees with recurra by .* so nothing was written"):
        export(bundle, tmp_path / "letters.onnx", to="onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["letters"]


def test_swapped_states_would_be_noticed(tmp_path, monkeypatch) -> None:
    """h and c are both zero at the beginning; only going on tells them apart."""
    recurrent = Recurrent(cell="lstm", hidden_size=4)
    composition = Composition(inputs={"x": 2}, branches=(Branch(name="a", takes=("x",), blocks=(recurrent,)),))
    bundle = write_network(tmp_path / "model", random_network(composition))
    from recurra.export import _onnx

    def swapped(*arguments):
        x, after = recurrent_of(*arguments)
        return x, {"h_a_0": after["c_a_0"], "c_a_0": after["h_a_0"]}

    recurrent_of = _onnx.recurrent
    monkeypatch.setitem(_onnx.STATEFUL, Recurrent, swapped)
    with pytest.raises(RecurraError, match="disagrees"):
        export(bundle, tmp_path / "model.onnx", to="onnx")


def test_missing_weights_are_named(network, tmp_path) -> None:
    weights = weights_of(network)
    del weights["chains.logits.2.bias"]
    with pytest.raises(BundleError, match=r"hold no chains\.logits\.2\.bias"):
        onnx_model(lay_out(CHARACTERS), weights, metadata={})


def test_a_decoder_starts_its_memory_at_the_state() -> None:
    block = Decode(cell="lstm", hidden_size=3)
    composition = Composition(inputs={"x": 5}, branches=(Branch(name="a", takes=("x",), blocks=(block,)),))
    network, layout = random_network(composition), lay_out(composition)
    x = np.random.default_rng(1).normal(size=(2, 4, 5)).astype(np.float32)
    session = onnxruntime.InferenceSession(onnx_model(layout, weights_of(network), metadata={}))
    expected = torch_says(network, layout, {"x": x}, {})["a"]
    np.testing.assert_allclose(np.asarray(session.run(None, {"x": x})[0]), expected, atol=1e-6)
