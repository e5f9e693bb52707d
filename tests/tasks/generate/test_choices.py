from __future__ import annotations

from math import ceil

import pytest

from recurra.errors import ConfigError
from recurra.tasks.generate import GenerateConfig
from recurra.tasks.generate._choices import Chosen, choose


def settle(pieces: int, *, kind: str = "character", categories: int = 60, **options) -> Chosen:
    reasons = {}
    found = choose(GenerateConfig(**options), reasons, kind=kind, pieces=pieces, categories=categories)
    assert all(why for _, why in reasons.values())
    return found


@pytest.mark.parametrize("pieces", [300, 5_000, 54_000, 1_000_000, 40_000_000, 1_000_000_000])
@pytest.mark.parametrize("kind", ["character", "word"])
def test_any_amount_of_text_is_learnt_from_in_reasonable_time(pieces, kind):
    found = settle(pieces, kind=kind, categories=5_000)
    shown = found.epochs * found.steps_per_epoch * found.batch_size * found.bptt
    assert shown <= 45 * max(pieces, 500_000)
    assert shown <= 24_000_000
    assert 1 <= found.steps_per_epoch <= max(1, ceil(pieces / found.batch_size / found.bptt))
    assert found.batch_size * 2 <= pieces


def test_words_are_tied_and_characters_are_not():
    assert settle(1_000_000, kind="word").tied
    assert not settle(1_000_000).tied


def test_what_was_given_is_taken():
    given = {"hidden_size": 48, "embedding_size": 8, "dropout": 0.0, "bptt": 9, "batch_size": 5, "epochs": 3}
    found = settle(10_000, **given, steps_per_epoch=11)
    assert found.model_dump().items() >= {**given, "steps_per_epoch": 11}.items()


def test_many_kinds_of_pieces_get_an_adaptive_softmax():
    assert settle(1_000_000, kind="word", categories=45_000).cutoffs == (3_000, 9_000)
    assert settle(1_000_000, kind="word", categories=45_000, softmax="full").cutoffs == ()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"tied": True, "embedding_size": 8}, "embedding_size=8 and hidden_size=256: .* both sizes must be equal"),
        ({"tied": True, "softmax": "adaptive", "embedding_size": 256}, "tied=True with an adaptive softmax"),
        ({"softmax": "adaptive", "hidden_size": 8}, "it needs 30 or more kinds and 16 or more units"),
    ],
)
def test_what_contradicts_itself_is_refused(options, complaint):
    with pytest.raises(ConfigError, match=complaint):
        settle(1_000_000, **options)
