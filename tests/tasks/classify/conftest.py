from __future__ import annotations

import pytest

from recurra.runtime import load
from recurra.tasks.classify import Classifier
from recurra.tasks.classify._live import LiveClassifier
from tasks.classify.reviews import reviews, tiny, waves


@pytest.fixture(scope="session")
def classifier() -> Classifier:
    """A fitted classifier of texts that reads both ways."""
    return tiny().fit(reviews(240), progress="none")


@pytest.fixture(scope="session")
def one_way() -> Classifier:
    """One that can stream, and reads casing and characters too."""
    options = {"bidirectional": False, "casing": True, "characters": 6, "pooling": "attention"}
    return tiny(**options).fit(reviews(240), progress="none")


@pytest.fixture(scope="session")
def of_numbers() -> Classifier:
    """A fitted classifier of series that can stream."""
    return tiny(series="id", bidirectional=False, epochs=8).fit(waves(120, gaps=True), progress="none")


@pytest.fixture(scope="session")
def live(one_way, tmp_path_factory) -> LiveClassifier:
    """The classifier of texts that streams, without torch."""
    return opened(one_way, tmp_path_factory)


@pytest.fixture(scope="session")
def live_numbers(of_numbers, tmp_path_factory) -> LiveClassifier:
    """The classifier of series, without torch."""
    return opened(of_numbers, tmp_path_factory)


def opened(model: Classifier, tmp_path_factory: pytest.TempPathFactory) -> LiveClassifier:
    path = tmp_path_factory.mktemp("classify") / "model"
    model.save(path)
    found = load(path)
    assert isinstance(found, LiveClassifier)
    return found
