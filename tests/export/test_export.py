from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cases import text_bundles
from data.windows_case import make_panel
from export.networks import CHARACTERS, random_network, write_network
from recurra.bundle import write_bundle
from recurra.cli import main
from recurra.data.text import Encoder, Vocabulary, WordTokeniser
from recurra.errors import BundleError, ConfigError, RecurraError
from recurra.export import FORMATS, export
from recurra.export._card import _ENCODING, _INPUTS, _PIECES, _PREPROCESSING
from recurra.tasks.classify._scaling import Scaling
from tasks.forecast.networks import Case


@pytest.fixture
def letters(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_network(tmp_path / "letters", random_network(CHARACTERS))


def test_what_stands_beside_the_file(letters, tmp_path) -> None:
    exported = export(letters, "out.onnx", to="onnx")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["letters", "out.json", "out.md", "out.onnx"]
    card = json.loads((tmp_path / "out.json").read_text())
    assert card == exported.card
    assert card["read_from_the_table"] == {"alphabet": "abcdefgh"}
    assert card["inputs"][0] == {
        "name": "code",
        "type": "int64",
        "shape": ["batch", "steps", 1],
        "steps": "any number",
        "meaning": "Integers from 0 to 8.",
    }
    page = (tmp_path / "out.md").read_text()
    assert "| `h_logits_1` | `next_h_logits_1` | (2, batch, 16) |" in page
    assert re.search(r"^\* onnxruntime: \d\.\de-0\d$", page, re.MULTILINE)


def test_every_input_of_a_forecaster_and_its_preprocessing_are_explained(tmp_path) -> None:
    case = Case(panel=make_panel(0, [40, 30], targets=2, gaps=0.2))
    assert case.windows.widths().keys() <= _INPUTS.keys()
    assert {"previous", "previous_observed", "level", "spread"} <= _INPUTS.keys()
    document = case.preparation.model_dump(mode="json")
    assert document.keys() == _PREPROCESSING.keys()
    bundle = write_network(tmp_path / "sales", case.model.network, preprocessing=document)
    exported = export(bundle, tmp_path / "sales.onnx", to="onnx")
    assert exported.card["preprocessing"] == document
    page = (tmp_path / "sales.md").read_text()
    assert all(f"* `{name}`: " in page for name in document)
    assert "None: the network takes whole windows" in page


def test_every_input_of_a_model_of_texts_and_its_answer_are_explained(tmp_path) -> None:
    known = Vocabulary(pieces=("a",))
    encoder = Encoder(tokeniser=WordTokeniser(), words=known, casing=True, characters=known, runs=(known, known))
    scaling = Scaling(columns=("x",), mean=(0.0,), spread=(1.0,), gaps=True)
    for reads in (encoder, scaling):
        assert reads.widths.keys() <= (_INPUTS | _PIECES).keys()
        assert reads.model_dump().keys() <= _ENCODING.keys()
    exported = export(text_bundles.classifier(tmp_path / "reviews"), tmp_path / "reviews.onnx", to="onnx")
    assert "`labels`" in exported.card["outputs"][0]["meaning"]
    assert "see the bundle" not in (tmp_path / "reviews.md").read_text()


def test_other_branches_can_be_asked_for(letters, tmp_path) -> None:
    case = Case(decoder="recursive")
    bundle = write_network(tmp_path / "counts", case.model.network)
    assert main(["export", str(bundle), "--to", "onnx", "--outputs", "level, spread", "--out", "units.onnx"]) == 0
    card = json.loads((tmp_path / "units.json").read_text())
    assert [output["name"] for output in card["outputs"]] == ["level", "spread"]
    assert card["state"] == []


def test_the_command_says_what_it_checked_and_wrote(letters, capsys) -> None:
    assert main(["export", "letters", "--to", "onnx"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^Checked  onnxruntime: within \S+ of recurra", out)
    assert "Wrote    letters.onnx\nWrote    letters.md\nWrote    letters.json\n" in out
    assert main(["export", "letters", "--to", "torch", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["files"][0] == "letters-torch/network.py"
    assert document["differences"]["torch"] < 1e-6


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nothing", "--to", "onnx"], "nothing: no such bundle"),
        (["plain.txt", "--to", "onnx"], "isn't a recurra bundle"),
        (["letters", "--to", "tflite"], "onnx"),
        (["letters"], "--to"),
        (["letters", "--to", "onnx", "--out", "taken.onnx"], "taken.onnx exists already"),
        (["letters", "--to", "onnx", "--out", "plain.onnx"], "plain.md exists already"),
        (["letters", "--to", "onnx", "--out", "letters"], "doesn't end in .onnx"),
        (["letters", "--to", "onnx", "--out", "no/where.onnx"], "there is no folder"),
        (["letters", "--to", "torch", "--out", "plain.txt"], "plain.txt is a file"),
        (["letters", "--to", "torch", "--out", "letters"], "letters exists already"),
        (["letters", "--to", "onnx", "--outputs", "hidden"], "no branch 'hidden'"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(letters, tmp_path, capsys, arguments, complaint) -> None:
    for name in ("plain.txt", "plain.md", "taken.onnx"):
        (tmp_path / name).write_text("mine")
    before = sorted(tmp_path.iterdir())
    assert main(["export", *arguments]) == 2
    said = capsys.readouterr()
    assert complaint in said.err and said.err.count("\n") == 1
    assert said.out == ""
    assert sorted(tmp_path.iterdir()) == before


def test_files_are_replaced_when_asked_for(letters, tmp_path) -> None:
    (tmp_path / "letters.onnx").write_text("old")
    export(letters, "letters.onnx", to="onnx", overwrite=True)
    assert (tmp_path / "letters.onnx").stat().st_size > 100
    export(letters, "folder", to="torch")
    export(letters, "folder", to="torch", overwrite=True)


def test_a_full_disk_leaves_the_old_file(letters, tmp_path, monkeypatch) -> None:
    def full(path, content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (tmp_path / "letters.onnx").write_text("old")
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(RecurraError, match="No space left"):
        export(letters, "letters.onnx", to="onnx", overwrite=True)
    assert (tmp_path / "letters.onnx").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["letters", "letters.onnx"]


def test_a_bundle_without_blocks_is_refused(tmp_path) -> None:
    write_bundle(
        tmp_path / "b", task="t", config={}, network={}, inputs={}, data_digest="", weights={}, documents={}
    )  # fmt: skip
    with pytest.raises(BundleError, match="no network of blocks"):
        export(tmp_path / "b", tmp_path / "b.onnx", to="onnx")


def test_an_unknown_format_is_refused(letters) -> None:
    with pytest.raises(ConfigError, match=f"'tflite' is no format to export to. Use one of {', '.join(FORMATS)}"):
        export(letters, "a.onnx", to="tflite")  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(("missing", "extra"), [("onnx", "export"), ("onnxruntime", "export"), ("torch", "train")])
def test_a_missing_library_is_named_with_its_extra(letters, missing, extra) -> None:
    program = (
        "import sys\n"
        "class Without:\n"
        "    def find_spec(name, *rest):\n"
        f"        if name.split('.')[0] == {missing!r}: raise ModuleNotFoundError(name, name=name)\n"
        "sys.meta_path.insert(0, Without)\n"
        "from recurra.cli import main\n"
        f"sys.exit(main(['export', 'letters', '--to', {'torch' if missing == 'torch' else 'onnx'!r}]))\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 2
    assert f"needs {missing}, which isn't installed. Run: pip install 'recurra[{extra}]'" in run.stderr


@pytest.mark.parametrize(
    "command", [["export", "letters", "--to", "onnx"], ["compress", "letters", "--int8", "--out", "small"]], ids=str
)
def test_torch_is_not_needed(letters, command) -> None:
    program = f"import sys\nsys.modules['torch'] = None\nfrom recurra.cli import main\nsys.exit(main({command!r}))\n"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")
