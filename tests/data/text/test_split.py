from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recurra.data.text import Parts, split_documents
from recurra.errors import ConfigError, DataError


def split(texts: Any, labels: Any = None, *, validation: Any = 0.1, test: Any = 0.2, seed: int = 0) -> Parts:
    return split_documents(texts, labels, validation=validation, test=test, seed=seed)


def numbered(count: int) -> list[str]:
    return [f"text {number}" for number in range(count)]


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(st.sampled_from(["A a", "a  A", "b", "B", "c", "d", "E", "f g"]), st.sampled_from("xyz"))),
    seed=st.integers(0, 99),
)
def test_a_text_is_in_one_part_whatever_its_case_and_spaces(rows, seed) -> None:
    fill = [(text, "x" if at % 2 else "y") for at, text in enumerate(numbered(40))]
    texts = [text for text, _ in rows + fill]
    parts = split(texts, [(label,) for _, label in rows + fill], seed=seed)
    indices = [parts.training, parts.validation, parts.test]
    assert sorted(np.concatenate(indices).tolist()) == list(range(len(texts)))
    alike = [{" ".join(texts[at].casefold().split()) for at in part} for part in indices]
    assert not alike[0] & alike[1] | alike[0] & alike[2] | alike[1] & alike[2]


def test_each_part_has_its_share_of_each_label() -> None:
    labels = [("rare",) if at % 10 == 0 else ("often",) for at in range(1000)]
    parts = split(numbered(1000), labels)
    for part, size in ((parts.test, 200), (parts.validation, 100), (parts.training, 700)):
        assert part.size == size
        assert sum(labels[at] == ("rare",) for at in part) == size // 10
    assert parts.notes[0] == "700 texts to learn from, 100 to steer training by, 200 to test."


def test_many_small_labels_still_fill_the_parts() -> None:
    parts = split(numbered(300), [(str(at // 3),) for at in range(300)])
    assert 55 <= parts.test.size <= 65
    assert 25 <= parts.validation.size <= 35


def test_the_seed_decides() -> None:
    one, same, other = (split(numbered(100), seed=seed).test.tolist() for seed in (1, 1, 2))
    assert one == same != other


def test_a_number_of_texts_is_a_test_part_too() -> None:
    assert split(numbered(100), test="30").test.size == 30
    assert split(numbered(100), test=0).test.size == 0


def test_a_single_example_is_learnt_from_and_said() -> None:
    labels = [("a",) if at % 2 else ("b",) for at in range(40)] + [("once",)]
    parts = split([*numbered(40), "alone"], labels)
    assert 40 in parts.training
    assert any("once: one text only" in note for note in parts.notes)


@pytest.mark.parametrize("seed", range(5))
def test_a_single_example_is_learnt_from_though_its_text_stands_elsewhere(seed: int) -> None:
    labels = [("a",) if at % 2 else ("b",) for at in range(10)] + [("once",)]
    texts = [*numbered(10), numbered(10)[3]]
    parts = split(texts, labels, seed=seed, test=0.4)
    assert {3, 10} <= set(parts.training.tolist())
    assert any("once: one text only" in note for note in parts.notes)


def test_several_labels_count_as_of_the_rarest() -> None:
    labels = [("all", "few") if at % 10 == 0 else ("all",) if at % 3 else () for at in range(500)]
    parts = split(numbered(500), labels)
    assert sum("few" in labels[at] for at in parts.test) == 10


def test_duplicates_and_clashes_are_said() -> None:
    texts = [*numbered(40), "text 0", "TEXT 1"]
    labels = [("a",) if at % 2 else ("b",) for at in range(40)] + [("a",), ("a",)]
    notes = " ".join(split(texts, labels).notes)
    assert "2 texts repeat an earlier one" in notes
    assert "1 repeated text with different labels" in notes


@pytest.mark.parametrize(
    ("count", "labels", "options", "error", "message"),
    [
        (9, [("a",)] * 9, {}, DataError, "All 9 texts have the label 'a'; expected two labels"),
        (9, [()] * 9, {}, DataError, "None of 9 texts has a label"),
        (2, None, {}, DataError, "can't fill a test part of 20%"),
        (9, None, {"test": 0.95}, ConfigError, "leave no texts for training"),
        (9, None, {"test": "some"}, ConfigError, "test is 'some'; expected a share"),
        (9, None, {"validation": -1}, ConfigError, "validation is -1; expected a share"),
    ],
)
def test_what_cannot_be_split(count, labels, options, error, message) -> None:
    with pytest.raises(error, match=message):
        split(numbered(count), labels, **options)


def test_texts_are_called_what_they_are() -> None:
    parts = split_documents([*numbered(20), "text 3"], None, validation=0.1, test=0.2, seed=0, noun="sentence")
    assert parts.notes == (
        "15 sentences to learn from, 2 to steer training by, 4 to test.",
        "1 sentence repeats an earlier one; equal sentences stay in one part.",
    )
