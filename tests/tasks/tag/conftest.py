from __future__ import annotations

import pytest

from recurra.bundle import open_bundle
from recurra.tasks.tag import Tagger
from recurra.tasks.tag._live import LiveTagger
from tasks.tag.sentences import entities, parts_of_speech, tiny


@pytest.fixture(scope="session")
def tagger() -> Tagger:
    """A fitted tagger of parts of speech that reads both ways."""
    return tiny().fit(parts_of_speech(60), progress="none")


@pytest.fixture(scope="session")
def one_way() -> Tagger:
    """A fitted tagger of entities that can stream."""
    return tiny(bidirectional=False, epochs=6).fit(entities(60), progress="none")


@pytest.fixture(scope="session")
def live(one_way, tmp_path_factory) -> LiveTagger:
    """The tagger that streams, without torch."""
    return opened(one_way, tmp_path_factory)


@pytest.fixture(scope="session")
def live_both_ways(tagger, tmp_path_factory) -> LiveTagger:
    """The tagger that can't stream, without torch."""
    return opened(tagger, tmp_path_factory)


def opened(model: Tagger, tmp_path_factory: pytest.TempPathFactory) -> LiveTagger:
    path = tmp_path_factory.mktemp("tag") / "model"
    model.save(path)
    return LiveTagger(open_bundle(path))
