from __future__ import annotations

import signal

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.base import clone

import recurra
from recurra.errors import BundleError, ConfigError, DataError
from recurra.tasks.classify import Classifier
from tasks.classify.reviews import reviews, tiny, topics, waves


def test_it_learns_what_it_is_shown(classifier) -> None:
    scores = classifier.scores_
    assert scores.metrics["accuracy"] > 0.9
    assert scores.metrics["macro_f1"] > scores.baselines["majority"]["macro_f1"]
    assert scores.baselines.keys() == {"majority", "tfidf + logistic regression"}
    assert list(classifier.classes_) == ["bad", "good"]
    assert classifier.predict(["what a lovely film", "AWFUL acting"])["label"].to_list() == ["good", "bad"]


def test_saved_and_loaded_it_answers_alike(classifier, tmp_path) -> None:
    classifier.save(tmp_path / "model")
    loaded = Classifier.load(tmp_path / "model")
    texts = ["a fine film", "", "新しい 🙂", "a\x00b", "dull " * 500]
    assert np.array_equal(loaded.predict_proba(texts), classifier.predict_proba(texts))
    assert loaded.scores_ == classifier.scores_
    assert "Which words mattered" in (tmp_path / "model" / "report.html").read_text()
    with pytest.raises(BundleError, match="not for forecast"):
        recurra.Forecaster.load(tmp_path / "model")


def test_evaluated_on_what_it_was_fitted_on_the_test_part_counts(classifier, tmp_path) -> None:
    classifier.save(tmp_path / "model")
    loaded = Classifier.load(tmp_path / "model")
    again = loaded.evaluate(reviews(240))
    assert again.metrics == classifier.scores_.metrics
    assert again.warning is not None and again.warning.endswith("only their test part was scored.")
    others = loaded.evaluate(reviews(30, seed=9))
    assert "test part" not in (others.warning or "")
    assert others.counts == {"texts": 30, "classes": 2}
    assert others.baselines.keys() == {"majority"}


def test_labels_that_training_never_saw_count_as_wrong_and_are_told(classifier) -> None:
    odd = [("no film", "unheard of"), ("a film", "odd"), ("two films", "odd")]
    scores = classifier.evaluate([*reviews(30, seed=9), *odd])
    assert scores.counts == {"texts": 33, "classes": 4, "texts_of_unseen_labels": 3}
    assert "3 of 33 texts have labels that training never saw (odd, unheard of): no answer" in scores.warning


def test_held_out_labels_that_were_left_out_are_told_each_time(tmp_path) -> None:
    train, test = (
        pl.DataFrame(rows, schema=["text", "label"], orient="row")
        for rows in (reviews(60), [*reviews(20, seed=3), ("an odd film", "odd")])
    )
    test.write_csv(tmp_path / "test.csv")
    model = tiny(epochs=1, text="text", label="label", test=str(tmp_path / "test.csv")).fit(train, progress="none")
    assert any("left out: odd" in note for note in model.notes_)
    assert "left out: odd" in str(model.evaluate(train).warning)


def test_a_seed_decides_all(classifier) -> None:
    again = tiny().fit(reviews(240), progress="none")
    assert np.array_equal(again.predict_proba(["a fine film"]), classifier.predict_proba(["a fine film"]))


def test_several_labels(tmp_path) -> None:
    model = tiny(label_smoothing=0.05, epochs=12).fit(topics(200), progress="none")
    answers = model.predict(["a sportful film", "the artful sportful plot", "a film of the plot"])
    assert answers["label"].to_list() == ["sport", "art;sport", ""]
    assert (model.scores_.metrics["micro_f1"] or 0) > 0.9
    model.save(tmp_path / "model")
    assert "none of the labels; the likeliest: " in (tmp_path / "model" / "report.html").read_text()


def test_series_of_numbers(of_numbers) -> None:
    said = " ".join([*of_numbers.notes_, of_numbers.scores_.verdict.sentence, of_numbers.report_html()])
    assert "series to learn from" in said and " texts" not in said
    assert of_numbers.scores_.counts["series"] == 12
    assert of_numbers.scores_.metrics["accuracy"] > 0.8
    answers = of_numbers.predict(waves(5, seed=3))
    assert answers.columns == ["id", "label", "probability", "p_fast", "p_slow"]
    assert answers["id"].to_list() == ["s0", "s1", "s2", "s3", "s4"]
    assert "summaries + logistic regression" in of_numbers.scores_.baselines


def test_frames_and_lists_of_scikit_learn(classifier) -> None:
    texts, labels = zip(*reviews(60), strict=True)
    fitted = tiny(epochs=1).fit(list(texts), labels, progress="none")
    assert fitted.classes_.tolist() == ["bad", "good"]
    frame = pd.DataFrame({"text": ["a fine film"], "stars": [3]})
    answered = classifier.predict(frame)
    assert isinstance(answered, pd.DataFrame)
    assert answered["label"].tolist() == ["good"]
    assert 0 <= classifier.score(list(texts), labels) <= 1


def test_the_grammar_of_scikit_learn() -> None:
    model = tiny(pooling="mean")
    copy = clone(model)
    assert isinstance(copy, Classifier) and copy.get_params() == model.get_params()
    assert model.set_params(cell="gru").get_params()["cell"] == "gru"
    with pytest.raises(ConfigError, match="not fitted"):
        model.predict(["a"])
    with pytest.raises(ConfigError, match="hidden_size"):
        Classifier(hiden_size=3)


def test_parts_from_files(tmp_path) -> None:
    data = reviews(160)
    for name, part in (("dev", data[:20]), ("test", data[20:50])):
        rows = "".join(f"{label} {text}\n" for text, label in part)
        (tmp_path / f"{name}.txt").write_text(rows)
    model = tiny(epochs=1, validation=str(tmp_path / "dev.txt"), test=str(tmp_path / "test.txt"))
    model.fit(data, progress="none")
    assert model.scores_.counts["texts"] == 30
    assert any("left out to learn from: held out elsewhere" in note for note in model.notes_)


@pytest.mark.parametrize("pooling", ["last", "max", "mean", "attention"])
@pytest.mark.parametrize("cell", ["rnn", "gru"])
def test_every_cell_and_pool(pooling, cell) -> None:
    model = tiny(pooling=pooling, cell=cell, num_layers=2, epochs=1, augment=0.2, weight_dropout=0.1)
    model.fit(reviews(60), progress="none")
    assert np.isfinite(model.predict_proba(["", "a fine film"])).all()


def test_a_resumed_training_gives_the_same_weights(classifier, tmp_path, monkeypatch) -> None:
    checkpoint = tmp_path / "stopped"
    interrupt_at_epoch(monkeypatch, 3)
    with pytest.raises(recurra.errors.TrainingStopped):
        tiny().fit(reviews(240), progress="none", checkpoint=checkpoint)
    monkeypatch.undo()
    resumed = tiny().fit(reviews(240), progress="none", checkpoint=checkpoint, resume=True)
    assert resumed.training_ is not None and resumed.training_.resumed
    for name, weight in classifier.fitted_.network.state_dict().items():
        assert weight.equal(resumed.fitted_.network.state_dict()[name]), name


def interrupt_at_epoch(monkeypatch, epoch: int) -> None:
    from recurra.tasks.classify._batches import TrainingBatches

    draw = TrainingBatches.batch

    def batch(self, at, index):
        if (at, index) == (epoch, 1):
            signal.raise_signal(signal.SIGINT)
        return draw(self, at, index)

    monkeypatch.setattr(TrainingBatches, "batch", batch)


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        ([("a", "x"), ("b", "x"), ("c", "x")], {}, "All 3 texts have the label 'x'; expected two labels"),
        (pl.DataFrame({"text": ["a b", "c d"], "stars": ["x", "y"]}), {"label": "star"}, "Did you mean 'stars'"),
        (pl.DataFrame({"n": [1, 2], "label": ["x", "y"]}), {"text": "n"}, "column 'n' holds numbers"),
        ([("", "x"), (" ", "y")] * 20, {}, "all 40 texts are empty"),
        (reviews(40), {"validation": "no.csv"}, "neither a share such as 0.1 nor a file"),
        (reviews(40), {"vectors": "a.txt", "pretrained": "b"}, "both hold vectors"),
        (waves(4), {"series": "name"}, "has no column 'name'"),
        (waves(4), {"series": "id", "values": "label"}, "names the label; expected numbers"),
        (waves(4).with_columns(label=pl.col("x").cast(pl.String)), {"series": "id"}, "one label a series"),
    ],
)
def test_wrong_inputs_are_told_in_a_line(data, options, message) -> None:
    with pytest.raises((DataError, ConfigError), match=message) as caught:
        tiny(**options).fit(data, progress="none")
    assert "\n" not in str(caught.value)


def test_a_label_with_one_text_is_learnt_and_said() -> None:
    model = tiny(epochs=1).fit([*reviews(60), ("an odd film", "odd")], progress="none")
    assert "odd" in model.classes_
    assert any("odd: one text only" in note for note in model.notes_)


def test_empty_texts_are_kept_and_said() -> None:
    model = tiny(epochs=1).fit([*reviews(60), ("", "bad"), (" ", "good")], progress="none")
    assert any("2 texts are empty; kept" in note for note in model.notes_)
    assert model.predict([""]).height == 1


def test_fine_tuned_it_is_no_worse_and_keeps_zeros(tmp_path) -> None:
    data = reviews(200, seed=2)
    model = tiny(epochs=2, linear_skip=False).fit(data, progress="none")
    weight = model.fitted_.network.get_parameter("chains.output.1.weight")
    with torch.no_grad():
        weight[:, ::2] = 0
    before = model.evaluate(data).metrics["log_loss"] or 0.0
    model.fine_tune(data, keep_zeros=True, progress="none")
    assert bool((weight[:, ::2] == 0).all())
    assert (model.evaluate(data).metrics["log_loss"] or 1.0) < before
    model.save(tmp_path / "model")


@pytest.mark.slow
def test_it_beats_words_where_order_matters() -> None:
    random = np.random.default_rng(0)
    data = []
    for _ in range(2000):
        first, second = random.permutation(["cat", "dog"])
        filling = [str(word) for word in random.choice(FILLING, 8)]
        # Words on both sides of both, or pairs of words would tell which comes first.
        words = [*filling[:2], str(first), *filling[2:6], str(second), *filling[6:]]
        data.append((" ".join(words), str(first)))
    model = tiny(epochs=10, hidden_size=16).fit(data, progress="none")
    assert model.scores_.verdict.outcome == "better"


FILLING = tuple("abcdefgh")
