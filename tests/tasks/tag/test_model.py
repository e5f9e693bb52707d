from __future__ import annotations

import torch

from recurra.tasks.tag import TagConfig, Tagger
from recurra.tasks.tag._job import prepare, rare_from
from recurra.tasks.tag._model import encode, training_batches
from tasks.tag.sentences import entities, parts_of_speech


def test_words_seen_once_are_the_last_of_the_vocabulary(tagger: Tagger) -> None:
    plan = prepare(parts_of_speech(60), TagConfig())
    first = rare_from(plan.parts.training, plan.encoder)
    counts = {}
    for sentence in plan.parts.training:
        for word in sentence.words:
            counts[word.lower()] = counts.get(word.lower(), 0) + 1
    for code in range(1, plan.encoder.words.size):
        assert (counts[plan.encoder.words.piece(code)] == 1) == (code >= first)


def test_only_rare_words_become_unknown_and_only_in_training() -> None:
    plan = prepare(parts_of_speech(60), TagConfig(word_dropout=0.999999))
    model = plan.model
    batch = training_batches(plan.encoded, plan.codes, batch_size=64, steps=None, seed=0).batch(0, 0)
    seen: list[torch.Tensor] = []
    model.network.chains["word"][0].register_forward_pre_hook(lambda _, given: seen.append(given[0]))  # pyright: ignore
    model.network.train()
    torch.manual_seed(0)
    model.loss(model.network, batch)
    model.network.eval()
    model.loss(model.network, batch)
    rare = batch["words"] >= model.rare_from
    assert rare.any()
    assert (seen[0][rare] == 0).all()
    assert torch.equal(seen[0][~rare], batch["words"][~rare])
    assert torch.equal(seen[1], batch["words"])


def test_padding_does_not_matter() -> None:
    plan = prepare(entities(40), TagConfig(hidden_size=8))
    model = plan.model
    model.network.eval()
    batches = training_batches(plan.encoded, plan.codes, batch_size=40, steps=None, seed=0)
    batch = batches.batch(0, 0)
    together = model.loss(model.network, batch) * batch["lengths"].sum()
    alone = torch.tensor(0.0)
    for at in range(len(plan.encoded)):
        one = training_batches(plan.encoded, plan.codes, batch_size=1, steps=None, seed=0).batch(0, at)
        alone = alone + model.loss(model.network, one) * one["lengths"].sum()
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-3)


def test_validation_counts_what_is_wrong() -> None:
    plan = prepare(parts_of_speech(40), TagConfig(hidden_size=8, validation="0.3"))
    plan.model.network.eval()
    encoded, codes = encode(plan.parts.validation, plan.encoder, plan.labels)
    found = plan.model.tags([sentence.words for sentence in plan.parts.validation])
    pairs = [
        (tag, given)
        for sentence, tags in zip(plan.parts.validation, found, strict=True)
        for tag, given in zip(sentence.tags, tags, strict=True)
    ]
    wrong = sum(tag != given for tag, given in pairs) / len(pairs)
    assert 0 < plan.model.validate(encoded, codes) - wrong < 0.05
    assert plan.model.validate(encoded, [codes[0] * 0 - 1, *codes[1:]]) > wrong  # a tag that training didn't have
