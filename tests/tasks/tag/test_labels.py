from __future__ import annotations

import pytest

from recurra.tasks.tag._labels import UNSEEN, Labels, fit_labels

BIO = [["B-PER", "I-PER", "O"], ["O", "O"]]
BMES = [["B-PER", "M-PER", "E-PER", "O"], ["S-LOC", "O"]]


@pytest.mark.parametrize("asked", ["iobes", "bio", "tags"])
@pytest.mark.parametrize("sentences", [BIO, BMES])
def test_codes_and_back(sentences, asked) -> None:
    labels = fit_labels(sentences, asked)
    assert labels == Labels.model_validate_json(labels.model_dump_json())
    for tags in sentences:
        read = labels.read(tags)
        assert labels.tags(labels.codes(read).tolist()) == read
        assert labels.write(read) == tags


def test_a_single_word_can_be_an_entity_though_training_has_none() -> None:
    labels = fit_labels(BIO, "iobes")
    assert UNSEEN not in labels.codes(["B-PER"])
    assert labels.codes(["B-GPE", "O"]).tolist() == [UNSEEN, labels.names.index("O")]


def test_what_is_forbidden() -> None:
    labels = fit_labels(BIO, "bio")
    begin, inside, outside = (labels.names.index(name) for name in ("B-PER", "I-PER", "O"))
    assert (outside, inside) in labels.forbidden
    assert (begin, inside) not in labels.forbidden
    assert labels.forbidden_first == (inside,)
    assert labels.forbidden_last == ()
    inner = fit_labels(BIO, "iobes")
    assert {inner.names[code] for code in inner.forbidden_last} == {"B-PER", "I-PER"}


def test_plain_tags_may_come_in_any_order() -> None:
    labels = fit_labels([["NOUN", "VERB"], ["NOUN"]], "iobes")
    assert labels.names == ("NOUN", "VERB")
    assert (labels.forbidden, labels.forbidden_first, labels.forbidden_last, labels.spelling) == ((), (), (), None)
