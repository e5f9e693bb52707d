from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.tasks.tag._scheme import Scheme, can_begin, can_end, can_follow, entities, find_scheme, respell, spell

TAGS = ["O", *(f"{letter}-{kind}" for letter in "BIES" for kind in ("PER", "LOC"))]


@pytest.mark.parametrize(
    ("tags", "scheme"),
    [
        ({"O", "B-PER", "I-PER"}, Scheme("bio", "BI")),
        ({"O", "I-PER", "I-LOC"}, Scheme("bio", "BI")),
        ({"O", "B-PER", "I-PER", "E-PER", "S-LOC"}, Scheme("iobes", "BIES")),
        ({"O", "B-PER", "I-PER", "L-PER", "U-LOC"}, Scheme("iobes", "BILU")),
        ({"O", "B-PER", "M-PER", "E-PER"}, Scheme("iobes", "BMES")),
        ({"NOUN", "VERB"}, None),
        ({"O", "B-PER", "NOUN"}, None),
        ({"O"}, None),
        ({"B", "M", "E", "S"}, None),
        ({"-LRB-", "HYPH"}, None),
    ],
)
def test_what_tags_spell_is_found(tags: set[str], scheme: Scheme | None) -> None:
    assert find_scheme(tags) == scheme


def test_entities_by_hand() -> None:
    assert entities(["B-PER", "I-PER", "O", "B-LOC", "B-LOC"]) == [(0, 2, "PER"), (3, 4, "LOC"), (4, 5, "LOC")]
    assert entities(["I-PER", "I-LOC", "O", "I-LOC"]) == [(0, 1, "PER"), (1, 2, "LOC"), (3, 4, "LOC")]
    assert entities(["B-PER", "E-PER", "S-PER", "I-PER"]) == [(0, 2, "PER"), (2, 3, "PER"), (3, 4, "PER")]


def test_an_inside_tag_that_begins_is_mended() -> None:
    assert Scheme("bio", "BI").read(["I-PER", "I-PER", "O", "I-LOC"]) == ["B-PER", "I-PER", "O", "B-LOC"]


def test_other_letters_mean_the_same() -> None:
    scheme = Scheme("iobes", "BMES")
    tags = ["B-PER", "M-PER", "E-PER", "O", "S-LOC"]
    assert scheme.read(tags) == ["B-PER", "I-PER", "E-PER", "O", "S-LOC"]
    assert scheme.write(scheme.read(tags)) == tags


@given(st.lists(st.sampled_from(TAGS), max_size=8))
def test_spellings_say_the_same_entities(tags: list[str]) -> None:
    found = entities(tags)
    for spelling in ("bio", "iobes"):
        spelled = spell(found, len(tags), spelling)
        assert entities(spelled) == found
        assert respell(spelled, "bio") == spell(found, len(tags), "bio")
        assert all(can_follow(a, b, spelling) for a, b in pairwise(spelled))
        assert not spelled or (can_begin(spelled[0]) and can_end(spelled[-1], spelling))


def test_what_cannot_follow() -> None:
    assert not can_follow("O", "I-PER", "bio")
    assert not can_follow("B-LOC", "I-PER", "bio")
    assert can_follow("B-LOC", "B-PER", "bio")
    assert not can_follow("B-PER", "O", "iobes")
    assert not can_follow("B-PER", "E-LOC", "iobes")
    assert not can_follow("E-PER", "I-PER", "iobes")
    assert can_follow("E-PER", "S-PER", "iobes")
    assert not can_begin("E-PER")
    assert not can_end("I-PER", "iobes")
