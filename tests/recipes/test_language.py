from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from recurra.errors import DataError, TrainingError
from recurra.recipes import RECIPES
from recurra.recipes import _language as language
from recurra.recipes._language_speed import measure_speed
from tasks.generate.texts import QUICK, lines, network


@pytest.fixture
def treebank(tmp_path: Path, monkeypatch) -> Path:
    folder = tmp_path / "language" / "ptb"
    folder.mkdir(parents=True)
    for seed, (part, count) in enumerate((("train", 60), ("valid", 10), ("test", 10))):
        (folder / f"ptb.{part}.txt").write_text(lines(count, seed))
    monkeypatch.setattr(language, "PTB", {**language.PTB, **QUICK})
    return tmp_path


def test_figures_of_a_small_treebank(treebank, monkeypatch) -> None:
    monkeypatch.setattr(language, "TEST_WORDS", 10 * 9)
    result = RECIPES["ptb-small"].run(treebank, seed=0, progress="none")
    figures = {figure.name: figure.ours for figure in result.figures}
    assert 1 < figures["test perplexity"] < 40
    assert figures["words a second"] > 0 < figures["words a second, torch.nn"]


def test_a_treebank_of_another_size_is_no_reproduction(treebank) -> None:
    with pytest.raises(DataError, match=r"ptb\.test\.txt has \d+ words; expected 82,430"):
        RECIPES["ptb-small"].run(treebank, seed=0, progress="none")


def test_missing_files_are_named(tmp_path) -> None:
    with pytest.raises(DataError, match=r"holds no language/tinyshakespeare/input\.txt"):
        RECIPES["tinyshakespeare"].run(tmp_path, seed=0, progress="none")


def test_shakespeare_is_scored_and_quoted(tmp_path, monkeypatch) -> None:
    path = tmp_path / "language" / "tinyshakespeare" / "input.txt"
    path.parent.mkdir(parents=True)
    path.write_text(lines(60))
    monkeypatch.setattr(language, "SHAKESPEARE", {**language.SHAKESPEARE, **QUICK})
    result = RECIPES["tinyshakespeare"].run(tmp_path, seed=0, progress="none")
    assert all(figure.ours > 0 for figure in result.figures)
    assert "ROMEO:" in result.sentence


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_speed_leaves_the_network_alone(tied: bool, optimizer: Any) -> None:
    model = network(50, tied=tied, dropout=0.2)
    before = [parameter.clone() for parameter in model.parameters()]
    speed = measure_speed(model, batch_size=2, bptt=3, optimizer=optimizer, rounds=2)
    assert min(speed) > 0 and speed.best_ours >= speed.ours and speed.best_torch >= speed.torch
    assert all(one.equal(other) for one, other in zip(before, model.parameters(), strict=True))


def test_no_speed_is_told_of_another_network(monkeypatch) -> None:
    monkeypatch.setattr("recurra.recipes._language_speed._Twin._dropped", lambda self, x: x * 1.01)
    with pytest.raises(TrainingError, match="should be the same: no speed is told"):
        measure_speed(network(50, tied=True, dropout=0.0), batch_size=2, bptt=3)
