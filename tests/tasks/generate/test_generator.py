from __future__ import annotations

import re
import signal

import numpy as np
import pytest
import torch
from sklearn.base import clone

import recurra
from recurra.errors import ConfigError, DataError, TrainingStopped
from recurra.tasks.generate import Generator
from recurra.tasks.generate._model import CarriedLoss
from tasks.generate.texts import QUICK, lines


def weights(model: Generator) -> bytes:
    return b"".join(tensor.numpy().tobytes() for tensor in model.fitted_.network.state_dict().values())


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(lines(60))
    return path


def test_a_saved_model_scores_and_writes_as_before(text, tmp_path):
    model = Generator(**QUICK).fit(text, progress="none")
    model.save(tmp_path / "model")
    again = recurra.load(tmp_path / "model")
    assert again.scores_ == model.scores_
    scores = again.evaluate(text)
    assert scores.metrics == model.evaluate().metrics
    assert scores.warning is not None and "only their test part was scored" in scores.warning
    assert again.predict("The ", length=30, seed=4) == model.predict("The ", length=30, seed=4)
    assert again.get_params() == {**model.get_params(), "validation": "0.05", "test": "0.05"}


def test_scores_are_beside_ngrams_of_the_same_text(folder, name):
    model = recurra.load(folder / name)
    order = 6 if name == "characters" else 5
    assert list(model.scores_.baselines) == [f"kneser-ney-{order}", "unigram"]
    headline = "bits_per_character" if name == "characters" else "perplexity"
    assert model.scores_.headline == headline
    assert model.headline(model.scores_) == -model.scores_.metrics[headline]
    assert model.score(folder / "text.txt") == pytest.approx(model.headline(model.scores_))
    own = model.scores_.counts
    assert (own["tokens"] == own["characters"]) == (name == "characters")


def test_another_text_is_measured_whole(folder, name, tmp_path):
    other = tmp_path / "other.txt"
    other.write_text(lines(20, seed=9))
    scores = recurra.load(folder / name).evaluate(other)
    assert list(scores.baselines) == ["unigram"]
    assert scores.counts["characters"] == len(other.read_text())
    assert "Kneser-Ney needs the text" in scores.warning


def test_a_long_text_is_scored_in_part_and_that_is_said(folder, name, tmp_path, monkeypatch):
    monkeypatch.setattr("recurra.tasks.generate._job.MOST_MEASURED", 100)
    (tmp_path / "other.txt").write_text(lines(20, seed=9))
    scores = recurra.load(folder / name).evaluate(tmp_path / "other.txt")
    assert scores.counts["tokens"] == 100
    assert re.match(r"The first 100 of [\d,]+ pieces were scored\. Kneser-Ney needs", scores.warning)


@pytest.mark.parametrize("options", [{"dynamic": 0.5}, {"cache": 50}])
def test_following_a_text_is_held_against_the_model_as_it_was(folder, name, options):
    model = recurra.load(folder / name)
    scores = model.evaluate(folder / "text.txt", **options)
    assert scores.baselines["as trained"] == model.scores_.metrics
    assert scores.metrics != model.scores_.metrics


def test_two_ways_to_follow_at_once_are_refused(folder):
    with pytest.raises(ConfigError, match="Pass one of them"):
        recurra.load(folder / "words").evaluate(folder / "text.txt", dynamic=0.1, cache=5)


def test_ctrl_c_and_resume_change_no_bit(text, tmp_path, monkeypatch):
    whole = Generator(**QUICK).fit(text, progress="none")
    loss, calls = CarriedLoss.__call__, []

    def interrupted(self, network, batch):
        calls.append(1)
        if len(calls) == 7:
            signal.raise_signal(signal.SIGINT)
        return loss(self, network, batch)

    monkeypatch.setattr(CarriedLoss, "__call__", interrupted)
    checkpoint = tmp_path / "checkpoint"
    with pytest.raises(TrainingStopped, match="--resume"):
        Generator(**QUICK).fit(text, progress="none", checkpoint=checkpoint)
    assert len(calls) == 7
    again = Generator(**QUICK).fit(text, progress="none", checkpoint=checkpoint, resume=True)
    assert weights(again) == weights(whole)
    assert again.scores_ == whole.scores_
    assert again.training_ is not None and whole.training_ is not None
    assert again.training_.history == whole.training_.history


def test_bpe_and_an_adaptive_softmax(text):
    options = {**QUICK, "tokeniser": "bpe", "vocabulary": 60, "softmax": "adaptive", "fewest": 1}
    model = Generator(**options).fit(text, progress="none")
    assert model.fitted_.encoder.tokeniser.kind == "bpe"
    assert np.isfinite(model.scores_.metrics["perplexity"] or np.nan)
    assert model.predict("The ", length=12, seed=1)


def test_scikit_learn_can_clone():
    model = Generator(hidden_size=7, tokeniser="word")
    again: Generator = clone(model)  # type: ignore[assignment]
    assert again.get_params() == model.get_params()


def test_a_pruned_model_keeps_its_zeros_when_it_is_tuned(folder):
    model = recurra.load(folder / "words")
    weight = model.fitted_.network.chains["read"][1].weight_hh_l0
    with torch.no_grad():
        weight[:, ::2] = 0
    model.fine_tune(folder / "text.txt", keep_zeros=True, progress="none")
    assert not weight[:, ::2].any()


def test_the_report_shows_text(text):
    html = Generator(**QUICK, tokeniser="word").fit(text, progress="none").report_html()
    for words in ("Temperature 0.8", "Where the surprise is", " bits", "Loss by epoch", "kneser-ney-5"):
        assert words in html


def test_texts_that_nothing_is_learnt_from(tmp_path):
    short = tmp_path / "short.txt"
    short.write_text("Once upon a time.\n")
    with pytest.raises(DataError, match=r"short.txt: \d+ pieces for training; expected 200 or more"):
        Generator(fewest=1).fit(short, progress="none")
    with pytest.raises(DataError, match="expected the path of a text file"):
        Generator().fit(["a", "b"], progress="none")  # pyright: ignore[reportArgumentType]
    with pytest.raises(DataError, match=r"No such file: .*none\.txt"):
        Generator().fit(tmp_path / "none.txt", progress="none")
    with pytest.raises(ConfigError, match="not fitted yet"):
        Generator().predict("a")


def test_more_rows_than_text_are_refused(text):
    with pytest.raises(ConfigError, match=r"batch_size=4000 rows of \d+ pieces"):
        Generator(batch_size=4000).fit(text, progress="none")


def test_strange_characters_survive(tmp_path):
    strange = "a\u0301\u0000 \U0001f469\u200d\U0001f680 \u05e9\u05dc\u05d5\u05dd \u4e2d\u6587 x" * 60
    path = tmp_path / "one-line.txt"
    path.write_text(strange)
    model = Generator(**QUICK, tokeniser="character").fit(path, progress="none")
    assert set(model.predict(strange[:20], length=60, seed=0)) <= set(strange)


@pytest.mark.slow
def test_it_learns_what_single_pieces_do_not_tell(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(lines(700))
    model = Generator(hidden_size=48, epochs=6, bptt=32, batch_size=8, dropout=0.0, threads=1, learning_rate=1e-2)
    scores = model.fit(path, progress="none").scores_
    ours, floor = scores.metrics["bits_per_character"], scores.baselines["kneser-ney-6"]["bits_per_character"]
    assert ours is not None and floor is not None and ours < 1.15 * floor
    assert "unigram" in scores.verdict.beats
