from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from recurra.errors import ConfigError, DataError
from recurra.tasks.tag import TagConfig
from recurra.tasks.tag._job import prepare
from tasks.tag.sentences import parts_of_speech


def test_vectors_are_where_training_begins(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text("the 1 2 3\ncats 4 5 6\nnowhere 7 8 9\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"word_size is 8, but .*vectors\.txt has 3"):
        prepare(parts_of_speech(60), TagConfig(vectors=str(path), word_size=8))
    plan = prepare(parts_of_speech(60), TagConfig(vectors=str(path)))
    table = plan.model.network.state_dict()["chains.word.0.tables.0.weight"]
    assert table.shape[1] == 3
    assert table[plan.encoder.words.code_of["the"]].tolist() == [1, 2, 3]
    assert table[plan.encoder.words.code_of["cats"]].tolist() == [4, 5, 6]
    assert any("have one" in note for note in plan.notes)


def test_vectors_of_uneven_width(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text("the 1 2 3\ncats 4 5\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"vectors\.txt, line 2"):
        prepare(parts_of_speech(60), TagConfig(vectors=str(path)))


def test_two_origins_contradict_each_other() -> None:
    with pytest.raises(ConfigError, match="Give one of them"):
        prepare(parts_of_speech(60), TagConfig(vectors="a", pretrained="b"))


def test_a_language_model_is_where_training_begins(tmp_path: Path) -> None:
    from recurra.blocks import Branch, Composition, Embedding, Recurrent
    from recurra.bundle import write_bundle
    from recurra.data.text import WordTokeniser, fit_encoder
    from recurra.nn import Network

    encoder = fit_encoder([[" the", " cats", " dogs"]], WordTokeniser(spaces=True))
    blocks = (Embedding(categories=(4,), sizes=(5,)), Recurrent(cell="lstm", hidden_size=6))
    composition = Composition(inputs={"words": 1}, branches=(Branch(name="out", takes=("words",), blocks=blocks),))
    torch.manual_seed(0)
    weights = {name: tensor.numpy() for name, tensor in Network(composition).state_dict().items()}
    write_bundle(
        tmp_path / "language",
        task="generate",
        config={},
        network=composition.model_dump(mode="json"),
        inputs={},
        data_digest="0" * 64,
        weights=weights,
        documents={"preprocessing.json": encoder.model_dump_json(), "scores.json": "{}"},
    )
    plan = prepare(parts_of_speech(60), TagConfig(pretrained=str(tmp_path / "language"), hidden_size=6))
    state = plan.model.network.state_dict()
    the = encoder.words.code_of[" the"]
    found = state["chains.word.0.tables.0.weight"][plan.encoder.words.code_of["the"]].numpy()
    assert np.array_equal(found, weights["chains.out.0.tables.0.weight"][the])
    assert np.array_equal(state["chains.read.1.weight_hh_l0"].numpy(), weights["chains.out.1.weight_hh_l0"])
    assert np.array_equal(state["chains.read.1.weight_ih_l0"][:, :5].numpy(), weights["chains.out.1.weight_ih_l0"])
    other = prepare(parts_of_speech(60), TagConfig(pretrained=str(tmp_path / "language"), hidden_size=7))
    assert any("--hidden-size 6" in note for note in other.notes)
