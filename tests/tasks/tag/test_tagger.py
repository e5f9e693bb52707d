from __future__ import annotations

from pathlib import Path

import pytest
import torch
from sklearn.base import clone

import recurra
from recurra.errors import BundleError, ConfigError, DataError
from recurra.tasks.tag import Tagger
from tasks.tag.sentences import entities, parts_of_speech, tiny, write


class Stop(Exception):
    """What ends a training that shall be resumed."""


def weights(model: Tagger) -> dict[str, torch.Tensor]:
    return model.fitted_.model.network.state_dict()


def test_options_are_kept_as_given() -> None:
    model = Tagger(hidden_size=3, column="xpos")
    assert model.get_params()["column"] == "xpos"
    copy = clone(model)
    assert isinstance(copy, Tagger)
    assert copy.get_params() == model.get_params()
    with pytest.raises(ConfigError, match="not fitted yet"):
        copy.predict(["a"])


def test_fit_save_load_predict(tagger: Tagger, tmp_path: Path) -> None:
    assert set(tagger.scores_.baselines) == {"most frequent tag", "features"}
    assert tagger.scores_.headline == "accuracy"
    tagger.save(tmp_path / "model")
    model = recurra.load(tmp_path / "model")
    assert isinstance(model, Tagger)
    texts = [" ".join(words) for words, _ in parts_of_speech(8, 5)]
    assert model.predict(texts) == tagger.predict(texts)
    assert model.predict(texts[0]) == tagger.predict([texts[0].split()])
    assert model.scores_ == tagger.scores_
    with pytest.raises(ConfigError, match=r"report\.html"):
        model.report_html()
    with pytest.raises(BundleError, match="for tag, not for forecast"):
        recurra.Forecaster.load(tmp_path / "model")


def test_the_same_seed_gives_the_same_model(tagger: Tagger) -> None:
    again = tiny().fit(parts_of_speech(60), progress="none")
    assert all(torch.equal(tensor, weights(again)[name]) for name, tensor in weights(tagger).items())


def test_resumed_is_as_never_interrupted(tagger: Tagger, tmp_path: Path, monkeypatch) -> None:
    from recurra.tasks.tag._model import Model

    checkpoint, validate, calls = tmp_path / "place", Model.validate, []

    def interrupted(model: Model, *given) -> float:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return validate(model, *given)

    monkeypatch.setattr(Model, "validate", interrupted)
    with pytest.raises(recurra.errors.TrainingStopped, match="resume=True"):
        tiny().fit(parts_of_speech(60), progress="none", checkpoint=checkpoint)
    model = tiny().fit(parts_of_speech(60), progress="none", checkpoint=checkpoint, resume=True)
    assert model.training_ is not None
    assert model.training_.resumed
    assert all(torch.equal(tensor, weights(model)[name]) for name, tensor in weights(tagger).items())


def test_of_the_file_that_was_fitted_the_test_part_is_scored_again(tagger: Tagger) -> None:
    scores = tagger.evaluate(parts_of_speech(60))
    assert scores.metrics == tagger.scores_.metrics
    assert scores.counts == tagger.scores_.counts
    assert scores.warning is not None and "only their test part was scored" in scores.warning
    assert scores.baselines["most frequent tag"] == tagger.scores_.baselines["most frequent tag"]


def test_sentences_that_were_learnt_are_told(tagger: Tagger) -> None:
    assert tagger.evaluate(parts_of_speech(20, 9)).warning is None
    assert "were learnt from" in str(tagger.evaluate(parts_of_speech(30)).warning)


def test_tags_that_training_never_saw_count_as_wrong_and_are_told(tagger: Tagger) -> None:
    odd = [(["the", "oh", "ah"], ["DET", "INTJ", "X"])]
    scores = tagger.evaluate([*parts_of_speech(20, 9), *odd])
    assert scores.counts["words_of_unseen_tags"] == 2
    assert f"2 of {scores.counts['words']} words have tags that training never saw (INTJ, X): no" in str(scores.warning)


def test_a_column_of_conllu(tmp_path: Path) -> None:
    path = tmp_path / "t.conllu"
    blocks = (
        "".join(
            f"{at}\t{word}\t_\t{tag}\t{tag.lower()}\t_\t_\t_\t_\t_\n"
            for at, (word, tag) in enumerate(zip(*pair, strict=True), 1)
        )
        for pair in parts_of_speech(40)
    )
    path.write_text("\n".join(blocks), encoding="utf-8")
    model = tiny(column="xpos").fit(path, progress="none")
    assert {tag for sentence in model.predict(path) for _, tag in sentence} <= {"det", "noun", "verb"}
    assert model.fitted_.column == "xpos"


def test_entities_are_judged_as_such(one_way: Tagger) -> None:
    assert one_way.scores_.headline == "entity_f1"
    assert one_way.fitted_.labels.inside == "iobes"
    tags = {tag for sentence in one_way.predict(["hello near Loc1 Loc2 Loc3"]) for _, tag in sentence}
    assert tags <= {"O", "B-LOC", "I-LOC", "B-PER", "I-PER"}


def test_single_characters_are_read_without_spelling(tmp_path: Path) -> None:
    pairs = [(list(f"我在{a}京{b}"), ["O", "O", "B-LOC", "I-LOC", "O"]) for a in "东南西北" for b in "吗吧呢的了"]
    model = tiny().fit(write(tmp_path / "zh.txt", pairs), progress="none")
    assert dict((name, value) for name, value, _ in model.choices_)["tokeniser"] == "character"
    assert [word for word, _ in model.predict("我在 北京")[0]] == list("我在北京")


def test_nothing_to_tag(tagger: Tagger) -> None:
    assert tagger.predict([]) == []
    assert tagger.predict(["", "the cat"])[0] == []
    with pytest.raises(DataError, match="int was given"):
        tagger.predict(3)


def test_the_report_shows_hard_sentences(one_way: Tagger) -> None:
    page = one_way.report_html()
    assert "Hardest sentences" in page
    assert "taken for" in page


@pytest.mark.slow
def test_it_learns_what_the_most_frequent_tag_cannot() -> None:
    sentences = []
    for words, tags in parts_of_speech(250):
        # A verb that is also a noun: only its place tells.
        sentences.append(([*words, "the", "run", "run"], [*tags, "DET", "NOUN", "VERB"]))
    model = tiny(epochs=8, hidden_size=16).fit(sentences, progress="none")
    metrics, usual = model.scores_.metrics, model.scores_.baselines["most frequent tag"]
    assert metrics["accuracy"] is not None
    assert usual["accuracy"] is not None
    assert metrics["accuracy"] > 0.99 > usual["accuracy"] + 0.02


def test_it_is_scored_on_files_of_another_kind(tmp_path: Path) -> None:
    sentences, path = parts_of_speech(40), tmp_path / "universal"
    lines = [
        "".join(
            f"{at}\t{word}\t_\t{tag}\t_\t_\t_\t_\t_\t_\n" for at, (word, tag) in enumerate(zip(*each, strict=True), 1)
        )
        for each in sentences
    ]
    path.write_text("\n".join(lines))
    model = tiny().fit(path, progress="none")
    assert model.evaluate(write(tmp_path / "words", parts_of_speech(12, 7))).counts["sentences"] == 12


@pytest.mark.slow
def test_it_learns_where_entities_end() -> None:
    model = tiny(epochs=12, hidden_size=16).fit(entities(250), progress="none")
    metrics, usual = model.scores_.metrics, model.scores_.baselines["most frequent tag"]
    assert metrics["entity_f1"] is not None
    assert usual["entity_f1"] is not None
    assert metrics["entity_f1"] > 0.95 > usual["entity_f1"] + 0.1


def test_fine_tuning_keeps_zeros_and_never_harms(tagger: Tagger, tmp_path: Path) -> None:
    tagger.save(tmp_path / "model")
    model = Tagger.load(tmp_path / "model")
    matrix = dict(model.fitted_.model.network.named_parameters())["chains.emissions.0.weight"]
    with torch.no_grad():
        matrix[:, ::2] = 0
    before = model.evaluate(parts_of_speech(60)).metrics["accuracy"]
    model.fine_tune(parts_of_speech(60), keep_zeros=True, progress="none")
    after = model.evaluate(parts_of_speech(60)).metrics["accuracy"]
    assert (matrix[:, ::2] == 0).all()
    assert (matrix[:, 1::2] != 0).all()
    assert before is not None
    assert after is not None
    assert after >= before


def test_of_a_file_with_a_test_file_that_is_scored(tmp_path: Path) -> None:
    train, test = write(tmp_path / "a", parts_of_speech(40)), write(tmp_path / "b", parts_of_speech(12, 7))
    model = tiny(test=str(test), validation=str(test)).fit(train, progress="none")
    assert model.evaluate(train).counts == model.scores_.counts
    test.unlink()
    with pytest.raises(DataError, match="learnt from every sentence"):
        model.evaluate(train)
