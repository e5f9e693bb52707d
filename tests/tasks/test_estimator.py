"""What all estimators do alike: they save what they are, and stream what they saved."""

from __future__ import annotations

from pathlib import Path

import pytest

import recurra
from recurra.errors import ConfigError
from tasks.classify import reviews
from tasks.generate import texts
from tasks.tag import sentences

MADE = {
    "classify": lambda folder: (reviews.tiny(bidirectional=False, epochs=2), reviews.reviews(120)),
    "tag": lambda folder: (sentences.tiny(bidirectional=False), sentences.parts_of_speech(60)),
    "generate": lambda folder: (recurra.Generator(**texts.QUICK), written(folder)),
}


def written(folder: Path) -> Path:
    path = folder / "text.txt"
    path.write_text(texts.lines(120))
    return path


@pytest.mark.slow
@pytest.mark.parametrize("task", MADE)
def test_it_saves_and_streams_whatever_became_of_it(tmp_path: Path, task: str) -> None:
    model, data = MADE[task](tmp_path)
    with pytest.raises(ConfigError, match="not fitted yet"):
        model.save(tmp_path / "nothing")
    model.fit(data, progress="none")
    with pytest.raises(ConfigError, match="must be saved"):
        model.stream()
    model.save(tmp_path / "model")
    assert "<html" in (tmp_path / "model" / "report.html").read_text(encoding="utf-8")
    assert model.plot(tmp_path / "plots")
    text = "the fine cat"
    assert model.stream().push(text) == recurra.load(tmp_path / "model").stream().push(text)
    before = model.scores_
    model.fine_tune(data, progress="none")
    with pytest.raises(ConfigError, match="must be saved"):
        model.stream()
    model.save(tmp_path / "tuned")
    assert not (tmp_path / "tuned" / "report.html").exists()
    tuned = recurra.load(tmp_path / "tuned")
    assert tuned.stream().push(text) == model.stream().push(text)
    # The scores are those of what was saved, not of what it was tuned from.
    assert tuned.scores_ == model.evaluate() == model.scores_ != before
    assert tuned.scores_.metrics == pytest.approx(model.evaluate(data).metrics)
    with pytest.raises(ConfigError, match="a fine-tuned one has none"):
        model.report_html()
