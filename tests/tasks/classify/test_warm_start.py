from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from recurra.data.text import Encoder
from recurra.errors import BundleError, ConfigError, DataError
from recurra.tasks.classify._warm_start import open_language_model
from recurra.tasks.generate import Generator
from tasks.classify.reviews import reviews, tiny

SIZES = {"hidden_size": 12, "embedding_size": 12}  # of the language model


@pytest.fixture(scope="module")
def language_model(tmp_path_factory) -> str:
    """The bundle of a tiny language model of words, two layers deep."""
    folder = tmp_path_factory.mktemp("generate")
    text = folder / "texts.txt"
    text.write_text("\n".join(each for each, _ in reviews(300, seed=5)))
    options = {"tokeniser": "word", "epochs": 1, "hidden_size": 12, "num_layers": 2, "batch_size": 4, "bptt": 16}
    Generator(threads=1, **options).fit(text, progress="none").save(folder / "model")
    return str(folder / "model")


def weights(model) -> dict[str, torch.Tensor]:
    return dict(model.fitted_.network.state_dict())


def test_a_language_model_starts_a_classifier(language_model) -> None:
    taken = open_language_model(language_model).weights
    model = tiny(pretrained=language_model, **SIZES, frozen_epochs=9).fit(reviews(80), progress="none")
    assert len(taken) == 9
    found = weights(model)
    for name, array in taken.items():
        assert np.array_equal(found[name].numpy(), array), name
    assert not model.fitted_.composition.obstacles()


def test_layers_join_first_and_vectors_later(language_model) -> None:
    taken = open_language_model(language_model).weights
    model = tiny(pretrained=language_model, **SIZES, frozen_epochs=2, epochs=3, validation=0).fit(
        reviews(80), progress="none"
    )
    found = weights(model)
    changed = {name.split(".")[1] for name, array in taken.items() if not np.array_equal(found[name].numpy(), array)}
    assert changed == {"read"}


def test_what_does_not_go_with_it(language_model, tmp_path) -> None:
    with pytest.raises(ConfigError, match="reads one way"):
        tiny(pretrained=language_model, bidirectional=True).fit(reviews(40), progress="none")
    with pytest.raises(ConfigError, match=r"hidden_size is 8, but the language model .* has 12"):
        tiny(pretrained=language_model).fit(reviews(40), progress="none")
    tiny(epochs=1).fit(reviews(40), progress="none").save(tmp_path / "other")
    with pytest.raises(BundleError, match="is a model for classify; pretrained takes a language model"):
        tiny(pretrained=str(tmp_path / "other")).fit(reviews(40), progress="none")


def write_vectors(path: Path, width: int) -> str:
    lines = [f"{word} {' '.join(['0.5'] * width)}\n" for word in ("film", "lovely", "unheard")]
    path.write_text("".join(lines))
    return str(path)


def test_vectors_start_the_embedding(tmp_path) -> None:
    path = write_vectors(tmp_path / "vectors.txt", 5)
    with pytest.raises(ConfigError, match=r"embedding_size is 8, but .*vectors\.txt has 5"):
        tiny(vectors=path, embedding_size=8).fit(reviews(80), progress="none")
    model = tiny(vectors=path, embedding_size=5, epochs=1, learning_rate=1e-9).fit(reviews(80), progress="none")
    table = weights(model)["chains.word_vectors.0.tables.0.weight"]
    assert table.shape[1] == 5
    inputs = model.fitted_.inputs
    assert isinstance(inputs, Encoder)
    code = inputs.words.code_of["film"]
    assert torch.allclose(table[code], torch.full((5,), 0.5), atol=1e-6)
    assert any("2 of" in note and "vectors.txt" in note for note in model.notes_)


def test_vectors_of_the_wrong_width_are_told_by_their_line(tmp_path) -> None:
    path = Path(write_vectors(tmp_path / "vectors.txt", 5))
    path.write_text(path.read_text() + "plot 1 2 3\n")
    with pytest.raises(DataError, match=r"vectors\.txt, line 4"):
        tiny(vectors=str(path)).fit(reviews(40), progress="none")
