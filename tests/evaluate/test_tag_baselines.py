from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest

from recurra.evaluate import feature_tagger, most_frequent_tags
from recurra.evaluate._feature_tagger import _best_path, _shape

STEMS = ["walk", "talk", "jump", "cook", "paint", "play", "call", "look"]


def test_the_most_frequent_tag_wins():
    words, tags = [["a", "b", "a"], ["a", "c"]], [["X", "Z", "Y"], ["X", "Z"]]
    assert most_frequent_tags(words, tags, [["a", "b", "new"], []]) == [["X", "Z", "X"], []]


def test_endings_tell_unknown_words():
    words = [[f"{stem}ing", f"{stem}ly"] for stem in STEMS] + [[f"{stem}ly", f"{stem}ing"] for stem in STEMS]
    tags = [["VERB", "ADV"]] * len(STEMS) + [["ADV", "VERB"]] * len(STEMS)
    assert feature_tagger(words * 5, tags * 5, [["climbing"], ["gladly", "sorting"]]) == [["VERB"], ["ADV", "VERB"]]


def test_neighbours_tell_ambiguous_words():
    words = [["to", "run"], ["the", "run"], ["to", "walk"], ["the", "walk"]]
    tags = [["PART", "VERB"], ["DET", "NOUN"]] * 2
    assert feature_tagger(words * 20, tags * 20, [["the", "run"], ["to", "run"]]) == [["DET", "NOUN"], ["PART", "VERB"]]


@pytest.mark.parametrize("place", [0, 1])
def test_pairs_tell_what_no_word_alone_does(place):
    words = [["a", "x"], ["a", "y"], ["b", "x"], ["b", "y"]]
    tags = [["T", "T"], ["T", "T"], ["T", "T"], ["T", "T"]]
    for index, tag in enumerate(["P", "Q", "Q", "P"]):
        tags[index][place] = tag
    assert feature_tagger(words * 20, tags * 20, words) == tags


def test_one_tag_and_no_words():
    assert feature_tagger([["a"]], [["X"]], [["b", "c"], []]) == [["X", "X"], []]
    assert feature_tagger([["a", "b"]], [["X", "Y"]], [[], ["a"], []]) == [[], ["X"], []]


def test_best_path_is_the_best_of_all():
    random = np.random.default_rng(8)
    emitted, start, follow = random.normal(size=(5, 3)), random.normal(size=3), random.normal(size=(3, 3))

    def worth(path):
        steps = sum(follow[one, two] for one, two in pairwise(path))
        return start[path[0]] + steps + sum(row[tag] for row, tag in zip(emitted, path, strict=True))

    assert _best_path(emitted, start, follow) == list(max(product(range(3), repeat=5), key=worth))


def test_shapes():
    assert [_shape(word) for word in ("Ada", "U.K.", "12:30", "GPT-4o", "好")] == ["Xx", "X.X.", "d:d", "X-dx", "x"]
