from __future__ import annotations

from pathlib import Path

import pytest

import recurra
from recurra import runtime
from recurra.tasks.generate import Generator
from tasks.generate.texts import QUICK, lines


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    """Holds text.txt, and the models that were fitted to it: `characters` and `words`."""
    place = tmp_path_factory.mktemp("generate")
    text = place / "text.txt"
    text.write_text(lines(120))
    for name, tokeniser in (("characters", "character"), ("words", "word")):
        Generator(tokeniser=tokeniser, **QUICK).fit(text, progress="none").save(place / name)
    return place


@pytest.fixture(params=["characters", "words"])
def name(request) -> str:
    """Of a model in `folder`."""
    return request.param


@pytest.fixture
def model(folder, name):
    """A model at work, without torch."""
    return runtime.load(folder / name)


@pytest.fixture
def fitted(folder, name):
    """The same model in torch."""
    return recurra.load(folder / name).fitted_
