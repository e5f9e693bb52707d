from __future__ import annotations

import numpy as np
import pytest

import recurra
from recurra.errors import BundleError, ConfigError, DataError
from recurra.tasks.generate import Generator
from tasks.classify.reviews import reviews, tiny


@pytest.fixture(scope="module")
def language_model(tmp_path_factory):
    """The bundle of a tiny language model of words, and its source."""
    folder = tmp_path_factory.mktemp("generate")
    text = folder / "texts.txt"
    text.write_text("\n".join(each for each, _ in reviews(300, seed=5)))
    model = Generator(tokeniser="word", epochs=1, hidden_size=12, num_layers=2, threads=1, batch_size=4, bptt=16)
    model.fit(text, progress="none").save(folder / "model")
    return folder / "model"


def test_a_language_model_starts_a_classifier(language_model) -> None:
    taken = recurra.load(language_model).network_state()
