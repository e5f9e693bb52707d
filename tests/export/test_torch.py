from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from export.networks import CHARACTERS, MIXED, random_network, write_network
from recurra.blocks import Branch, Composition, Linear, Recurrent
from recurra.errors import RecurraError
from recurra.export import _torch_blocks, export
from recurra.export._layout import lay_out
from recurra.export._torch import torch_source
from tasks.forecast.networks import Case

_RUN = """
import sys
sys.modules["recurra"] = None
import torch
from safetensors.torch import load_file
from network import Network
network = Network().eval()
network.load_state_dict(load_file("network.safetensors"))
codes = torch.tensor([[[1], [5], [0], [7]]])
with torch.no_grad():
    outputs, state = network({"code": codes[:, :3]})
    outputs, state = network({"code": codes[:, 3:]}, state)
print(outputs["logits"][0, 0].tolist(), list(state))
"""


def test_the_folder_runs_without_recurra(tmp_path) -> None:
    network = random_network(CHARACTERS)
    exported = export(write_network(tmp_path / "letters", network), tmp_path / "plain", to="torch")
    assert [path.name for path in exported.files] == ["network.py", "network.safetensors", "README.md", "card.json"]
    assert "recurra." not in exported.files[0].read_text().replace("recurra 0.", "")
    assert exported.differences["torch"] < 1e-6
    run = subprocess.run([sys.executable, "-c", _RUN], cwd=tmp_path / "plain", capture_output=True, text=True)
    assert run.stderr == ""
    values, names = run.stdout.strip().split("] [")
    expected = network({"code": torch.tensor([[[1], [5], [0], [7]]])})["logits"][0, -1].tolist()
    np.testing.assert_allclose([float(v) for v in values.strip("[").split(",")], expected, atol=1e-6)
    assert names == "'h_logits_1']"


def test_the_source_reads_as_the_network() -> None:
    source, parameters = torch_source(lay_out(MIXED), title="m", made_by="recurra 1")
    assert "self.encoded_1 = nn.LSTM(4, 5, num_layers=2, batch_first=True)" in source
    assert "centred = x.clamp(-1.5, 1.5)" in source
    assert "restored = (out + level) + x_" in source
    assert parameters["chains.encoded.1.weight_ih_l1"] == "encoded_1.weight_ih_l1"
    assert max(map(len, source.splitlines())) <= 120


def test_a_forecaster_keeps_its_dropout_for_training_on() -> None:
    case = Case(dropout=0.25, num_layers=2, decoder="direct")
    source, _ = torch_source(lay_out(case.composition), title="m", made_by="recurra 1")
    assert "nn.Dropout(0.25)" in source
    assert "num_layers=2, dropout=0.25, batch_first=True" in source


EVIL = [
    '"] + [__import__("os").system("touch owned")] + ["',
    "x\n        raise SystemExit",
    "self",
    "class",
    "torch",
    "1st",
    "concatenate",
    "größe",
    "a b",
    "a.b",
    "forward",
]


@pytest.mark.parametrize("name", EVIL)
def test_names_are_data_and_never_code(name, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    if "." not in name and name != "forward":  # what torch itself refuses as the name of a module
        branches = (
            Branch(name=name, takes=("a_b", "x"), blocks=(Linear(size=3), Recurrent(cell="rnn", hidden_size=2))),
            Branch(name="out", takes=(name, "x"), blocks=(Linear(size=1),)),
        )
        composition = Composition(inputs={"a_b": 2, "x": 1}, branches=branches)
    else:
        composition = Composition(
            inputs={name: 2, "x": 1},
            branches=(Branch(name="out", takes=(name, "x"), blocks=(Linear(size=1),)),),
        )
    bundle = write_network(tmp_path / "model", random_network(composition))
    assert export(bundle, tmp_path / "plain", to="torch").differences["torch"] < 1e-6
    assert not (tmp_path / "owned").exists()


def test_the_title_stays_inside_its_docstring() -> None:
    title = '""" + exit() + """\\'
    source, _ = torch_source(lay_out(CHARACTERS), title=title, made_by="recurra 1")
    compile(source, "network.py", "exec")
    assert source.startswith('"""___ _ exit__ _ ____: a network')


def test_a_network_that_comes_out_wrong_is_not_kept(tmp_path, monkeypatch) -> None:
    bundle = write_network(tmp_path / "letters", random_network(CHARACTERS))
    write = _torch_blocks._linear
    monkeypatch.setitem(
        _torch_blocks.BLOCKS,
        Linear,
        lambda block, place: _torch_blocks.Code("-" + (code := write(block, place)).call, code.module, code.parameters),
    )
    with pytest.raises(RecurraError, match="torch disagrees with recurra"):
        export(bundle, tmp_path / "plain", to="torch")
    assert [path.name for path in tmp_path.iterdir()] == ["letters"]
