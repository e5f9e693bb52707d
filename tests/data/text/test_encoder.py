from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recurra.data.text import CharacterTokeniser, Encoder, Vocabulary, WordTokeniser, fit_encoder

WORDS = st.lists(st.text(max_size=12), max_size=10)


def test_codes_begin_at_one_and_the_most_frequent_word_is_first() -> None:
    vocabulary = Vocabulary.fit(Counter("b b b a a c c d".split()), most=3, fewest=2)
    assert vocabulary.pieces == ("b", "a", "c")
    assert vocabulary.size == 4
    assert vocabulary.codes(["c", "b", "zebra", "d"]).tolist() == [3, 1, 0, 0]
    assert vocabulary.codes([]).dtype == np.int32
    assert [vocabulary.piece(code) for code in (1, 3, 0)] == ["b", "c", "<unknown>"]


def test_an_encoder_by_hand() -> None:
    encoder = fit_encoder(
        [["The", "cat", "the", "DOG"], ["cat", "2.5", "B2b", "eBay"]],
        WordTokeniser(),
        vocabulary=2,
        lower=True,
        casing=True,
        characters=4,
    )
    assert encoder.words.pieces == ("cat", "the")
    assert encoder.widths == {"words": 1, "casing": 1, "characters": 4}
    known = encoder.characters
    assert known is not None
    assert encoder.categories == {"words": 3, "casing": 7, "characters": known.size + 1}
    inputs = encoder.encode(["THE", "Cat", "eBay", "2.5", "B2b", "...", "cat"])
    assert inputs["words"].tolist() == [[2], [1], [0], [0], [0], [0], [1]]
    assert inputs["casing"].tolist() == [[3], [2], [4], [5], [6], [0], [1]]
    at = {char: code + 1 for char, code in known.code_of.items()}
    assert inputs["characters"][1].tolist() == [at.get("C", 1), at["a"], at["t"], 0]
    assert inputs["characters"].dtype == np.int32


def test_long_words_keep_both_ends_and_unknown_characters_have_a_code() -> None:
    encoder = fit_encoder([["abcdefg", "abcdefg"]], WordTokeniser(), characters=4)
    known = encoder.characters
    assert known is not None
    row = encoder.encode(["abcdefg"])["characters"][0]
    assert row.tolist() == [known.code_of[char] + 1 for char in "abfg"]
    assert encoder.encode(["é"])["characters"][0].tolist() == [1, 0, 0, 0]
    assert 1 not in row


def test_rare_characters_are_unknown_in_training_too() -> None:
    encoder = fit_encoder([["aa", "ab"]], WordTokeniser(), characters=3)
    assert encoder.encode(["ab"])["characters"][0].tolist() == [2, 1, 0]


@settings(max_examples=20, deadline=None)
@given(
    words=WORDS,
    asked=WORDS,
    lower=st.booleans(),
    casing=st.booleans(),
    characters=st.integers(0, 7),
    longest_run=st.integers(1, 3),
)
def test_an_encoder_survives_json(words, asked, **options) -> None:
    encoder = fit_encoder([words], CharacterTokeniser(), **options)
    before = encoder.encode(words + asked)
    again = Encoder.model_validate_json(encoder.model_dump_json())
    assert again == encoder
    after = again.encode(words + asked)
    assert {name: array.shape for name, array in after.items()} == {
        name: (len(words + asked), width) for name, width in encoder.widths.items()
    }
    for name, array in before.items():
        np.testing.assert_array_equal(array, after[name])
        assert name == "runs" or array.max(initial=0) < encoder.categories[name]


def test_runs_by_hand() -> None:
    encoder = fit_encoder(
        [["Not", "a", "film"], ["not", "A", "film", "film"]], WordTokeniser(), lower=True, longest_run=3, most_runs=1
    )
    assert [known.pieces for known in encoder.runs] == [("a film",), ("not a film",)]
    assert encoder.widths == {"words": 1, "runs": 2}
    assert encoder.encode("a not A film film".split())["runs"].tolist() == [[0, 0], [0, 0], [0, 0], [1, 1], [0, 0]]
    assert encoder.encode([])["runs"].shape == (0, 2)


@settings(max_examples=40, deadline=None)
@given(words=st.lists(st.sampled_from("abc"), max_size=9), cut=st.integers(0, 9), kept=st.integers(2, 9))
def test_runs_go_on_from_the_words_before(words: list[str], cut: int, kept: int) -> None:
    encoder = fit_encoder(["abcabcab", "aabbccaa"], CharacterTokeniser(), longest_run=3)
    whole = encoder.encode(words)
    part = encoder.encode(words[cut:], words[:cut][-kept:])
    for name, array in whole.items():
        np.testing.assert_array_equal(part[name], array[cut:])


def test_rare_runs_are_forgotten_when_there_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recurra.data.text._runs._MOST_COUNTED", 4)
    texts = ["ab", "ab", "cd", "ef", "gh", "gh", "ij"]
    encoder = fit_encoder(texts, CharacterTokeniser(), longest_run=2)
    assert encoder.runs[0].pieces == ("a b", "g h")


@settings(max_examples=60, deadline=None)
@given(counts=st.dictionaries(st.text(max_size=5), st.integers(1, 9)))
def test_a_vocabulary_survives_json(counts: dict[str, int]) -> None:
    vocabulary = Vocabulary.fit(counts)
    again = Vocabulary.model_validate_json(vocabulary.model_dump_json())
    assert again == vocabulary
    assert sorted(again.codes(counts).tolist()) == list(range(1, len(counts) + 1))


@pytest.mark.parametrize("limit", [1, 3])
def test_forgetting_words_changes_nothing(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recurra.data.text._encoder._REMEMBERED", limit)
    words = "a b c d a b e a".split()
    encoder = fit_encoder([words], WordTokeniser())
    assert encoder.encode(words)["words"][:, 0].tolist() == encoder.words.codes(words).tolist()


@pytest.mark.parametrize(
    ("pieces", "begins"), [(("，", "的", "酒", "a"), "今天"), (("the", "hotel", "房"), "The "), ((), "The ")]
)
def test_an_example_is_of_the_script_that_is_read(pieces, begins) -> None:
    assert Encoder(tokeniser=CharacterTokeniser(), words=Vocabulary(pieces=pieces)).example.startswith(begins)
