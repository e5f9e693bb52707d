from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from recurra.tasks.classify._answers import Answers
from recurra.tasks.classify._composition import LINEAR, OUTPUT, RECURRENT
from recurra.tasks.classify._config import ClassifyConfig
from recurra.tasks.classify._inputs import encode
from recurra.tasks.classify._job import calibrated, choose_share
from recurra.tasks.classify._linear_start import fit_linear, share_out
from recurra.tasks.classify._preparing import Plan, prepare
from recurra.tasks.classify._samples import read_samples
from tasks.classify.conftest import opened
from tasks.classify.reviews import OPTIONS, reviews, tiny, topics


def plan(data, **options) -> Plan:
    config = ClassifyConfig(**OPTIONS | options)
    return prepare(read_samples(data, config, needs_labels=True), config)


def counts(texts: list[list[str]]) -> np.ndarray:
    """Counts of words and of pairs of them over the root of a text's length, (N, F), by hand."""
    pairs = [[*words, *map(" ".join, pairwise(words))] for words in texts]
    known = sorted({feature for each in pairs for feature in each})
    rows = [[each.count(feature) for feature in known] for each in pairs]
    return np.array(rows) / np.sqrt([[len(words)] for words in texts])


def test_the_network_starts_at_the_regression() -> None:
    data = reviews(60) * 2  # so that every run occurs twice
    ready = plan(data, validation="0", test="0", fewest=1)
    texts = [text.lower().split() for text in ready.samples.names]
    features, truth = counts(texts), ready.truth
    shares = [(features[truth == label] > 0).sum(axis=0) + 1 for label in (0, 1)]
    ratio = np.abs(np.log((shares[0] / shares[0].sum()) / (shares[1] / shares[1].sum())))
    rarity = np.log((1 + len(data)) / (1 + (features > 0).sum(axis=0))) + 1
    strength = float(ready.reasons["linear_skip"][1].split(" = ")[1])
    expected = np.zeros(len(data))
    for importance in (ratio, rarity):
        weighted = features * importance
        weighted /= np.sqrt((weighted**2).sum(axis=1).mean())
        regression = LogisticRegression(C=strength, max_iter=200, tol=1e-3).fit(weighted, truth)
        expected += regression.decision_function(weighted) / 2
    share_out(ready.network, 1.0)
    logits = ready.model.logits(encode(ready.inputs, ready.samples, range(len(data)))) / 2
    assert np.allclose(logits[:, 1] - logits[:, 0], expected, atol=1e-3)


def test_what_stands_for_it_in_training_never_saw_the_text() -> None:
    # Each text has a word of its own: what was held out can't be told, what was seen can.
    names = map("".join, product("abcdefghi", repeat=2))
    data = [(f"film {name}", label) for name, label in zip(names, ["good", "bad"] * 40, strict=False)]
    ready = plan(data, validation="0", test="0", fewest=1, unknown=0)
    batch = ready.batches.batch(0, 0)
    given = {name: batch[name] for name in ("words", "runs")}
    own = ready.network.compute((LINEAR,), given, lengths=batch["lengths"])[LINEAR]
    assert (own.argmax(1) == batch["truth"]).all()
    assert (batch[LINEAR].argmax(1) == batch["truth"]).float().mean() < 0.8


def test_equal_texts_are_in_one_fold() -> None:
    data = [(f"w{at % 20}", "good" if at % 2 else "bad") for at in range(100)]
    ready = plan(data, validation="0", test="0", fewest=1)
    encoded = encode(ready.inputs, ready.samples, range(100))
    groups = [text for text, _ in data]
    fit = fit_linear(encoded, (21, 1), ready.truth, groups, 2, balance=False)  # pyright: ignore[reportArgumentType]
    assert np.abs(fit.held_out).max() < 1e-6 < 0.1 < np.abs(fit.tables[0][1:]).min()


def test_the_network_counts_where_that_is_seen_to_help() -> None:
    dice = np.random.default_rng(0)
    answers = Answers(kind="text", labels=("bad", "good"), multi=False, shares=(0.5, 0.5), separator=";", column="text")
    for count, weight, least, most in ((2000, 3.0, 0.0, 0.3), (2000, 0.0, 0.7, 0.9), (30, 0.3, 0.8, 0.9)):
        truth = dice.integers(0, 2, count)
        right = np.stack([1 - 2 * truth, 2 * truth - 1], axis=1)
        linear, recurrent = dice.normal(0.5 * right, 1), dice.normal(weight * right, 1)
        share, loss = choose_share(recurrent, linear, truth, answers)
        assert least <= share <= most
        assert loss <= calibrated(recurrent + linear, truth, answers)[1]


@pytest.mark.parametrize(("share", "kept"), [(0.0, RECURRENT), (1.0, LINEAR)])
def test_a_share_of_all_leaves_the_other_out(share: float, kept: str) -> None:
    ready = plan(reviews(60), fewest=1)
    with torch.no_grad():
        ready.network.get_parameter(f"chains.{RECURRENT}.1.weight").normal_()
    encoded = encode(ready.inputs, ready.samples, range(20))
    before = ready.model.logits(encoded, kept)
    share_out(ready.network, share)
    assert np.allclose(ready.model.logits(encoded, OUTPUT), 2 * before, atol=1e-5)


def test_pairs_say_what_words_do_not(tmp_path_factory) -> None:
    data = [(f"{a} {b}", "same" if a == b else "other") for a, b in [*product("ab", repeat=2)] * 30]
    texts = [(f"{text} {at}", label) for at, (text, label) in enumerate(data)]
    model = tiny(epochs=1, learning_rate=1e-5).fit(texts, progress="none")
    assert model.scores_.metrics["accuracy"] == 1
    live = opened(model, tmp_path_factory)
    assert np.allclose(live.classify(["a a 3", "b a"]), model.predict_proba(["a a 3", "b a"]), atol=1e-5)


def test_several_labels_start_at_a_regression_each() -> None:
    data = topics(120)
    frame = pl.DataFrame({"text": [text for text, _ in data], "label": [";".join(labels) for _, labels in data]})
    model = tiny(separator=";", epochs=1, learning_rate=1e-5).fit(frame, progress="none")
    assert model.scores_.metrics["subset_accuracy"] == 1


def test_it_can_be_left_out() -> None:
    model = tiny(linear_skip=False, epochs=1).fit(reviews(60), progress="none")
    assert LINEAR not in model.fitted_.network.chains
    assert model.fitted_.inputs.widths.keys() == {"words", "casing"}
